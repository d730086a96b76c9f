import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildCatalog } from '../../../../../src/protocols/postgres/catalog/build-catalog.ts'
import { NO_ROWS, type CatalogRows } from '../../../../../src/protocols/postgres/catalog/rows.ts'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { isPlainInsert } from '../../../../../src/protocols/postgres/gateway/server-reading/plain-insert.ts'
import { MaskingScope } from '../../../../../src/protocols/postgres/masking/scope.ts'
import { EMAIL_MASKED } from '../../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

const [INT4, TEXT, OWN_TYPE] = ['23', '25', '30000']
const ROWS: CatalogRows = {
  ...NO_ROWS,
  relations: [
    ['20000', 'public', 'people', 'r'],
    ['20001', 'public', 'notes', 'r'],
    ['20002', 'public', 'typed', 'r'],
    ['20003', 'public', 'shows', 'v'],
    ['20004', 'public', 'far', 'f'],
    ['20005', 'public', 'ruled', 'r'],
    ['1259', 'pg_catalog', 'pg_class', 'r'],
  ],
  sources: [['20003', '20001', 'view']],
  columns: [
    ['20000', 'email', '1', null, null, 'text', TEXT],
    ...['20001', '20003', '20004', '20005'].flatMap((oid) => [
      [oid, 'id', '1', null, null, 'int4', INT4],
      [oid, 'note', '2', null, null, 'text', TEXT],
    ]),
    ['20002', 'id', '1', null, null, null, OWN_TYPE],
  ],
  runs: [['20005', 'write', 'a rule', '', 'rule 1']],
}

async function isPlain(sql: string, types: readonly number[] = [], more: Partial<CatalogRows> = {}): Promise<boolean> {
  const parsed = await parser.parse(sql)
  if ('failure' in parsed) throw new Error(parsed.failure)
  const catalog = buildCatalog({ ...ROWS, ...more })
  const [statement] = parsed
  if (statement === undefined) throw new Error('no statement')
  return isPlainInsert(statement.tree, types, catalog, new MaskingScope(EMAIL_MASKED, catalog, new Map()))
}

describe('an INSERT leaves the target nothing to understand otherwise', () => {
  it.each([
    "insert into notes values (1, 'x')",
    "insert into public.notes (note, id) values ('x', 1), (default, null)",
    'insert into notes default values',
    'insert into notes as n values ($1, $2)',
    "insert into notes overriding system value values (1, 'x')",
  ])('%s', async (sql) => {
    expect(await isPlain(sql, [23])).toBe(true)
  })
})

describe('the target is asked', () => {
  it.each([
    ['what computes', 'insert into notes values (1 + 1)'],
    ['what calls', "insert into notes values (1, upper('x'))"],
    ['what converts by name', "insert into notes values (1::int, 'x')"],
    ['what reads', 'insert into notes select id, note from notes'],
    ['what reads in a value', 'insert into notes values ((select 1))'],
    ['what sorts or cuts its values', 'insert into notes values (1), (2) limit 1'],
    ['what reads first', 'with n as (select 1) insert into notes values (1)'],
    ['what gives rows', 'insert into notes values (1) returning id'],
    ['what compares', 'insert into notes values (1) on conflict do nothing'],
    ['what stores in a part of a column', 'insert into notes (note[1]) values (1)'],
    ['a masked table', "insert into people values ('x')"],
    ['a view', 'insert into shows values (1)'],
    ['a foreign table', 'insert into far values (1)'],
    ['a table with a rule', 'insert into ruled values (1)'],
    ['a table with a type of somebody', 'insert into typed values (1)'],
    ['a table of the system', 'insert into pg_class values (1)'],
    ['a table that is not known', 'insert into nobody values (1)'],
    ['another statement', 'update notes set id = 1'],
    ['one around it', 'explain insert into notes values (1)'],
  ])('about %s', async (_what, sql) => {
    expect(await isPlain(sql)).toBe(false)
  })

  it('about a parameter that is declared to be of a type of somebody', async () => {
    expect(await isPlain('insert into notes values ($1)', [Number(OWN_TYPE)])).toBe(false)
  })

  it('where conversions may run code of somebody', async () => {
    const cast = [['int4', 'text', 'a', 'public.t2i', TEXT]]
    expect(await isPlain('insert into notes values (1)', [], { conversions: cast })).toBe(false)
    expect(await isPlain('insert into notes values (1)', [], { types: [['own', 'public.in', OWN_TYPE]] })).toBe(false)
  })
})
