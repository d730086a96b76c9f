import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { PROVE_EVERY_MS, whileProving } from '../../../../../src/protocols/http/gateway/browsers/while-proving.ts'
import { PamError } from '../../../../../src/shared/errors.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

it('proves an identity while the work lasts, which is no use of the sign-in, and goes on where that fails', async () => {
  const asked: [string | undefined, boolean][] = []
  const host = {
    visitor(cookies: string | undefined, isUse: boolean) {
      asked.push([cookies, isUse])
      return Promise.reject(new PamError('NOT_SIGNED_IN', 'you were signed out'))
    },
  }
  let finish = (): void => {}
  const work = new Promise<void>((resolve) => (finish = resolve))
  const done = whileProving(work, host, 'a=b')
  await vi.advanceTimersByTimeAsync(PROVE_EVERY_MS * 3)
  expect(asked).toEqual(Array.from({ length: 3 }, () => ['a=b', false]))
  finish()
  await done
  await vi.advanceTimersByTimeAsync(PROVE_EVERY_MS * 3)
  expect(asked).toHaveLength(3)
})

it('ends with the error of the work', async () => {
  const host = { visitor: () => Promise.reject(new Error('not asked')) }
  await expect(whileProving(Promise.reject(new Error('gone')), host, undefined)).rejects.toThrow('gone')
  expect(vi.getTimerCount()).toBe(0)
})
