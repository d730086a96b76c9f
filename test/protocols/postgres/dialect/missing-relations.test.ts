import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildCatalog } from '../../../../src/protocols/postgres/catalog/build-catalog.ts'
import { NO_ROWS } from '../../../../src/protocols/postgres/catalog/rows.ts'
import { resolveFacts } from '../../../../src/protocols/postgres/dialect/command-facts.ts'
import {
  isAnyMissing,
  missingRelations,
  reasonsOfMissing,
  refusedFor,
} from '../../../../src/protocols/postgres/dialect/missing-relations.ts'
import { createSqlParser, type SqlParser } from '../../../../src/protocols/postgres/dialect/sql-parser.ts'
import type { StatementFacts } from '../../../../src/protocols/postgres/dialect/statement-facts.ts'
import { maskingScope } from '../../../../src/protocols/postgres/masking/scope.ts'
import { CATALOG_ROWS, EMAIL_MASKED, NOTHING_MASKED } from '../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

const catalog = buildCatalog(
  { ...NO_ROWS, relations: [['20000', 'public', 'people', 'r']], columns: CATALOG_ROWS.columns },
  [],
  ['pg_catalog', 'app', 'public'],
)
async function facts(sql: string, masking = NOTHING_MASKED): Promise<StatementFacts> {
  const parsed = await parser.parse(sql)
  if ('failure' in parsed) throw new Error(sql)
  return resolveFacts(parsed, catalog, maskingScope(masking, catalog, new Map()))
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

it.each<[string, at: number, relation: string]>([
  ['select 1; select * from nobody where a = 1', 1, 'nobody'],
  ['begin; delete from s.no_one where a = 1; commit', 1, 's.no_one'],
  ['insert into nobody values (1); select 1', 0, 'nobody'],
  ['prepare later as select * from nobody where a = 1', 0, 'nobody'],
])('%s: refused for masks, and what it rests on', async (sql, at, relation) => {
  const { refusal, refusedFor: rests } = await facts(sql, EMAIL_MASKED)
  expect(refusal?.code).toBe('MASKING_REFUSED')
  expect(rests).toMatchObject({ at, reason: `the relation ${relation} is not in the catalog` })
  expect(rests?.statement.unknown).toEqual([])
})

it('a refusal for what is known rests on no missing relation', async () => {
  for (const sql of [
    'select 1 from people where email = $1',
    'select 1 from people where email = $1; select 1 from nobody',
  ])
    expect(await facts(sql, EMAIL_MASKED)).toMatchObject({
      refusal: { code: 'MASKING_REFUSED' },
      refusedFor: undefined,
    })
  const { statements, parsed } = await facts('create table made (a int); select a from made where a = 1')
  expect(refusedFor({ statements, parsed }, 1, catalog)).toBeUndefined()
})
