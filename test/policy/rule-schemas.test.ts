import { expect, it } from 'vitest'
import { approvers, breakGlass, breakGlassProblems, ruleName, targets, who } from '../../src/policy/rule-schemas.ts'

const HOUR = 3_600_000
const rule = { grant: 'break-glass', who: { groups: ['sre'] }, maxDuration: HOUR, breakGlass: {} }

it('apply to everybody and everything by default', () => {
  expect([who.parse(undefined), targets.parse(undefined)]).toEqual([{}, {}])
  expect(approvers.parse({ groups: ['sre'] })).toEqual({ groups: ['sre'], count: 1 })
  expect(breakGlass.parse({ reviewers: { groups: ['sre'] } })).toMatchObject({
    announcement: 'required',
    maxPerDay: 2,
    lifts: { holds: [], masks: [] },
  })
})

it.each([
  [who, { groups: [] }],
  [who, { group: 'sre' }],
  [targets, { names: [''] }],
  [approvers, { groups: ['sre'], count: 0 }],
  [approvers, { groups: ['sre'], stepUp: 'password' }],
  [breakGlass, { reviewers: { groups: ['sre'] }, minReason: 9 }],
  [ruleName, 'n'.repeat(101)],
] as const)('refuse what is empty, unknown or out of bounds: %#', (schema, value) => {
  expect(schema.safeParse(value).success).toBe(false)
})

it.each([
  ['terms are missing', { ...rule, breakGlass: undefined }, 'needs breakGlass'],
  ['terms are given elsewhere', { ...rule, grant: 'request' }, 'only a rule with grant: break-glass'],
  ['somebody would have to approve', { ...rule, approvers: {} }, 'takes no approvers'],
  ['it is for everybody', { ...rule, who: {} }, 'names groups or people'],
  ['it is for services', { ...rule, who: { groups: ['ci'], kind: 'service' as const } }, 'services do not'],
  ['it lasts too long', { ...rule, maxDuration: 5 * HOUR }, 'maxDuration of 4h or less'],
])('a rule for emergencies is refused where %s', (_, given, message) => {
  expect(breakGlassProblems(rule)).toEqual([])
  expect(breakGlassProblems(given).map((problem) => problem.message)).toEqual([expect.stringContaining(message)])
})
