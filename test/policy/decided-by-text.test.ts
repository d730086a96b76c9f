import { expect, it } from 'vitest'
import { z } from 'zod'
import type { Person, Target } from '../../src/policy/command.ts'
import { decideCommand } from '../../src/policy/decide.ts'
import { isDecidedByText } from '../../src/policy/decided-by-text.ts'
import { policySchemas } from '../../src/policy/parse-policy.ts'
import { policyLanguage } from '../../src/protocols/policy-language.ts'
import { sqlStatement } from '../helpers/sql-statement.ts'

const { policyShape, toPolicy } = policySchemas(policyLanguage)
const jane: Person = { id: 'jane', kind: 'person', label: 'jane', groups: ['engineering'] }
const target: Target = { name: 'dev-db', type: 'postgres', labels: { env: 'dev' } }
const everything = { name: 'everything', match: { unknown: true }, allow: true }
const policyOf = (commands: readonly unknown[]) => toPolicy(z.object(policyShape).parse({ commands }))
const byText = (commands: readonly unknown[]): boolean => isDecidedByText(policyOf(commands), jane, target)
const approvers = { groups: ['sre'] }

const BY_TEXT: readonly (readonly unknown[])[] = [
  [],
  [everything],
  [{ match: { kinds: ['select', 'insert'], unknown: true }, allow: true }],
  [{ match: { kinds: ['drop-*'] }, deny: 'no' }, everything],
  [{ match: { kinds: ['delete'], missingWhere: true }, deny: 'no' }, everything],
  [{ match: { functions: ['pg_read_file'] }, deny: 'no' }, everything],
  [{ match: {}, deny: 'nothing runs here' }],
  [{ use: 'no-privilege-change' }, { use: 'no-blind-writes' }, { use: 'read-only' }, everything],
  // What comes after a rule that every command matches decides nothing.
  [everything, { match: { relations: ['hr.*'] }, deny: 'no' }],
  // Of other people, targets and kinds of targets.
  [{ who: { groups: ['sre'] }, match: { relations: ['hr.*'] }, deny: 'no' }, everything],
  [{ who: { kind: 'service' }, match: { relations: ['hr.*'] }, deny: 'no' }, everything],
  [{ targets: { names: ['other-db'] }, match: { relations: ['hr.*'] }, deny: 'no' }, everything],
  [{ targets: { labels: { env: 'prod' } }, match: { kinds: ['drop-*'] }, hold: { approvers } }, everything],
  [{ match: { programs: ['rm'] }, deny: 'no' }, everything],
]
const BY_MORE: readonly (readonly unknown[])[] = [
  [{ match: {}, allow: true }],
  [{ match: { kinds: ['select'] }, allow: true }, everything],
  [{ match: { unknown: true }, deny: 'no' }, everything],
  [{ match: { kinds: ['select'], unknown: true }, deny: 'no' }, everything],
  [{ match: { relations: ['hr.*'] }, deny: 'no' }, everything],
  [{ match: { kinds: ['insert'], relations: ['hr.*'] }, deny: 'no' }, everything],
  [{ match: { writes: ['ledger'] }, deny: 'no' }, everything],
  [{ match: { relations: ['*.*'], unknown: true }, allow: true }],
  [{ match: { kinds: ['drop-*'] }, hold: { approvers } }, everything],
  [{ match: { kinds: ['drop-*'], unknown: true }, hold: { approvers } }, everything],
  [{ match: { kinds: ['drop-*'] }, deny: 'no', when: 'statement.missingWhere' }, everything],
  [{ match: { unknown: true }, allow: true, when: '"sre" in person.groups' }, everything],
  [{ use: 'no-server-files-or-programs' }, everything],
  [{ use: 'ddl-needs-approval', hold: { approvers } }, everything],
  [{ use: 'everyday' }],
  [{ use: 'app-developer' }],
]

it.each(BY_TEXT.map((rules) => [JSON.stringify(rules), rules] as const))(
  'the text alone decides: %s',
  (_name, rules) => {
    expect(byText(named(rules))).toBe(true)
  },
)

it.each(BY_MORE.map((rules) => [JSON.stringify(rules), rules] as const))(
  'more than the text may decide: %s',
  (_name, rules) => {
    expect(byText(named(rules))).toBe(false)
  },
)

it('a rule for one type of target is none for the others', () => {
  const rules = named([{ use: 'no-server-files-or-programs' }, everything])
  expect(isDecidedByText(policyOf(rules), jane, { ...target, type: 'ssh' })).toBe(true)
  expect(byText(rules)).toBe(false)
})

it('where the text alone decides, what the target has to say of it changes no verdict', () => {
  const told = [
    {},
    { reads: ['hr.people'], behind: ['public.ledger'] },
    { writes: ['public.ledger'] },
    { unknown: ['a trigger runs something'] },
    { reads: ['?.made'], writes: ['hr.people'], behind: ['*.*'], unknown: ['the relation made is not in the catalog'] },
  ]
  const texts = ['select', 'delete', 'drop-table', 'insert', 'do'].flatMap((kind) =>
    [true, false].flatMap((missingWhere) =>
      [[], ['pg_read_file'], ['hr.f']].map((functions) => ({ kinds: [kind], missingWhere, functions })),
    ),
  )
  for (const rules of BY_TEXT) {
    const policy = policyOf(named(rules))
    for (const text of texts) {
      const verdicts = told.map((of) => {
        const statements = [sqlStatement({ ...text, ...of })]
        const command = { protocol: 'postgres', kind: 'statement', text: '', parameters: [] } as const
        const { type, rule } = decideCommand(policy, jane, target, { ...command, facts: { type: 'sql', statements } })
        return `${type} by ${rule}`
      })
      expect([rules, text, new Set(verdicts).size]).toEqual([rules, text, 1])
    }
  }
})

function named(rules: readonly unknown[]): unknown[] {
  return rules.map((rule, index) => ({ name: `rule ${index}`, targets: {}, ...(rule as object) }))
}
