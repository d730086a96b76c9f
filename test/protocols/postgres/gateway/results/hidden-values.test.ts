import { describe, expect, it } from 'vitest'
import type { ValueType } from '../../../../../src/protocols/postgres/catalog/value-types.ts'
import { hiddenValues } from '../../../../../src/protocols/postgres/gateway/results/hidden-values.ts'

const kinds = [
  { kind: 'email', style: 'redact', hashScope: 'session' },
  { kind: 'payment-card', style: 'redact', hashScope: 'session' },
] as const
const keys = { session: Buffer.from('s'), target: Buffer.from('t') }
const hidden = (type: ValueType | undefined, format: 0 | 1, value: Buffer): Buffer | null | undefined => {
  const types = new Map(type === undefined ? [] : [[1, type] as const])
  return hiddenValues(1, format, { kinds, keys, types })?.(value)
}
const CARD = '4111111111111111'
const eight = (write: (bytes: Buffer) => void): Buffer => {
  const bytes = Buffer.alloc(8)
  write(bytes)
  return bytes
}

describe('values in binary', () => {
  it('of a form that is not understood are hidden, whatever they are', () => {
    expect(hidden(undefined, 1, Buffer.from('x'))).toBeNull()
    expect(hidden({ form: 'opaque' }, 1, Buffer.from('x'))).toBeNull()
  })

  it.each<[string, ValueType, Buffer]>([
    ['another version of jsonb', { form: 'jsonb' }, Buffer.from('\u0002"x"')],
    ['an int8 of nine bytes', { form: 'int8' }, Buffer.alloc(9)],
    ['a float8 of four bytes', { form: 'float8' }, Buffer.alloc(4)],
    ['an array without an end', { form: 'array', element: 25, delimiter: ',' }, Buffer.alloc(3)],
  ])('that are not of their type are hidden: %s', (_, type, value) => {
    expect(hidden(type, 1, value)).toBeNull()
  })

  it.each<[string, ValueType, Buffer]>([
    ['int8', { form: 'int8' }, eight((bytes) => bytes.writeBigInt64BE(BigInt(CARD)))],
    ['float8', { form: 'float8' }, eight((bytes) => bytes.writeDoubleBE(Number(CARD)))],
    // Digits of full width, as GB 18030 has them.
    [
      'bytea of another encoding',
      { form: 'bytea' },
      Buffer.from([...CARD].flatMap((digit) => [0xa3, 0xb0 + Number(digit)])),
    ],
    ['a type with a version', { form: 'versioned' }, Buffer.from(`\u0001a.${CARD}`)],
  ])('of numbers and bytes are searched: %s', (_, type, value) => {
    expect(hidden(type, 1, value)).toBeNull()
  })
})

it('values are searched in each other, and hidden where they are deeper than any is', () => {
  const types = new Map<number, ValueType>([
    [1, { form: 'row' }],
    [25, { form: 'text' }],
  ])
  const nested = (depth: number): Buffer => {
    let [value, type] = [Buffer.from('x'), 25]
    for (let level = 0; level < depth; level++, type = 1) {
      const head = Buffer.alloc(12)
      head.writeInt32BE(1, 0)
      head.writeInt32BE(type, 4)
      head.writeInt32BE(value.length, 8)
      value = Buffer.concat([head, value])
    }
    return value
  }
  const search = hiddenValues(1, 1, { kinds, keys, types })
  expect(search?.(nested(50))).toBeUndefined()
  expect(search?.(nested(51))).toBeDefined()
})

it('a number with an exponent is searched with all its digits, in an array, too', () => {
  const types = new Map<number, ValueType>([
    [1, { form: 'array', element: 2, delimiter: ',' }],
    [2, { form: 'float8' }],
  ])
  const masked = hiddenValues(1, 0, { kinds, keys, types })?.(Buffer.from('{1.5,4.111111111111111e+15}'))
  expect(String(masked)).toBe('{1.5,NULL}')
})

describe('values of a type that is not known, as text', () => {
  it('are numbers, too, with an exponent or without', () => {
    for (const text of [CARD, '4.111111111111111e+15']) expect(hidden(undefined, 0, Buffer.from(text))).toBeNull()
  })
})
