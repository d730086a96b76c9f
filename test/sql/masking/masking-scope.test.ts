import { describe, expect, it } from 'vitest'
import type { MaskingPlan } from '../../../src/masking/plan.ts'
import type { Origin } from '../../../src/sql/lineage/origin.ts'
import { MaskingScope } from '../../../src/sql/masking/masking-scope.ts'
import type { Statement } from '../../../src/sql/query.ts'
import { toyCatalog } from '../../fixtures/sql/toy-dialect.ts'
import { column, operation, select, table, text } from '../../fixtures/sql/trees.ts'

const plan: MaskingPlan = {
  columns: [
    {
      schema: 'shop',
      table: 'customers',
      column: 'email',
      style: 'partial',
      sideChannels: 'deny',
      maxComparisons: 0,
      copying: false,
      hashScope: 'session',
    },
  ],
  kinds: [],
}
const [CUSTOMERS, CONTACTS] = [1, 2]
const scopeOf = (contacts?: Statement): MaskingScope =>
  new MaskingScope(plan, toyCatalog, new Map(contacts === undefined ? [] : [[String(CONTACTS), contacts]]))
const said = ({ masks, direct }: Origin): string =>
  masks.length === 0 ? 'plain' : `${direct ? 'is' : 'made of'} ${masks.map(({ name }) => name).join(' ')}`

const byColumn = select([column('id'), column('email')], [table('customers')])

describe('where columns come from', () => {
  it.each([
    ['a masked column', CUSTOMERS, 2, 'is shop.customers.email'],
    ['another one', CUSTOMERS, 3, 'plain'],
    ['the whole row', CUSTOMERS, 0, 'made of shop.customers.email'],
    ['a column of a view', CONTACTS, 2, 'is shop.customers.email'],
    ['another one of a view', CONTACTS, 1, 'plain'],
    ['a relation that is not known', 99, 1, 'made of shop.customers.email'],
  ])('%s', (_, relation, attribute, expected) => {
    expect(said(scopeOf(byColumn).originAt(relation, attribute))).toBe(expected)
  })

  it('a view whose definition is not known may show anything', () => {
    expect(said(scopeOf().originAt(CONTACTS, 1))).toBe('made of shop.customers.email')
  })

  it('a view that could not be read is read again on demand', () => {
    let isFailing = true
    class Failing extends Map<string, Statement> {
      override get(key: string): Statement | undefined {
        if (isFailing) throw new Error('too much')
        return super.get(key)
      }
    }
    const scope = new MaskingScope(plan, toyCatalog, new Failing([[String(CONTACTS), byColumn]]))
    expect(() => scope.originAt(CONTACTS, 1)).toThrow('too much')
    isFailing = false
    expect(said(scope.originAt(CONTACTS, 1))).toBe('plain')
  })

  it('a view that refers to itself ends', () => {
    const circle = select([column('who'), column('mail')], [table('contacts')])
    expect(said(scopeOf(circle).originAt(CONTACTS, 2))).toBe('made of shop.customers.email')
  })

  it('follows nothing without a plan', () => {
    const scope = new MaskingScope({ columns: [], kinds: [] }, toyCatalog, new Map())
    expect(said(scope.originAt(99, 1))).toBe('plain')
  })
})

describe('which rows a view shows', () => {
  it('reveals nothing where a masked column is compared with constants', () => {
    const scope = scopeOf({ ...byColumn, where: operation('=', column('email'), text('a@b')) })
    expect(said(scope.sources.answers({ schema: 'shop', name: 'contacts' }))).toBe('plain')
  })
  it('reveals it where it is compared with another column', () => {
    const scope = scopeOf({ ...byColumn, where: operation('=', column('email'), column('country')) })
    expect(said(scope.sources.answers({ schema: 'shop', name: 'contacts' }))).toBe('made of shop.customers.email')
  })
})
