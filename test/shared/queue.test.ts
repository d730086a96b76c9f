import { expect, it } from 'vitest'
import { Queue } from '../../src/shared/queue.ts'

it('returns items in order, and undefined when it is empty', () => {
  const queue = new Queue<number>()
  const taken: (number | undefined)[] = []
  let next = 0
  for (let round = 0; round < 20; round++) {
    for (let count = 0; count < round; count++) queue.push(next++)
    for (let count = 0; count < 9; count++) if (queue.length > 0) taken.push(queue.take())
  }
  while (queue.length > 0) taken.push(queue.take())
  expect(taken).toEqual(Array.from({ length: next }, (_, index) => index))
  expect(queue.take()).toBeUndefined()
})

it('replaces the last items, but none that was taken', () => {
  const queue = new Queue<number>()
  for (const item of [1, 2, 3, 4, 5]) queue.push(item)
  queue.take()
  queue.replaceLast(2, (item) => item * 10)
  queue.take()
  queue.replaceLast(9, (item) => item + 1)
  expect([queue.take(), queue.take(), queue.take(), queue.take()]).toEqual([4, 41, 51, undefined])
})

it('shows and replaces the one that is taken next', () => {
  const queue = new Queue<number>()
  expect(queue.first).toBeUndefined()
  queue.replaceFirst(0)
  expect(queue.length).toBe(0)
  for (const item of [1, 2, 3]) queue.push(item)
  queue.take()
  expect(queue.first).toBe(2)
  queue.replaceFirst(4)
  expect([queue.take(), queue.take(), queue.first]).toEqual([4, 3, undefined])
})
