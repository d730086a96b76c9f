import { afterAll, beforeAll, expect, it } from 'vitest'
import type { SqlStatement } from '../../../../src/sql/statement.ts'
import { buildCatalog } from '../../../../src/protocols/postgres/catalog/build-catalog.ts'
import { NO_ROWS } from '../../../../src/protocols/postgres/catalog/rows.ts'
import { resolveFacts } from '../../../../src/protocols/postgres/dialect/command-facts.ts'
import { unparsed } from '../../../../src/protocols/postgres/dialect/resolve-statement.ts'
import { createSqlParser, type SqlParser } from '../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { maskingScope } from '../../../../src/protocols/postgres/masking/scope.ts'
import { NOTHING_MASKED } from '../../../helpers/postgres-pipeline.ts'

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
      ['20001', 'app', 'orders', 'r'],
      ['20002', 'app', 'lines', 'r'],
    ],
    sources: [['20002', '20001', 'on delete']],
  },
  [],
  ['pg_catalog', 'app', 'public'],
)
async function resolved(sql: string): Promise<readonly SqlStatement[]> {
  const parsed = await parser.parse(sql)
  if ('failure' in parsed) throw new Error(sql)
  return resolveFacts(parsed, catalog, maskingScope(NOTHING_MASKED, catalog, new Map())).statements
}

it.each<[string, Partial<SqlStatement>]>([
  ['select 1 from people', { reads: ['public.people'], writes: [], unknown: [] }],
  ['select 1 from nobody', { reads: ['?.nobody'], unknown: ['the relation nobody is not in the catalog'] }],
  ['select 1 from other.nobody', { reads: ['other.nobody'] }],
  ['create table people (a int)', { writes: ['app.people'] }],
  ['create table public.made (a int)', { writes: ['public.made'] }],
  ['create temp table people (a int)', { writes: ['pg_temp.people'] }],
  ['delete from orders', { writes: ['app.orders', 'app.lines'], missingWhere: true }],
])('%s: under which names', async (sql, expected) => {
  expect((await resolved(sql))[0]).toMatchObject(expected)
})

it('a schema that is renamed takes its relations along', async () => {
  const [{ writes } = { writes: [] }] = await resolved('alter schema app rename to other')
  expect(writes).toEqual(expect.arrayContaining(['app.orders', 'app.lines']))
})

it('once the path has moved in the same text, a name without a schema stands for nothing that a rule allows', async () => {
  const [, later] = await resolved('set search_path = public; select 1 from people, app.orders')
  expect(later?.reads).toEqual(['?.people', 'app.orders'])
})

it('EXECUTE does what the text itself has prepared', async () => {
  const [, execute] = await resolved('prepare s as delete from people; execute s')
  expect(execute).toMatchObject({ writes: ['public.people'], missingWhere: true, unknown: [] })
  expect(execute?.kinds).toEqual(expect.arrayContaining(['execute', 'delete']))
})

it('a text that cannot be parsed is of unknown effect, and nothing else', () => {
  expect(unparsed('no SQL')).toMatchObject({ kinds: ['unknown'], reads: [], writes: [], unknown: ['no SQL'] })
})
