import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildCatalog } from '../../../../src/protocols/postgres/catalog/build-catalog.ts'
import { NO_ROWS } from '../../../../src/protocols/postgres/catalog/rows.ts'
import { resolveFacts } from '../../../../src/protocols/postgres/dialect/command-facts.ts'
import {
  isAnyMissing,
  missingRelations,
  reasonsOfMissing,
} from '../../../../src/protocols/postgres/dialect/missing-relations.ts'
import { createSqlParser, type SqlParser } from '../../../../src/protocols/postgres/dialect/sql-parser.ts'
import type { StatementFacts } from '../../../../src/protocols/postgres/dialect/statement-facts.ts'
import { maskingScope } from '../../../../src/protocols/postgres/masking/scope.ts'
import { NOTHING_MASKED } from '../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

const catalog = buildCatalog(
  { ...NO_ROWS, relations: [['20000', 'public', 'people', 'r']] },
  [],
  ['pg_catalog', 'app', 'public'],
)
async function facts(sql: string): Promise<StatementFacts> {
  const parsed = await parser.parse(sql)
  if ('failure' in parsed) throw new Error(sql)
  return resolveFacts(parsed, catalog, maskingScope(NOTHING_MASKED, catalog, new Map()))
}

it.each<[string, readonly string[] | undefined]>([
  ['select 1 from nobody', ['nobody']],
  ['select 1 from people, nobody, else_where.no_one', ['nobody', 'no_one']],
  ['delete from nobody', ['nobody']],
  ['select 1 from people', undefined],
  ['select 1 from nobody; select 1', undefined],
  ['execute nobody', undefined],
  // Not certain to fail for it alone.
  ['select mine(1) from nobody', undefined],
  ['create table made as select 1 from nobody', undefined],
  ['drop table nobody', undefined],
  ['create view v as select 1 from nobody', undefined],
])('%s: what the server would say is not there', async (sql, names) => {
  expect(missingRelations(await facts(sql), catalog)?.names.map(({ name }) => name)).toEqual(names)
})

it('rules are asked of every relation that a missing name could be', async () => {
  const { statement } =
    missingRelations(await facts('insert into nobody select 1 from people, s.no_one'), catalog) ?? {}
  expect(statement).toMatchObject({
    writes: ['app.nobody', 'public.nobody'],
    reads: ['public.people', 's.no_one'],
    unknown: [],
  })
})

it('what a statement makes itself is not missing', async () => {
  const missing = async (sql: string): Promise<boolean[]> =>
    (await facts(sql)).parsed.map((one) => isAnyMissing(one, catalog))
  expect(await missing('create table nobody (a int)')).toEqual([false])
  expect(await missing('alter table nobody add a int')).toEqual([true])
})

it('each missing relation has a reason, as it was named', async () => {
  const { parsed } = await facts('select 1 from nobody, s.no_one, people')
  expect([...reasonsOfMissing(parsed, catalog)]).toEqual([
    'the relation nobody is not in the catalog',
    'the relation s.no_one is not in the catalog',
  ])
})
