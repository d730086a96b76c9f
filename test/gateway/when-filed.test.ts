import { describe, expect, it } from 'vitest'
import { whenFiled, whileHeld } from '../../src/gateway/when-filed.ts'

const withdrawn: string[] = []
const hold = (isFiled: boolean) => ({
  filed: Promise.resolve(isFiled),
  withdraw: () => void withdrawn.push('hold'),
})

describe('what is said of a held command', () => {
  it('is said once the approval can be looked up, and not where it never could', async () => {
    const said: string[] = []
    await whenFiled(hold(true), () => said.push('filed'))
    await whenFiled(hold(false), () => said.push('settled'))
    expect(said).toEqual(['filed'])
  })

  it('gives what the wait for the verdict comes to', async () => {
    await expect(whileHeld(hold(true), () => {}, Promise.resolve('forward'))).resolves.toBe('forward')
    await expect(whileHeld(hold(false), () => {}, Promise.reject(new Error('left')))).rejects.toThrow('left')
  })

  it('takes the command back where it cannot be said', async () => {
    const never = new Promise<never>(() => {})
    const wait = whileHeld(
      hold(true),
      () => {
        throw new Error('no room')
      },
      never,
    )
    await expect(wait).rejects.toThrow('no room')
    expect(withdrawn).toEqual(['hold'])
  })
})
