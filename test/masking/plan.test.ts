import { describe, expect, it } from 'vitest'
import { isEmptyPlan, planMasking } from '../../src/masking/plan.ts'
import { policyOf } from '../helpers/session-parts.ts'

const { masking: rules } = policyOf(`
access: [{ name: devs, who: { groups: [dev] }, targets: { labels: { env: prod } }, grant: standing }]
masking:
  - { name: addresses, targets: { labels: { env: prod } }, columns: [people.email], style: partial }
  - { name: cards, targets: { labels: { env: prod } }, kinds: [payment-card], style: redact }`)
const [addresses, cards] = rules.map(({ name }) => name)
const person = (id: string) => ({ id, kind: 'person', label: id, groups: [] }) as const
const target = { name: 'store', type: 'postgres', labels: {} }

/** The plan of somebody whom rules of these names are about. */
const planOf = (
  names: readonly (string | undefined)[],
  id = 'jane',
  { schema, of = rules }: { schema?: string; of?: typeof rules } = { schema: 'public' },
) => planMasking(of, ({ name }) => names.includes(name), person(id), target, schema)
const shown = ({ columns, kinds }: ReturnType<typeof planOf>) => [
  ...columns.map(({ schema, table, column }) => `${schema}.${table}.${column}`),
  ...kinds.map(({ kind }) => kind),
]

describe('a masking plan', () => {
  it('is shared by all people to whom the same rules apply', () => {
    expect(planOf([addresses, cards], 'bob')).toBe(planOf([addresses, cards]))
  })

  it('differs where another rule applies, whoever came first', () => {
    expect(shown(planOf([]))).toEqual([])
    expect(shown(planOf([addresses]))).toEqual(['public.people.email'])
    expect(shown(planOf([cards]))).toEqual(['payment-card'])
    expect(shown(planOf([addresses, cards]))).toEqual(['public.people.email', 'payment-card'])
  })

  it('differs with another default schema, or none', () => {
    expect(shown(planOf([addresses], 'jane', { schema: 'shop' }))).toEqual(['shop.people.email'])
    expect(shown(planOf([addresses, cards], 'jane', {}))).toEqual(['payment-card'])
  })

  it('differs with other rules at the same positions', () => {
    expect(shown(planOf([addresses, cards], 'jane', { schema: 'public', of: rules.toReversed().slice(0, 1) }))).toEqual(
      ['payment-card'],
    )
  })
})

describe('the columns and kinds of several rules', () => {
  const { masking } = policyOf(`
access: [{ name: devs, who: { groups: [dev] }, targets: { labels: { env: prod } }, grant: standing }]
masking:
  - { name: one, targets: { labels: { env: prod } }, columns: [hr.people.email, people.email], kinds: [email], style: redact }
  - { name: two, targets: { labels: { env: prod } }, kinds: [email, iban], style: partial }`)
  const plan = planMasking(masking, () => true, person('jane'), target, 'public')

  it('are of the schema that a rule names, and of the default one where it names none', () => {
    expect(plan.columns.map(({ schema }) => schema)).toEqual(['hr', 'public'])
  })

  it('are masked as the first rule says', () => {
    expect(plan.kinds.map(({ kind, style }) => [kind, style])).toEqual([
      ['email', 'redact'],
      ['iban', 'partial'],
    ])
  })
})

it('a plan is empty where it has nothing of any sort', () => {
  const empty = { columns: [], kinds: [] }
  expect(isEmptyPlan(empty)).toBe(true)
  expect(isEmptyPlan({ ...empty, pointers: [] })).toBe(false)
  expect(isEmptyPlan({ ...empty, fields: [] })).toBe(false)
})
