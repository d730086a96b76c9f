import { describe, expect, it } from 'vitest'
import type { MaskingPlan } from '../../../src/masking/plan.ts'
import { readFacts } from '../../../src/sql/facts/read-facts.ts'
import { lineageOf } from '../../../src/sql/lineage/read-statement.ts'
import type { Relation } from '../../../src/sql/catalog.ts'
import { MaskingScope } from '../../../src/sql/masking/masking-scope.ts'
import type { Expression, Select, Statement } from '../../../src/sql/query.ts'
import { toyCatalog, toyDialect } from '../../fixtures/sql/toy-dialect.ts'
import {
  call,
  column,
  insert,
  operation,
  remove,
  select,
  table,
  text,
  update,
  utility,
} from '../../fixtures/sql/trees.ts'

const plan: MaskingPlan = {
  columns: [
    {
      schema: 'shop',
      table: 'customers',
      column: 'email',
      style: 'partial',
      sideChannels: 'equality',
      maxComparisons: 10,
      copying: false,
      hashScope: 'session',
    },
  ],
  kinds: [],
}
const contacts = select([column('id'), column('email')], [table('customers')])
const scope = new MaskingScope(plan, toyCatalog, new Map([['2', contacts]]))
const lineage = (tree: Statement) => lineageOf(tree, { ...scope.sources, prepared: () => undefined })

/** Of each column: whether it is shown as it is, is a masked column, or made of one. */
const shown = (tree: Statement): string[] =>
  lineage(tree).outputs.map(({ origin: { masks, direct } }) =>
    masks.length === 0 ? 'plain' : `${direct ? 'is' : 'made of'} ${masks.map(({ name }) => name).join(' ')}`,
  )
const leaks = (tree: Statement): string[] =>
  lineage(tree).leaks.map(({ place, comparisons }) => (comparisons === undefined ? place : `${place} (${comparisons})`))
const ofCustomers = (value: Expression): Select => select([value], [table('customers')])

const EMAIL = 'shop.customers.email'

describe('lineage in a dialect that is not PostgreSQL', () => {
  it.each<[string, Statement, string[]]>([
    ['a column', ofCustomers(column('email')), [`is ${EMAIL}`]],
    ['another column', ofCustomers(column('country')), ['plain']],
    ['a star', ofCustomers(column('*')), ['plain', `is ${EMAIL}`, 'plain']],
    ['through a view', select([column('who'), column('mail')], [table('contacts')]), ['plain', `is ${EMAIL}`]],
    [
      'in a subquery of FROM',
      select(
        [column('d', 'email')],
        [{ kind: 'derived', query: contacts, lateral: false, alias: { name: 'd', columns: [] } }],
      ),
      [`is ${EMAIL}`],
    ],
    ['what a total function makes', ofCustomers(call('shout', column('email'))), [`made of ${EMAIL}`]],
    ['what keeps a value', ofCustomers(call('some', column('email'))), [`is ${EMAIL}`]],
    ['a function that may give anything', ofCustomers(call('ask_around')), ['made of shop.customers.email']],
    [
      'a part that is not read',
      ofCustomers({ kind: 'opaque', what: 'MAGIC', reads: [] }),
      ['made of shop.customers.email'],
    ],
    ['a relation that nobody knows', select([column('x')], [table('elsewhere')]), ['made of shop.customers.email']],
    ['a system column', ofCustomers(column('_version')), ['plain']],
    ["PostgreSQL's system column, which is none here", ofCustomers(column('xmin')), [`made of ${EMAIL}`]],
    ['a utility that shows none of the data', utility('describe'), ['plain']],
    ['a utility that nobody knows', utility('handler'), ['made of shop.customers.email']],
  ])('%s', (_, tree, outputs) => {
    expect(shown(tree)).toEqual(outputs)
  })

  it.each<[string, Statement, string[]]>([
    ['a total function, nothing', ofCustomers(call('shout', column('email'))), []],
    [
      "PostgreSQL's total function, which is none here",
      ofCustomers(call('upper', column('email'))),
      ['arguments of upper()'],
    ],
    [
      'equality with something given, one guess',
      select([column('id')], [table('customers')], {
        where: operation('=', column('email'), text('a@b.example')),
      }),
      ['WHERE (1)'],
    ],
    [
      'an operator that is not known to be total',
      select([column('id')], [table('customers')], {
        where: operation('<', column('email'), text('m')),
      }),
      ['the operator <', 'WHERE'],
    ],
    [
      'a definition that computes with rows',
      utility('define', { on: { schema: undefined, name: 'customers' } }),
      ['a definition of the toy'],
    ],
  ])('by %s', (_, tree, places) => {
    expect(leaks(tree)).toEqual(places)
  })

  it('through views that others have read before, as if nobody had, however deep these lay', () => {
    const customers = toyCatalog.terms.find({ schema: undefined, name: 'customers' }) as Relation
    const nameOf = (level: number): string => (level === 0 ? 'customers' : `v${level}`)
    const views = Array.from({ length: 150 }, (_, index): Relation => {
      const level = index + 1
      const columns = ['id', 'email', 'country']
      return {
        ...customers,
        oid: 100 + level,
        name: `shop.v${level}`,
        viewOf: [level === 1 ? 1 : 99 + level],
        definition: 'd',
        columns: new Map(columns.map((name, at) => [name, at + 1])),
      }
    })
    const trees = new Map(
      views.map(({ oid }, index) => [
        String(oid),
        select([column('id'), column('email'), column('country')], [table(nameOf(index))]),
      ]),
    )
    const known = {
      ...toyCatalog,
      catalog: { byOid: new Map([customers, ...views].map((relation) => [relation.oid, relation])) },
      terms: {
        ...toyCatalog.terms,
        find: ({ name }: { readonly name: string }) =>
          [customers, ...views].find((relation) => relation.name === `shop.${name}`),
      },
    }
    const shared = new MaskingScope(plan, known, trees)
    const of = (masking: typeof shared, level: number): string[] =>
      lineageOf(select([column('id'), column('email')], [table(nameOf(level))]), {
        ...masking.sources,
        prepared: () => undefined,
      }).outputs.map(({ origin: { masks } }) => masks.map(({ name }) => name).join())
    expect(of(shared, 150)).toEqual([EMAIL, EMAIL])
    for (const level of [99, 60, 49, 1]) expect(of(shared, level)).toEqual(['', EMAIL])
    expect(of(shared, 150)).toEqual([EMAIL, EMAIL])
  })

  it('what is stored where it is not masked', () => {
    const { copies } = lineage(insert('notes', ['text'], { source: ofCustomers(column('email')) }))
    expect(copies.map(({ mask, to }) => `${mask.name} to ${to}`)).toEqual([`${EMAIL} to shop.notes`])
  })

  it('takes the name of the row that was to be inserted from the tree', () => {
    const upsert = (given: string): Statement =>
      insert('customers', ['id', 'country'], {
        source: select([column('id'), column('text')], [table('notes')]),
        conflict: {
          given,
          columns: [],
          expressions: [],
          predicate: undefined,
          set: [{ column: 'country', subscripts: [], value: column('fresh', 'id'), place: undefined }],
          where: undefined,
          seesSource: false,
        },
      })
    expect(lineage(upsert('fresh')).copies).toEqual([])
    // Where nothing has that name, it may be anything in sight.
    expect(lineage(upsert('excluded')).copies.map(({ to }) => to)).toEqual(['shop.customers'])
  })
})

describe('facts in a dialect that is not PostgreSQL', () => {
  const facts = (tree: Statement) => readFacts(tree, toyDialect).finish(tree, [])

  it('kinds, relations and functions', () => {
    const tree = select([call('shout', column('email'))], [table('customers')])
    expect(facts(tree)).toMatchObject({
      kinds: ['select'],
      reads: [{ name: 'customers' }],
      writes: [],
      functions: [{ name: 'shout' }],
    })
  })

  it('a setting that a call moves', () => {
    const moved = facts(select([call('set_var', text('mode'), text('strict'))], []))
    expect(moved).toMatchObject({ kinds: ['select', 'set'], settings: [{ name: 'mode', value: 'strict' }] })
    expect(facts(select([call('set_var', column('a'), text('x'))], []))).toMatchObject({ opaqueSettings: true })
    // PostgreSQL's is a function like any other here.
    expect(facts(select([call('set_config', text('mode'), text('x'))], []))).toMatchObject({
      kinds: ['select'],
      settings: [],
    })
  })

  it.each<[string, Expression | undefined, boolean]>([
    ['none', undefined, true],
    ['the same on both sides', operation('=', column('id'), column('id')), true],
    ['one row', operation('=', column('id'), text('7')), false],
    [
      'both cases of a text, which this dialect takes for one',
      {
        kind: 'logic',
        how: 'and',
        args: [operation('=', text('A'), text('a')), operation('=', text('b'), text('B'))],
      },
      true,
    ],
  ])('a WHERE that leaves no row out: %s', (_, where, missing) => {
    expect(facts(remove('customers', where)).missingWhere).toBe(missing)
    expect(facts(update('customers', { country: text('x') }, where)).missingWhere).toBe(missing)
  })
})
