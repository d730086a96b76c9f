import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Grant } from '../../src/access/grant.ts'
import { ComparisonBudget } from '../../src/gateway/comparison-budget.ts'
import type { Engine, Session } from '../../src/gateway/engine.ts'
import type { TunnelParts } from '../../src/gateway/tunnel-parts.ts'
import { SessionRegistry } from '../../src/gateway/session-registry.ts'
import { SharedSessions } from '../../src/gateway/shared-sessions.ts'
import type { TargetConfig } from '../../src/gateway/target.ts'
import { serveTunnel } from '../../src/gateway/tunnel.ts'
import type { Login } from '../../src/identity/login.ts'
import type { Policy } from '../../src/policy/policy.ts'
import type { Spool } from '../../src/recording/spool.ts'
import { idleHandler } from '../../src/shared/channel.ts'
import { localSecrets } from '../helpers/local-secrets.ts'
import { PamError } from '../../src/shared/errors.ts'
import type { TunnelChannel, TunnelFrame } from '../../src/tunnel/web-socket-channel.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { eventsOf, filesIn, openSpool } from '../helpers/recordings.ts'
import { draftOf, grantOf, loginOf, policyOf, store } from '../helpers/session-parts.ts'

const COMMANDS = 'commands: [{ name: watched, who: { groups: [trainee] }, match: { kinds: [delete] }, deny: ask }]'
const ACCESS = `${COMMANDS}\naccess: [{ name: devs, who: { groups: [dev] }, grant: standing }]`

let directory: string
let spool: Spool
let clock: HandClock
let login: Login
/** What the store says of the login now. */
let current: Login | undefined
/** The rules that are in force once the store knows of the session. */
let reloaded: Policy | undefined
let isGrantActive: boolean
/** What the person has taken in an emergency. */
let taken: Grant | undefined
/** What each look at the locks finds. */
let locked: (PamError | undefined)[]
/** When the store answers who the login is. */
let lookup: Promise<void>
let did: string[]
let frames: TunnelFrame[]
let serve: (session: Session) => Promise<void>
let registry: SessionRegistry
let storeFails: Error | undefined

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-tunnel-'))
  spool = openSpool(directory)
  clock = new HandClock()
  current = login = loginOf(clock)
  reloaded = undefined
  isGrantActive = true
  locked = []
  taken = undefined
  lookup = Promise.resolve()
  did = []
  frames = []
  serve = () => Promise.resolve()
  registry = new SessionRegistry()
  storeFails = undefined
})

afterEach(async () => {
  await spool.stop()
  rmSync(directory, { recursive: true })
})

function parts(policy = ACCESS, given: Partial<TunnelParts> = {}): TunnelParts {
  const target = { ...store, host: 'db', port: 5432 } as unknown as TargetConfig
  const engine = {
    protocol: 'postgres',
    greet: () => Promise.resolve({ hello: 'hi', account: 'app' }),
    serve: (_client: unknown, hello: unknown, session: Session) => {
      did.push(`serve ${String(hello)}`)
      return serve(session)
    },
    refuse: (_client: unknown, { code }: PamError) => void did.push(`refuse ${code}`),
  } as unknown as Engine
  const credentials = {
    accounts: () => ['app'],
    credentials: () => ({
      lease: () =>
        Promise.resolve({
          user: 'app',
          password: 'p',
          release: () => {
            did.push('release')
            return Promise.resolve()
          },
        }),
    }),
    defaultSchema: () => 'public',
  }
  const state = {
    grantFor: () => Promise.resolve(grantOf(clock)),
    breakGlassFor: () => Promise.resolve(taken),
    refuseLocked: () => {
      const error = locked.shift()
      return error === undefined ? Promise.resolve() : Promise.reject(error)
    },
    isGrantActive: () => Promise.resolve(isGrantActive),
    sessionOpened: ({ from }: { from: string }) => {
      did.push(`opened from ${from}, on record: ${filesIn(directory, '.journal').length > 0}`)
      return storeFails === undefined ? Promise.resolve() : Promise.reject(storeFails)
    },
    sessionEnded: (_id: string, { code }: { code: string }) => {
      did.push(`ended ${code}`)
      return Promise.resolve()
    },
    accessRefused: (_person: unknown, name: string, { code }: PamError) => {
      did.push(`refused ${name} ${code}`)
      return Promise.resolve()
    },
    login: async () => {
      await lookup
      return current
    },
  }
  const logger = { error() {}, info() {}, child: () => logger }
  const settings = {
    targets: [target],
    policy: policyOf(policy),
    limits: { handshake: 1, statementBytes: 1, resultMessageBytes: 1, sessionsPerPerson: 1 },
    recording: { durability: 'buffered', encryptTo: [] },
  }
  return {
    from: '192.0.2.1',
    settings: () => (reloaded !== undefined && did.length > 0 ? { ...settings, policy: reloaded } : settings),
    protocols: new Map([['postgres', { engine, target: credentials }]]),
    state,
    registry,
    sharedSessions: new SharedSessions(clock, () => {}),
    spool,
    digestKey: Buffer.alloc(32, 1),
    secrets: () => localSecrets(directory),
    comparisonBudget: new ComparisonBudget(),
    clock,
    logger,
    ...given,
  } as unknown as TunnelParts
}

const inGroups = (groups: string[]): Login => ({ ...login, person: { ...login.person, groups } })

const channel = (): TunnelChannel => ({
  handler: idleHandler,
  onFrame: () => {},
  send: (frame) => void frames.push(frame),
  write: () => true,
  pause() {},
  resume() {},
  end: () => void did.push('end'),
  destroy: () => void did.push('destroy'),
})

const open = (target = 'store', given = parts()): Promise<void> => serveTunnel(channel(), login, target, given)
/** The record of the only session. */
const record = () => eventsOf(filesIn(directory, '.pamrec')[0] as string)

describe('a tunnel', () => {
  it('is served once grant, record and entry in the registry are in place, and leaves each of them', async () => {
    serve = ({ id }) => {
      expect(registry.has(id)).toBe(true)
      return Promise.resolve()
    }
    await open()
    expect(did).toEqual([
      'opened from 192.0.2.1, on record: true',
      'serve hi',
      'release',
      'destroy',
      'ended CLIENT_LEFT',
    ])
    expect(frames.map(({ type, code }) => [type, code])).toEqual([
      ['opened', undefined],
      ['ended', 'CLIENT_LEFT'],
    ])
    expect((await record()).map(({ type }) => type)).toEqual(['opened', 'ended'])
    expect([registry.size, clock.isIdle]).toEqual([0, true])
  })

  it.each([
    ['a target that does not exist', 'other', ACCESS],
    ['a target that no rule is about', 'store', ''],
  ])('to %s gets the same answer, before anything is read from it', async (_what, target, policy) => {
    await open(target, parts(policy))
    expect(did).toEqual([`refused ${target} TARGET_UNKNOWN`, 'destroy'])
    expect(frames).toEqual([
      expect.objectContaining({
        type: 'ended',
        code: 'TARGET_UNKNOWN',
        message: `no target named "${target}" is visible to you`,
      }),
    ])
  })

  it('is refused in its protocol where the person has too many sessions', async () => {
    registry.add({ id: 'ses_0', person: login.person } as never)
    await open()
    expect(did).toEqual(['refused store RATE_LIMITED', 'refuse RATE_LIMITED', 'destroy'])
  })

  it('is one of as many as the person may have, also where many are opened at once', async () => {
    await Promise.all(Array.from({ length: 5 }, () => open()))
    expect(did.filter((what) => what.startsWith('serve'))).toHaveLength(1)
    expect(did.filter((what) => what === 'refused store RATE_LIMITED')).toHaveLength(4)
    expect(registry.countOf(login.person.id).live).toBe(0)
  })

  describe('in an emergency', () => {
    const EMERGENCY = `commands:
  - { name: never, match: { kinds: [drop-table] }, deny: no }
  - { name: ask, match: { kinds: [truncate] }, hold: { approvers: { groups: [sre] } } }
access: [{ name: emergencies, who: { groups: [dev] }, grant: break-glass, maxDuration: 30m, breakGlass: { reviewers: { groups: [sec] }, lifts: { holds: [ask] } } }]`
    const take = (rule = 'emergencies'): void => void (taken = grantOf(clock, { rule, breakGlass: 'brk_1' }))

    it('is strictly recorded, and under the rule of the emergency', async () => {
      take()
      const opened = spool.open.bind(spool)
      let strict: boolean | undefined
      spool.open = (event, options) => {
        ;({ strict } = options)
        return opened(event, options)
      }
      let decided: unknown[] = []
      serve = async (session) => {
        decided = [session.decide(draftOf({ kinds: ['truncate'] })), session.decide(draftOf({ kinds: ['drop-table'] }))]
      }
      await open('store', parts(EMERGENCY))
      expect(strict).toBe(true)
      expect(decided).toMatchObject([{ type: 'forward' }, { type: 'refuse', error: { code: 'COMMAND_REFUSED' } }])
    })

    it('gives nothing by its rule alone, and nothing by a rule that is for nobody now', async () => {
      await open('store', parts(EMERGENCY))
      expect(did).toEqual(['refused store NO_GRANT', 'refuse NO_GRANT', 'destroy'])
      did = []
      take('another rule')
      await open('store', parts(EMERGENCY))
      expect(did).toEqual(['refused store NO_GRANT', 'refuse NO_GRANT', 'destroy'])
    })

    it('ends with a reload that takes the rule away, also while it is being opened', async () => {
      take()
      reloaded = policyOf(ACCESS)
      await open('store', parts(EMERGENCY))
      expect(did).toContain('refused store NO_ACCESS')
    })
  })

  it.each([
    ['the target was locked', () => (locked = [undefined, new PamError('LOCKED', 'x')]), 'LOCKED'],
    ['the grant was revoked', () => (isGrantActive = false), 'GRANT_REVOKED'],
    ['the login has ended', () => (current = { ...login, endedAt: 1 }), 'IDENTITY_LOST'],
    ['the login is gone', () => (current = undefined), 'IDENTITY_LOST'],
    ['the person lost a group that gives access', () => (current = inGroups([])), 'NO_ACCESS'],
    ['other rules came to apply to the person', () => (current = inGroups(['dev', 'trainee'])), 'IDENTITY_LOST'],
    ['the rules were changed', () => (reloaded = policyOf(COMMANDS)), 'NO_ACCESS'],
    [
      'the rules took its account away',
      () => (reloaded = policyOf(ACCESS.replace('grant:', 'logins: [web], grant:'))),
      'NO_ACCESS',
    ],
    ['the identity is proven no longer', () => (current = { ...login, provenUntil: clock.now() }), 'IDENTITY_LOST'],
    ['the store fails', () => (storeFails = new PamError('STORE_UNAVAILABLE', 'down')), 'STORE_UNAVAILABLE'],
  ])('that was being opened while %s reaches no target, and leaves nothing behind', async (_what, act, code) => {
    act()
    await open()
    expect(did).toEqual([
      'opened from 192.0.2.1, on record: true',
      'release',
      `ended ${code}`,
      `refused store ${code}`,
      `refuse ${code}`,
      'destroy',
    ])
    expect(frames.map(({ type }) => type)).toEqual(['ended'])
    expect((await record()).at(-1)).toMatchObject({ type: 'ended', code })
    expect([registry.size, clock.isIdle]).toEqual([0, true])
  })

  it('tells the agent, and gives the credential back, before the record is sealed', async () => {
    let seal = (): void => {}
    const slow = {
      open: spool.open.bind(spool),
      close: () => new Promise<void>((resolve) => (seal = resolve)),
    } as unknown as Spool
    const over = open('store', parts(ACCESS, { spool: slow }))
    while (!did.includes('destroy')) await new Promise((resolve) => setImmediate(resolve))
    expect(frames.map(({ type }) => type)).toEqual(['opened', 'ended'])
    expect(did.slice(-2)).toEqual(['release', 'destroy'])
    // It may have another one meanwhile, and not endlessly many.
    expect(registry.countOf('jane')).toEqual({ live: 0, ending: 1 })
    await open()
    expect(frames.at(-1)).toMatchObject({ code: 'RATE_LIMITED', message: expect.stringContaining('put on record') })
    seal()
    await over
    expect([registry.countOf('jane'), registry.size]).toEqual([{ live: 0, ending: 0 }, 0])
  })

  it('gives the credential back where the record cannot be begun', async () => {
    const failing = { open: () => Promise.reject(new PamError('RECORDING_FAILED', 'full')) } as unknown as Spool
    await open('store', parts(ACCESS, { spool: failing }))
    expect(did).toEqual(['release', 'refused store RECORDING_FAILED', 'refuse RECORDING_FAILED', 'destroy'])
    expect(registry.size).toBe(0)
  })

  it('gives the credential back, and leaves the registry, where the record cannot be closed', async () => {
    const failing = {
      open: spool.open.bind(spool),
      close: () => Promise.reject(new PamError('RECORDING_FAILED', 'full')),
    } as unknown as Spool
    await open('store', parts(ACCESS, { spool: failing }))
    expect(did).toContain('release')
    expect(did).toContain('ended CLIENT_LEFT')
    expect(registry.size).toBe(0)
  })

  it('that fails is ended for that, and told to the client', async () => {
    serve = () => Promise.reject(new PamError('TARGET_UNREACHABLE', 'down'))
    await open()
    expect(did).toContain('ended TARGET_UNREACHABLE')
    expect(did).toContain('refuse TARGET_UNREACHABLE')
    expect(frames.at(-1)).toMatchObject({ type: 'ended', code: 'TARGET_UNREACHABLE' })
  })

  it('that only cancels something is closed without a session', async () => {
    const given = parts()
    const { engine } = given.protocols.get('postgres') as { engine: Engine }
    Object.assign(engine, { greet: () => Promise.resolve('handled') })
    await open('store', given)
    expect(did).toEqual(['end', 'destroy'])
  })

  it('has a notice five minutes before its grant ends, then ends with it', async () => {
    serve = async (session) => {
      const over = new Promise((resolve) => session.ended.addEventListener('abort', resolve))
      current = { ...login, provenUntil: clock.now() + 1e9 }
      clock.next()
      expect(frames.at(-1)).toMatchObject({ type: 'notice', code: 'GRANT_ENDING' })
      clock.next()
      await over
      throw session.ended.reason
    }
    await open()
    expect(did).toContain('ended GRANT_OVER')
    expect(clock.isIdle).toBe(true)
  })

  it('ends if the identity behind it was not re-verified, and continues if it was', async () => {
    current = login = loginOf(clock, { provenUntil: clock.now() + 1000 })
    serve = async (session) => {
      const over = new Promise((resolve) => session.ended.addEventListener('abort', resolve))
      current = { ...login, provenUntil: clock.now() + 60_000 }
      clock.next()
      // The login is looked up: then the next time is waited for.
      await new Promise(setImmediate)
      expect(session.ended.aborted).toBe(false)
      clock.next()
      await over
      throw session.ended.reason
    }
    await open()
    expect(did).toContain('ended IDENTITY_LOST')
    expect(clock.isIdle).toBe(true)
  })

  it('waits for no proof of an identity once it was closed, also where it asked for one just before', async () => {
    current = login = loginOf(clock, { provenUntil: clock.now() + 1000 })
    let answer = (): void => {}
    serve = () => {
      lookup = new Promise((resolve) => (answer = resolve))
      current = { ...login, provenUntil: clock.now() + 60_000 }
      clock.next()
      return Promise.resolve()
    }
    await open()
    answer()
    await new Promise(setImmediate)
    expect(clock.isIdle).toBe(true)
  })
})
