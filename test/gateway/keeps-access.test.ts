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
})
