import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hideInText } from '../../src/masking/hidden-text.ts'
import type { MaskedKind } from '../../src/masking/plan.ts'
import { valueFilter } from '../../src/masking/value-filter.ts'
import { maskingKinds } from '../../src/policy/policy.ts'
import { sampledRuns } from '../helpers/sampled.ts'

const keys = { session: Buffer.alloc(32), target: Buffer.alloc(32) }
const kindsOf = (...kinds: readonly (typeof maskingKinds)[number][]): MaskedKind[] =>
  kinds.map((kind) => ({ kind, style: 'redact', hashScope: 'session' }))
const VALUES = [
  'a@b.c',
  'jürgen@exämple.de',
  '4111111111111111',
  '4111 1111 1111 1111',
  '4111.1111.1111.1111',
  '4111  1111  1111  1111',
  '0049 30 901820',
  '0049-30-901820',
  '0049(0)30901820',
  'DE89370400440532013000',
  'NO9386011117947',
  '+12345678',
  '(212) 555-0100',
  '0049\u02d730\u02d7901820',
  '219-09-9999',
  'AB123456C',
  'X1234567L',
  '203.0.113.7',
  '::1',
  'eyJhbGciOi.xx.',
  'eyJhbGci.xx.',
  '-----BEGIN PRIVATE KEY-----',
  'AKIAIOSFODNN7EXAMPLE',
  'npm_abcdefghijklmnopqrstuvwxyz0123456789',
  'jane\\u0040example.com',
  'jane%40example.com',
  'jane&#64;example.com',
]

describe('the filter of values', () => {
  it('never rules out a text that contains a value', () => {
    const piece = fc.oneof(
      fc.constantFrom(...VALUES),
      fc.string({ maxLength: 12 }),
      fc.stringMatching(/^[A-Z0-9@.:+() -]{0,24}$/),
      fc.stringMatching(/^\+?[0-9 -]{8,20}$/),
    )
    fc.assert(
      fc.property(fc.constantFrom(...maskingKinds), fc.array(piece, { maxLength: 3 }), (kind, pieces) => {
        const text = pieces.join(' ')
        const kinds = kindsOf(kind)
        const bytes = Buffer.from(`<${text}>`)
        const isHidden = hideInText(text, { kinds, keys }) !== undefined
        if (isHidden) expect(valueFilter(kinds)(bytes, 1, bytes.length - 1), text).toBe(true)
      }),
      { numRuns: sampledRuns(5000) },
    )
  })

  it.each(VALUES)('passes each value of a kind that is found in it: %s', (text) => {
    const bytes = Buffer.from(text)
    const found = maskingKinds.filter((kind) => hideInText(text, { kinds: kindsOf(kind), keys }) !== undefined)
    expect(found).not.toEqual([])
    for (const kind of found) expect([kind, valueFilter(kindsOf(kind))(bytes, 0, bytes.length)]).toEqual([kind, true])
  })

  it('rules out most texts', () => {
    const filter = valueFilter(kindsOf('email', 'payment-card', 'iban', 'phone', 'jwt'))
    for (const text of ['Customer 17', 'open', 'x@y', 'some words, and more of them', '2026', '']) {
      const bytes = Buffer.from(text)
      expect(filter(bytes, 0, bytes.length), text).toBe(false)
    }
    expect(valueFilter([])(Buffer.from('a@b.c'), 0, 5)).toBe(false)
  })

  it('knows nothing of patterns', () => {
    const kind = { name: 'x', pattern: 'x', find: () => [] }
    expect(valueFilter([{ kind, style: 'redact', hashScope: 'session' }])(Buffer.from(''), 0, 0)).toBe(true)
  })
})
