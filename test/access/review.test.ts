import { describe, expect, it } from 'vitest'
import { allowAgain, blocksStanding, grantState, mintGrant, revokeGrant } from '../../src/access/grant.ts'
import { createRequest, decideRequest } from '../../src/access/request.ts'
import { decide, expire, use, withdraw, type Review, type Reviewer } from '../../src/access/review.ts'
import type { AccessRule } from '../../src/policy/policy.ts'

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

  it('only the requester withdraws, and only what waits', () => {
    expect(withdraw(review, 'jane', NOW).state).toBe('withdrawn')
    expect(() => withdraw(review, 'bob', NOW)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
    expect(() => withdraw(review, 'jane', NOW + 2000)).toThrow(expect.objectContaining({ code: 'ALREADY_DECIDED' }))
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
    ['longer than the rule allows', { length: 3_600_001 }, /limited to 1h/],
    ['no time at all', { length: 10 }, /a second at least/],
  ])('refuses %s', (_what, over, message) => {
    expect(() => createRequest({ ...asked, ...over }, { now: NOW, expire: 1000 })).toThrow(message)
  })

  it('the grant ends when its length is over, counted from the approval', () => {
    const request = createRequest(asked, { now: NOW, expire: 100_000 })
    const { grant } = decideRequest(request, bob, yes, { ...time, now: NOW + 50_000 })
    expect(grant).toMatchObject({ startsAt: NOW + 50_000, endsAt: NOW + 50_000 + 1_800_000, requestId: request.id })
  })

  it('an approver may shorten it, not lengthen it', () => {
    const request = createRequest(asked, { now: NOW, expire: 100_000 })
    expect(decideRequest(request, bob, { ...yes, length: 60_000 }, time).grant?.endsAt).toBe(NOW + 60_000)
    expect(() => decideRequest(request, bob, { ...yes, length: 1_800_001 }, time)).toThrow(/shorten/)
  })

  it('a denial makes no grant', () => {
    const request = createRequest(asked, { now: NOW, expire: 100_000 })
    expect(decideRequest(request, bob, no, time).grant).toBeUndefined()
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

  it('is over at its end, exactly', () => {
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
