import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commandDigest } from '../../src/gateway/command-digest.ts'
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
const scope = fc.record({
  session: fc.string(),
  person: fc.string(),
  target: fc.string(),
  account: fc.string(),
  policy: fc.string(),
})

describe('the digest of a command', () => {
  it('is the HMAC of the canonical JSON of all of it, however often parts of it have come before', () => {
    const key = Buffer.alloc(32, 7)
    const own = new HmacKey(key)
    fc.assert(
      fc.property(
        scope,
        fc.array(statement, { maxLength: 3 }),
        fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.array(fc.option(fc.string()), { maxLength: 3 })), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
        (where, statements, commands, context) => {
          for (const [text, parameters] of commands) {
            const facts = { type: 'sql' as const, statements }
            const draft = { text, parameters, facts, context } as unknown as CommandDraft
            const all = { ...where, text, parameters, facts, context } as unknown as Json
            expect(commandDigest(own, where, draft)).toBe(
              createHmac('sha256', key).update(canonicalJson(all)).digest('hex'),
            )
          }
        },
      ),
    )
  })
})
