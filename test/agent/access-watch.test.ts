import { describe, expect, it } from 'vitest'
import { AccessWatch } from '../../src/agent/access-watch.ts'
import type { ServerEvent } from '../../src/gateway-client/server-events.ts'
import type { ApiClient } from '../../src/gateway-client/api-client.ts'
import type { ErrorCode } from '../../src/shared/error-codes.ts'
import { PamError } from '../../src/shared/errors.ts'
import { HandClock } from '../helpers/hand-clock.ts'

const START = Date.UTC(2026, 0, 5, 12)
const HOUR = 3_600_000

/** A gateway that answers from a state, and a stream of events that the test writes. */
function world() {
  const clock = new HandClock()
  clock.time = START
  const state = {
    grant: 'request',
    locked: undefined as string | undefined,
    isListed: true,
    grants: [{ target: 'prod-db', state: 'active', endsAt: new Date(START + HOUR).toISOString() }] as object[],
    away: undefined as ErrorCode | undefined,
    isProven: true,
  }
  let write: (event: ServerEvent | PamError) => void = () => {}
  const answer = <T>(value: T): Promise<T> =>
    state.away === undefined ? Promise.resolve(value) : Promise.reject(new PamError(state.away, 'no'))
  const api = {
    targets: () =>
      answer(state.isListed ? [{ name: 'prod-db', grant: state.grant, locked: state.locked }] : [{ name: 'dev-db' }]),
    grants: { list: () => answer({ items: state.grants }) },
    events: async function* (_: unknown, signal: AbortSignal) {
      for (;;) {
        const event = await new Promise<ServerEvent | PamError | undefined>((resolve) => {
          write = resolve
          signal.addEventListener('abort', () => resolve(undefined))
        })
        if (event === undefined) return
        if (event instanceof PamError) throw event
        yield event
      }
    },
  } as unknown as Pick<ApiClient, 'targets' | 'grants' | 'events'>
  const ended: string[] = []
  const watch = new AccessWatch({
    api,
    clock,
    isProven: () => state.isProven,
    ended: (target, { code }) => ended.push(`${target} ${code}`),
  })
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  return {
    clock,
    state,
    ended,
    watch,
    settled,
    /** Goes on to what is waited for next. */
    next: async () => {
      clock.next()
      await settled()
    },
    happens: async (event: ServerEvent | PamError) => {
      await settled()
      write(event)
      await settled()
    },
  }
}

const revoked: ServerEvent = { type: 'changed', seq: 2, kind: 'grant', id: 'grt_1', change: 'grant.revoked' }

describe('watched access', () => {
  it('ends with its grant', async () => {
    const { watch, state, ended, clock, next } = world()
    expect(await watch.add('prod-db')).toBe(START + HOUR)
    state.grants = []
    await next()
    expect([ended, watch.has('prod-db'), clock.now()]).toEqual([['prod-db NO_GRANT'], false, START + HOUR])
    expect(clock.isIdle).toBe(true)
  })

  it('lasts as long as the grant that was extended', async () => {
    const { watch, state, ended, next } = world()
    await watch.add('prod-db')
    state.grants = [{ target: 'prod-db', state: 'active', endsAt: new Date(START + 2 * HOUR).toISOString() }]
    await next()
    expect([ended, watch.endOf('prod-db')]).toEqual([[], START + 2 * HOUR])
  })

  it('ends at the last known end when the gateway cannot be reached', async () => {
    const { watch, state, ended, next } = world()
    await watch.add('prod-db')
    state.away = 'GATEWAY_UNREACHABLE'
    await watch.look('prod-db')
    expect(ended).toEqual([])
    await next()
    expect(ended).toEqual(['prod-db GRANT_OVER'])
  })

  it('does not poll in a tight loop when this clock is ahead of the gateway’s', async () => {
    const { watch, clock, next } = world()
    await watch.add('prod-db')
    await next()
    expect(clock.now()).toBe(START + HOUR)
    await next()
    expect(clock.now()).toBe(START + HOUR + 1000)
  })

  it.each<[string, (state: ReturnType<typeof world>['state']) => void, string]>([
    ['is revoked', (state) => (state.grants = []), 'NO_GRANT'],
    ['is locked', (state) => (state.locked = 'prod-db is locked'), 'LOCKED'],
    ['is given by no rule', (state) => (state.isListed = false), 'NO_ACCESS'],
    ['was that of somebody who signed out', (state) => (state.away = 'NOT_SIGNED_IN'), 'NOT_SIGNED_IN'],
    ['was that of a key that signed out', (state) => (state.away = 'KEY_SIGNED_OUT'), 'KEY_SIGNED_OUT'],
    ['was that of an identity that is lost', (state) => (state.away = 'IDENTITY_LOST'), 'IDENTITY_LOST'],
  ])('ends as soon as the gateway says that it %s', async (_, change, code) => {
    const { watch, state, ended, happens } = world()
    await watch.add('prod-db')
    change(state)
    await happens({ ...revoked, kind: 'session' })
    expect(ended).toEqual([])
    await happens(revoked)
    expect(ended).toEqual([`prod-db ${code}`])
  })

  it.each(['grant', 'lock', 'break-glass', 'config'] as const)(
    'is looked at again with each change of a %s',
    async (kind) => {
      const { watch, state, ended, happens } = world()
      await watch.add('prod-db')
      state.grants = []
      await happens({ ...revoked, kind })
      expect(ended).toEqual(['prod-db NO_GRANT'])
    },
  )

  it('that is standing ends with a new revocation, not with an earlier one', async () => {
    const { watch, state, ended, happens } = world()
    const by = (at: number) => ({
      target: 'prod-db',
      standing: true,
      revoked: { by: 'bob', at: new Date(at).toISOString() },
    })
    state.grant = 'standing'
    state.grants = [by(START - 1)]
    expect(await watch.add('prod-db')).toBeUndefined()
    await happens(revoked)
    expect(ended).toEqual([])
    state.grants = [by(START)]
    await happens({ ...revoked, seq: 3 })
    expect(ended).toEqual(['prod-db GRANT_REVOKED'])
  })

  it('ends when later revocations could not be observed', async () => {
    const { watch, ended, happens } = world()
    await watch.add('prod-db')
    await happens(new PamError('IDENTITY_LOST', 'no'))
    expect(ended).toEqual(['prod-db IDENTITY_LOST'])
  })

  it('is not followed while the identity would have to be verified for that, and then again', async () => {
    const { watch, state, ended, happens, clock, settled } = world()
    await watch.add('prod-db')
    ;[state.isProven, state.away] = [false, 'IDENTITY_LOST']
    await happens(new PamError('IDENTITY_LOST', 'no'))
    await watch.look('prod-db')
    expect([ended, watch.has('prod-db')]).toEqual([[], true])
    ;[state.isProven, state.away] = [true, undefined]
    watch.resume()
    watch.resume()
    await settled()
    state.grants = []
    await happens(revoked)
    expect([ended, clock.isIdle]).toEqual([['prod-db NO_GRANT'], true])
    watch.resume()
    expect(watch.has('prod-db')).toBe(false)
  })

  it('ends at the end that was known where it has paused', async () => {
    const { watch, state, ended, happens, next } = world()
    await watch.add('prod-db')
    ;[state.isProven, state.away] = [false, 'IDENTITY_LOST']
    await happens(new PamError('IDENTITY_LOST', 'no'))
    await next()
    expect(ended).toEqual(['prod-db GRANT_OVER'])
  })

  it('ends where it is asked for again and is over', async () => {
    const { watch, state, ended, clock } = world()
    await watch.add('prod-db')
    state.grants = []
    await expect(watch.add('prod-db')).rejects.toMatchObject({ code: 'NO_GRANT' })
    expect([ended, watch.has('prod-db'), clock.isIdle]).toEqual([['prod-db NO_GRANT'], false, true])
  })

  it('that was removed while the gateway was asked ends once, and is not watched again', async () => {
    for (const isOver of [true, false]) {
      const { watch, state, ended, clock } = world()
      await watch.add('prod-db')
      if (isOver) state.grants = []
      const looking = watch.look('prod-db')
      watch.remove('prod-db')
      await looking
      expect([ended, watch.has('prod-db'), clock.isIdle]).toEqual([[], false, true])
    }
  })

  it('is not watched when there is none, or once it was removed', async () => {
    const { watch, state, ended, happens, clock } = world()
    await watch.add('prod-db')
    watch.remove('prod-db')
    state.grants = []
    await happens(revoked)
    expect(clock.isIdle).toBe(true)
    await expect(watch.add('prod-db')).rejects.toMatchObject({ code: 'NO_GRANT' })
    expect([ended, watch.has('prod-db')]).toEqual([[], false])
  })
})
