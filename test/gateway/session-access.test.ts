import { describe, expect, it } from 'vitest'
import type { Grant } from '../../src/access/grant.ts'
import { accessTo, limitSessions, policyUnder } from '../../src/gateway/session-access.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { grantOf, jane, loginOf, policyOf, store } from '../helpers/session-parts.ts'

const clock = new HandClock()
const DAILY = '{ name: devs, who: { groups: [dev] }, grant: standing }'
const EMERGENCY = `{ name: emergencies, who: { groups: [dev] }, grant: break-glass, maxDuration: 30m, breakGlass: { reviewers: { groups: [sec] } } }`
const daily = grantOf(clock)
const taken = grantOf(clock, { id: 'grt_2', rule: 'emergencies', breakGlass: 'bgl_1' })

const access = (rules: string, emergency?: Grant) =>
  accessTo(
    { login: loginOf(clock), target: store } as never,
    {
      clock,
      settings: () => ({ policy: policyOf(`access: [${rules}]`) }),
      state: { breakGlassFor: () => Promise.resolve(emergency), grantFor: () => Promise.resolve(daily) },
    } as never,
  )

describe('access', () => {
  it.each([
    ['is that of daily work', DAILY, undefined, 'devs', daily],
    ['is that of an emergency while there is one', `${DAILY}, ${EMERGENCY}`, taken, 'emergencies', taken],
    ['is that of daily work where the rule of the emergency is gone', DAILY, taken, 'devs', daily],
  ])('%s', async (_, rules, emergency, name, grant) => {
    const found = await access(rules, emergency)
    expect([found.rule.name, found.grant]).toEqual([name, grant])
  })

  it.each([
    ['nothing', '', 'NO_ACCESS'],
    ['only what somebody may take in an emergency, and has not taken', EMERGENCY, 'NO_GRANT'],
  ])('is refused where there is %s', async (_, rules, code) => {
    await expect(access(rules)).rejects.toMatchObject({ code })
  })
})

it.each([
  [{ live: 1, ending: 1 }, undefined],
  [{ live: 2, ending: 0 }, 'RATE_LIMITED'],
  [{ live: 0, ending: 2 }, 'RATE_LIMITED'],
])('of two sessions for each person, %j', (counts, code) => {
  const open = (): void =>
    limitSessions(
      loginOf(clock),
      { limits: { sessionsPerPerson: 2 } } as never,
      {
        countOf: (person: string) => (person === jane.id ? counts : { live: 9, ending: 9 }),
      } as never,
    )
  if (code === undefined) expect(open).not.toThrow()
  else expect(open).toThrow(expect.objectContaining({ code }))
})

it('the rules are lifted under a grant of an emergency alone', () => {
  const policy = policyOf(
    `access: [${DAILY}, ${EMERGENCY.replace('reviewers', 'lifts: { holds: [payroll] }, reviewers')}]
commands: [{ name: payroll, match: { relations: ['hr.*'] }, hold: { approvers: { groups: [sec] } } }]`,
  )
  const rules = (grant: Grant) =>
    policyUnder(grant, loginOf(clock), store as never, { policy, targets: [store] } as never)
  expect(rules(daily)).toBe(policy)
  expect(rules(taken).commands).toMatchObject([{ name: 'payroll', liftedBy: 'emergencies' }])
})
