import { describe, expect, it } from 'vitest'
import type { MaskedColumns, MaskingPlan } from '../../../src/masking/plan.ts'
import { columnMasks, missingColumns, taintedRelations } from '../../../src/sql/masking/masked-relations.ts'
import { toyCatalog } from '../../fixtures/sql/toy-dialect.ts'

const columns = (table: string, column: string): MaskedColumns => ({
  schema: 'shop',
  table,
  column,
  style: 'redact',
  sideChannels: 'deny',
  maxComparisons: 0,
  copying: false,
  hashScope: 'session',
})
const planOf = (...masked: readonly MaskedColumns[]): MaskingPlan => ({ columns: masked, kinds: [] })
const { catalog, terms } = toyCatalog
const tainted = (plan: MaskingPlan): string[] => taintedRelations(plan, catalog, terms).map(({ name }) => name)

describe('relations and columns of a masking plan', () => {
  it('finds the masked columns by name, and the first rule for one counts', () => {
    const twice = planOf(columns('customers', 'email'), { ...columns('*', 'email'), style: 'null' })
    const masks = columnMasks(twice, catalog)
    expect([...masks.keys()]).toEqual([1])
    expect(masks.get(1)?.get(2)).toMatchObject({ name: 'shop.customers.email', style: 'redact' })
  })

  it('values come out of the table and of the view over it, and of nothing without a plan', () => {
    expect(tainted(planOf(columns('customers', 'email')))).toEqual(['shop.customers', 'shop.contacts'])
    expect(tainted(planOf())).toEqual([])
  })

  it('names columns of the plan that no relation has', () => {
    const plan = planOf(columns('customers', 'email'), columns('customers', 'phone'), columns('*', '*'))
    expect(missingColumns(plan, catalog)).toEqual(['shop.customers.phone'])
  })
})
