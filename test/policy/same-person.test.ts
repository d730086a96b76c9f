import { describe, expect, it } from 'vitest'
import { isSamePerson } from '../../src/policy/same-person.ts'
import { jane, policyOf } from '../helpers/session-parts.ts'

const NAMED = `access: [{ name: devs, who: { groups: [dev, ops] }, grant: standing }]
commands: [{ name: watched, who: { groups: [trainee] }, match: { kinds: [delete] }, deny: ask }]
masking: [{ name: mails, columns: [people.email], style: redact, except: { groups: [support] } }]`
const inGroups = (...groups: string[]) => ({ ...jane, groups })

describe('a person, to the rules', () => {
  const policy = policyOf(NAMED)

  it.each([
    ['a group that no rule names is new', ['dev', 'chess'], true],
    ['another group of the same rule', ['ops'], true],
    ['the groups come in another order', ['chess', 'dev'], true],
    ['a group that gives access is gone', [], false],
    ['a group that a rule for commands names is new', ['dev', 'trainee'], false],
    ['a group that sees plainly is new', ['dev', 'support'], false],
  ])('is the same or not where %s', (_what, groups, same) => {
    expect(isSamePerson(policy, inGroups('dev'), inGroups(...groups))).toBe(same)
  })

  it('differs by kind where a rule is for one kind', () => {
    const service = { ...jane, kind: 'service' } as const
    expect(isSamePerson(policy, jane, service)).toBe(true)
    expect(isSamePerson(policyOf(NAMED.replace('groups: [trainee]', 'kind: service')), jane, service)).toBe(false)
  })

  it('differs by any detail where a condition may see it', () => {
    const seeing = policyOf(NAMED.replace('grant:', 'when: "size(person.groups) == 1", grant:'))
    expect(isSamePerson(seeing, inGroups('dev'), inGroups('dev'))).toBe(true)
    expect(isSamePerson(seeing, inGroups('dev'), inGroups('ops'))).toBe(false)
    expect(isSamePerson(seeing, inGroups('dev'), inGroups('dev', 'chess'))).toBe(false)
    expect(isSamePerson(seeing, jane, { ...jane, label: 'jane@example.org' })).toBe(false)
  })
})
