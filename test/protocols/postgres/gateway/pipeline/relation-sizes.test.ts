import { expect, it } from 'vitest'
import { inWords } from '../../../../../src/protocols/postgres/gateway/pipeline/relation-sizes.ts'

it.each([
  [
    [1, 12_431, 0, 3_565_158, 2, 1],
    'about 12,431 rows, 3.4 MB on disk; 2 views and 1 foreign key of another table depend on it',
  ],
  [[1, 0, 1, 0, 0, 0], 'number of rows unknown (never analyzed), 0 bytes on disk'],
])('says %j as: %s', (numbers, words) => {
  expect(inWords(numbers)).toBe(words)
})

it('says nothing where nothing was found, and shows nothing but numbers', () => {
  expect(inWords([0, 0, 0, 0, 0, 0])).toBeUndefined()
  expect(inWords([])).toBeUndefined()
  expect(inWords([1, NaN, 0, 0, 0, 0])).toBeUndefined()
  expect(inWords([1, -5, 0, 0, 0, 0])).toBeUndefined()
})
