import { describe, expect, it } from 'vitest'
import { jointApprovers } from '../../src/policy/joint-approvers.ts'
import type { Approvers } from '../../src/policy/policy.ts'

const of = (groups: string[], count = 1, stepUp?: 'passkey'): Approvers => ({
  groups,
  count,
  ...(stepUp === undefined ? {} : { stepUp }),
})

describe('approvers of several rules', () => {
  it.each<[string, Approvers[], Approvers | undefined]>([
    ['none', [], undefined],
    ['one rule', [of(['sre'], 2)], of(['sre'], 2)],
    ['the groups that all name', [of(['sre', 'dba']), of(['dba', 'web'])], of(['dba'])],
    ['no group that all name', [of(['sre', 'dba']), of(['dba', 'web']), of(['web', 'sre'])], undefined],
    ['as many as the strictest asks for', [of(['sre'], 1), of(['sre'], 3), of(['sre'], 2)], of(['sre'], 3)],
    ['a passkey where one asks for it', [of(['sre']), of(['sre'], 1, 'passkey')], of(['sre'], 1, 'passkey')],
  ])('are %s', (_what, given, expected) => expect(jointApprovers(given)).toEqual(expected))
})
