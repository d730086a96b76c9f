import { describe, expect, it } from 'vitest'
import type { MaskedKind } from '../../src/masking/plan.ts'
import { isHiddenElsewhere } from '../../src/masking/other-encodings.ts'

const kinds: readonly MaskedKind[] = (['email', 'payment-card'] as const).map((kind) => ({
  kind,
  style: 'redact',
  hashScope: 'session',
}))
const search = { kinds, keys: { session: Buffer.alloc(32), target: Buffer.alloc(32) } }
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le')

describe('a value in another encoding', () => {
  it.each([
    ['UTF-16', utf16('4111111111111111')],
    ['UTF-16 with the first byte first', utf16('jane@example.com').swap16()],
    ['digits of full width in UTF-16', utf16('\uff14111111111111111')],
    ['digits of full width in GBK', Buffer.from(`a3b4${'a3b1'.repeat(15)}`, 'hex')],
    ['digits of full width in Shift JIS', Buffer.from(`8253${'8250'.repeat(15)}`, 'hex')],
    ['digits of full width in Big5', Buffer.from(`a2b3${'a2b0'.repeat(15)}`, 'hex')],
    // What stands beside them is ① in GBK before them, and in EUC-JP behind them: more digits than a card has.
    ['digits of full width in EUC-KR', Buffer.from(`a2d9a3b4${'a3b1'.repeat(15)}ada1`, 'hex')],
    // Which is no character of the decoder for EUC-KR.
    ['digits of full width behind a syllable of UHC', Buffer.from(`8fa1a2d9a3b4${'a3b1'.repeat(15)}`, 'hex')],
  ])('is found: %s', (_name, bytes) => {
    expect(isHiddenElsewhere(bytes, search)).toBe(true)
  })

  it.each([
    ['ASCII', Buffer.from('4111111111111111')],
    ['UTF-8', Buffer.from('Zo\u00eb')],
    ['Latin-1', Buffer.from('Zo\u00eb M\u00fcller', 'latin1')],
    ['bytes', Buffer.from([0, 255, 1, 254])],
  ])('is not looked for, or not there: %s', (_name, bytes) => {
    expect(isHiddenElsewhere(bytes, search)).toBe(false)
  })
})
