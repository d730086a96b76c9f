import { describe, expect, it } from 'vitest'
import { decideAccess, decideBreakGlass, decideCommand } from '../../src/policy/decide.ts'
import { liftedPolicy } from '../../src/policy/lifted.ts'
import { sqlStatement } from '../helpers/sql-statement.ts'
import { jane, policyOf, store } from '../helpers/session-parts.ts'

const LISTS = `
commands:
  - { name: never, match: { kinds: [drop-table] }, deny: no }
  - { name: ask, match: { kinds: [truncate, delete] }, hold: { approvers: { groups: [sre] } } }
  - { name: ask others, match: { kinds: [update], unknown: true }, hold: { approvers: { groups: [sre] } } }
  - { name: work, match: { kinds: [select] }, allow: true }
masking:
  - { name: mail, columns: [people.email] }
  - { name: cards, kinds: [payment-card] }
access:`
const rules = (lifts: string, who = 'groups: [dev]') =>
  policyOf(
    `${LISTS}\n  - { name: emergencies, who: { ${who} }, grant: break-glass, maxDuration: 1h, breakGlass: { reviewers: { groups: [sec] }, lifts: { ${lifts} } } }\n  - { name: daily, who: { groups: [dev] }, grant: standing }`,
  )
const ask = (policy: ReturnType<typeof rules>, ...kinds: string[]) =>
  decideCommand(policy, jane, store, {
    protocol: 'postgres',
    kind: 'statement',
    text: '',
    parameters: [],
    facts: { type: 'sql', statements: kinds.map((kind) => sqlStatement({ kinds: [kind] })) },
  })
const lift = (lifts: string) => {
  const policy = rules(lifts)
  return liftedPolicy(policy, policy.access[0])
}

describe('a rule for emergencies', () => {
  it('is no part of daily access, and the other way round', () => {
    const policy = rules('')
    expect(decideAccess(policy, jane, store)?.name).toBe('daily')
    expect(decideBreakGlass(policy, jane, store)?.name).toBe('emergencies')
    expect(decideBreakGlass(policy, jane, store, 'daily')).toBeUndefined()
    expect(decideBreakGlass(policy, { ...jane, kind: 'service' }, store)).toBeUndefined()
    expect(decideBreakGlass(rules('', 'people: [bob]'), jane, store)).toBeUndefined()
    expect(decideBreakGlass(rules('', 'people: [bob, jane]'), jane, store)?.name).toBe('emergencies')
    expect(decideBreakGlass(rules('', 'people: [jane], groups: [ops]'), jane, store)).toBeUndefined()
  })

  it('lifts the holds that it names, and nothing that is denied', () => {
    const lifted = lift('holds: [ask]')
    expect(ask(rules(''), 'truncate')).toMatchObject({ type: 'hold', rule: 'ask' })
    expect(ask(lifted, 'truncate')).toEqual({ type: 'allow', rule: 'ask (hold lifted by "emergencies")' })
    expect(ask(lifted, 'drop-table')).toMatchObject({ type: 'deny', rule: 'never' })
    expect(ask(lifted, 'truncate', 'drop-table')).toMatchObject({ type: 'deny', rule: 'never' })
    expect(ask(lifted, 'truncate', 'update')).toMatchObject({ type: 'hold', rule: 'ask others' })
    expect(ask(lifted, 'vacuum')).toMatchObject({ type: 'deny', rule: undefined })
    // Naming a rule that denies or allows changes nothing.
    expect(ask(lift('holds: [never, work]'), 'drop-table')).toMatchObject({ type: 'deny', rule: 'never' })
  })

  it('lifts the masks that it names, and leaves the rules of everybody else as they are', () => {
    const policy = rules('masks: [mail]')
    const lifted = liftedPolicy(policy, policy.access[0])
    expect(lifted.masking.map(({ name }) => name)).toEqual(['cards'])
    expect(policy.masking.length).toBe(2)
    expect(liftedPolicy(policy, policy.access[0])).toBe(lifted)
    expect(liftedPolicy(policy, undefined)).toBe(policy)
    expect(liftedPolicy(policy, policy.access[1])).toBe(policy)
    expect(lift('').masking.length).toBe(2)
  })

  it.each([
    ['grant: break-glass', /who: .*names groups or people|needs breakGlass/],
    ['grant: break-glass, who: { groups: [a] }', /needs breakGlass, with the reviewers/],
    ['grant: standing, breakGlass: { reviewers: { groups: [b] } }', /only a rule with grant: break-glass/],
    [
      'grant: break-glass, who: { groups: [a], kind: service }, breakGlass: { reviewers: { groups: [b] } }',
      /services do not/,
    ],
    [
      'grant: break-glass, who: { groups: [a] }, maxDuration: 5h, breakGlass: { reviewers: { groups: [b] } }',
      /needs a maxDuration of 4h or less/,
    ],
    ['grant: break-glass, who: { groups: [a] }, breakGlass: {}', /reviewers/],
    ['grant: break-glass, who: { groups: [a] }, breakGlass: { reviewers: { groups: [b] }, minReason: 0 }', /minReason/],
  ])('%s is refused', (rule, message) => {
    expect(() => policyOf(`access: [{ name: x, ${rule} }]`)).toThrow(message)
  })
})

describe('what a rule for emergencies lifts', () => {
  const policy = policyOf(`
access:
  - { name: one, who: { groups: [dev] }, grant: break-glass, maxDuration: 1h, breakGlass: { reviewers: { groups: [sec] }, lifts: { holds: [risky] } } }
  - { name: two, who: { groups: [dev] }, grant: break-glass, maxDuration: 1h, breakGlass: { reviewers: { groups: [sec] }, lifts: { holds: [drops] } } }
commands:
  - { name: risky, match: { kinds: [truncate] }, hold: { approvers: { groups: [sre] } } }
  - { name: drops, match: { kinds: [drop-table] }, hold: { approvers: { groups: [sre] } } }`)
  const liftedIn = (rules: typeof policy, at: number) =>
    liftedPolicy(rules, rules.access[at]).commands.map(({ liftedBy }) => liftedBy)

  it('is what that rule names, whichever was asked for first', () => {
    expect(liftedIn(policy, 0)).toEqual(['one', undefined])
    expect(liftedIn(policy, 1)).toEqual([undefined, 'two'])
    expect(liftedIn(policy, 0)).toEqual(['one', undefined])
  })

  it('is never a denial, by whatever name', () => {
    const denying = {
      ...policy,
      commands: policy.commands.map((one) => ({ ...one, effect: { type: 'deny', message: 'no' } as const })),
    }
    expect(liftedIn(denying, 0)).toEqual([undefined, undefined])
  })
})
