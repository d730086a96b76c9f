import { expect, it } from 'vitest'
import { columnsOf } from '../../../src/masking/stream/column-width.ts'
import { StreamMasking } from '../../../src/host/output/stream-masking.ts'

it.each<[string, number]>([
  ['a', 1],
  ['é', 1],
  ['４', 2],
  ['＠', 2],
  ['\u3000', 2],
  ['漢', 2],
  ['가', 2],
  ['𠀀', 2],
  ['ｱ', 1],
  ['𝟒', 1],
])('%s has %d columns', (character, columns) => {
  expect(columnsOf(character)).toBe(columns)
})

it.each(['jane＠example.com', '４１１１ 1111 1111 1111', '𝟒𝟏𝟏𝟏111111111111', '4111\u30001111\u30001111\u30001111'])(
  'a hidden value has as many columns as before: %s',
  (value) => {
    const kinds = (['email', 'payment-card'] as const).map((kind) => ({
      kind,
      style: 'redact' as const,
      hashScope: 'session' as const,
    }))
    const keys = { session: Buffer.alloc(32), target: Buffer.alloc(32) }
    const masking = new StreamMasking({ kinds, keys, keepWidth: true })
    const out = Buffer.concat([masking.push(Buffer.from(`│ ${value} │`)), masking.flush()]).toString()
    const columns = Array.from(value, columnsOf).reduce<number>((sum, one) => sum + one, 0)
    expect(out).toBe(`│ ${'*'.repeat(columns)} │`)
  },
)
