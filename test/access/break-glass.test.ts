import { describe, expect, it } from 'vitest'
import {
  beginBreakGlass,
  breakGlassPhase,
  dueNotice,
  grantBreakGlass,
  mayNotReview,
  reviewBreakGlass,
  type BreakGlass,
} from '../../src/access/break-glass.ts'
import { blocksStanding, revokeGrant } from '../../src/access/grant.ts'
import type { AccessRule } from '../../src/policy/policy.ts'
import { policyOf } from '../helpers/session-parts.ts'

const HOUR = 3_600_000
const NOW = 100 * HOUR
const RULE = policyOf(`access:
  - { name: emergencies, who: { groups: [oncall] }, grant: break-glass, maxDuration: 1h, breakGlass: { reviewers: { groups: [security] }, maxPerDay: 2 } }`)
  .access[0] as AccessRule
const jane = { id: 'jane', label: 'jane@example.com', kind: 'person' } as const
const time = { now: NOW, recentSignIn: 15 * 60_000 }
const asked = {
  person: jane,
  authTime: NOW,
  target: 'prod',
  reason: 'the orders are stuck, INC-4711',
  length: undefined,
  rule: RULE,
}
const begun = (given: object = {}, earlier: readonly BreakGlass[] = [], now = NOW): BreakGlass =>
  beginBreakGlass({ ...asked, authTime: now, ...given }, earlier, { ...time, now })
const taken = (now = NOW, given: object = {}): BreakGlass => grantBreakGlass(begun(given, [], now), now).use
const reviewer = {
  id: 'sam',
  label: 'sam@example.com',
  kind: 'person',
  groups: ['security'],
  authTime: NOW + HOUR,
} as const
const AFTER = { now: NOW + HOUR, recentSignIn: time.recentSignIn }

describe('emergency access', () => {
  it.each<[string, object, string]>([
    ['a service', { person: { ...jane, kind: 'service' } }, 'NO_ACCESS'],
    ['without a sign-in that is known', { authTime: undefined }, 'SIGN_IN_TOO_OLD'],
    ['with an old sign-in', { authTime: NOW - time.recentSignIn - 1 }, 'SIGN_IN_TOO_OLD'],
    ['with a reason that says nothing', { reason: 'x'.repeat(19) }, 'USAGE'],
    ['with a reason of spaces', { reason: ` ${' '.repeat(30)}x` }, 'USAGE'],
    ['with a reason of blanks between two letters', { reason: `a${' '.repeat(10)}${'\u2003'.repeat(10)}b` }, 'USAGE'],
    ['with a reason that nobody sees', { reason: '\u200b\u2060\u{e0041}'.repeat(10) }, 'USAGE'],
    ['with a reason of few characters that take many bytes', { reason: '🔥'.repeat(10) }, 'USAGE'],
    ['for longer than the rule allows', { length: HOUR + 1 }, 'USAGE'],
    ['for no time', { length: 0 }, 'USAGE'],
    ['by a rule of daily work', { rule: { ...RULE, breakGlass: undefined } }, 'NO_ACCESS'],
  ])('%s is refused', (_what, given, code) => {
    expect(() => begun({ authTime: NOW, ...given })).toThrow(expect.objectContaining({ code }))
  })

  it('grants access once, for the requested time; it is not standing access', () => {
    const { use, grant } = grantBreakGlass(begun({ length: 60_000 }), NOW + 5000)
    expect(grant).toMatchObject({ breakGlass: use.id, rule: 'emergencies', endsAt: NOW + 65_000, requestId: undefined })
    expect([NOW + 64_999, NOW + 65_000].map((now) => breakGlassPhase(use, now))).toEqual(['active', 'ended'])
    expect(() => grantBreakGlass(use, NOW)).toThrow(/already open/)
    // Revoking it does not bar the person from daily access.
    expect(blocksStanding(revokeGrant(grant, 'bob', '', NOW + 6000))).toBe(false)
  })

  it('is limited to a number of grants within any 24 hours, however they ended', () => {
    const [first, second] = [taken(NOW - 23 * HOUR), taken(NOW - 2 * HOUR, { target: 'other' })]
    const limited = expect.objectContaining({ code: 'RATE_LIMITED' })
    expect(() => begun({}, [first, second])).toThrow(limited)
    const reviewed = { ...first, state: 'closed' as const }
    expect(() => begun({}, [reviewed, second])).toThrow(limited)
    // Two at the same moment: the one that is being announced counts.
    expect(() => begun({}, [first, begun({ target: 'other' })])).toThrow(limited)
    // What nobody was told of gave nothing.
    expect(begun({}, [first, { ...second, state: 'refused' }]).state).toBe('announcing')
    expect(begun({}, [taken(NOW - 24 * HOUR), second]).state).toBe('announcing')
    // Each rule has a limit of its own.
    expect(begun({}, [first, { ...second, rule: 'others' }]).state).toBe('announcing')
    expect(() => begun({}, [taken(NOW - HOUR / 2)])).toThrow(expect.objectContaining({ code: 'ALREADY_DECIDED' }))
  })
})

describe('a review of emergency access', () => {
  it.each<[string, object, string]>([
    ['of oneself', { id: 'jane' }, 'SELF_APPROVAL'],
    // Accounts that one claim joins are one id; what they are called does not matter.
    ['of oneself with a second account, which one claim joins', { id: 'jane', label: 'jane.admin' }, 'SELF_APPROVAL'],
    ['by a service', { kind: 'service' }, 'SERVICE_APPROVAL'],
    ['by somebody who is no reviewer', { groups: ['oncall'] }, 'NOT_ALLOWED'],
    ['with an old sign-in', { authTime: NOW }, 'SIGN_IN_TOO_OLD'],
    ['without a sign-in that is known', { authTime: undefined }, 'SIGN_IN_TOO_OLD'],
  ])('%s is refused', (_what, given, code) => {
    expect(() => reviewBreakGlass(taken(), { ...reviewer, ...given }, 'read the record, all right', AFTER)).toThrow(
      expect.objectContaining({ code }),
    )
  })

  it('comes after the access, needs a comment, and is closed once', () => {
    const use = taken()
    expect(mayNotReview(use, reviewer, NOW + HOUR - 1)?.message).toContain('is still in use')
    expect(() => reviewBreakGlass(use, reviewer, 'fine     ', AFTER)).toThrow('at least 10 characters')
    expect(() => reviewBreakGlass(use, reviewer, '\u200b'.repeat(20), AFTER)).toThrow('at least 10 characters')
    const closed = reviewBreakGlass(use, reviewer, 'read the record, all right', AFTER)
    expect(closed).toMatchObject({ state: 'closed', reviewed: { by: 'sam', comment: 'read the record, all right' } })
    expect(() => reviewBreakGlass(closed, reviewer, 'read the record again', AFTER)).toThrow('no outstanding review')
    expect(mayNotReview({ ...begun(), state: 'refused' }, reviewer, NOW)?.message).toContain('no outstanding review')
  })

  it('is requested when access ends, and again until it is closed', () => {
    const use = taken()
    expect(dueNotice(use, NOW + HOUR - 1)).toBeUndefined()
    expect(dueNotice(use, NOW + HOUR)).toBe('ended')
    const told = { ...use, remindedAt: NOW + HOUR }
    expect([24, 25].map((hours) => dueNotice(told, NOW + hours * HOUR))).toEqual([undefined, 'review_due'])
    expect(dueNotice({ ...told, remindedAt: NOW + 25 * HOUR }, NOW + 49 * HOUR)).toBe('review_due')
    expect(dueNotice({ ...told, state: 'closed' }, NOW + 900 * HOUR)).toBeUndefined()
  })
})
