import { expect, it } from 'vitest'
import { hiddenValues } from '../../../../../src/protocols/mysql/gateway/results/hidden-values.ts'
import { columnTypes } from '../../../../../src/protocols/mysql/wire/column-definition.ts'

const search = {
  kinds: [{ kind: 'payment-card', style: 'redact', hashScope: 'session' }],
  keys: { session: Buffer.alloc(32), target: Buffer.alloc(32) },
} as const
const column = {
  schema: 'shop',
  table: 't',
  originalTable: 't',
  name: 'c',
  originalName: 'c',
  collation: 45,
  length: 1000,
  type: columnTypes.json,
  flags: 0,
  decimals: 0,
}
const hide = hiddenValues(column, 'text', search)
const shown = (text: string): string | null | undefined => {
  const value = hide?.(Buffer.from(text))
  return value === null || value === undefined ? value : value.toString()
}

it.each([
  ['{"a": 4.111111111111111e15}', null],
  ['[-4.111111111111111e15]', null],
  ['[1.4.111111111111111e15]', null],
  ['[0, 4111111111111111e0]', null],
  ['{"a": 1.5e3}', undefined],
  ['{"a": "4111111111111111"}', '{"a": "****"}'],
  ['{"a": 12}', undefined],
])('%s becomes %s', (text, hidden) => expect(shown(text)).toBe(hidden))

// Read on from each of its digits, this took minutes, in which the gateway served nobody.
it('a number of a million digits is read once', () => {
  expect(shown(`{"a": "${'1'.repeat(1_000_000)}"}`)).toBeUndefined()
})
