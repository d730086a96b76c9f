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

// Whatever takes the square of the length does not come to an end here.
it('reads megabytes of backslashes', () => {
  const many = '\\'.repeat(4_000_000)
  expect(hasEscapes(many)).toBe(false)
  expect(withoutEscapes(`${many}u0040`)).toBe('@')
})
