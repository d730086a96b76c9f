import { describe, expect, it } from 'vitest'
import { Turns } from '../../src/shared/turns.ts'

describe('Turns', () => {
  it('lets so many work at once, the others in order, whoever fails', async () => {
    const turns = new Turns(3)
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
