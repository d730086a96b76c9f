import { afterEach, describe, expect, it, vi } from 'vitest'
import { interruptible, type Interruption } from '../../src/cli/interruption.ts'

afterEach(() => void vi.restoreAllMocks())

describe('a command that is interrupted', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s aborts its work, which tidies up and ends as it likes', async (name, code) => {
    const ended = interruptible(
      (interruption) =>
        new Promise<number>((resolve) =>
          interruption.signal.addEventListener('abort', () => resolve(interruption.exitCode)),
        ),
    )
    process.emit(name, name)
    expect(await ended).toBe(code)
  })

  it('the second signal ends the program, with the exit code of the first', async () => {
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => {
      throw new Error('exited')
    })
    let release = (): void => {}
    let interruption: Interruption | undefined
    const ended = interruptible((given) => {
      interruption = given
      return new Promise<void>((resolve) => (release = resolve))
    })
    process.emit('SIGINT', 'SIGINT')
    expect(interruption?.signal.aborted).toBe(true)
    expect(exit).not.toHaveBeenCalled()
    expect(() => process.emit('SIGTERM', 'SIGTERM')).toThrow('exited')
    expect(exit).toHaveBeenCalledWith(130)
    release()
    await ended
  })

  it('handles no signal once its work is done, or has failed', async () => {
    const before = process.listenerCount('SIGINT')
    await interruptible(() => Promise.resolve())
    await expect(interruptible(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(process.listenerCount('SIGINT')).toBe(before)
  })
})
