import { expect, it } from 'vitest'
import { withoutLast } from '../../src/shared/without-last.ts'

it.each([
  ['a//', 'a'],
  ['/a/b', '/a/b'],
  ['//', ''],
  ['', ''],
])('%j without its last slashes is %j', (text, expected) => {
  expect(withoutLast(text, '/')).toBe(expected)
})

it('a million of them that something follows are looked at once', () => {
  const text = `${' '.repeat(1_000_000)}x`
  expect(withoutLast(text, ' ')).toBe(text)
})
