import { describe, expect, it } from 'vitest'
import type { ParsedStatement } from '../../../../../src/sql/facts/parsed-statement.ts'
import { keyOf, type Catalog } from '../../../../../src/protocols/mysql/catalog/catalog.ts'
import { newRelation, type Relation } from '../../../../../src/protocols/mysql/catalog/relation.ts'
import { describeSizes, sizesQuery } from '../../../../../src/protocols/mysql/gateway/pipeline/relation-sizes.ts'

const relations: Relation[] = [
  { ...newRelation(1, 'shop', 'orders'), referencedBy: [2, 2, 1] },
  newRelation(2, 'shop', 'lines'),
  { ...newRelation(3, 'shop', 'seen'), kind: 'view', viewOf: [1] },
]
const catalogWith = (temporary: readonly string[] = []): Catalog => ({
  server: { flavor: 'mariadb', number: 110_400, text: '11.4.0-MariaDB' },
  foldsTableNames: false,
  relations: new Map(relations.map((relation) => [keyOf('shop', relation.name.slice(5)), relation])),
  byOid: new Map(relations.map((relation) => [relation.oid, relation])),
  databases: new Set(['shop']),
  routines: new Map(),
  safeRoutines: new Set(),
  userFunctions: new Set(),
  trees: new Map(),
  database: 'shop',
  temporary: new Set(temporary.map((name) => keyOf('shop', name))),
})
const statement = (kind: string, ...names: readonly string[]): Pick<ParsedStatement, 'kinds' | 'writes'> => ({
  kinds: [kind],
  writes: names.map((name) => ({ schema: undefined, name })),
})

describe('what depends on a statement, and how much it is about', () => {
  const asked: string[] = []
  const describeWith = (
    statements: readonly Pick<ParsedStatement, 'kinds' | 'writes'>[],
    rows: readonly (readonly (string | null)[])[] | Error = [['12', '16384']],
    temporary: readonly string[] = [],
  ): Promise<string | undefined> =>
    describeSizes(statements, catalogWith(temporary), (sql) => {
      asked.push(sql)
      return rows instanceof Error ? Promise.reject(rows) : Promise.resolve(rows)
    })

  it.each<[string, Parameters<typeof describeWith>, string | undefined]>([
    [
      'of a table',
      [[statement('truncate', 'orders')]],
      'about 12 rows, 16.0 KB on disk; 1 view and 2 foreign keys of other tables depend on it',
    ],
    [
      'of tables that depend on each other',
      [
        [statement('drop-table', 'orders', 'lines')],
        [
          ['12', '16384'],
          [null, '0'],
        ],
      ],
      'about 12 rows, of some relations unknown, 16.0 KB on disk; 1 view depends on it',
    ],
    [
      'of tables of which the target tells of one alone',
      [[statement('drop-table', 'orders', 'lines')], [['12', '16384']]],
      'about 12 rows, of some relations unknown, 16.0 KB on disk; 1 view depends on it',
    ],
    ['of a view, which holds nothing', [[statement('drop-view', 'seen')]], undefined],
    ['of a table that has gone', [[statement('alter-table', 'lines')], []], undefined],
    ['of a table that does not exist', [[statement('drop-table', 'nothing')]], undefined],
    ['where the target refuses', [[statement('truncate', 'orders')], new Error('no')], undefined],
    ['where the target answers with something else', [[statement('truncate', 'lines')], [['x', '1']]], undefined],
    ['of what changes rows only', [[statement('delete', 'orders')]], undefined],
    ['of several statements', [[statement('truncate', 'orders'), statement('select')]], undefined],
    [
      'of a name that a temporary table may have',
      [[statement('truncate', 'orders')], [['9', '9']], ['orders']],
      undefined,
    ],
  ])('%s', async (_, given, words) => {
    expect(await describeWith(...given)).toBe(words)
  })

  it('is asked for in one bounded query, in which names are hexadecimal', async () => {
    asked.length = 0
    await describeWith([statement('truncate', 'orders')])
    expect(asked).toEqual([
      `SET STATEMENT max_statement_time = 2 FOR (SELECT TABLE_ROWS, IFNULL(DATA_LENGTH, 0) + IFNULL(INDEX_LENGTH, 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = _utf8mb4 x'73686f70' AND TABLE_NAME = _utf8mb4 x'6f7264657273') LIMIT 1`,
    ])
    const hostile = [{ schema: "a'b", name: "a'b.c\\'; DROP TABLE x" }]
    for (const flavor of ['mysql', 'mariadb'] as const)
      expect(sizesQuery(hostile, { flavor, number: 80_400, text: '' })).not.toMatch(/DROP|\\|''/)
    expect(sizesQuery(hostile, { flavor: 'mysql', number: 80_400, text: '' })).toMatch(
      /^SELECT \/\*\+ MAX_EXECUTION_TIME\(2000\) \*\/ TABLE_ROWS.* IN \(\(_utf8mb4 x'612762', _utf8mb4 x'[0-9a-f]+'\)\) LIMIT 1$/,
    )
  })
})
