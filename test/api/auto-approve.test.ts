import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { allowAgain, grantState, mintGrant, revokeGrant, type Grant } from '../../src/access/grant.ts'
import { createLock } from '../../src/access/lock.ts'
import { createRequest, type AccessRequest } from '../../src/access/request.ts'
import { withdraw } from '../../src/access/review.ts'
import { whyPeople } from '../../src/api/auto-approve.ts'
import { beginGrantFor, beginGrants } from '../../src/api/begin-grants.ts'
import { decideReview } from '../../src/api/decide-review.ts'
import { fileRequest, type FiledRequest } from '../../src/api/new-request.ts'
import { newRequestSchema } from '../../src/api/schemas/access.ts'
import { ApprovalQuestions } from '../../src/api/approval-questions.ts'
import { SessionRegistry } from '../../src/gateway/session-registry.ts'
import type { Login } from '../../src/identity/login.ts'
import type { ApprovalWebhook, WebhookAnswer } from '../../src/notify/approval-webhook.ts'
import { autoApproval } from '../../src/policy/auto-approval.ts'
import type { AccessRule } from '../../src/policy/policy.ts'
import { gatewayState } from '../../src/storage/gateway-state.ts'
import { appendAudit, listAudit } from '../../src/storage/audit.ts'
import type { Database } from '../../src/storage/database.ts'
import { findGrants, listGrants, saveGrant } from '../../src/storage/grants.ts'
import { saveLock } from '../../src/storage/locks.ts'
import { saveLogin } from '../../src/storage/logins.ts'
import { expireRequests, referAsked } from '../../src/storage/recover.ts'
import { findRequests, saveRequest } from '../../src/storage/requests.ts'
import { testStore } from '../helpers/test-store.ts'

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
  rule('on call', ['queue', 'cache'], { autoApprove: { type: 'webhook', webhook: 'oncall' } }),
  rule('tickets', ['crm'], { autoApprove: { type: 'webhook', webhook: 'tickets' } }),
  rule('people', ['payroll'], { autoApprove: undefined }),
  // What no file can say, and what several targets make of rules that files can.
  rule('two', ['vault'], { approvers: { groups: ['sre'], count: 2 } }),
  rule('passkey', ['keys'], { approvers: { groups: ['sre'], count: 1, stepUp: 'passkey' } }),
  rule('two people', ['safe'], { approvers: { groups: ['sre'], count: 2 }, autoApprove: undefined }),
]
const ONCALL: ApprovalWebhook = {
  name: 'oncall',
  url: 'https://oncall.example',
  secret: () => '',
  answerSecret: () => '',
  ca: () => undefined,
  timeout: 1000,
  include: [],
}
const target = (name: string) => ({ name, type: 'postgres', labels: {} })
const TARGETS = ['db', 'web', 'mail', 'payroll', 'vault', 'keys', 'safe', 'queue', 'cache', 'crm'].map(target)

describe('a request that a rule may approve', () => {
  let directory: string
  let db: Database
  let access: readonly AccessRule[]
  let now: number
  let hooks: readonly ApprovalWebhook[]
  let approvalQuestions: ApprovalQuestions
  let onChanged = (): void => {}
  const logged: string[] = []
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
        approvalWebhooks: hooks,
      }),
      changes: { changed: () => onChanged() },
      registry: new SessionRegistry(),
      publicUrl: () => 'https://pam.example',
      logger: { error: (_fields: object, event: string) => logged.push(event) },
      approvalQuestions,
    }) as never
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
    db = await testStore(join(directory, 'state.db'))
  })
  afterAll(async () => {
    await db.close()
    rmSync(directory, { recursive: true })
  })
  beforeEach(async () => {
    access = RULES
    now = NOW
    hooks = [ONCALL]
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
  /** The request `req_1`, which bob approved then. */
  const approvedAt = (at: number): Promise<void> =>
    db.change((tx) =>
      saveRequest(tx, {
        ...createRequest(
          {
            requester: { id: 'jane', label: 'jane', kind: 'person' },
            target: 'db',
            reason: '',
            length: HOUR,
            rule: RULES[0] as AccessRule,
          },
          { now: at, expire: 600_000 },
        ),
        id: 'req_1',
        state: 'approved',
        decisions: [{ by: 'bob', label: 'bob', verdict: 'approve', comment: '', at }],
      }),
    )
  const keep = (...grants: Grant[]) => db.change(async (tx) => Promise.all(grants.map((grant) => saveGrant(tx, grant))))

  it('is approved at once, for exactly what was asked for, and marked as such everywhere', async () => {
    const { request, grants } = await ask({ reason: 'INC-1' })
    const automatic = { by: 'schedule', rules: ['office hours'] }
    const label = 'the schedule of rule "office hours"'
    expect(request.people).toBeUndefined()
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
    ['longer than the hours last', { lengthMs: 9 * HOUR }, /up to 8h would be approved at once/],
    [
      'that begins a moment before the hours end',
      { startsAt: at('2026-01-05T16:59:59Z') },
      /does not fit into the hours/,
    ],
    ['that begins before the hours', { startsAt: at('2026-01-06T06:30:00Z') }, /does not fit into the hours/],
    ['that begins on another day', { startsAt: at('2026-01-10T09:00:00Z') }, /does not fit into the hours/],
    ['over the night', { startsAt: at('2026-01-05T16:30:00Z'), lengthMs: 12 * HOUR }, /does not fit into the hours/],
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
    const { request, grants } = await ask(asked)
    expect([request.state, grants]).toEqual(['pending', []])
    expect(request.people).toMatch(why)
    expect((await findRequests(db.read, request.id))[0]?.people).toBe(request.people)
    expect(await grantsOfJane()).toEqual([])
    expect(await audit()).toMatchObject([{ type: 'request.created', data: { people: request.people } }])
  })

  it('waits for people where no rule says anything else, without a word about it', async () => {
    const { request } = await ask({ target: 'payroll' })
    expect([request.state, request.people]).toEqual(['pending', undefined])
  })

  it('for more time waits for people, also within the hours', async () => {
    const { grants } = await ask()
    const { request } = await ask({ extends: grants[0]?.id })
    expect([request.state, request.people]).toEqual(['pending', expect.stringMatching(/more time/)])
  })

  it('for a target that jane has access to waits for people: asking again is no way to more time', async () => {
    await ask()
    for (const again of [{}, { startsAt: at('2026-01-05T10:00:00Z') }, { target: undefined, targets: ['web', 'db'] }]) {
      const { request } = await ask(again)
      expect([request.state, request.people]).toEqual(['pending', expect.stringMatching(/access to db already/)])
      await db.change((tx) => saveRequest(tx, { ...request, state: 'withdrawn' }))
    }
  })

  it('two at the same moment give one grant', async () => {
    const both = await Promise.all([ask(), ask()])
    expect(both.map(({ request }) => request.state).toSorted()).toEqual(['approved', 'pending'])
    expect(await grantsOfJane()).toHaveLength(1)
  })

  it('two at the same moment that need access once file one request', async () => {
    const [one, other] = await Promise.allSettled([ask({ unlessHeld: true }), ask({ unlessHeld: true })])
    expect(one).toMatchObject({ status: 'fulfilled', value: { request: { state: 'approved' } } })
    const [grant] = await grantsOfJane()
    expect(other).toMatchObject({ status: 'rejected', reason: { code: 'ALREADY_GRANTED', id: grant?.id } })
    expect(await grantsOfJane()).toHaveLength(1)
    await expect(ask({ target: undefined, targets: ['db', 'web'], unlessHeld: true })).rejects.toThrow(
      'nothing was requested: you have access to db already',
    )
  })

  it('for a target that begins to be hers later waits for people', async () => {
    await ask({ startsAt: at('2026-01-06T08:00:00Z') })
    expect((await ask()).request.people).toMatch(/access to db already/)
  })

  it.each<[string, Grant[], RegExp | undefined]>([
    ['ended', [had()], undefined],
    ['was taken in an emergency, and lasts', [had({ breakGlass: 'brk_1', endsAt: NOW + HOUR })], undefined],
    [
      'was taken in an emergency, and revoked by somebody else',
      [revokeGrant(had({ requestId: undefined, breakGlass: 'brk_1' }), 'olga', '', NOW - 2.5 * HOUR)],
      /was revoked by olga/,
    ],
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
      [
        revokeGrant(had(), 'olga', '', NOW - 2.5 * HOUR),
        had({ requestId: 'req_1', startsAt: NOW - 2 * HOUR, endsAt: NOW - HOUR }),
      ],
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
    await approvedAt(NOW - 2.2 * HOUR)
    await keep(...grants)
    const { request } = await ask()
    if (why === undefined) expect([request.state, request.people]).toEqual(['approved', undefined])
    else expect([request.state, request.people]).toEqual(['pending', expect.stringMatching(why)])
  })

  it('after a revocation waits for people, also where they had approved later access before it', async () => {
    await approvedAt(NOW - 5 * HOUR)
    const later = had({ requestId: 'req_1', startsAt: NOW + HOUR, endsAt: NOW + 2 * HOUR })
    // Revoked before it began.
    await keep(revokeGrant(later, 'olga', '', NOW - 2 * HOUR))
    expect((await ask()).request.people).toMatch(/was revoked by olga/)
    await db.change((tx) => tx.deleteFrom('grants').execute())
    await db.change((tx) => tx.deleteFrom('requests').where('state', '=', 'pending').execute())
    // Given back by jane, after what she had was revoked.
    await keep(
      revokeGrant(had({ requestId: undefined }), 'olga', '', NOW - 2.5 * HOUR),
      revokeGrant(later, 'jane', '', NOW, true),
    )
    expect((await ask()).request.people).toMatch(/was revoked by olga/)
  })

  it('of somebody who has left the group since the call began is none', async () => {
    await db.change((tx) => saveLogin(tx, { ...jane, person: { ...jane.person, groups: [] } }))
    await expect(ask()).rejects.toMatchObject({ code: 'TARGET_UNKNOWN' })
    expect(await grantsOfJane()).toEqual([])
  })

  it('after a person has denied it waits for people for a day', async () => {
    const { request } = await ask({ lengthMs: 9 * HOUR })
    await decideReview(request.id, bob, { verdict: 'deny', comment: 'no' }, 'here', deps())
    expect((await ask()).request.people).toMatch(/was denied by bob/)
    expect((await ask({ target: 'web' })).request.state).toBe('approved')
    await db.change((tx) => tx.deleteFrom('requests').where('state', '=', 'pending').execute())
    now = NOW + 24 * HOUR + 1
    expect((await ask()).request.state).toBe('approved')
  })

  it('waits for people while the clock shows a time before the last entry of the audit chain', async () => {
    await db.change((tx) =>
      appendAudit(tx, NOW + HOUR, { type: 'config.loaded', actor: 'gateway', subject: 'x', data: {} }),
    )
    expect((await ask()).request.people).toMatch(/clock was set back/)
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

  describe('ahead of its start', () => {
    const START = at('2026-01-06T08:00:00Z')
    const begun = async () => (await grantsOfJane()).map((grant) => grantState(grant, now))
    const open = () =>
      gatewayState(db, (person, target) => beginGrantFor(person, target, deps())).grantFor(
        jane.person,
        target('db'),
        RULES[0] as AccessRule,
        now,
      )
    const change = (over: Partial<AccessRule>) => async () => {
      access = [{ ...(RULES[0] as AccessRule), ...over }, ...RULES.slice(1)]
    }
    async function scheduled(over: object = {}) {
      const { grants } = await ask({ startsAt: START, ...over })
      expect(grants).toMatchObject([{ unconfirmed: true }])
      now = Date.parse(START)
    }

    it('gives nothing until the rules have approved it again at its start, for whoever comes first', async () => {
      await scheduled()
      const [grant] = await grantsOfJane()
      expect([await begun(), await gatewayState(db).isGrantActive(grant?.id ?? '', now)]).toEqual([
        ['scheduled'],
        false,
      ])
      await expect(
        gatewayState(db).grantFor(jane.person, target('db'), RULES[0] as AccessRule, now),
      ).rejects.toMatchObject({
        code: 'NO_GRANT',
      })
      const both = await Promise.all([open(), open()])
      expect(both.map(({ id }) => id)).toEqual([grant?.id, grant?.id])
      await beginGrants(deps())
      expect(await begun()).toEqual(['active'])
      expect((await audit()).filter(({ type }) => type === 'grant.begun')).toMatchObject([
        { actor: 'gateway', data: { target: 'db', person: 'jane' } },
      ])
      // From then on it stays, as any other.
      await change({ autoApprove: undefined })()
      await beginGrants(deps())
      expect(await begun()).toEqual(['active'])
    })

    it.each<[string, () => Promise<unknown>, RegExp]>([
      ['its rule has lost autoApprove', change({ autoApprove: undefined }), /no longer approves it without people/],
      ['its hours have changed', change({ autoApprove: morning }), /does not fit into the hours/],
      [
        'a webhook is asked in their place',
        change({ autoApprove: { type: 'webhook', webhook: 'oncall' } }),
        /no longer/,
      ],
      ['the rule gives less time', change({ maxDuration: HOUR / 2 }), /limited to 30m now/],
      ['two people are to approve', change({ approvers: { groups: ['sre'], count: 2 } }), /have changed/],
      ['the rule is for others', change({ who: { groups: ['ops'] } }), /may not request db now/],
      ['another rule is first', change({ name: 'other' }), /have changed/],
      [
        'jane has left the group',
        () => db.change((tx) => saveLogin(tx, { ...jane, endedAt: NOW, person: { ...jane.person, groups: [] } })),
        /may not request db now/,
      ],
      [
        'her emergency access was revoked meanwhile',
        () => keep(revokeGrant(had({ id: 'grt_1', breakGlass: 'brk_1', endsAt: NOW + HOUR }), 'olga', '', NOW)),
        /grt_1 for db was revoked by olga/,
      ],
      [
        'people have denied her the target meanwhile',
        async () => {
          const { request } = await ask()
          now = Date.parse(START) - HOUR
          await db.change((tx) => saveRequest(tx, { ...request, expiresAt: now + HOUR }))
          await db.change((tx) => saveLogin(tx, { ...bob, authTime: now }))
          await decideReview(request.id, bob, { verdict: 'deny', comment: '' }, 'here', deps())
          now = Date.parse(START)
        },
        /was denied by bob/,
      ],
    ])('lapses where %s', async (_what, happens, why) => {
      await scheduled()
      await happens()
      const opened = await open().catch((error: unknown) => error)
      expect(opened).toMatchObject({ code: 'GRANT_REVOKED', message: expect.stringMatching(why) })
      await beginGrants(deps())
      const ahead = (await grantsOfJane()).filter(({ automatic }) => automatic !== undefined)
      expect(ahead).toMatchObject([{ revoked: { by: 'gateway', reason: expect.stringMatching(why), lapsed: true } }])
      expect((await audit()).filter(({ type }) => type === 'grant.revoked')).toMatchObject([{ actor: 'gateway' }])
    })

    it('lapses without a stain: once the rule approves again, so is what jane asks for', async () => {
      await scheduled()
      await change({ autoApprove: undefined })()
      await beginGrants(deps())
      expect(await begun()).toEqual(['revoked'])
      access = RULES
      expect((await ask()).request.state).toBe('approved')
    })

    it('waits while the clock is behind the audit chain', async () => {
      await scheduled()
      await db.change((tx) =>
        appendAudit(tx, now + HOUR, { type: 'config.loaded', actor: 'gateway', subject: 'x', data: {} }),
      )
      await expect(open()).rejects.toMatchObject({ code: 'NO_GRANT' })
      expect(await begun()).toEqual(['scheduled'])
    })

    it('one of several lapses by itself', async () => {
      const { grants } = await ask({ target: undefined, targets: ['db', 'mail'], startsAt: at('2026-01-12T08:00:00Z') })
      expect(grants).toHaveLength(2)
      now = Date.parse('2026-01-12T08:00:00Z')
      await change({ autoApprove: undefined })()
      await beginGrants(deps())
      const states = Object.fromEntries((await grantsOfJane()).map((grant) => [grant.target, grantState(grant, now)]))
      expect(states).toEqual({ db: 'revoked', mail: 'active' })
    })
  })

  it('is explained as it would be decided', async () => {
    const why = (name: string) => {
      const found = RULES.find(({ targets }) => targets.names?.includes(name)) as AccessRule
      return whyPeople(db.read, { person: 'jane', targets: [name] }, found, now)
    }
    expect(await why('db')).toBeUndefined()
    await keep(revokeGrant(had(), 'olga', '', NOW - 2.5 * HOUR))
    expect(await why('db')).toMatch(/was revoked by olga/)
    const { request } = await ask({ target: 'web', lengthMs: 11 * HOUR })
    await decideReview(request.id, bob, { verdict: 'deny', comment: '' }, 'here', deps())
    expect(await why('web')).toMatch(/was denied by bob/)
    expect(await why('queue')).toBeUndefined()
  })

  describe('by a webhook', () => {
    const YES: WebhookAnswer = { type: 'approve', comment: 'on call this week' }
    /** Files a request, and answers the webhook once `meanwhile` has happened. */
    async function asked(
      answer: WebhookAnswer | Error,
      {
        meanwhile = async () => {},
        over = {},
      }: { meanwhile?: (request: AccessRequest) => Promise<unknown>; over?: object } = {},
    ) {
      const questions: AccessRequest[] = []
      let reply = (): void => {}
      approvalQuestions = new ApprovalQuestions(async (_hook, request) => {
        questions.push(request)
        await new Promise<void>((resolve) => (reply = resolve))
        if (answer instanceof Error) throw answer
        return answer
      })
      const filed = await ask({ target: 'queue', ...over })
      await meanwhile(filed.request)
      if (questions.length > 0) {
        const settled = new Promise<void>((resolve) => (onChanged = resolve))
        reply()
        await settled
      }
      const [after] = await findRequests(db.read, filed.request.id)
      const last = (await audit()).at(-1)
      return { filed, questions, after, last }
    }

    it('waits while it is asked, then is approved for exactly what was asked, and marked as such', async () => {
      const startsAt = at('2026-01-05T20:00:00Z')
      const { filed, questions, after } = await asked(YES, { over: { startsAt } })
      expect(filed.request).toMatchObject({ state: 'pending', asking: { webhook: 'oncall' } })
      expect(questions).toEqual([filed.request])
      const automatic = { by: 'webhook', rules: ['on call'], webhook: 'oncall' }
      const label = 'the webhook "oncall" of rule "on call"'
      expect(after).toMatchObject({
        state: 'approved',
        decisions: [{ label, automatic, comment: 'on call this week' }],
      })
      expect(after?.asking).toBeUndefined()
      const begins = Date.parse(startsAt)
      expect(await grantsOfJane()).toMatchObject([{ startsAt: begins, endsAt: begins + HOUR, automatic }])
      expect(await audit()).toMatchObject([
        { type: 'request.created', data: { webhook: 'oncall' } },
        { type: 'request.approved', actor: 'gateway', data: { approver: label, comment: 'on call this week' } },
        { type: 'grant.created' },
      ])
    })

    it.each<[string, WebhookAnswer | Error, string]>([
      ['leaves it to people', { type: 'people', comment: 'no ticket' }, 'it leaves the decision to people: no ticket'],
      ['gives no answer', { type: 'none', why: 'the receiver answers 500' }, 'the receiver answers 500'],
    ])('that %s changes nothing: people decide, and the audit chain says why', async (_what, answer, why) => {
      const { after, last } = await asked(answer)
      const people = `the webhook "oncall" was asked (${why})`
      expect(after).toMatchObject({ state: 'pending', decisions: [], people })
      expect(after?.asking).toBeUndefined()
      expect(last).toMatchObject({ type: 'request.referred', actor: 'gateway', data: { webhook: 'oncall', why } })
      expect(await grantsOfJane()).toEqual([])
      await decideReview(after?.id ?? '', bob, { verdict: 'approve', comment: '' }, 'here', deps())
      expect(await grantsOfJane()).toHaveLength(1)
    })

    const saved = (change: (request: AccessRequest) => AccessRequest) => (request: AccessRequest) =>
      db.change((tx) => saveRequest(tx, change(request)))
    it.each<[string, (request: AccessRequest) => Promise<unknown>, string]>([
      [
        'a person denied it',
        ({ id }) => decideReview(id, bob, { verdict: 'deny', comment: 'no' }, 'here', deps()),
        'denied',
      ],
      ['the requester withdrew it', saved((request) => withdraw(request, 'jane', NOW)), 'withdrawn'],
      [
        'it expired',
        async () => {
          now = NOW + 600_000
          await expireRequests(db, now)
        },
        'expired',
      ],
      [
        'it expired, and nobody has noted that',
        async () => {
          now = NOW + 600_000
        },
        'pending',
      ],
    ])('that approves after %s changes nothing, and that is on record', async (_what, meanwhile, state) => {
      const { after, last } = await asked(YES, { meanwhile })
      expect(after?.state).toBe(state)
      expect(last).toMatchObject({
        type: 'request.answer_ignored',
        data: { webhook: 'oncall', comment: 'on call this week' },
      })
      expect(await grantsOfJane()).toEqual([])
    })

    it('that approves after a person did gives no second grant', async () => {
      const { last } = await asked(YES, {
        meanwhile: ({ id }) =>
          decideReview(id, bob, { verdict: 'approve', comment: '', lengthMs: HOUR / 2 }, 'here', deps()),
      })
      expect(last).toMatchObject({ type: 'request.answer_ignored' })
      expect(await grantsOfJane()).toMatchObject([{ endsAt: NOW + HOUR / 2 }])
    })

    const rules = (change: (rule: AccessRule) => AccessRule) => async () => {
      access = access.map((one) => (one.name === 'on call' ? change(one) : one))
    }
    const locked = (subject: Parameters<typeof createLock>[0]['subject']) => () =>
      db.change((tx) =>
        saveLock(
          tx,
          createLock(
            { subject, reason: 'x', by: { id: 'olga', label: 'olga' }, length: undefined, includingSelf: false },
            NOW,
          ),
          NOW,
        ),
      )
    it.each<[string, (request: AccessRequest) => Promise<unknown>, RegExp]>([
      ['its rule was taken away', async () => void (access = []), /may not request queue now/],
      ['its rule asks nobody now', rules(({ autoApprove: _gone, ...rest }) => rest), /rules have changed/],
      [
        'its rule asks another webhook',
        rules((one) => ({ ...one, autoApprove: { type: 'webhook', webhook: 'tickets' } })),
        /rules have changed/,
      ],
      ['its rule has a schedule now', rules((one) => ({ ...one, autoApprove: office })), /rules have changed/],
      ['its rule allows less time', rules((one) => ({ ...one, maxDuration: HOUR / 2 })), /limited to 30m/],
      [
        'its rule wants two people',
        rules((one) => ({ ...one, approvers: { groups: ['sre'], count: 2 } })),
        /have changed/,
      ],
      [
        'its rule wants a passkey',
        rules((one) => ({ ...one, approvers: { groups: ['sre'], count: 1, stepUp: 'passkey' } })),
        /have changed/,
      ],
      ['another rule came first', async () => void (access = [rule('first', ['queue']), ...access]), /have changed/],
      ['the webhook was taken away', async () => void (hooks = []), /changed in the configuration/],
      [
        'the webhook got another address',
        async () => void (hooks = [{ ...ONCALL, url: 'https://elsewhere.example' }]),
        /changed in the configuration/,
      ],
      [
        'the webhook got another secret',
        async () => void (hooks = [{ ...ONCALL, answerSecret: () => 'another' }]),
        /changed in the configuration/,
      ],
      ['jane was locked', locked({ type: 'person', id: 'jane', label: 'jane' }), /locked/],
      ['the target was locked', locked({ type: 'target', name: 'queue' }), /is locked/],
      ['jane signed out', () => db.change((tx) => saveLogin(tx, { ...jane, endedAt: NOW })), /signed out/],
      [
        'jane left the group',
        () => db.change((tx) => saveLogin(tx, { ...jane, person: { ...jane.person, groups: [] } })),
        /may not request queue now/,
      ],
      [
        'her identity was not proven again',
        () => db.change((tx) => saveLogin(tx, { ...jane, provenUntil: NOW })),
        /re-verified/,
      ],
      [
        'another grant was revoked',
        () => keep(revokeGrant(had({ target: 'queue' }), 'olga', '', NOW - 2.5 * HOUR)),
        /was revoked by olga/,
      ],
      ['the clock was set back', async () => void (now = NOW - HOUR), /clock was set back/],
    ])('that approves after %s changes nothing: people decide', async (_what, meanwhile, why) => {
      const { after, last } = await asked(YES, { meanwhile })
      expect(after?.state).toBe('pending')
      expect(last).toMatchObject({ type: 'request.referred', data: { why: expect.stringMatching(why) } })
      expect(await grantsOfJane()).toEqual(
        await grantsOfJane().then((all) => all.filter(({ revoked }) => revoked !== undefined)),
      )
    })

    it('is asked once for several targets, if the rule of each asks the same one', async () => {
      const both = { over: { target: undefined, targets: ['queue', 'cache'] } }
      const { questions, after } = await asked(YES, both)
      expect([questions.length, after?.state]).toEqual([1, 'approved'])
      expect((await grantsOfJane()).map((grant) => grant.target).toSorted()).toEqual(['cache', 'queue'])
    })

    it.each([
      ['another webhook', ['queue', 'crm']],
      ['a schedule', ['queue', 'db']],
      ['people', ['queue', 'payroll']],
    ])('is not asked for several targets of which one is for %s', async (_what, targets) => {
      const { questions, filed } = await asked(YES, { over: { target: undefined, targets } })
      expect([questions, filed.request.state, filed.request.people]).toEqual([
        [],
        'pending',
        expect.stringMatching(/in common/),
      ])
    })

    it('is not asked for more time, nor for what jane has already', async () => {
      await asked(YES)
      const [grant] = await grantsOfJane()
      for (const over of [{ extends: grant?.id }, {}]) {
        const { questions, filed } = await asked(YES, { over })
        expect([questions, filed.request.state]).toEqual([[], 'pending'])
        await db.change((tx) => saveRequest(tx, { ...filed.request, state: 'withdrawn' }))
      }
    })

    it('that is not configured, or fails in a way that nobody foresaw, leaves it to people', async () => {
      hooks = []
      const gone = new Promise<void>((resolve) => (onChanged = resolve))
      await asked(YES)
      await gone
      expect((await audit()).at(-1)).toMatchObject({ type: 'request.referred', data: { why: 'it is not configured' } })
      await db.change((tx) => tx.deleteFrom('requests').execute())
      hooks = [ONCALL]
      const { after } = await asked(new Error('what?'))
      expect([after?.state, logged]).toEqual(['pending', ['approval.not_settled']])
    })

    it('that is asked about too much at once is asked about no more', async () => {
      const replies: (() => void)[] = []
      const questions = new ApprovalQuestions(async () => {
        await new Promise<void>((resolve) => replies.push(resolve))
        return YES
      })
      const request = (requester: string) => ({ requester: { id: requester } }) as AccessRequest
      const all = Array.from({ length: 5 }, () => questions.ask(ONCALL, request('jane')))
      all.push(...Array.from({ length: 40 }, (_, n) => questions.ask(ONCALL, request(`p${n}`))))
      expect(replies).toHaveLength(32)
      for (const reply of replies) reply()
      const none = { type: 'none', why: 'too many requests wait for its answer' }
      const answers = await Promise.all(all)
      expect(answers.slice(0, 5)).toEqual([YES, YES, YES, YES, none])
      expect(answers.filter(({ type }) => type === 'none')).toHaveLength(13)
      const again = questions.ask(ONCALL, request('jane'))
      replies.at(-1)?.()
      expect(await again).toEqual(YES)
    })

    it('is asked no more for a day once it has not approved three requests under a rule', async () => {
      const NO: WebhookAnswer = { type: 'people', comment: '' }
      const again = async (answer: WebhookAnswer, over: object = {}) => {
        const { questions, filed } = await asked(answer, { over })
        const [left] = await findRequests(db.read, filed.request.id)
        if (left?.state === 'pending') await db.change((tx) => saveRequest(tx, withdraw(left, 'jane', now)))
        return questions.length === 1 ? 'asked' : filed.request.people
      }
      // What it approves does not count.
      await again(YES, { target: 'cache' })
      expect(await again(NO)).toBe('asked')
      // Nor does it help to take it back before it answers, or to ask for another target of the rule, or for several.
      approvalQuestions = new ApprovalQuestions(() => new Promise(() => {}))
      const { request } = await ask({ target: 'queue' })
      await db.change((tx) => saveRequest(tx, withdraw(request, 'jane', now)))
      expect(await again(NO)).toBe('asked')
      const why = 'the webhook "oncall" was asked about 3 such requests within the last day, and approved none of them'
      expect(await again(YES)).toBe(why)
      expect(await again(YES, { lengthMs: HOUR / 2 })).toBe(why)
      hooks = [ONCALL, { ...ONCALL, name: 'tickets' }]
      expect(await again(YES, { target: 'crm' })).toBe('asked')
      now = NOW + 24 * HOUR
      expect(await again(YES)).toBe('asked')
    })

    it('is asked about three requests under a rule at once, not four', async () => {
      const wide = RULES.map((one) => (one.name === 'on call' ? { ...one, targets: {} } : one))
      access = wide.filter(({ name }) => name === 'on call')
      approvalQuestions = new ApprovalQuestions(() => new Promise(() => {}))
      const filed = await Promise.all(['db', 'web', 'mail', 'queue'].map((name) => ask({ target: name })))
      expect(filed.map(({ request }) => request.asking !== undefined)).toEqual([true, true, true, false])
    })

    it('that approved ahead is not asked again, and has to be what the rule asks still', async () => {
      const startsAt = at('2026-01-05T20:00:00Z')
      for (const [left, state] of [
        [[ONCALL], 'active'],
        [[], 'revoked'],
      ] as const) {
        hooks = [ONCALL]
        now = NOW
        const { questions } = await asked(YES, { over: { startsAt } })
        hooks = left
        now = Date.parse(startsAt)
        await beginGrants(deps())
        expect([questions.length, (await grantsOfJane()).map((grant) => grantState(grant, now))]).toEqual([1, [state]])
        await db.change((tx) => tx.deleteFrom('grants').execute())
        await db.change((tx) => tx.deleteFrom('audit').execute())
      }
    })

    it('that is asked when the gateway stops leaves it to people at the next start', async () => {
      approvalQuestions = new ApprovalQuestions(() => new Promise(() => {}))
      const { request } = await ask({ target: 'queue' })
      await referAsked(db, NOW + 1)
      expect((await findRequests(db.read, request.id))[0]?.asking).toBeUndefined()
      expect((await audit()).at(-1)).toMatchObject({
        type: 'request.referred',
        data: { webhook: 'oncall', why: 'the gateway stopped while it was asked' },
      })
      await referAsked(db, NOW + 2)
      expect(await audit()).toHaveLength(2)
    })
  })
})
