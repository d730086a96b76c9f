import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createLock } from '../../src/access/lock.ts'
import { closeBreakGlass, remindOfBreakGlass, startBreakGlass } from '../../src/api/break-glass.ts'
import { SessionRegistry } from '../../src/gateway/session-registry.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { breakGlassOf } from '../../src/storage/break-glass.ts'
import type { Database } from '../../src/storage/database.ts'
import { deliveryStore } from '../../src/storage/deliveries.ts'
import { activeBreakGlass, activeGrant } from '../../src/storage/grants.ts'
import { saveLock } from '../../src/storage/locks.ts'
import { saveLogin } from '../../src/storage/logins.ts'
import { listAudit } from '../../src/storage/audit.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { loginOf, policyOf, store } from '../helpers/session-parts.ts'
import { testStore } from '../helpers/test-store.ts'

const RULE = `{ name: emergencies, who: { groups: [dev] }, grant: break-glass, maxDuration: 30m, breakGlass: { reviewers: { groups: [sec] }, maxPerDay: 10 } }`
const REASON = 'the orders are stuck, INC-4711'

let directory: string
let db: Database
let clock: HandClock
let policy: Policy
let channels: number
let health: { ok: boolean }
/** What happens while channels are being told. */
let meanwhile: () => Promise<void> | void

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  db = await testStore(join(directory, 'state.db'))
})
afterAll(async () => {
  await db.close()
  rmSync(directory, { recursive: true })
})
beforeEach(async () => {
  clock = new HandClock()
  policy = policyOf(`access: [${RULE}]`)
  channels = 1
  health = { ok: true }
  meanwhile = () => {}
  await db.change(async (tx) => {
    for (const table of ['break_glass', 'grants', 'locks', 'deliveries', 'logins', 'audit'] as const)
      await tx.deleteFrom(table).execute()
    await saveLogin(tx, login())
  })
})

const login = () => loginOf(clock, { id: 'lgn_jane', authTime: clock.now() })

/** Time passes where somebody waits for it. */
const deps = () =>
  ({
    db,
    clock: {
      now: () => clock.now(),
      at: (time: number, then: () => void) => {
        void Promise.resolve(meanwhile()).then(() => {
          clock.time = Math.max(clock.time, time)
          then()
        })
        return () => {}
      },
    },
    settings: () => ({
      policy,
      targets: [store],
      channels,
      recentSignIn: 60_000,
      roles: { audit: [], operate: [], lock: [] },
    }),
    evidence: { spool: { health } },
    registry: new SessionRegistry(),
  }) as never

const taken = async (): Promise<void> => {
  const use = (await breakGlassOf(db.read, 'jane', 0)).find((one) => one.state === 'announcing')
  await deliveryStore(db).enqueue(
    [
      {
        id: 'dlv_1',
        hook: 'ops',
        type: 'breakglass.begun',
        subject: use?.id ?? '',
        body: '',
        state: 'delivered',
        attempts: 1,
        answer: '',
        createdAt: 1,
        nextAt: 1,
      },
    ],
    { name: 'x', seq: 0 },
  )
  meanwhile = () => {}
}
const start = () => startBreakGlass(login(), { target: 'store', reason: REASON }, 'here', deps())
const state = async () => (await breakGlassOf(db.read, 'jane', 0)).map((use) => use.state)
const types = async () => (await listAudit(db.read, {}, { after: 0, limit: 100 })).map(({ type }) => type)

describe('access in an emergency', () => {
  it('is granted once a channel has accepted the announcement, and is separate from everyday access', async () => {
    meanwhile = taken
    const { use, announced } = await start()
    expect([announced, use.state]).toEqual([['ops'], 'open'])
    expect((await activeBreakGlass(db.read, 'jane', 'store', clock.now()))?.breakGlass).toBe(use.id)
    expect(await activeGrant(db.read, 'jane', 'store', clock.now())).toBeUndefined()
    expect(await types()).toEqual(['breakglass.begun', 'breakglass.granted'])
  })

  it.each<[string, string, () => unknown]>([
    ['nobody takes the announcement', 'ANNOUNCEMENT_FAILED', () => {}],
    ['there is no channel', 'ANNOUNCEMENT_FAILED', () => (channels = 0)],
    [
      'a reload takes the rule away while it is announced',
      'NO_ACCESS',
      () =>
        (meanwhile = async () => {
          await taken()
          policy = policyOf('access: []')
        }),
    ],
    [
      'a reload gives the target to another rule for emergencies while it is announced',
      'NO_ACCESS',
      () =>
        (meanwhile = async () => {
          await taken()
          policy = policyOf(`access: [${RULE.replace('emergencies', 'others')}]`)
        }),
    ],
    [
      'the person is locked out while it is announced',
      'LOCKED',
      () =>
        (meanwhile = async () => {
          await taken()
          const lock = createLock(
            {
              subject: { type: 'person', id: 'jane', label: 'j' },
              reason: 'x',
              by: { id: 'b', label: 'b' },
              length: undefined,
              includingSelf: false,
            },
            clock.now(),
          )
          await db.change((tx) => saveLock(tx, lock, clock.now()))
        }),
    ],
    [
      'the person signs out while it is announced',
      'NOT_SIGNED_IN',
      () =>
        (meanwhile = async () => {
          await taken()
          await db.change((tx) => saveLogin(tx, { ...login(), endedAt: clock.now() }))
        }),
    ],
  ])('is not granted where %s', async (_what, code, happens) => {
    happens()
    await expect(start()).rejects.toMatchObject({ code })
    expect(await state()).toEqual(['refused'])
    expect(await activeBreakGlass(db.read, 'jane', 'store', clock.now())).toBeUndefined()
    expect((await types()).at(-1)).toBe('breakglass.refused')
  })

  it('does not start if nothing can be recorded', async () => {
    health = { ok: false }
    await expect(start()).rejects.toMatchObject({ code: 'RECORDING_FAILED' })
    expect(await state()).toEqual([])
  })

  it('is granted without an announcement if the rule says so, and the audit chain says it', async () => {
    policy = policyOf(`access: [${RULE.replace('maxPerDay', 'announcement: best-effort, maxPerDay')}]`)
    const { announced } = await start()
    expect(announced).toEqual([])
    expect((await listAudit(db.read, {}, { after: 0, limit: 9 })).at(-1)?.data).toMatchObject({ announced: [] })
  })

  it('left half started by a stop is refused, and reviewers are reminded until the review is closed', async () => {
    meanwhile = () => new Promise(() => {})
    void start()
    while ((await state()).length === 0) await new Promise((resolve) => setImmediate(resolve))
    clock.time += 20_001
    await remindOfBreakGlass(deps())
    expect(await state()).toEqual(['refused'])
    meanwhile = taken
    await db.change((tx) => saveLogin(tx, login()))
    const { use } = await start()
    clock.time += use.length
    for (const wait of [0, 0, 86_400_000, 0, 86_400_000]) {
      clock.time += wait
      await remindOfBreakGlass(deps())
    }
    expect((await types()).slice(-3)).toEqual(['breakglass.ended', 'breakglass.review_due', 'breakglass.review_due'])
    const sam = loginOf(clock, { id: 'lgn_sam', authTime: clock.now() })
    await db.change((tx) => saveLogin(tx, { ...sam, person: { ...sam.person, id: 'sam', groups: ['sec'] } }))
    await closeBreakGlass(use.id, sam, 'read the record, all right', 'here', deps())
    clock.time += 900 * 86_400_000
    await remindOfBreakGlass(deps())
    expect((await types()).at(-1)).toBe('breakglass.reviewed')
  })
})
