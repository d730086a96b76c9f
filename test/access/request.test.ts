import { describe, expect, it } from 'vitest'
import { autoVerdict } from '../../src/access/auto-approve.ts'
import { approveByRule, createRequest, type AccessRequest } from '../../src/access/request.ts'
import { satisfies } from '../../src/access/requested-targets.ts'
import { approveAutomatically, decide, type Automatic, type Reviewer } from '../../src/access/review.ts'
import { autoApproval } from '../../src/policy/auto-approval.ts'
import type { AccessRule } from '../../src/policy/policy.ts'

/** A Monday, nine o'clock. */
const NOW = Date.parse('2026-01-05T09:00:00Z')
const HOUR = 3_600_000
const jane = { id: 'jane', label: 'jane', kind: 'person' } as const
const bob: Reviewer = { id: 'bob', label: 'bob', kind: 'person', groups: ['sre'], authTime: NOW }
const time = { now: NOW, recentSignIn: HOUR }
const yes = { verdict: 'approve', comment: '' } as const
const days = ['mon', 'tue', 'wed', 'thu', 'fri']
const office = autoApproval.parse({ schedule: { timeZone: 'UTC', hours: [{ days, from: '08:00', to: '18:00' }] } })
const webhook = { type: 'webhook', webhook: 'tickets' } as const
const rule = (over: Partial<AccessRule> = {}): AccessRule => ({
  name: 'office hours',
  who: {},
  targets: {},
  grant: 'request',
  maxDuration: 4 * HOUR,
  approvers: { groups: ['sre', 'dba'], count: 1 },
  reason: 'optional',
  ...over,
})
const also = (over: Partial<AccessRule> = {}) => [{ target: 'web', rule: rule(over) }]
const request = (given: object = {}): AccessRequest =>
  createRequest(
    { requester: jane, target: 'db', reason: '', length: undefined, rule: rule(), ...given },
    { now: NOW, expire: HOUR },
  )
const automatic: Automatic = { by: 'schedule', rules: ['office hours'] }
const said = { now: NOW, comment: '' }

describe('a request for several targets', () => {
  it('is for no longer than the rule of each gives', () => {
    expect(request({ also: also({ maxDuration: HOUR / 2 }) }).length).toBe(HOUR / 2)
    expect(() => request({ length: HOUR, also: also({ maxDuration: HOUR / 2 }) })).toThrow(/web is limited to 30m/)
  })

  it('is decided by whoever is in one of its groups of approvers, and nobody else', () => {
    expect(decide(request(), bob, yes, time).state).toBe('approved')
    expect(() => decide(request(), { ...bob, groups: ['dev'] }, yes, time)).toThrow(
      expect.objectContaining({ code: 'NOT_ALLOWED' }),
    )
  })
})

describe('a decision still is what a rule asks for', () => {
  const given = { groups: ['sre'], count: 2 }
  it.each<[string, Partial<AccessRule>, boolean]>([
    ['with the same approvers', { approvers: given }, true],
    ['with more groups', { approvers: { groups: ['sre', 'dba'], count: 2 } }, true],
    ['with fewer approvals', { approvers: { groups: ['sre'], count: 1 } }, true],
    ['not with more approvals', { approvers: { groups: ['sre'], count: 3 } }, false],
    ['not with another group', { approvers: { groups: ['dba'], count: 2 } }, false],
    ['not with a passkey', { approvers: { ...given, stepUp: 'passkey' } }, false],
    ['not where it gives standing access', { grant: 'standing', approvers: given }, false],
    ['not where it names no approvers', { approvers: undefined }, false],
  ])('%s', (_, over, isSo) => {
    expect(satisfies(given, rule(over))).toBe(isSo)
  })

  it('not where one of two groups that decided may no longer', () => {
    const both = { groups: ['sre', 'dba'], count: 1 }
    expect(satisfies(both, rule({ approvers: both }))).toBe(true)
    expect(satisfies(both, rule({ approvers: { groups: ['sre'], count: 1 } }))).toBe(false)
  })
})

describe('what approves in place of people', () => {
  it.each<[string, object, Partial<AccessRequest>]>([
    ['more than one approval is asked for', { rule: rule({ approvers: { groups: ['sre'], count: 2 } }) }, {}],
    [
      'a passkey is asked for',
      { rule: rule({ approvers: { groups: ['sre'], count: 1, stepUp: 'passkey' as const } }) },
      {},
    ],
    ['it was denied', {}, { state: 'denied' }],
    ['it has expired', {}, { expiresAt: NOW }],
    [
      'somebody has decided already',
      {},
      { decisions: [{ by: 'bob', label: 'bob', verdict: 'approve', comment: '', at: NOW }] },
    ],
  ])('does not where %s', (_, given, over) => {
    expect(() => approveAutomatically({ ...request(given), ...over }, automatic, said)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(?:NOT_ALLOWED|ALREADY_DECIDED)$/) }),
    )
  })

  it('does not give more time', () => {
    const more = { ...request(), extends: { grant: 'grt_1', longest: HOUR } }
    expect(() => approveByRule(more, automatic, said)).toThrow(expect.objectContaining({ code: 'NOT_ALLOWED' }))
  })

  it('gives what begins later for the rules to confirm, and what begins now at once', () => {
    const [now] = approveByRule(request(), automatic, said).grants
    const [later] = approveByRule(request({ startsAt: NOW + HOUR }), automatic, said).grants
    expect([now?.unconfirmed, later?.unconfirmed]).toEqual([undefined, true])
  })
})

describe('the rules of a request', () => {
  const verdict = (asked: AccessRequest, ...rules: AccessRule[]) => autoVerdict(asked, rules, NOW).type

  it('approve it within their hours, or ask one webhook', () => {
    expect(verdict(request(), rule({ autoApprove: office }))).toBe('approve')
    expect(verdict(request(), rule({ autoApprove: webhook }))).toBe('ask')
    expect(verdict(request(), rule())).toBe('none')
    expect(verdict(request({ startsAt: NOW + 8.5 * HOUR }), rule({ autoApprove: office }))).toBe('people')
  })

  it.each<[string, AccessRequest, AccessRule[]]>([
    [
      'it is for more time',
      { ...request(), extends: { grant: 'grt_1', longest: HOUR } },
      [rule({ autoApprove: office })],
    ],
    ['a target has no rule', request({ also: also() }), [rule({ autoApprove: office })]],
    [
      'one rule has hours, and one a webhook',
      request({ also: also() }),
      [office, webhook].map((autoApprove) => rule({ autoApprove })),
    ],
    ['one rule has none of these', request({ also: also() }), [rule({ autoApprove: office }), rule()]],
    [
      'the webhooks of the rules are two',
      request({ also: also() }),
      [webhook, { ...webhook, webhook: 'oncall' }].map((autoApprove) => rule({ autoApprove })),
    ],
    ['by now the rule gives no access on request', request(), [rule({ grant: 'break-glass', autoApprove: office })]],
    ['nor does one with a webhook', request(), [rule({ grant: 'standing', autoApprove: webhook })]],
  ])('leave it to people where %s', (_, asked, rules) => {
    expect(verdict(asked, ...rules)).toBe('people')
  })
})
