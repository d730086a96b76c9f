import { describe, expect, it } from 'vitest'
import { allowAgain, blocksStanding, grantState, mintGrant, revokeGrant, type Grant } from '../../src/access/grant.ts'
import { needCurrent } from '../../src/access/current-rules.ts'
import { createRequest, decideRequest } from '../../src/access/request.ts'
import { decide, expire, use, withdraw, type Review, type Reviewer } from '../../src/access/review.ts'
import type { Person, Target } from '../../src/policy/command.ts'
import type { AccessRule, Policy } from '../../src/policy/policy.ts'

const NOW = 1_000_000_000
const review: Review = {
  id: 'apr_1',
  requester: { id: 'jane', label: 'jane', kind: 'person' },
  approvers: { groups: ['sre'], count: 1 },
  state: 'pending',
  decisions: [],
  expiresAt: NOW + 1000,
}
const bob: Reviewer = { id: 'bob', label: 'bob', kind: 'person', groups: ['sre'], authTime: NOW - 60_000 }
const time = { now: NOW, recentSignIn: 900_000 }
const yes = { verdict: 'approve', comment: '' } as const
const no = { verdict: 'deny', comment: 'not today' } as const

describe('decide', () => {
  it.each<[string, Partial<Review>, Partial<Reviewer>, typeof yes | typeof no, string]>([
    ['their own', {}, { id: 'jane' }, yes, 'SELF_APPROVAL'],
    ['their own, to deny', {}, { id: 'jane' }, no, 'SELF_APPROVAL'],
    ['a service', {}, { kind: 'service' }, yes, 'SERVICE_APPROVAL'],
    ['somebody of another group', {}, { groups: ['engineering'] }, yes, 'NOT_ALLOWED'],
    ['somebody who signed in long ago', {}, { authTime: NOW - 900_001 }, yes, 'SIGN_IN_TOO_OLD'],
    ['somebody whose sign-in time is not known', {}, { authTime: undefined }, yes, 'SIGN_IN_TOO_OLD'],
    ['after it expired', { expiresAt: NOW }, {}, yes, 'ALREADY_DECIDED'],
    ['after a denial', { state: 'denied' }, {}, yes, 'ALREADY_DECIDED'],
    ['after it was withdrawn', { state: 'withdrawn' }, {}, no, 'ALREADY_DECIDED'],
    ['after it was used', { state: 'used' }, {}, yes, 'ALREADY_DECIDED'],
  ])('refuses %s', (_what, over, reviewer, decision, code) => {
    expect(() => decide({ ...review, ...over }, { ...bob, ...reviewer }, decision, time)).toThrow(
      expect.objectContaining({ code }),
    )
  })

  it('approves, and denies without a recent sign-in', () => {
    expect(decide(review, bob, yes, time).state).toBe('approved')
    expect(decide(review, { ...bob, authTime: undefined }, no, time).state).toBe('denied')
  })

  it('needs a passkey to approve where the rule asks for one, and none to deny', () => {
    const asked = { ...review, approvers: { groups: ['sre'], count: 1, stepUp: 'passkey' as const } }
    expect(() => decide(asked, bob, yes, time)).toThrow(expect.objectContaining({ code: 'PASSKEY_NEEDED' }))
    expect(decide(asked, bob, no, time).state).toBe('denied')
    expect(decide(asked, bob, { ...yes, passkey: 'c' }, time)).toMatchObject({
      state: 'approved',
      decisions: [{ passkey: 'c' }],
    })
  })

  it('counts distinct people', () => {
    const two = { ...review, approvers: { groups: ['sre'], count: 2 } }
    const once = decide(two, bob, yes, time)
    expect(once.state).toBe('pending')
    expect(() => decide(once, bob, yes, time)).toThrow(expect.objectContaining({ code: 'ALREADY_DECIDED' }))
    expect(decide(once, { ...bob, id: 'eve', label: 'eve' }, yes, time).state).toBe('approved')
    expect(decide(once, { ...bob, id: 'eve' }, no, time).state).toBe('denied')
  })

  it('an approval is used once', () => {
    const used = use(decide(review, bob, yes, time))
    expect(used.state).toBe('used')
    expect(() => use(used)).toThrow(expect.objectContaining({ code: 'APPROVAL_VOID' }))
    expect(() => use(review)).toThrow(expect.objectContaining({ code: 'APPROVAL_VOID' }))
  })

  it('only the requester withdraws, and only while it is pending', () => {
    const gone = withdraw(review, 'jane', NOW)
    expect(gone).toMatchObject({ state: 'withdrawn', withdrawn: { by: 'jane', at: NOW } })
    expect(() => withdraw(gone, 'jane', NOW)).toThrow('apr_1 was withdrawn by jane')
    expect(() => withdraw(review, 'bob', NOW)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
    expect(() => withdraw(review, 'jane', NOW + 2000)).toThrow('apr_1 has expired: nobody decided in time')
    expect(expire(review, NOW + 1000).state).toBe('expired')
  })
})

const rule: AccessRule = {
  name: 'prod',
  who: {},
  targets: {},
  grant: 'request',
  maxDuration: 3_600_000,
  approvers: { groups: ['sre'], count: 1 },
  reason: 'required',
}
const asked = { requester: review.requester, target: 'prod-db', reason: 'INC-1', length: 1_800_000, rule }

describe('requests', () => {
  it.each([
    ['no reason', { reason: '  ' }, /needs a reason/],
    ['a reason that nobody sees', { reason: '\u200b\ufeff' }, /needs a reason/],
    ['longer than the rule allows', { length: 3_600_001 }, /limited to 1h/],
    ['no time at all', { length: 10 }, /at least one second/],
  ])('refuses %s', (_what, over, message) => {
    expect(() => createRequest({ ...asked, ...over }, { now: NOW, expire: 1000 })).toThrow(message)
  })

  it('a grant lasts for its duration, counted from the approval', () => {
    const request = createRequest(asked, { now: NOW, expire: 100_000 })
    const [grant] = decideRequest(request, bob, yes, { ...time, now: NOW + 50_000 }).grants
    expect(grant).toMatchObject({ startsAt: NOW + 50_000, endsAt: NOW + 50_000 + 1_800_000, requestId: request.id })
  })

  it('an approver may shorten it, not lengthen it', () => {
    const request = createRequest(asked, { now: NOW, expire: 100_000 })
    expect(decideRequest(request, bob, { ...yes, length: 60_000 }, time).grants[0]?.endsAt).toBe(NOW + 60_000)
    expect(() => decideRequest(request, bob, { ...yes, length: 1_800_001 }, time)).toThrow(/shorten/)
  })

  it('a denial creates no grant', () => {
    const request = createRequest(asked, { now: NOW, expire: 100_000 })
    expect(decideRequest(request, bob, no, time).grants).toEqual([])
  })
})

describe('access that begins later', () => {
  const later = (startsAt: number) => createRequest({ ...asked, startsAt }, { now: NOW, expire: 1e9 })

  it('lasts for its full duration from its start, and gives no access before', () => {
    const [grant] = decideRequest(later(NOW + 5000), bob, yes, time).grants
    expect(grant).toMatchObject({ startsAt: NOW + 5000, endsAt: NOW + 1_805_000 })
    if (grant === undefined) throw new Error('no grant')
    expect([NOW, NOW + 4999, NOW + 5000, NOW + 1_805_000].map((now) => grantState(grant, now))).toEqual([
      'scheduled',
      'scheduled',
      'active',
      'over',
    ])
    expect(grantState(revokeGrant(grant, 'bob', '', NOW), NOW + 6000)).toBe('revoked')
  })

  it('starts at once if it is approved after its start', () => {
    const late = { ...time, now: NOW + 9000, recentSignIn: 1e9 }
    expect(decideRequest(later(NOW + 5000), bob, yes, late).grants[0]).toMatchObject({
      startsAt: NOW + 9000,
      endsAt: NOW + 1_809_000,
    })
  })

  it.each([NOW, NOW - 1, NOW + 7 * 86_400_000 + 1, Number.NaN])('is not asked for at %s', (startsAt) => {
    expect(() => later(startsAt)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})

describe('an extension', () => {
  const held = mintGrant({
    person: review.requester,
    target: 'prod-db',
    rule: 'prod',
    reason: 'x',
    requestId: 'req_1',
    now: NOW,
    length: 1_800_000,
  })
  const more = (given: object = {}, grant: Partial<Grant> = {}) =>
    createRequest({ ...asked, ...given, extends: { ...held, ...grant } }, { now: NOW, expire: 1e9 })

  it('moves the end, and changes nothing else', () => {
    expect(decideRequest(more(), bob, yes, time, held).grants[0]).toEqual({ ...held, endsAt: NOW + 3_600_000 })
    expect(decideRequest(more(), bob, { ...yes, length: 60_000 }, time, held).grants[0]?.endsAt).toBe(NOW + 1_860_000)
  })

  it('never exceeds what the rule gives from the moment of approval, however often it is requested', () => {
    let grant: Grant = held
    for (let asks = 0; asks < 5; asks++)
      grant = decideRequest(more({ length: 3_600_000 }), bob, yes, time, grant).grants[0] ?? grant
    expect(grant.endsAt).toBe(NOW + 3_600_000)
    // An end that is later already stays.
    const long = { ...held, endsAt: NOW + 9_000_000 }
    expect(decideRequest(more(), bob, yes, time, long).grants[0]?.endsAt).toBe(NOW + 9_000_000)
  })

  it('never exceeds what the rules in force at its approval give', () => {
    const rule = { ...asked.rule, maxDuration: 1_800_000 }
    const current = {
      policy: { access: [rule] } as unknown as Policy,
      targets: [{ name: 'prod-db', labels: {} } as Target],
      requester: [{ ...review.requester, groups: [] } as unknown as Person],
    }
    const request = needCurrent(more({ length: 1_800_000 }), 1_800_000, current)
    expect(decideRequest(request, bob, yes, time, { ...held, endsAt: NOW + 1_500_000 }).grants[0]?.endsAt).toBe(
      NOW + 1_800_000,
    )
    const silent = { ...more({ length: 1_800_000 }), reason: '' }
    const strict = { ...current, policy: { access: [{ ...rule, reason: 'required' }] } as unknown as Policy }
    expect(() => needCurrent(silent, 1_800_000, strict)).toThrow(/needs a reason now/)
  })

  it.each<[string, object, Partial<Grant>, string]>([
    ["somebody else's access", {}, { person: { ...review.requester, id: 'eve' } }, 'NOT_FOUND'],
    ['access to another target', {}, { target: 'other' }, 'NOT_FOUND'],
    ['access in an emergency', {}, { breakGlass: 'brk_1' }, 'USAGE'],
    ['access that has ended', {}, { endsAt: NOW }, 'ALREADY_DECIDED'],
    ['access that was revoked', {}, { revoked: { at: NOW, by: 'bob', reason: '' } }, 'ALREADY_DECIDED'],
    ['access from a later time on', { startsAt: NOW + 5000 }, {}, 'USAGE'],
    ['access for longer than the rule gives', { length: 3_600_001 }, {}, 'USAGE'],
  ])('cannot be requested: %s', (_what, given, grant, code) => {
    expect(() => more(given, grant)).toThrow(expect.objectContaining({ code }))
  })

  it('is refused once access has ended or was revoked, and cannot be approved by its requester', () => {
    const refused = expect.objectContaining({ code: 'ALREADY_DECIDED' })
    for (const gone of [{ ...held, endsAt: NOW }, revokeGrant(held, 'bob', '', NOW)])
      expect(() => decideRequest(more(), bob, yes, time, gone)).toThrow(refused)
    expect(() => decideRequest(more(), bob, yes, time, undefined)).toThrow(/does not exist/)
    expect(() => decideRequest(more(), { ...bob, id: 'jane' }, yes, time, held)).toThrow(
      expect.objectContaining({ code: 'SELF_APPROVAL' }),
    )
  })
})

describe('grants', () => {
  const grant = mintGrant({
    person: review.requester,
    target: 'dev',
    rule: 'r',
    reason: '',
    requestId: undefined,
    now: NOW,
    length: 1000,
  })

  it('ends exactly at its end time', () => {
    expect(grantState(grant, NOW + 999)).toBe('active')
    expect(grantState(grant, NOW + 1000)).toBe('over')
  })

  it('revoked standing access blocks until it is allowed again', () => {
    const revoked = revokeGrant(grant, 'bob', 'why', NOW + 1)
    expect(grantState(revoked, NOW + 2)).toBe('revoked')
    expect(blocksStanding(revoked)).toBe(true)
    expect(blocksStanding(allowAgain(revoked, NOW + 3))).toBe(false)
    expect(() => revokeGrant(revoked, 'bob', '', NOW + 4)).toThrow(/already revoked/)
    expect(blocksStanding({ ...revoked, requestId: 'req_1' })).toBe(false)
  })
})
