import { describe, expect, it } from 'vitest'
import { like, ofNumber, ofText } from '../../../src/sql/conditions/text-values.ts'
import { UNKNOWN } from '../../../src/sql/conditions/values.ts'

describe('LIKE', () => {
  it.each<[string, string, boolean]>([
    ['abc', 'abc', true],
    ['abc', 'a_c', true],
    ['abc', '%', true],
    ['', '%', true],
    ['', '_', false],
    ['abc', 'a%d', false],
    ['abcabd', 'a%d', true],
    ['abc', 'ab', false],
  ])('%j LIKE %j: %s', (text, pattern, expected) => {
    expect(like(text, pattern)).toBe(expected)
  })

  it('is not known with escapes, nor where it would take long', () => {
    expect(like('a', '\\a')).toBe(UNKNOWN)
    expect(like('a'.repeat(101), '%'.repeat(100))).toBe(UNKNOWN)
  })
})

it('a function of texts or numbers is not known of anything else', () => {
  expect([ofText((text) => text.length)(['abc']), ofText((text) => text.length)([3])]).toEqual([3, UNKNOWN])
  expect([ofNumber(Math.abs)([-3]), ofNumber(Math.abs)(['x'])]).toEqual([3, UNKNOWN])
})
