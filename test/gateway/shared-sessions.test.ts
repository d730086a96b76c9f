import { beforeEach, describe, expect, it } from 'vitest'
import type { CommandDraft, Session, Verdict } from '../../src/gateway/engine.ts'
import { SharedSessions, type OpenedSession } from '../../src/gateway/shared-sessions.ts'
import { PamError } from '../../src/shared/errors.ts'
import { HandClock } from '../helpers/hand-clock.ts'

const TARGET = { name: 'store' }
const COMMAND = {} as CommandDraft
const left = new PamError('CLIENT_LEFT', 'the client closed the connection')

let clock: HandClock
let failures: unknown[]
let sessions: SharedSessions
let opened: { end: (reason: PamError) => void; closed: number; withdrawn: number }[]

beforeEach(() => {
  clock = new HandClock()
  failures = []
  opened = []
  sessions = new SharedSessions(clock, (error) => failures.push(error))
})

/** A session that forwards everything, or holds it. */
function open(holds = false): Promise<OpenedSession> {
  const ended = new AbortController()
  const known = { end: (reason: PamError) => ended.abort(reason), closed: 0, withdrawn: 0 }
  opened.push(known)
  const session = {
    id: `ses_${opened.length}`,
    ended: ended.signal,
    end: known.end,
    decide: () => {
      if (!holds) return { type: 'forward', id: 'dec_1' }
      let settle: (verdict: Verdict) => void
      const verdict = new Promise<Verdict>((resolve) => (settle = resolve))
      const withdraw = (): void => {
        known.withdrawn++
        settle({ type: 'refuse', id: 'dec_1', error: left })
      }
      return { type: 'hold', id: 'dec_1', approval: 'apr_1', notice: '', verdict, withdraw }
    },
  } as unknown as Session
  return Promise.resolve({
    session,
    close: () => {
      known.closed++
      return Promise.resolve()
    },
  })
}

const join = (key = 'jane', target: object = TARGET): Promise<OpenedSession> => sessions.join(target, key, open)

describe('sessions of several connections', () => {
  it('are opened once, also by connections that come together', async () => {
    const [one, two] = await Promise.all([join(), join()])
    const three = await join()
    expect([one, two, three].map(({ session }) => session.id)).toEqual(['ses_1', 'ses_1', 'ses_1'])
  })

  it('are not shared between keys, or between configurations of a target', async () => {
    await Promise.all([join('jane'), join('bob'), join('jane', { ...TARGET })])
    expect(opened).toHaveLength(3)
  })

  it('survive a connection that ends, and refuse what it still sends', async () => {
    const [one, two] = [await join(), await join()]
    one.session.end(left)
    expect(one.session.decide(COMMAND)).toEqual({ type: 'refuse', id: '', error: left })
    expect(two.session.ended.aborted).toBe(false)
    expect(two.session.decide(COMMAND).type).toBe('forward')
  })

  it('end all their connections with the same reason', async () => {
    const [one, two] = [await join(), await join()]
    const reason = new PamError('GRANT_REVOKED', 'the grant was revoked')
    opened[0]?.end(reason)
    expect([one.session.ended.reason, two.session.ended.reason]).toEqual([reason, reason])
    await one.close()
    expect(opened[0]?.closed).toBe(0)
    await two.close()
    expect(opened[0]?.closed).toBe(1)
    expect((await join()).session.id).toBe('ses_2')
  })

  it('stay open for what outlives its connection, and end for it as well', async () => {
    const one = await join()
    const outlived = one.session.outlive?.()
    one.session.end(left)
    await one.close()
    expect(outlived?.session.ended.aborted).toBe(false)
    expect(outlived?.session.decide(COMMAND).type).toBe('forward')
    expect(clock.isIdle).toBe(true)
    outlived?.release()
    outlived?.release()
    clock.next()
    expect(opened[0]?.closed).toBe(1)
    const other = (await join()).session.outlive?.()
    opened[1]?.end(left)
    expect(other?.session.ended.reason).toBe(left)
  })

  it('wait for another connection when the last has left, then close', async () => {
    await (await join()).close()
    const again = await join()
    expect(again.session.id).toBe('ses_1')
    expect(clock.isIdle).toBe(true)
    await again.close()
    clock.next()
    expect(opened[0]?.closed).toBe(1)
    expect(sessions.countOf(TARGET)).toBe(0)
    expect((await join()).session.id).toBe('ses_2')
  })

  it('close at once when they end with nobody connected', async () => {
    await (await join()).close()
    opened[0]?.end(new PamError('GRANT_OVER', 'the grant expired'))
    expect(opened[0]?.closed).toBe(1)
    expect(clock.isIdle).toBe(true)
  })

  it('withdraw what a connection waits for when it ends, and nothing of others', async () => {
    const holding = (): Promise<OpenedSession> => sessions.join(TARGET, 'jane', () => open(true))
    const [one, two] = [await holding(), await holding()]
    const [held] = [one.session.decide(COMMAND), two.session.decide(COMMAND)]
    one.session.end(left)
    expect(opened[0]?.withdrawn).toBe(1)
    expect(held.type === 'hold' && (await held.verdict).type).toBe('refuse')
  })

  it('are tried again by the next connection after opening one failed', async () => {
    const failure = new PamError('NO_GRANT', 'no grant')
    await expect(sessions.join(TARGET, 'jane', () => Promise.reject(failure))).rejects.toBe(failure)
    expect(sessions.countOf(TARGET)).toBe(0)
    expect((await join()).session.id).toBe('ses_1')
  })

  it('that end as they are opened are not opened again', async () => {
    const reason = new PamError('RECORDING_FAILED', 'the disk is full')
    const ending = async (): Promise<OpenedSession> => {
      const made = await open()
      opened.at(-1)?.end(reason)
      return made
    }
    const joined = await sessions.join(TARGET, 'jane', ending)
    expect(joined.session.ended.reason).toBe(reason)
    await joined.close()
    expect(opened.map(({ closed }) => closed)).toEqual([1])
  })

  it('wait as long for the next connection as the last one said', async () => {
    const join = (idleMs: number): Promise<OpenedSession> => sessions.join(TARGET, 'jane', () => open(), idleMs)
    const [first, second] = [await join(1000), await join(600_000)]
    await first.close()
    await second.close()
    clock.time += 599_000
    expect((await join(1000)).session.id).toBe('ses_1')
    expect(opened).toHaveLength(1)
  })

  it('have at most 256 connections', async () => {
    const all = await Promise.all(Array.from({ length: 256 }, () => join()))
    await expect(join()).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    await all[0]?.close()
    expect((await join()).session.id).toBe('ses_1')
  })
})
