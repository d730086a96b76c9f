import { describe, expect, it } from 'vitest'
import { FairSemaphore, Semaphore } from '../../src/shared/semaphore.ts'

describe('Semaphore', () => {
  it('runs a limited number at once and the others in order, whichever fail', async () => {
    const turns = new Semaphore(3)
    let atWork = 0
    let most = 0
    const begun: number[] = []
    const work = (n: number) => async (): Promise<number> => {
      begun.push(n)
      most = Math.max(most, ++atWork)
      await new Promise((resolve) => setImmediate(resolve))
      atWork--
      if (n % 4 === 1) throw new Error(String(n))
      return n
    }
    const all = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => turns.take(work(n))))
    expect(begun).toEqual(Array.from({ length: 20 }, (_, n) => n))
    expect(most).toBe(3)
    expect(all.map(({ status }) => status === 'rejected')).toEqual(begun.map((n) => n % 4 === 1))
    // Nobody has kept a turn.
    await Promise.all([20, 22, 24].map((n) => turns.take(work(n))))
    expect(most).toBe(3)
  })
})

describe('FairSemaphore', () => {
  it('serves waiting keys in turn, and forgets those that give up', async () => {
    const turns = new FairSemaphore()
    const begun: string[] = []
    let atWork = 0
    const take = (whose: string, n: number, signal?: AbortSignal): Promise<void> =>
      turns.take(
        whose,
        async () => {
          begun.push(`${whose}${n}`)
          expect(++atWork).toBe(1)
          await new Promise((resolve) => setImmediate(resolve))
          atWork--
          if (n === 1) throw new Error('fails')
        },
        signal,
      )
    const leaving = new AbortController()
    const all = [
      ...[0, 1, 2, 3].map((n) => take('a', n)),
      take('a', 4, leaving.signal),
      take('c', 0, leaving.signal),
      take('b', 0),
      take('b', 1),
    ]
    leaving.abort(new Error('left'))
    const settled = await Promise.allSettled(all)
    expect(begun).toEqual(['a0', 'a1', 'b0', 'a2', 'b1', 'a3'])
    expect(settled.map(({ status }) => status === 'rejected')).toEqual([
      false,
      true,
      false,
      false,
      true,
      true,
      false,
      true,
    ])
    await expect(turns.take('a', async () => 'free')).resolves.toBe('free')
    await expect(take('a', 0, AbortSignal.abort(new Error('left')))).rejects.toThrow('left')
  })
})
