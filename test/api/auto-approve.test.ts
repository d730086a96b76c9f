import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { allowAgain, mintGrant, revokeGrant, type Grant } from '../../src/access/grant.ts'
import { createLock } from '../../src/access/lock.ts'
import { createRequest } from '../../src/access/request.ts'
import { ChangeFeed } from '../../src/api/change-feed.ts'
import { decideReview } from '../../src/api/decide-review.ts'
import { fileRequest, type FiledRequest } from '../../src/api/new-request.ts'
import { newRequestSchema } from '../../src/api/schemas/access.ts'
import { SessionRegistry } from '../../src/gateway/session-registry.ts'
import type { Login } from '../../src/identity/login.ts'
import { autoApproval } from '../../src/policy/auto-approval.ts'
import type { AccessRule } from '../../src/policy/policy.ts'
import { appendAudit, listAudit } from '../../src/storage/audit.ts'
import { openSqlite, type Database } from '../../src/storage/database.ts'
import { findGrants, listGrants, saveGrant } from '../../src/storage/grants.ts'
import { saveLock } from '../../src/storage/locks.ts'
import { saveLogin } from '../../src/storage/logins.ts'
import { findRequests, saveRequest } from '../../src/storage/requests.ts'

/** A Monday, ten o'clock in Berlin. */
const NOW = Date.parse('2026-01-05T09:00:00Z')
const HOUR = 3_600_000
const login = (id: string, groups: string[]): Login => ({
  id: `lgn_${id}`,
  person: { id, kind: 'person', label: id, groups },
  thumbprint: id,
  email: undefined,
  authTime: NOW,
  provenUntil: NOW + 1e10,
  createdAt: NOW,
  endedAt: undefined,
})
const jane = login('jane', ['dev'])
const bob = login('bob', ['sre'])
const office = autoApproval.parse({
  schedule: {
    timeZone: 'Europe/Berlin',
    hours: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' }],
  },
})
const morning = autoApproval.parse({
  schedule: { timeZone: 'Europe/Berlin', hours: [{ days: ['mon'], from: '08:00', to: '12:00' }] },
})

const rule = (name: string, targets: string[], over: Partial<AccessRule> = {}): AccessRule => ({
  name,
  who: { groups: ['dev'] },
  targets: { names: targets },
  grant: 'request',
  maxDuration: 12 * HOUR,
  reason: 'optional',
  approvers: { groups: ['sre'], count: 1 },
  autoApprove: office,
  ...over,
})
const RULES: readonly AccessRule[] = [
  rule('office hours', ['db', 'web']),
  rule('mornings', ['mail'], { autoApprove: morning }),
  rule('people', ['payroll'], { autoApprove: undefined }),
  // What no file can say, and what several targets make of rules that files can.
  rule('two', ['vault'], { approvers: { groups: ['sre'], count: 2 } }),
  rule('passkey', ['keys'], { approvers: { groups: ['sre'], count: 1, stepUp: 'passkey' } }),
  rule('two people', ['safe'], { approvers: { groups: ['sre'], count: 2 }, autoApprove: undefined }),
]
const target = (name: string) => ({ name, type: 'postgres', labels: {} })
const TARGETS = ['db', 'web', 'mail', 'payroll', 'vault', 'keys', 'safe'].map(target)

describe('a request under a rule with a schedule', () => {
  let directory: string
  let db: Database
  let access: readonly AccessRule[]
  let now: number
  const deps = () =>
    ({
      db,
      clock: { now: () => now, at: () => () => {} },
      settings: () => ({
        recentSignIn: 900_000,
        requestExpire: 600_000,
        roles: { audit: [], operate: [], lock: [] },
        policy: { access },
        targets: TARGETS,
      }),
      changes: new ChangeFeed(),
      registry: new SessionRegistry(),
      publicUrl: () => 'https://pam.example',
    }) as never
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
    db = await openSqlite(join(directory, 'state.db'))
  })
  afterAll(async () => {
    await db.close()
    rmSync(directory, { recursive: true })
  })
  beforeEach(async () => {
    access = RULES
    now = NOW
    await db.change(async (tx) => {
      for (const table of ['requests', 'grants', 'locks', 'logins', 'audit'] as const)
        await tx.deleteFrom(table).execute()
      for (const one of [jane, bob]) await saveLogin(tx, one)
    })
  })

  const ask = (asked: object = {}): Promise<FiledRequest> =>
    fileRequest(jane, newRequestSchema.parse({ target: 'db', lengthMs: HOUR, ...asked }), 'here', deps())
  const grantsOfJane = () => listGrants(db.read, { personId: 'jane' }, { limit: 50 })
  const audit = async () =>
    (await listAudit(db.read, {}, { after: 0, limit: 50 })).map(({ type, actor, data }) => ({ type, actor, data }))
  const at = (time: string): string => new Date(Date.parse(time)).toISOString()
  /** A grant that jane had, or has. */
  const had = (over: Partial<Grant> = {}): Grant => ({
    ...mintGrant({
      person: { id: 'jane', label: 'jane', kind: 'person' },
      target: 'db',
      rule: 'office hours',
      reason: '',
      requestId: 'req_0',
      now: NOW - 3 * HOUR,
      length: HOUR,
    }),
    ...over,
  })
  const keep = (...grants: Grant[]) => db.change(async (tx) => Promise.all(grants.map((grant) => saveGrant(tx, grant))))

  it('is approved at once, for exactly what was asked for, and marked as such everywhere', async () => {
    const { request, grants, people } = await ask({ reason: 'INC-1' })
    const automatic = { by: 'schedule', rules: ['office hours'] }
    const label = 'the schedule of rule "office hours"'
    expect(people).toBeUndefined()
    expect(request).toMatchObject({
      state: 'approved',
      decisions: [{ by: 'gateway', label, verdict: 'approve', automatic }],
    })
    expect(grants).toMatchObject([
      { target: 'db', startsAt: NOW, endsAt: NOW + HOUR, automatic, requestId: request.id },
    ])
    expect(await findRequests(db.read, request.id)).toEqual([request])
    expect(await grantsOfJane()).toEqual(grants)
    expect(await audit()).toMatchObject([
      { type: 'request.created', actor: 'jane' },
      { type: 'request.approved', actor: 'gateway', data: { approver: label, automatic } },
      { type: 'grant.created', actor: 'gateway', data: { approver: label, target: 'db', person: 'jane' } },
    ])
    // Nothing is left to decide on.
    await expect(decideReview(request.id, bob, { verdict: 'deny', comment: '' }, 'here', deps())).rejects.toMatchObject(
      { code: 'ALREADY_DECIDED' },
    )
  })

  it('is approved for a later start, if all of it is within the hours', async () => {
    const startsAt = at('2026-01-06T08:00:00Z')
    const { grants } = await ask({ startsAt })
    expect(grants).toMatchObject([{ startsAt: Date.parse(startsAt), endsAt: Date.parse(startsAt) + HOUR }])
  })

  it('is approved for several targets, if the hours of each rule have all of it', async () => {
    const { request, grants } = await ask({ target: undefined, targets: ['db', 'mail'] })
    expect(grants.map((grant) => grant.target)).toEqual(['db', 'mail'])
    expect(request.decisions).toMatchObject([{ label: 'the schedules of rules "office hours" and "mornings"' }])
  })

  it.each<[string, object, RegExp]>([
    ['longer than the hours last', { lengthMs: 9 * HOUR }, /up to 8h would be/],
    ['that begins a moment before the hours end', { startsAt: at('2026-01-05T16:59:59Z') }, /not all of it/],
    ['that begins before the hours', { startsAt: at('2026-01-06T06:30:00Z') }, /not all of it/],
    ['that begins on another day', { startsAt: at('2026-01-10T09:00:00Z') }, /not all of it/],
    ['over the night', { startsAt: at('2026-01-05T16:30:00Z'), lengthMs: 12 * HOUR }, /not all of it/],
    [
      'of which one target has other hours',
      { target: undefined, targets: ['db', 'mail'], lengthMs: 4 * HOUR },
      /"mornings"/,
    ],
    ['of which one target is for people', { target: undefined, targets: ['db', 'payroll'] }, /in common/],
    ['of which one target wants two people', { target: undefined, targets: ['db', 'safe'] }, /more than one approval/],
    ['under a rule that wants two people', { target: 'vault' }, /more than one approval/],
    ['under a rule that wants a passkey', { target: 'keys' }, /passkey/],
  ])('%s waits for people, and says why', async (_what, asked, why) => {
    const { request, grants, people } = await ask(asked)
    expect([request.state, grants]).toEqual(['pending', []])
    expect(people).toMatch(why)
    expect(await grantsOfJane()).toEqual([])
    expect(await audit()).toMatchObject([{ type: 'request.created', data: { people } }])
  })

  it('waits for people where no rule says anything else, without a word about it', async () => {
    const { request, people } = await ask({ target: 'payroll' })
    expect([request.state, people]).toEqual(['pending', undefined])
  })

  it('for more time waits for people, also within the hours', async () => {
    const { grants } = await ask()
    const { request, people } = await ask({ extends: grants[0]?.id })
    expect([request.state, people]).toEqual(['pending', expect.stringMatching(/more time/)])
  })

  it('for a target that jane has access to waits for people: asking again is no way to more time', async () => {
    await ask()
    for (const again of [{}, { startsAt: at('2026-01-05T10:00:00Z') }, { target: undefined, targets: ['web', 'db'] }]) {
      const { request, people } = await ask(again)
      expect([request.state, people]).toEqual(['pending', expect.stringMatching(/access to db already/)])
      await db.change((tx) => saveRequest(tx, { ...request, state: 'withdrawn' }))
    }
  })

  it('two at the same moment give one grant', async () => {
    const both = await Promise.all([ask(), ask()])
    expect(both.map(({ request }) => request.state).toSorted()).toEqual(['approved', 'pending'])
    expect(await grantsOfJane()).toHaveLength(1)
  })

  it('for a target that begins to be hers later waits for people', async () => {
    await ask({ startsAt: at('2026-01-06T08:00:00Z') })
    expect((await ask()).people).toMatch(/access to db already/)
  })

  it.each<[string, Grant[], RegExp | undefined]>([
    ['ended', [had()], undefined],
    ['was taken in an emergency, and lasts', [had({ breakGlass: 'brk_1', endsAt: NOW + HOUR })], undefined],
    ['was given back by jane herself', [revokeGrant(had(), 'jane', '', NOW - 2.5 * HOUR, true)], undefined],
    ['was revoked by somebody else', [revokeGrant(had(), 'olga', '', NOW - 2.5 * HOUR)], /was revoked by olga/],
    [
      'was revoked by somebody of the same name',
      [revokeGrant(had(), 'jane', '', NOW - 2.5 * HOUR)],
      /was revoked by jane/,
    ],
    ['was revoked and allowed again', [allowAgain(revokeGrant(had(), 'olga', '', NOW - 2.5 * HOUR), NOW)], undefined],
    [
      'was revoked before people approved it once more',
      [revokeGrant(had(), 'olga', '', NOW - 2.5 * HOUR), had({ startsAt: NOW - 2 * HOUR, endsAt: NOW - HOUR })],
      undefined,
    ],
    [
      'was revoked before a schedule approved it once more',
      [
        revokeGrant(had(), 'olga', '', NOW - 2.5 * HOUR),
        had({ startsAt: NOW - 2 * HOUR, endsAt: NOW - HOUR, automatic: { by: 'schedule', rules: ['office hours'] } }),
      ],
      /was revoked by olga/,
    ],
    ['of another target was revoked', [revokeGrant(had({ target: 'web' }), 'olga', '', NOW - 2.5 * HOUR)], undefined],
  ])('after access that %s', async (_what, grants, why) => {
    await keep(...grants)
    const { request, people } = await ask()
    if (why === undefined) expect([request.state, people]).toEqual(['approved', undefined])
    else expect([request.state, people]).toEqual(['pending', expect.stringMatching(why)])
  })

  it('after a person has denied it waits for people for a day', async () => {
    const { request } = await ask({ lengthMs: 9 * HOUR })
    await decideReview(request.id, bob, { verdict: 'deny', comment: 'no' }, 'here', deps())
    expect((await ask()).people).toMatch(/was denied by bob/)
    expect((await ask({ target: 'web' })).request.state).toBe('approved')
    await db.change((tx) => tx.deleteFrom('requests').where('state', '=', 'pending').execute())
    now = NOW + 24 * HOUR + 1
    expect((await ask()).request.state).toBe('approved')
  })

  it('waits for people while the clock shows a time before the last entry of the audit chain', async () => {
    await db.change((tx) =>
      appendAudit(tx, NOW + HOUR, { type: 'config.loaded', actor: 'gateway', subject: 'x', data: {} }),
    )
    expect((await ask()).people).toMatch(/clock was set back/)
  })

  it('is refused where a lock keeps the person or the target out, as any other', async () => {
    const by = { id: 'olga', label: 'olga' }
    for (const subject of [
      { type: 'person', id: 'jane', label: 'jane' },
      { type: 'target', name: 'db' },
    ] as const) {
      const lock = createLock({ subject, reason: 'x', by, length: undefined, includingSelf: false }, NOW)
      await db.change((tx) => saveLock(tx, lock, NOW))
      await expect(ask()).rejects.toMatchObject({ code: 'LOCKED' })
      await db.change((tx) => tx.deleteFrom('locks').execute())
    }
    expect(await grantsOfJane()).toEqual([])
  })

  it('that was made outside of the hours is not approved when they begin', async () => {
    now = Date.parse('2026-01-05T06:50:00Z')
    const { request } = await ask()
    now = NOW
    expect(await findRequests(db.read, request.id)).toMatchObject([{ state: 'pending' }])
    expect(await grantsOfJane()).toEqual([])
  })

  it('by rules as they are when it is made: one that lost its hours approves nothing', async () => {
    access = RULES.map(({ autoApprove: _gone, ...rest }) => rest)
    expect((await ask()).request.state).toBe('pending')
  })

  it('a service is not approved by a rule for people', async () => {
    access = [rule('office hours', ['db'], { who: { groups: ['dev'], kind: 'person' } })]
    const service: Login = { ...jane, id: 'lgn_ci', person: { ...jane.person, id: 'ci', kind: 'service' } }
    await db.change((tx) => saveLogin(tx, service))
    await expect(fileRequest(service, newRequestSchema.parse({ target: 'db' }), 'here', deps())).rejects.toMatchObject({
      code: 'TARGET_UNKNOWN',
    })
  })

  it('the grant can be revoked and extended by people like any other', async () => {
    const { grants } = await ask()
    const { request } = await ask({ extends: grants[0]?.id, lengthMs: HOUR })
    const { grants: extended } = await decideReview(
      request.id,
      bob,
      { verdict: 'approve', comment: '' },
      'here',
      deps(),
    )
    expect(extended).toMatchObject([{ id: grants[0]?.id, endsAt: NOW + 2 * HOUR }])
    expect(await findGrants(db.read, grants[0]?.id ?? '')).toMatchObject([{ automatic: { by: 'schedule' } }])
  })

  it('an earlier request that waits is not approved by another one', async () => {
    const waiting = createRequest(
      {
        requester: { id: 'jane', label: 'jane', kind: 'person' },
        target: 'db',
        reason: '',
        length: HOUR,
        rule: access[0] as AccessRule,
      },
      { now: NOW - 1, expire: 600_000 },
    )
    await db.change((tx) => saveRequest(tx, waiting))
    await expect(ask()).rejects.toMatchObject({ code: 'REQUEST_PENDING' })
  })
})
