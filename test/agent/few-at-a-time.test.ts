import { expect, it } from 'vitest'
import { FewAtATime } from '../../src/agent/few-at-a-time.ts'

it('runs a limited number of items per turn, in order, in spite of errors', async () => {
  const few = new FewAtATime(3)
  const done: number[] = []
  const thrown: unknown[] = []
  const onThrown = (error: unknown): void => void thrown.push(error)
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', onThrown)
  for (let n = 0; n < 8; n++)
    few.add(() => {
      done.push(n)
      if (n === 4) throw new Error('in the middle of a turn')
    })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  expect(done).toEqual([])
  const after: number[] = []
  for (let turns = 0; turns < 5; turns++) {
    await turn()
    after.push(done.length)
  }
  process.removeListener('uncaughtException', onThrown)
  for (const listener of listeners) process.on('uncaughtException', listener)
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect(Math.max(...after.map((count, index) => count - (after[index - 1] ?? 0)))).toBe(3)
  expect(thrown).toHaveLength(1)
  few.add(() => done.push(8))
  await turn()
  expect(done.at(-1)).toBe(8)
})
