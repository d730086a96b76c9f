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
const shown = async (message: SaidMessage, ...kinds: MaskedKind[]): Promise<string> => {
  const seen = await shownMessage(message, parts(...kinds))
  return seen.type === 'close' ? seen.reason : seen.payload.toString('latin1')
}

describe('a message of a target as the client may have it', () => {
  it('has nothing of what the gateway signs in with, whatever its type', async () => {
    for (const type of ['text', 'binary'] as const)
      expect(await shown({ type, payload: Buffer.from('it is SECRET') })).toBe('it is ******')
    expect(await shown({ type: 'close', code: 1000, reason: 'SECRET' })).toBe('******')
  })

  it.each([
    ['JSON', '{"who":"jane@example.org","card":4111111111111111}', '{"who":"****","card":null}'],
    ['JSON with escapes', String.raw`["jane\u0040example.org"]`, '["****"]'],
    ['text', 'jane@example.org wrote', '**** wrote'],
    ['text with escapes', 'a&#64;b: jane&#64;example.org', '****'],
    ['JSON behind something else', '42["jane@example.org"]', '42["****"]'],
    ['lines of JSON', '{"a":"jane@example.org"}\n{"a":1}', '{"a":"****"}\n{"a":1}'],
  ])('has values of masked kinds hidden: %s', async (_name, said, masked) => {
    expect(await shown(text(said), EMAIL, CARD)).toBe(masked)
  })

  it('is not shown where values are masked and it cannot be read', async () => {
    await expect(shown({ type: 'binary', payload: Buffer.from([1]) }, EMAIL)).rejects.toThrow(/binary/)
    expect(await shown({ type: 'close', code: 1000, reason: 'bye, jane@example.org' }, EMAIL)).toBe('bye, ****')
  })

  it('stays as it is where nothing is to be hidden', async () => {
    const said = ' {"a" : 1.0e5, "a":2}\u2028'
    expect(await shownMessage(text(said), parts(EMAIL))).toEqual(text(said))
    expect(await shown({ type: 'binary', payload: Buffer.from([0, 255]) })).toBe('\0ÿ')
  })
})

describe('a long message', () => {
  /** Characters that were looked at before others were served, at most: a kind of the rule itself sees all that the others do. */
  async function mostAtOnce(said: string): Promise<number> {
    let [sum, most] = [0, 0]
    const counting: MaskedKind = {
      kind: { name: 'count', pattern: 'never', find: (part) => ((sum += part.length), []) },
      style: 'redact',
      hashScope: 'session',
    }
    let isDone = false
    const served = (async () => {
      while (!isDone) {
        most = Math.max(most, sum)
        sum = 0
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    const { type } = await shownMessage(text(said), parts(EMAIL, CARD, counting))
    expect(type).toBe('text')
    isDone = true
    await served
    return Math.max(most, sum)
  }

  it.each<[string, (length: number) => string]>([
    ['JSON', (length) => JSON.stringify(Array.from({ length: length / 24 }, (_, at) => `jane${at}@example.com`))],
    ['a text', (length) => 'jane@example.com, '.repeat(length / 18)],
    ['what begins as JSON', (length) => `${'["jane@example.com"]'.repeat(length / 20)}.`],
    ['one long text of JSON', (length) => JSON.stringify('4111111111111111, '.repeat(length / 18))],
  ])('of %s holds others up no longer than a short one', async (_name, write) => {
    const short = await mostAtOnce(write(40_000))
    expect(short).toBeLessThan(200_000)
    expect(await mostAtOnce(write(600_000))).toBeLessThan(1.5 * short + 20_000)
  })
})
