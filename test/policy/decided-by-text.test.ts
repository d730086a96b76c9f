import fc from 'fast-check'
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

const FIRST_NEEDS_MORE = BY_MORE.map(([first]) => first)

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

/** What a target may say of a statement besides its text. */
const TOLD = [
  {},
  { reads: ['hr.people'], behind: ['public.ledger'] },
  { writes: ['public.ledger'] },
  { unknown: ['a trigger runs something'] },
  { reads: ['?.made'], writes: ['hr.people'], behind: ['*.*'], unknown: ['the relation made is not in the catalog'] },
]
const TEXTS = ['select', 'delete', 'drop-table', 'insert', 'do'].flatMap((kind) =>
  [true, false].flatMap((missingWhere) =>
    [[], ['pg_read_file'], ['hr.f']].map((functions) => ({ kinds: [kind], missingWhere, functions })),
  ),
)

/** Texts that get different verdicts, whatever their names stand for. */
function textsThatVary(rules: readonly unknown[]): object[] {
  const policy = policyOf(named(rules))
  return TEXTS.filter((text) => {
    const verdicts = TOLD.map((of) => {
      const statements = [sqlStatement({ ...text, ...of })]
      const command = { protocol: 'postgres', kind: 'statement', text: '', parameters: [] } as const
      const { type, rule } = decideCommand(policy, jane, target, { ...command, facts: { type: 'sql', statements } })
      return `${type} by ${rule}`
    })
    return new Set(verdicts).size > 1
  })
}

it('where the text alone decides, what the target has to say of it changes no verdict', () => {
  for (const rules of BY_TEXT) expect([rules, textsThatVary(rules)]).toEqual([rules, []])
})

const some = <T>(...values: readonly T[]) => fc.subarray([...values], { minLength: 1, maxLength: 2 })
const anyRule = fc
  .record(
    {
      who: fc.constantFrom({ groups: ['engineering'] }, { groups: ['sre'] }, { kind: 'service' }),
      targets: fc.constantFrom({}, { names: ['dev-db'] }, { names: ['other-db'] }, { labels: { env: 'dev' } }),
      match: fc.record(
        {
          kinds: some('select', 'delete', 'drop-*', 'do'),
          unknown: fc.boolean(),
          relations: some('hr.*', 'ledger', '*.*'),
          writes: some('hr.*', 'ledger'),
          functions: some('pg_read_file', 'hr.f'),
          missingWhere: fc.boolean(),
        },
        { requiredKeys: [] },
      ),
      effect: fc.constantFrom({ allow: true }, { deny: 'no' }, { hold: { approvers } }),
      when: fc.constantFrom('statement.missingWhere', '"hr.people" in statement.reads', 'size(statement.unknown) == 0'),
    },
    { requiredKeys: ['match', 'effect'] },
  )
  .map(({ effect, ...rule }) => ({ ...rule, ...effect }))

it('of any policy that the text alone decides no verdict changes with what the target has to say', () => {
  const seen = { byText: 0, byMore: 0 }
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 4 }), fc.boolean(), (rules, endsWithAll) => {
      const all = endsWithAll ? [...rules, everything] : rules
      const is = byText(named(all))
      seen[is ? 'byText' : 'byMore']++
      if (is) expect(textsThatVary(all)).toEqual([])
    }),
    { numRuns: 150 },
  )
  // Both were met often enough to mean something.
  expect(Math.min(seen.byText, seen.byMore)).toBeGreaterThan(10)
})

it('no policy whose first rule needs more than the text is one that the text alone decides', () => {
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 3 }), fc.constantFrom(...FIRST_NEEDS_MORE), (rules, first) => {
      expect(byText(named([first, ...rules]))).toBe(false)
    }),
  )
})

function named(rules: readonly unknown[]): unknown[] {
  return rules.map((rule, index) => ({ name: `rule ${index}`, targets: {}, ...(rule as object) }))
}
