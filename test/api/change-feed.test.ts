import { describe, expect, it } from 'vitest'
import { ChangeFeed } from '../../src/api/change-feed.ts'

const isDone = (seen: string): boolean => seen === 'over'
/** Longer than the test may take. */
const LONG = 60_000

describe('waiting for a change', () => {
  it('gives at once what is over already', async () => {
    expect(await new ChangeFeed().next('a', LONG, async () => 'over', isDone)).toBe('over')
  })

  it('misses nothing that changes while it is looked at', async () => {
    const feed = new ChangeFeed()
    let state = 'open'
    const look = async (): Promise<string> => {
      const seen = state
      if (seen === 'open') {
        state = 'over'
        feed.changed('a')
      }
      return seen
    }
    expect(await feed.next('a', LONG, look, isDone)).toBe('over')
  })

  it('wakes all who wait for it and nobody else; what is not over yet is given as it is', async () => {
    const feed = new ChangeFeed()
    let state = 'open'
    const look = async (): Promise<string> => state
    const [one, two, other] = [
      feed.next('a', LONG, look, isDone),
      feed.next('a', LONG, look, isDone),
      feed.next('b', 50, look, isDone),
    ]
    await Promise.resolve()
    state = 'half'
    feed.changed('a')
    expect(await Promise.all([one, two])).toEqual(['half', 'half'])
    state = 'later'
    expect(await other).toBe('later')
  })
})
