import { expect, it } from 'vitest'
import { item, lastItem } from '../../src/shared/item.ts'

it('gives the item at an index, and throws where there is none', () => {
  expect(item(['a', 'b'], 1)).toBe('b')
  expect(item('ab', 0)).toBe('a')
  expect(item(Buffer.from([0]), 0)).toBe(0)
  expect(lastItem([1, 2])).toBe(2)
  for (const index of [-1, 2, 0.5]) expect(() => item(['a', 'b'], index)).toThrow(RangeError)
  expect(() => lastItem([])).toThrow(RangeError)
})
