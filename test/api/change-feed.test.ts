import { describe, expect, it } from 'vitest'
import { ChangeFeed } from '../../src/api/change-feed.ts'

const isDone = (seen: string): boolean => seen === 'over'
/** Longer than the test may take. */
const LONG = 60_000

describe('waiting for a change', () => {
  it('returns at once what is done already', async () => {
    expect(await new ChangeFeed().next('a', LONG, async () => 'over', isDone)).toBe('over')
  })

  it('misses no change that happens during a look', async () => {
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

  it('wakes everybody who waits for the id and nobody else; after the time limit returns the current state', async () => {
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
