import { beforeEach, describe, expect, it } from 'vitest'
import { watchTerm, type Term } from '../../src/gateway/session-term.ts'
import type { Login } from '../../src/identity/login.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { loginOf } from '../helpers/session-parts.ts'

const MINUTE = 60_000

let clock: HandClock
let login: Login
/** What the store says of the login now. */
let current: Login | undefined | Error
let term: Term
let ended: string[]

beforeEach(() => {
  clock = new HandClock()
  current = login = loginOf(clock, { provenUntil: clock.now() + 20 * MINUTE })
  term = { endsAt: clock.now() + 10 * MINUTE, moved: () => {} }
  ended = []
})

const watch = (): (() => void) =>
  watchTerm(
    { term, login, target: { name: 'store' } },
    { end: ({ code }) => void ended.push(code) },
    {
      clock,
      state: { login: () => (current instanceof Error ? Promise.reject(current) : Promise.resolve(current)) } as never,
    },
  )

/** Goes on to the next moment that is waited for. */
const next = async (): Promise<number> => {
  const at = clock.next()
  await new Promise((resolve) => setImmediate(resolve))
  return at
}

describe('a session ends', () => {
  it('with its grant', async () => {
    watch()
    expect(await next()).toBe(term.endsAt)
    expect(ended).toEqual(['GRANT_OVER'])
  })

  it('with its grant at its new end, where that has moved', async () => {
    watch()
    term.endsAt += 5 * MINUTE
    term.moved()
    expect(await next()).toBe(term.endsAt)
    expect(ended).toEqual(['GRANT_OVER'])
  })

  it.each([
    ['ended', { endedAt: 1 }],
    ['not been verified again', {}],
  ])('where its login has %s', async (_, change) => {
    term.endsAt += 60 * MINUTE
    current = { ...login, ...change }
    watch()
    expect(await next()).toBe(login.provenUntil)
    expect(ended).toEqual(['IDENTITY_LOST'])
  })

  it('where nobody can say what its login is', async () => {
    term.endsAt += 60 * MINUTE
    current = new Error('the store is away')
    watch()
    await next()
    expect(ended).toEqual(['INTERNAL'])
  })
})

it('a session goes on where its login was verified again, until that is due', async () => {
  term.endsAt += 60 * MINUTE
  watch()
  current = { ...login, provenUntil: login.provenUntil + 20 * MINUTE }
  await next()
  expect(ended).toEqual([])
  current = undefined
  expect(await next()).toBe(login.provenUntil + 20 * MINUTE)
  expect(ended).toEqual(['IDENTITY_LOST'])
})

it('nothing is waited for once it is stopped, even where the grant moves after that', () => {
  const stop = watch()
  stop()
  term.moved()
  expect(clock.isIdle).toBe(true)
})
