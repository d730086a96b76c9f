import { describe, expect, it } from 'vitest'
import { keepsAccess } from '../../src/gateway/keeps-access.ts'
import { jane, policyOf, store } from '../helpers/session-parts.ts'

const session = { target: 'store', account: 'app' }
const rules = (access: string, targets = [store]) => ({ policy: policyOf(`access: [${access}]`), targets })
const DEVS = '{ name: devs, who: { groups: [dev] }, grant: standing }'

describe('a live session', () => {
  it.each([
    ['keeps its access while a rule gives it', rules(DEVS), true],
    [
      'keeps it by another rule than before',
      rules('{ name: all, grant: request, approvers: { groups: [sre] } }'),
      true,
    ],
    ['loses it where no rule gives it', rules(''), false],
    ['loses it where the rule is for others', rules(DEVS.replace('[dev]', '[ops]')), false],
    ['loses it with its target', rules(DEVS, []), false],
    [
      'keeps it where its account is among those of the rule',
      rules(DEVS.replace('grant:', 'logins: [web, app], grant:')),
      true,
    ],
    ['loses it where its account is not', rules(DEVS.replace('grant:', 'logins: [web], grant:')), false],
  ])('%s', (_what, given, keeps) => {
    expect(keepsAccess(session, jane, given)).toBe(keeps)
  })

  const EMERGENCY = `{ name: emergencies, who: { groups: [dev] }, grant: break-glass, maxDuration: 30m, breakGlass: { reviewers: { groups: [sec] } } }`
  it.each([
    ['of an emergency keeps its access while its own rule gives it', rules(EMERGENCY), true],
    ['of an emergency does not go on as one of daily work', rules(DEVS), false],
    ['of an emergency loses it with the group', rules(EMERGENCY.replace('[dev]', '[ops]')), false],
    [
      'of an emergency loses it where its rule became one of daily work',
      rules(DEVS.replace('devs', 'emergencies')),
      false,
    ],
  ])('%s', (_what, given, keeps) => {
    expect(keepsAccess({ ...session, breakGlass: 'emergencies' }, jane, given)).toBe(keeps)
    expect(keepsAccess(session, jane, rules(EMERGENCY))).toBe(false)
  })
})
