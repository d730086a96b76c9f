import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ReadingPace } from '../../../../src/protocols/postgres/catalog/reading-pace.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

const taking = (milliseconds: number) => (): Promise<void> => {
  vi.advanceTimersByTime(milliseconds)
  return Promise.resolve()
}

it.each([
  ['a second after a short reading', 10, 1000],
  ['nineteen times as long after a long one as that took', 500, 9500],
])('the next reading is due %s', async (_name, takes, after) => {
  const pace = new ReadingPace()
  expect(pace.isDue).toBe(true)
  await pace.keep(taking(takes))
  vi.advanceTimersByTime(after - 1)
  expect(pace.isDue).toBe(false)
  vi.advanceTimersByTime(1)
  expect(pace.isDue).toBe(true)
})

it('no reading is due while another one runs, and one that fails counts as well', async () => {
  const pace = new ReadingPace()
  let fail = (_error: Error): void => {}
  const failing = pace.keep(() => new Promise<void>((_resolve, reject) => (fail = reject)))
  expect(pace.isDue).toBe(false)
  fail(new Error('gone'))
  await expect(failing).rejects.toThrow('gone')
  expect(pace.isDue).toBe(false)
})
