import { afterAll, beforeAll, expect, it } from 'vitest'
import { ANY_RELATION } from '../../../../src/sql/statement.ts'
import type { ParsedStatement } from '../../../../src/sql/facts/parsed-statement.ts'
import { buildCatalog } from '../../../../src/protocols/postgres/catalog/build-catalog.ts'
import { NO_ROWS } from '../../../../src/protocols/postgres/catalog/rows.ts'
import { foreignTables, named, namesBehind } from '../../../../src/protocols/postgres/dialect/relations-behind.ts'
import { createSqlParser, type SqlParser } from '../../../../src/protocols/postgres/dialect/sql-parser.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

const catalog = buildCatalog(
  {
    ...NO_ROWS,
    relations: [
      ['20000', 'public', 'people', 'r'],
      ['20001', 'public', 'shown', 'v'],
      ['20002', 'public', 'above', 'v'],
      ['20003', 'public', 'part', 'r'],
      ['20004', 'public', 'far', 'f'],
      ['20005', 'public', 'of_far', 'v'],
      ['12000', 'pg_catalog', 'pg_stats', 'v'],
    ],
    sources: [
      ['20001', '20000', 'view'],
      ['20002', '20001', 'view'],
      ['20000', '20003', 'related'],
      ['20003', '20000', 'related'],
      ['20005', '20004', 'view'],
    ],
  },
  [],
  ['pg_catalog', 'public'],
)
async function statement(sql: string): Promise<ParsedStatement> {
  const parsed = await parser.parse(sql)
  if ('failure' in parsed) throw new Error(sql)
  return parsed[0] as ParsedStatement
}

it.each([
  ['select 1 from people', ['public.part']],
  ['select 1 from above', ['public.shown', 'public.people', 'public.part']],
  ['select 1 from above, people', ['public.shown', 'public.part']],
  ['insert into shown values (1)', ['public.people', 'public.part']],
  ['select 1 from pg_stats', [ANY_RELATION]],
  ['select 1 from nobody', []],
])('%s: what is behind it', async (sql, expected) => {
  expect(namesBehind(await statement(sql), catalog)).toEqual(expected)
})

it('a foreign table counts behind a view as well', async () => {
  const reason = 'the foreign table public.far may show masked columns under another name'
  expect(foreignTables(await statement('select 1 from of_far'), catalog)).toEqual([reason])
  expect(foreignTables(await statement('select 1 from above'), catalog)).toEqual([])
})

it('what a statement names is what it reads and writes, as far as it is there', async () => {
  const names = named(await statement('insert into people select 1 from shown, nobody'), catalog).map(
    ({ name }) => name,
  )
  expect(names.toSorted()).toEqual(['public.people', 'public.shown'])
})
