import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { autoApproval, describeAutoApproval, describeAutoApprovalNow } from '../../src/policy/auto-approval.ts'
import { policySchemas } from '../../src/policy/parse-policy.ts'
import { policyLanguage } from '../../src/protocols/policy-language.ts'

const HOUR = 3_600_000
const hours = { days: ['mon', 'fri'], from: '08:30', to: '18:00' }
const schedule = { timeZone: 'Europe/Berlin', hours: [hours] }
const read = (given: unknown) => autoApproval.safeParse(given)
const { policyShape } = policySchemas(policyLanguage)
const rule = (over: object) =>
  z.object(policyShape).safeParse({
    access: [{ name: 'r', grant: 'request', approvers: { groups: ['sre'] }, autoApprove: { schedule }, ...over }],
  })

describe('autoApprove', () => {
  it('reads hours of days in a time zone', () => {
    expect(read({ schedule }).data).toEqual({
      type: 'schedule',
      schedule: {
        timeZone: 'Europe/Berlin',
        hours: [{ days: ['mon', 'fri'], from: 8.5 * HOUR, to: 18 * HOUR }],
      },
    })
  })

  it.each<[string, unknown]>([
    ['nothing', {}],
    ['a schedule and a webhook', { schedule, webhook: 'w' }],
    ['no hours', { schedule: { ...schedule, hours: [] } }],
    ['hours without days', { schedule: { ...schedule, hours: [{ ...hours, days: [] }] } }],
    ['a day that is none', { schedule: { ...schedule, hours: [{ ...hours, days: ['monday'] }] } }],
    ['a time that is none', { schedule: { ...schedule, hours: [{ ...hours, from: '8am' }] } }],
    ['hours that end where they begin', { schedule: { ...schedule, hours: [{ ...hours, from: '18:00' }] } }],
    ['hours that begin at the end of a day', { schedule: { ...schedule, hours: [{ ...hours, from: '24:00' }] } }],
    ['an offset for a time zone', { schedule: { ...schedule, timeZone: '+01:00' } }],
    ['no time zone', { schedule: { hours: [hours] } }],
    ['a key that it does not know', { schedule: { ...schedule, except: ['2026-12-24'] } }],
  ])('refuses %s', (_what, given) => expect(read(given).success).toBe(false))

  it.each<[string, object, string | undefined]>([
    ['one approver', {}, undefined],
    ['standing access', { grant: 'standing', approvers: undefined }, 'only a rule with grant: request'],
    [
      'access in an emergency',
      {
        grant: 'break-glass',
        approvers: undefined,
        who: { groups: ['x'] },
        maxDuration: '1h',
        breakGlass: { reviewers: { groups: ['sec'] } },
      },
      'only a rule with grant: request',
    ],
    ['two approvers', { approvers: { groups: ['sre'], count: 2 } }, 'wants 2 people'],
    ['a passkey', { approvers: { groups: ['sre'], stepUp: 'passkey' } }, 'wants a passkey'],
  ])('of a rule with %s', (_what, over, problem) => {
    const { success, error } = rule(over)
    expect(success).toBe(problem === undefined)
    if (problem !== undefined) expect(error?.issues.map(({ message }) => message).join()).toContain(problem)
  })

  it('is part of the version of the policy', () => {
    const { toPolicy } = policySchemas(policyLanguage)
    const versionOf = (over: object): string | undefined => {
      const { data } = rule(over)
      return data && toPolicy(data).version
    }
    expect(versionOf({})).not.toBe(versionOf({ autoApprove: undefined }))
    expect(versionOf({})).not.toBe(versionOf({ autoApprove: { schedule: { ...schedule, timeZone: 'UTC' } } }))
  })

  it('is described, and what a request would meet now', () => {
    const approval = autoApproval.parse({ schedule })
    expect(describeAutoApproval(approval)).toBe('without a person mon, fri 08:30–18:00 Europe/Berlin')
    const at = (time: string) => describeAutoApprovalNow(approval, Date.parse(time))
    expect(at('2026-01-05T10:00:00Z')).toBe('approved by the schedule until 18:00 Europe/Berlin')
    expect(at('2026-01-05T07:00:00Z')).toBe(
      'outside the hours of the schedule (mon, fri 08:30–18:00 Europe/Berlin; next: today 08:30): people decide',
    )
    expect(describeAutoApproval(autoApproval.parse({ webhook: 'w' }))).toBe(
      'without a person where the webhook "w" approves',
    )
    expect(describeAutoApprovalNow(autoApproval.parse({ webhook: 'w' }), 0)).toBe('the webhook "w" is asked first')
  })
})
