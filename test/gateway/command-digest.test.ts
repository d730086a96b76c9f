import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CommandDigest } from '../../src/gateway/command-digest.ts'
import type { CommandDraft } from '../../src/gateway/engine.ts'
import { canonicalJson, type Json } from '../../src/shared/canonical-json.ts'
import { HmacKey } from '../../src/shared/hmac.ts'

const words = fc.array(fc.string({ unit: 'binary', maxLength: 8 }), { maxLength: 3 })
const statement = fc.record({
  kinds: words,
  reads: words,
  writes: words,
  behind: words,
  functions: words,
  missingWhere: fc.boolean(),
  unknown: words,
})
const scope = fc.record({ session: fc.string(), person: fc.string(), target: fc.string(), account: fc.string() })
const command = fc.record({
  text: fc.string({ unit: 'binary' }),
  parameters: fc.array(fc.option(fc.string()), { maxLength: 3 }),
  statements: fc.nat(2),
  type: fc.constantFrom('sql', 'shell'),
  context: fc.dictionary(fc.constantFrom('objects', 'settings'), fc.constantFrom('', 'I', 'T')),
  inTransaction: fc.boolean(),
  policy: fc.constantFrom('1', '2'),
})
const key = Buffer.alloc(32, 7)
const hmac = (text: string): string => createHmac('sha256', key).update(text).digest('hex')

describe('the digest of a command', () => {
  it('covers every part, whether or not parts were digested before, and in every session', () => {
    fc.assert(
      fc.property(
        fc.array(scope, { minLength: 2, maxLength: 2 }),
        fc.array(fc.array(statement, { maxLength: 3 }), { minLength: 3, maxLength: 3 }),
        fc.array(command, { minLength: 1, maxLength: 12 }),
        (sessions, known, commands) => {
          const all = sessions.map((where) => ({ where, digest: new CommandDigest(new HmacKey(key), where) }))
          for (const { text, parameters, statements, type, context, inTransaction, policy } of commands) {
            const facts = { type, statements: known[statements] }
            // Texts do the same, as the same objects, in all sessions.
            for (const { where, digest } of all) {
              const what = { ...where, policy, context, facts } as unknown as Json
              const draft = { text, parameters, facts, context, inTransaction } as unknown as CommandDraft
              const expected = hmac(hmac(canonicalJson(what)) + JSON.stringify([text, parameters, inTransaction]))
              expect(digest.of(draft, policy)).toBe(expected)
            }
          }
        },
      ),
    )
  })

  it('differs where any part differs', () => {
    const facts = { type: 'sql', statements: [{ kinds: ['select'], reads: ['a'] }] }
    const draft = { text: 'select 1', parameters: ['1', null], facts, context: { role: 'app' }, inTransaction: false }
    const where = { session: 's', person: 'p', target: 't', account: 'a' }
    const of = (change: object, policy = '1', scopeChange: object = {}): string =>
      new CommandDigest(new HmacKey(key), { ...where, ...scopeChange }).of(
        { ...draft, ...change } as unknown as CommandDraft,
        policy,
      )
    const all = [
      of({}),
      of({ text: 'select 2' }),
      of({ parameters: ['1'] }),
      of({ parameters: ['1', 'null'] }),
      of({ parameters: [null, '1'] }),
      of({ text: 'select 1","', parameters: [] }),
      of({ inTransaction: true }),
      of({ context: { role: 'other' } }),
      of({ context: {} }),
      of({ context: { role: 'app', objects: '' } }),
      of({ facts: { ...facts, type: 'shell' } }),
      of({ facts: { type: 'sql', statements: [{ kinds: ['select'], reads: ['b'] }] } }),
      of({}, '2'),
      ...Object.keys(where).map((name) => of({}, '1', { [name]: 'x' })),
    ]
    expect(new Set(all).size).toBe(all.length)
    expect(of({})).toBe(all[0])
  })
})
