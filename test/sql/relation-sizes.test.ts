import { describe, expect, it } from 'vitest'
import { dependantsInWords, sizesInWords } from '../../src/sql/relation-sizes.ts'

const sizes = (rows: number, unread: number, bytes: number, views = 0, keys = 0) => ({
  rows,
  unread,
  bytes,
  views,
  keys,
})

describe('sizes in words', () => {
  it.each([
    [
      sizes(12_431, 0, 3_565_158, 2, 1),
      'about 12,431 rows, 3.4 MB on disk; 2 views and 1 foreign key of another table depend on it',
    ],
    [sizes(1, 0, 8192, 1), 'about 1 row, 8.0 KB on disk; 1 view depends on it'],
    [sizes(0, 1, 0), 'number of rows unknown (never analyzed), 0 bytes on disk'],
    [
      sizes(10, 2, 100, 0, 2),
      'about 10 rows, of some relations unknown, 100 bytes on disk; 2 foreign keys of other tables depend on it',
    ],
    [sizes(0, 0, 0), 'about 0 rows, 0 bytes on disk'],
  ])('says %j as: %s', (given, words) => {
    expect(sizesInWords(given, 'never analyzed')).toBe(words)
  })

  it('gives no reason that it does not know', () => {
    expect(sizesInWords(sizes(0, 1, 0))).toBe('number of rows unknown, 0 bytes on disk')
  })

  it('shows nothing but counts', () => {
    for (const wrong of [NaN, -5, 1.5, Infinity, Number('about')])
      expect(sizesInWords({ ...sizes(1, 0, 1), rows: wrong })).toBeUndefined()
  })

  it('says nothing of dependants where there are none', () => {
    expect(dependantsInWords({ views: 0, keys: 0 })).toBeUndefined()
    expect(dependantsInWords({ views: 0, keys: 1 })).toBe('1 foreign key of another table depends on it')
  })
})
