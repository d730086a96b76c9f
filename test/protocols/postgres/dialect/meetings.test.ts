import { describe, expect, it } from 'vitest'
import { meetings } from '../../../../src/protocols/postgres/dialect/meetings.ts'
import type { Typed } from '../../../../src/sql/dialect.ts'

/** `int4`: of that type; `?`: of any; `$1`: a parameter; `1`, `1.5`, `'x'`: constants. */
function typed(text: string): Typed {
  if (text === '?') return { type: undefined }
  if (text.startsWith('$')) return { type: undefined, given: { kind: 'parameter', number: 1, at: 0 } }
  const type = text.startsWith("'") ? 'text' : /^\d+$/.test(text) ? 'integer' : /^\d/.test(text) ? 'number' : undefined
  return type === undefined
    ? { type: text }
    : { type: undefined, given: { kind: 'constant', type, value: text, at: 0 } }
}

describe('whether a value is brought to the type of others without failing', () => {
  it.each([
    ['text', '? bytea $1', true],
    ['int4', 'numeric float8 oid $1', true],
    ['numeric', '1 1.5 int8', true],
    ['numeric', 'float8', false],
    ['numeric', '$1', false],
    ['numeric', '?', false],
    ['int8', 'float8 numeric', true],
    ['int8', 'oid', false],
    ['date', "'2020-01-01' date", true],
    ['date', 'timestamptz', false],
    ['?', "'x' 1", true],
    ['?', '?', false],
    ['_numeric', '_numeric', true],
    ['_numeric', '_float8', false],
    ['1.5', 'float8 ?', true],
    ['$1', 'text int4 $2', true],
    ['$1', 'float8', false],
  ])('%s with %s: %s', (value, others, joins) => {
    expect(meetings.joins(typed(value), others.split(' ').map(typed))).toBe(joins)
  })
})

describe('whether a value can be compared with others', () => {
  it.each([
    ['text', "varchar 'x' $1", true],
    // A text of another collation, perhaps.
    ['text', '?', false],
    ['int4', 'int8', true],
    ['numeric', 'float8', false],
    ['record', 'record', false],
    ['json', "'1'", false],
    ['_int4', '_int4', true],
    ['mood', "'ok'", false],
    ['?', "'x'", false],
  ])('%s with %s: %s', (value, others, compares) => {
    expect(meetings.compares(typed(value), others.split(' ').map(typed))).toBe(compares)
  })
})

it.each([
  ['text varchar', 'text'],
  ["varchar varchar 'x'", 'varchar'],
  ['int4 1', 'int4'],
  ['int4 9999999999', undefined],
  ['int4 1.5', undefined],
  ['numeric 1.5', 'numeric'],
  ['int4 int8', undefined],
  ['int4 $1', undefined],
  ['text ?', undefined],
  ["1 'x'", undefined],
])('the common type of %s is %s', (values, type) => {
  expect(meetings.commonType(values.split(' ').map(typed))).toBe(type)
})

it('operators give what they do for any operands, or nothing that is certain', () => {
  const given = (name: string, values: string): string | undefined =>
    meetings.operatorGives(name, values.split(' ').map(typed))
  expect([given('=', '? ?'), given('~~', "text 'x'"), given('+', 'int4 int4')]).toEqual(['bool', 'bool', undefined])
  expect([given('->>', "jsonb 'a'"), given('->', "jsonb 'a'"), given('->>', "json 'a'")]).toEqual([
    'text',
    'jsonb',
    undefined,
  ])
  expect([
    given('||', "text 'x'"),
    given('||', 'text int4'),
    given('||', 'text ?'),
    given('||', 'bytea bytea'),
  ]).toEqual(['text', 'text', undefined, 'bytea'])
})
