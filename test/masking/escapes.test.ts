import { expect, it } from 'vitest'
import { escapeAt, hasEscapes, withoutEscapes } from '../../src/masking/escapes.ts'

it.each([
  ['\\u0040', '@'],
  ['\\\\u0040', '@'],
  ['\\\\\\u0040', '@'],
  ['\\u{40}', '@'],
  ['\\U00000040', '@'],
  ['\\x40', '@'],
  ['\\0040', '@'],
  ['\\+000040', '@'],
  ['&#64;', '@'],
  ['&#0000064', '@'],
  ['&#x40;', '@'],
  ['&commat;', '@'],
  ['%40', '@'],
  ['a\\u0040b%2Ec', 'a@b.c'],
  ['\\u0040\\u0041', '@A'],
  ['\\n\\u0040', '\\n@'],
])('%s stands for %s', (text, plain) => {
  expect(hasEscapes(text)).toBe(true)
  expect(withoutEscapes(text)).toBe(plain)
})

it.each(['a', '\\', '\\\\', '\\u00', '\\n', '%', '%4', '%zz', '&', '&#;', '&other;'])(
  '%s stands for itself',
  (text) => {
    expect(hasEscapes(text)).toBe(false)
    expect(withoutEscapes(text)).toBe(text)
    expect(escapeAt(text)).toBeUndefined()
  },
)

it.each([
  ['&amp;#64;', '@'],
  ['&amp;amp;amp;#64;', '@'],
  ['%25252540', '@'],
  ['\\u0026amp;amp;#64;', '@'],
])('%s, which was escaped for several readers in turn, stands for %s', (escape, text) => {
  expect(escapeAt(`${escape}x`)).toEqual({ text, length: escape.length })
})

it.each([
  ['\\100', '@'],
  ['\\56', '.'],
  ['\\7', '\x07'],
  ['\\x40', '@'],
  ['\\q', 'q'],
])('in a string of JavaScript, YAML or C, %s stands for %j', (escape, text) => {
  expect(escapeAt(`${escape}x`, 'string')).toEqual({ text, length: escape.length })
})

// Whatever takes the square of the length does not come to an end here.
it('reads megabytes of backslashes', () => {
  const many = '\\'.repeat(4_000_000)
  expect(hasEscapes(many)).toBe(false)
  expect(withoutEscapes(`${many}u0040`)).toBe('@')
})
