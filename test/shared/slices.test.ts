import { expect, it } from 'vitest'
import { atOnce, inSlices, type Work } from '../../src/shared/slices.ts'

function* count(most: number): Work<number> {
  let done = 0
  while (done < most) {
    yield
    done++
  }
  return done
}

it('does all of the work, at once or in slices', async () => {
  for (const most of [0, 1, 49, 50, 1000]) {
    expect(atOnce(count(most))).toBe(most)
    expect(await inSlices(count(most))).toBe(most)
  }
})

it('lets other events run between slices', async () => {
  let isServed = false
  setImmediate(() => (isServed = true))
  function* untilServed(): Work<string> {
    while (!isServed) yield
    return 'served'
  }
  expect(await inSlices(untilServed())).toBe('served')
})

it('fails with the error of the work', async () => {
  function* failing(): Work<void> {
    yield
    throw new Error('no')
  }
  expect(() => atOnce(failing())).toThrow('no')
  await expect(inSlices(failing())).rejects.toThrow('no')
})
