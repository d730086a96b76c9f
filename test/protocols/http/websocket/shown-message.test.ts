import { describe, expect, it } from 'vitest'
import type { MaskedKind } from '../../../../src/masking/plan.ts'
import { shownMessage, type SaidMessage } from '../../../../src/protocols/http/websocket/shown-message.ts'

const EMAIL: MaskedKind = { kind: 'email', style: 'redact', hashScope: 'session' }
const CARD: MaskedKind = { kind: 'payment-card', style: 'redact', hashScope: 'session' }
const parts = (...kinds: MaskedKind[]): Parameters<typeof shownMessage>[1] => ({
  session: {
    masking: { columns: [], kinds },
    hashKeys: { session: Buffer.alloc(32), target: Buffer.alloc(32) },
  },
  scrub: (bytes) => Buffer.from(bytes.toString('latin1').replaceAll('SECRET', '******'), 'latin1'),
})
const text = (said: string): SaidMessage => ({ type: 'text', payload: Buffer.from(said) })
const shown = (message: SaidMessage, ...kinds: MaskedKind[]): string => {
  const seen = shownMessage(message, parts(...kinds))
  return seen.type === 'close' ? seen.reason : seen.payload.toString('latin1')
}

describe('a message of a target as the client may have it', () => {
  it('has nothing of what the gateway signs in with, whatever its type', () => {
    for (const type of ['text', 'binary'] as const)
      expect(shown({ type, payload: Buffer.from('it is SECRET') })).toBe('it is ******')
    expect(shown({ type: 'close', code: 1000, reason: 'SECRET' })).toBe('******')
  })

  it.each([
    ['JSON', '{"who":"jane@example.org","card":4111111111111111}', '{"who":"****","card":null}'],
    ['JSON with escapes', String.raw`["jane\u0040example.org"]`, '["****"]'],
    ['text', 'jane@example.org wrote', '**** wrote'],
    ['text with escapes', 'a&#64;b: jane&#64;example.org', '****'],
    ['JSON behind something else', '42["jane@example.org"]', '42["****"]'],
    ['lines of JSON', '{"a":"jane@example.org"}\n{"a":1}', '{"a":"****"}\n{"a":1}'],
  ])('has values of masked kinds hidden: %s', (_name, said, masked) => {
    expect(shown(text(said), EMAIL, CARD)).toBe(masked)
  })

  it('is not shown where values are masked and it cannot be read', () => {
    expect(() => shown({ type: 'binary', payload: Buffer.from([1]) }, EMAIL)).toThrow(/binary/)
    expect(shown({ type: 'close', code: 1000, reason: 'bye, jane@example.org' }, EMAIL)).toBe('bye, ****')
  })

  it('stays as it is where nothing is to be hidden', () => {
    const said = ' {"a" : 1.0e5, "a":2}\u2028'
    expect(shownMessage(text(said), parts(EMAIL))).toEqual(text(said))
    expect(shown({ type: 'binary', payload: Buffer.from([0, 255]) })).toBe('\0ÿ')
  })
})
