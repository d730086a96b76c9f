import { describe, expect, it } from 'vitest'
import { UsageError } from '../../../src/shared/errors.ts'
import { check, failed, ok } from '../../../src/cli/doctor/check.ts'

describe('a check', () => {
  it('reports what was found, under its name', async () => {
    expect(await check('clock', () => ok('right'))).toEqual({ name: 'clock', state: 'ok', message: 'right' })
    expect(await check('clock', () => failed('wrong', 'set it'))).toEqual({
      name: 'clock',
      state: 'failed',
      message: 'wrong',
      remedy: 'set it',
    })
  })

  it.each([
    [new UsageError('no such file', 'make it'), { message: 'no such file', remedy: 'make it' }],
    [new Error('boom'), { message: 'pamctl failed unexpectedly: boom' }],
  ])('reports a thrown error as the problem: %s', async (error, found) => {
    const look = (): never => {
      throw error
    }
    expect(await check('agent', look)).toMatchObject({ state: 'failed', ...found })
    expect(await check('agent', async () => look())).toMatchObject({ state: 'failed', ...found })
  })

  it('ends in time whatever it looks at, and aborts it', async () => {
    let isAborted = false
    const found = await check(
      'agent',
      (signal) => {
        signal.addEventListener('abort', () => (isAborted = true))
        return new Promise(() => {})
      },
      1,
    )
    expect(found).toMatchObject({ state: 'failed', message: 'no answer within 0.001 s' })
    expect(isAborted).toBe(true)
  })

  it('shows neither control characters nor a password within a URL, and one line', async () => {
    const { message, remedy = '' } = await check('gateway', () =>
      failed('"https://jane:hunter2@host" is\nwrong \u001b[31m', 'not https://a:b@c'),
    )
    expect(message).toBe('"https://…@host" is wrong \\u{1b}[31m')
    expect(remedy).toBe('not https://…@c')
  })
})
