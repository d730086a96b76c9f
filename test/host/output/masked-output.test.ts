import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MaskedOutput } from '../../../src/host/output/masked-output.ts'
import { StreamMasking } from '../../../src/host/output/stream-masking.ts'
import { TypedText } from '../../../src/host/output/typed-text.ts'

const KEYS = { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) }
const KINDS = (['email', 'jwt', 'private-key', 'cloud-key', 'payment-card'] as const).map(
  (kind) => ({ kind, style: 'redact', hashScope: 'session' }) as const,
)

function terminal(): { typed: TypedText; shown: string[]; output: (text: string) => void } {
  const typed = new TypedText()
  const shown: string[] = []
  const out = new MaskedOutput({
    masking: new StreamMasking({ kinds: KINDS, keys: KEYS, keepWidth: true }),
    typed,
    delay: 12,
    write: (bytes) => (bytes.length > 0 && shown.push(bytes.toString()), true),
  })
  return { typed, shown, output: (text) => void out.push(Buffer.from(text)) }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('what a terminal echoes', () => {
  it('is shown at once, character by character', () => {
    const { typed, shown, output } = terminal()
    for (const key of 'cat jane') {
      typed.type(Buffer.from(key))
      output(key)
    }
    expect(shown.join('')).toBe('cat jane')
    // What comes behind it is of one value with it.
    output('@example.com\r\n')
    expect(shown.join('')).toBe('cat jane************\r\n')
  })

  it('is shown at once where it was typed ahead, in pieces of any size', () => {
    const { typed, shown, output } = terminal()
    typed.type(Buffer.from('jane'))
    typed.type(Buffer.from('doe'))
    output('ja')
    output('nedo')
    output('e')
    expect(shown.join('')).toBe('janedoe')
  })

  it('lets nothing out that was held before it', () => {
    const { typed, shown, output } = terminal()
    output('jane')
    typed.type(Buffer.from('@'))
    output('@')
    expect(shown).toEqual([])
    output('example.com ')
    expect(shown.join('')).toBe('**************** ')
  })

  it('is nothing but what was typed next: all else waits', () => {
    for (const [keys, text] of [
      ['j', 'jane'],
      ['jane', 'ane'],
      ['', 'jane'],
      ['xjane', 'jane'],
      ['jane', 'JANE'],
    ] as const) {
      const { typed, shown, output } = terminal()
      typed.type(Buffer.from(keys))
      output(text)
      expect(shown, `${keys} ${text}`).toEqual([])
      // What was typed before something else is forgotten.
      output('@example.com ')
      expect(shown.join('')).toMatch(/^\*+ $/)
    }
  })

  it('is no echo behind something else, though it was typed before', () => {
    const { typed, shown, output } = terminal()
    typed.type(Buffer.from('jane'))
    output('> ')
    output('jane')
    expect(shown).toEqual(['> '])
    output('@example.com ')
    expect(shown.join('')).toBe('> **************** ')
  })

  it('of what was pasted waits as any output does', () => {
    const { typed, shown, output } = terminal()
    typed.type(Buffer.alloc(300, 'a'))
    output('aaa')
    expect(shown).toEqual([])
    vi.advanceTimersByTime(12)
    expect(shown).toEqual(['aaa'])
  })
})

describe('what may be the beginning of a value', () => {
  it('waits for more, for a time', () => {
    const { shown, output } = terminal()
    output('to jane')
    expect(shown).toEqual(['to '])
    vi.advanceTimersByTime(11)
    expect(shown).toEqual(['to '])
    vi.advanceTimersByTime(1)
    expect(shown).toEqual(['to ', 'jane'])
  })

  it('is not waited for where nothing can become one', () => {
    const { shown, output } = terminal()
    for (const text of ['$ ', ')', ',', '"', '\r\n', '[', ' ', '\x1b[1m']) output(text)
    expect(shown.join('')).toBe('$ ),"\r\n[ \x1b[1m')
  })
})

describe('an archive that programs read', () => {
  const TAR = Buffer.alloc(512, ' ')
  TAR.write('ustar', 257)

  function pipe(isOne: boolean): { shown: string[]; refused: string[]; out: MaskedOutput } {
    const shown: string[] = []
    const refused: string[] = []
    const out = new MaskedOutput({
      masking: new StreamMasking({ kinds: KINDS, keys: KEYS, keepWidth: false }),
      typed: undefined,
      delay: 150,
      write: (bytes) => (bytes.length > 0 && shown.push(bytes.toString()), true),
      archives: { isOne, refuse: ({ code }) => void refused.push(code) },
    })
    return { shown, refused, out }
  }

  it.each([
    ['by its command', true, Buffer.from('x ')],
    ['by its head', false, TAR],
  ])('known %s is refused once a value in it would be hidden: nothing goes out from there on', (_, isOne, head) => {
    const { shown, refused, out } = pipe(isOne)
    out.push(head)
    expect(shown.join('')).toBe(head.toString())
    out.push(Buffer.from(' jane@example.com jane'))
    out.push(Buffer.from('@example.com and more '))
    out.push(Buffer.from('bob'))
    out.end()
    vi.runAllTimers()
    expect(refused).toEqual(['MASKING_REFUSED'])
    expect(shown.join('')).toBe(head.toString())
  })

  it('is refused at its end where the value comes last', () => {
    const { shown, refused, out } = pipe(true)
    out.push(Buffer.from('jane@example.com'))
    expect(refused).toEqual([])
    out.end()
    out.end()
    expect(refused).toEqual(['MASKING_REFUSED'])
    expect(shown).toEqual([])
  })

  it('is none where nothing says so: values in it are masked', () => {
    const { shown, refused, out } = pipe(false)
    out.push(Buffer.concat([TAR.subarray(1), Buffer.from(' jane@example.com ')]))
    expect(refused).toEqual([])
    expect(shown.join('')).toContain(' **** ')
  })
})
