import { expect, it } from 'vitest'
import { bytesOfText, rewriteHstoreText, rewriteJsonText } from '../../../../src/protocols/postgres/wire/value-text.ts'

const same = (): undefined => undefined
const other = (): string => 'x"'

it.each([
  ['"a"=>"b"', '"x\\""=>"x\\""'],
  ['"a\\"b"=>NULL, "c\\\\"=>"d"', '"x\\""=>NULL, "x\\""=>"x\\""'],
  ['"a', undefined],
  ['"a\\', undefined],
  ['a=>"b"', undefined],
])('rewrites the hstore %s', (text, rewritten) => expect(rewriteHstoreText(text, other)).toBe(rewritten))

it.each([
  ['a\\\\b\\101', 'a\\bA'],
  ['\\\\101', '\\101'],
  ['\\', undefined],
  ['\\4', undefined],
  ['é', undefined],
])('reads the bytes %s', (text, bytes) => expect(bytesOfText(text)?.toString()).toBe(bytes))

it('rewrites strings of JSON with escapes in them', () => {
  expect(rewriteJsonText('{"a\\"": ["b\\\\", 1]}', other)).toBe('{"x\\"": ["x\\"", "x\\""]}')
})

// An expression that repeats a choice for each character throws on values of this size.
it('reads values of many megabytes', () => {
  const long = 'a'.repeat(20_000_000)
  expect(rewriteHstoreText(`"${long}"=>"${long}"`, same)).toBe(false)
  expect(rewriteJsonText(`["${long}"]`, same)).toBe(false)
  expect(bytesOfText(long)?.length).toBe(long.length)
})
