import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { grantState } from '../../src/access/grant.ts'
import { createLock } from '../../src/access/lock.ts'
import { withdraw } from '../../src/access/review.ts'
import { ChangeFeed } from '../../src/api/change-feed.ts'
import { decideReview } from '../../src/api/decide-review.ts'
import { fileRequest, type FiledRequest } from '../../src/api/new-request.ts'
import { newRequestSchema } from '../../src/api/schemas/access.ts'
import { SessionRegistry } from '../../src/gateway/session-registry.ts'
import type { Login } from '../../src/identity/login.ts'
import type { AccessRule } from '../../src/policy/policy.ts'
import { listAudit } from '../../src/storage/audit.ts'
import type { Database } from '../../src/storage/database.ts'
import { listGrants } from '../../src/storage/grants.ts'
import { saveLock } from '../../src/storage/locks.ts'
import { saveLogin } from '../../src/storage/logins.ts'
import { findRequests, listRequests, saveRequest } from '../../src/storage/requests.ts'
import { testStore } from '../helpers/test-store.ts'

const NOW = 1_700_000_000_000
const login = (id: string, groups: string[]): Login => ({
  id: `lgn_${id}`,
  person: { id, kind: 'person', label: id, groups },
  thumbprint: id,
  email: undefined,
  authTime: NOW,
  provenUntil: NOW + 1e9,
  createdAt: NOW,
  endedAt: undefined,
})
const jane = login('jane', ['dev'])
const bob = login('bob', ['sre'])
const dana = login('dana', ['dba'])
const olga = login('olga', ['sre', 'dba'])

const rule = (name: string, targets: AccessRule['targets'], over: Partial<AccessRule> = {}): AccessRule => ({
  name,
  who: { groups: ['dev'] },
  targets,
  grant: 'request',
  maxDuration: 3_600_000,
  reason: 'required',
  approvers: { groups: ['sre'], count: 1 },
  ...over,
})
const target = (name: string, env = 'prod') => ({ name, type: 'postgres', labels: { env } })
const RULES: readonly AccessRule[] = [
  rule('payroll', { names: ['payroll'] }, { who: { groups: ['hr'] } }),
  rule('glass', { names: ['vault'] }, { grant: 'break-glass', approvers: undefined }),
  rule('dev', { names: ['dev-db'] }, { grant: 'standing', approvers: undefined }),
  rule('both', { names: ['prod-both'] }, { approvers: { groups: ['dba', 'sre'], count: 2 } }),
  rule('dba', { names: ['prod-dba'] }, { approvers: { groups: ['dba'], count: 1, stepUp: 'passkey' } }),
  rule('prod', { labels: { env: 'prod' } }),
]
const TARGETS = [
  target('payroll', 'hr'),
  target('vault', 'safe'),
  target('dev-db', 'dev'),
  target('prod-both', 'other'),
  target('prod-dba', 'other'),
  target('prod-db'),
  target('prod-web'),
]

describe('a request for several targets', () => {
  let directory: string
  let db: Database
  let access: readonly AccessRule[]
  let targets: readonly ReturnType<typeof target>[]
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
        targets,
      }),
      changes: new ChangeFeed(),
      registry: new SessionRegistry(),
      publicUrl: () => 'https://pam.example',
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
    targets = TARGETS
    now = NOW
    await db.change(async (tx) => {
      for (const table of ['requests', 'grants', 'locks', 'logins', 'audit'] as const)
        await tx.deleteFrom(table).execute()
      for (const one of [jane, bob, dana, olga]) await saveLogin(tx, one)
    })
  })

  const ask = (asked: object): Promise<FiledRequest> =>
    fileRequest(jane, newRequestSchema.parse({ reason: 'INC-1', ...asked }), 'here', deps())
  const approve = (id: string, by = bob, other: object = {}) =>
    decideReview(id, by, { verdict: 'approve', comment: '', ...other }, 'here', deps())
  const grants = async () =>
    (await listGrants(db.read, { personId: 'jane' }, { limit: 50 })).map((grant) => grant.target).toSorted()
  const requests = () => listRequests(db.read, {}, { limit: 50 })
  const PROD = { targets: ['prod-db', 'prod-web'] }

  it('is one review, whose approval gives a grant for each', async () => {
    const { request } = await ask(PROD)
    const { review, grants: given } = await approve(request.id)
    expect(given.map(({ target: name, requestId }) => [name, requestId])).toEqual([
      ['prod-db', request.id],
      ['prod-web', request.id],
    ])
    expect(await findRequests(db.read, request.id)).toEqual([review])
    expect(review).toMatchObject({ targets: given.map(({ id }) => ({ grantId: id })) })
    expect(await grants()).toEqual(PROD.targets)
    const created = (await listAudit(db.read, {}, { after: 0, limit: 9 })).map(({ type, data }) => [
      type,
      data['target'],
    ])
    expect(created).toEqual([
      ['request.created', 'prod-db, prod-web'],
      ['request.approved', 'prod-db, prod-web'],
      ['grant.created', 'prod-db'],
      ['grant.created', 'prod-web'],
    ])
    // Whoever looks for one target finds the request in which it is the second.
    const found = await listAudit(db.read, { target: 'prod-web' }, { after: 0, limit: 9 })
    expect(found.map(({ type }) => type)).toEqual(['request.created', 'request.approved', 'grant.created'])
  })

  it.each([
    [
      'another that nobody may know of',
      'payroll',
      'TARGET_UNKNOWN',
      /^nothing was requested: no target named "payroll" is visible/,
    ],
    [
      'one that does not exist',
      'nosuch',
      'TARGET_UNKNOWN',
      /^nothing was requested: no target named "nosuch" is visible/,
    ],
    ['one that is for emergencies', 'vault', 'NO_ACCESS', /^nothing was requested: vault cannot be requested/],
    ['one with standing access', 'dev-db', 'USAGE', /^nothing was requested: dev-db needs no request/],
    ['one that another group approves', 'prod-dba', 'USAGE', /prod-db \(sre\), prod-dba \(dba\)/],
  ])('files nothing with %s, and names it', async (_what, name, code, message) => {
    const asking = ask({ targets: ['prod-db', name] })
    await expect(asking).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    expect(await requests()).toEqual([])
  })

  it('files the others if the caller says so, and grants nothing for those that were skipped', async () => {
    const { request, skipped } = await ask({ targets: ['payroll', 'prod-db', 'dev-db'], skipUnavailable: true })
    expect(skipped.map((one) => one.target)).toEqual(['payroll', 'dev-db'])
    await approve(request.id)
    expect(await grants()).toEqual(['prod-db'])
    await expect(ask({ targets: ['payroll', 'dev-db'], skipUnavailable: true })).rejects.toMatchObject({
      code: 'TARGET_UNKNOWN',
    })
  })

  it('gives one grant for a target that is named twice', async () => {
    const { request } = await ask({ targets: ['prod-db', 'prod-db'] })
    await approve(request.id)
    expect(await grants()).toEqual(['prod-db'])
  })

  it('by label is for the visible targets that have it now, and not for those that get it later', async () => {
    const { request } = await ask({ labels: { env: 'prod' } })
    expect(request.targets.map(({ name }) => name)).toEqual(['prod-db', 'prod-web'])
    targets = [...TARGETS, target('prod-new')]
    await approve(request.id)
    expect(await grants()).toEqual(PROD.targets)
    await expect(ask({ labels: { env: 'none' } })).rejects.toMatchObject({ code: 'TARGET_UNKNOWN' })
    // A label is no way to learn of a target: with one that is all of somebody else's, nothing is there.
    targets = [{ ...target('payroll'), labels: { env: 'secret' } }]
    await expect(ask({ labels: { env: 'secret' } })).rejects.toMatchObject({ code: 'TARGET_UNKNOWN' })
  })

  it('is for no more targets than an approver would read', async () => {
    targets = Array.from({ length: 21 }, (_, at) => target(`prod-${at}`))
    await expect(ask({ labels: { env: 'prod' } })).rejects.toMatchObject({ code: 'USAGE' })
    const names = targets.map(({ name }) => name)
    expect(newRequestSchema.safeParse({ targets: names }).success).toBe(false)
  })

  it.each([{}, { target: 'prod-db', targets: ['prod-web'] }, { labels: {} }, { targets: [] }])(
    'says what is asked for in one way: %j',
    (asked) => expect(newRequestSchema.safeParse(asked).success).toBe(false),
  )

  it('is decided by those who may decide on all, as many as the strictest rule requires', async () => {
    const { request } = await ask({ targets: ['prod-both', 'prod-db'] })
    expect(request.approvers).toEqual({ groups: ['sre'], count: 2 })
    // May decide on one of them, and not on the other.
    await expect(approve(request.id, dana)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect((await approve(request.id, bob)).grants).toEqual([])
    await expect(approve(request.id, bob)).rejects.toMatchObject({ code: 'ALREADY_DECIDED' })
    expect((await approve(request.id, olga)).grants).toHaveLength(2)
  })

  it('needs a passkey if one of the rules does', async () => {
    const { request } = await ask({ targets: ['prod-both', 'prod-dba'] })
    expect(request.approvers).toEqual({ groups: ['dba'], count: 2, stepUp: 'passkey' })
    await expect(approve(request.id, dana)).rejects.toMatchObject({ code: 'PASSKEY_MISSING' })
  })

  it.each<[string, () => void | Promise<void>, RegExp]>([
    ['a target that was removed', () => void (targets = TARGETS.slice(0, -1)), /prod-web has been removed/],
    [
      'a target that lost its label',
      () => void (targets = [...TARGETS.slice(0, -1), target('prod-web', 'x')]),
      /may not request prod-web/,
    ],
    [
      'a rule with other approvers',
      () => void (access = [rule('prod', { labels: { env: 'prod' } }, { approvers: { groups: ['dba'], count: 1 } })]),
      /the rules for prod-db have changed/,
    ],
    [
      'a rule that asks for two',
      () => void (access = [rule('prod', {}, { approvers: { groups: ['sre'], count: 2 } })]),
      /the rules for prod-db have changed/,
    ],
    [
      'another rule, in front, for one of them',
      () => void (access = [rule('new', { names: ['prod-web'] }), ...RULES]),
      /the rules for prod-web have changed/,
    ],
    ['a shorter time', () => void (access = [rule('prod', {}, { maxDuration: 60_000 })]), /limited to 1m now/],
    [
      'groups that the requester has lost',
      () => db.change((tx) => saveLogin(tx, login('jane', []))),
      /jane may not request prod-db now/,
    ],
  ])('is not approved after a change to %s, for any of its targets', async (_what, change, message) => {
    const { request } = await ask(PROD)
    await change()
    await expect(approve(request.id)).rejects.toMatchObject({
      code: 'APPROVAL_VOID',
      message: expect.stringMatching(message),
    })
    expect(await grants()).toEqual([])
    const denied = await decideReview(request.id, bob, { verdict: 'deny', comment: '' }, 'here', deps())
    expect(denied.review.state).toBe('denied')
  })

  it('is approved for a time that the rules still give', async () => {
    const { request } = await ask(PROD)
    access = [rule('prod', {}, { maxDuration: 60_000 })]
    const { grants: given } = await approve(request.id, bob, { lengthMs: 60_000 })
    expect(given.map(({ startsAt, endsAt }) => endsAt - startsAt)).toEqual([60_000, 60_000])
  })

  it('is refused while one of its targets is locked, before and after it is filed', async () => {
    const { request } = await ask(PROD)
    const by = { id: 'alice', label: 'alice' }
    const subject = { type: 'target', name: 'prod-web' } as const
    const lock = createLock({ subject, reason: 'restore', by, length: undefined, includingSelf: false }, NOW)
    await db.change((tx) => saveLock(tx, lock, NOW))
    await expect(approve(request.id)).rejects.toMatchObject({ code: 'LOCKED' })
    expect(await grants()).toEqual([])
    await db.change((tx) => saveRequest(tx, withdraw(request, 'jane', NOW)))
    await expect(ask(PROD)).rejects.toMatchObject({ code: 'LOCKED', message: expect.stringMatching(/prod-web/) })
  })

  it('is not asked for twice in part, until it is withdrawn, and then not approved', async () => {
    const { request } = await ask(PROD)
    await expect(ask({ target: 'prod-web' })).rejects.toMatchObject({ code: 'REQUEST_PENDING', id: request.id })
    await db.change((tx) => saveRequest(tx, withdraw(request, 'jane', NOW)))
    await expect(approve(request.id)).rejects.toMatchObject({ code: 'ALREADY_DECIDED' })
    await expect(ask({ target: 'prod-web' })).resolves.toBeDefined()
  })

  it('starts later for all, and is extended one by one', async () => {
    const { request } = await ask({ ...PROD, startsAt: new Date(NOW + 60_000).toISOString() })
    const { grants: given } = await approve(request.id)
    expect(given.map((grant) => grantState(grant, NOW))).toEqual(['scheduled', 'scheduled'])
    now += 60_000
    await expect(ask({ ...PROD, extends: given[0]?.id })).rejects.toMatchObject({
      code: 'USAGE',
      message: 'more time is asked for on one target at a time',
    })
    const more = await ask({ target: 'prod-db', extends: given[0]?.id })
    expect((await approve(more.request.id)).grants).toMatchObject([{ id: given[0]?.id, target: 'prod-db' }])
  })

  it('is read as it was before there could be several', async () => {
    const { request } = await ask({ target: 'prod-db' })
    await db.change((tx) => tx.updateTable('requests').set({ targets: null }).execute())
    expect(await findRequests(db.read, request.id)).toEqual([request])
  })
})
