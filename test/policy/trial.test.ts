import { describe, expect, it } from 'vitest'
import type { Command } from '../../src/policy/command.ts'
import { policySchemas } from '../../src/policy/parse-policy.ts'
import { policyLanguage } from '../../src/protocols/policy-language.ts'
import type { SqlStatement } from '../../src/sql/statement.ts'
import { tryCommand } from '../../src/policy/trial.ts'
import { parseYaml } from '../../src/shared/yaml-file.ts'
import { z } from 'zod'
import { sqlStatement } from '../helpers/sql-statement.ts'

const { policyShape, toPolicy } = policySchemas(policyLanguage)
const policy = (text: string) => toPolicy(parseYaml(text, 'test', z.object(policyShape)))
const target = { name: 'prod', type: 'postgres', labels: { env: 'prod' } }
const person = { id: 'p', kind: 'person' as const, label: 'p', groups: ['dev'] }
const statement = (change: Partial<SqlStatement>): Command => ({
  protocol: 'postgres',
  kind: 'statement',
  text: '',
  parameters: [],
  facts: {
    type: 'sql',
    statements: [sqlStatement({ kinds: ['delete'], writes: ['public.orders'], functions: ['now'], ...change })],
  },
})

const RULES = `commands:
  - { name: elsewhere, targets: { names: [other] }, match: { kinds: [delete] }, deny: no }
  - { name: others, who: { groups: [ops] }, match: { kinds: [delete] }, deny: no }
  - { name: services, who: { kind: service }, match: { kinds: [delete] }, deny: no }
  - { name: selects, match: { kinds: [select] }, deny: no }
  - { name: blind, match: { kinds: [delete], missingWhere: true }, deny: no }
  - { name: users, match: { writes: [users] }, deny: no }
  - { name: functions, match: { functions: [pg_sleep] }, deny: no }
  - { name: programs, match: { programs: [rm] }, deny: no }
  - { name: never, when: 'person.id == "x"', match: { kinds: [delete] }, deny: no }
  - { name: unclear, match: { unknown: true }, deny: no }
  - { name: held, match: { kinds: [delete] }, hold: { approvers: { groups: [sre] } } }
  - { name: all, match: { unknown: true }, allow: true }`

describe('trying a command', () => {
  it('gives for every rule the reason why it does not decide, and the one that does', () => {
    const { judgement, statements, access } = tryCommand(policy(RULES), person, target, statement({}))
    expect(access).toBeUndefined()
    expect(judgement).toMatchObject({ type: 'hold', rule: 'held' })
    expect(statements[0]?.rules.map(({ rule, result, why }) => `${rule}: ${result}: ${why}`)).toEqual([
      'elsewhere: not: other targets only',
      'others: not: other people only',
      'services: not: other people only',
      'selects: not: matches other kinds of commands only: select',
      'blind: not: matches UPDATE and DELETE without WHERE only',
      'users: not: names writes to other relations: users',
      'functions: not: names other functions: pg_sleep',
      'never: not: its condition is false: person.id == "x"',
      'unclear: not: matches statements of unknown effect only; the effect of this one is known',
      'held: decides: the first rule that matches',
      'all: fits: also matches, but "held" comes first',
    ])
  })

  it('lets no rule decide on what is denied before any', () => {
    const { statements } = tryCommand(policy(RULES), person, target, statement({}), true)
    const matching = statements[0]?.rules.filter(({ result }) => result !== 'not')
    expect(matching?.map(({ rule, result, why }) => `${rule}: ${result}: ${why}`)).toEqual([
      'held: fits: matches, but the command is denied before any rule',
      'all: fits: matches, but the command is denied before any rule',
    ])
  })

  it('of a set with rules for several protocols, reports those for the target’s only', () => {
    const sets = policy('commands:\n  - { use: no-blind-writes }\n  - { use: everyday }')
    const { statements } = tryCommand(sets, person, { ...target, type: 'mysql' }, statement({ missingWhere: true }))
    expect(statements[0]?.rules.map(({ rule, result }) => [rule, result])).toEqual([
      ['no-blind-writes: a missing WHERE', 'decides'],
      ['everyday: system databases', 'not'],
      ['everyday: reading and changing rows', 'fits'],
    ])
  })

  it('says what would be masked on the target, for the person', () => {
    const masked = policy(`masking:
  - { name: columns, columns: [customers.email] }
  - { name: elsewhere, targets: { names: [other] }, kinds: [email] }
  - { name: shown, kinds: [email], except: { groups: [dev] } }`)
    expect(tryCommand(masked, person, target, statement({})).masking).toEqual([
      { rule: 'columns', text: 'masks customers.email (partial)' },
    ])
  })

  it('says that an effect is unknown if that is the reason', () => {
    const rules = `commands:
  - { name: held, match: { kinds: [delete] }, hold: { approvers: { groups: [sre] } } }
  - { name: allowed, match: { kinds: [delete] }, allow: true }`
    const { judgement, statements } = tryCommand(policy(rules), person, target, statement({ unknown: ['calls f'] }))
    expect(judgement).toMatchObject({ type: 'deny', code: 'COMMAND_UNKNOWN' })
    for (const { why } of statements[0]?.rules ?? []) expect(why).toMatch(/not fully known.*`unknown: true`/)
  })

  it('never says that a rule decides which the session would not find', () => {
    // The trial goes its own way through the rules: it must come out where decisions are made.
    for (const kinds of [['delete'], ['select'], ['truncate'], ['insert', 'select']])
      for (const missingWhere of [true, false])
        for (const unknown of [[], ['x']]) {
          const { judgement, statements } = tryCommand(
            policy(RULES),
            person,
            target,
            statement({ kinds, missingWhere, unknown }),
          )
          const decides = statements[0]?.rules.find(({ result }) => result === 'decides')
          expect(decides?.rule).toBe(judgement.rule)
          expect(decides?.effect).toBe(decides === undefined ? undefined : judgement.type)
        }
  })

  it('says that a rule which holds comes before one that allows whatever the effect is', () => {
    const { judgement, statements } = tryCommand(
      policy(RULES),
      person,
      target,
      statement({ unknown: ['calls f'], writes: [], kinds: ['delete'] }),
    )
    expect(judgement).toMatchObject({ type: 'deny', rule: 'unclear' })
    expect(statements[0]?.rules.at(-1)?.result).toBe('fits')
    const trusting = policy(RULES.replace(/.*unclear.*\n/, ''))
    const tried = tryCommand(trusting, person, target, statement({ unknown: ['calls f'] }))
    expect(tried.judgement).toMatchObject({ type: 'hold', rule: 'held' })
    expect(tried.statements[0]?.rules.slice(-2)).toEqual([
      {
        rule: 'held',
        effect: 'hold',
        result: 'decides',
        why: 'the effect of this is not fully known, and this rule holds what it may be',
      },
      { rule: 'all', effect: 'allow', result: 'fits', why: 'also matches, but "held" comes first' },
    ])
  })
})
