import { loadModule } from 'libpg-query'
import { describe, expect, it } from 'vitest'
import { buildCatalog } from '../../../src/protocols/postgres/catalog/build-catalog.ts'
import { NO_ROWS } from '../../../src/protocols/postgres/catalog/rows.ts'
import { maskingScope } from '../../../src/protocols/postgres/masking/scope.ts'
import { lineageOf } from '../../../src/sql/lineage/read-statement.ts'
import { EMAIL_MASKED } from '../../helpers/postgres-pipeline.ts'
import { readSql } from '../../helpers/read-sql.ts'

await loadModule()

const COLUMNS = ['locktype text', 'relation oid', 'transactionid xid', 'objid oid', 'pid int4', 'granted bool']
const catalog = buildCatalog({
  ...NO_ROWS,
  relations: [
    ['20000', 'public', 'people'],
    ['12000', 'pg_catalog', 'pg_locks'],
    ['12001', 'pg_catalog', 'pg_class'],
  ],
  columns: [
    ['20000', 'email', '1', null, null, 'text', '25'],
    ...COLUMNS.map((column, index) => {
      const [name = '', type = ''] = column.split(' ')
      return ['12000', name, String(index + 1), null, null, type, '0']
    }),
    ['12001', 'oid', '1', null, null, 'oid', '26'],
  ],
})
const { sources } = maskingScope(EMAIL_MASKED, catalog, new Map())
const isRefused = (sql: string): boolean => {
  const [statement] = readSql(sql)
  if (statement === undefined) throw new Error(sql)
  return lineageOf(statement.tree, { ...sources, prepared: () => undefined }).leaks.length > 0
}

describe('pg_locks has a row for each relation that a statement locks', () => {
  it.each([
    'select 1 from pg_locks where transactionid is not null',
    'select 1 from pg_locks where not granted',
    'select 1 from pg_locks where granted is not true and pid = 1',
    "select 1 from pg_locks where locktype = 'advisory'",
    "select 1 from pg_locks where locktype in ('advisory', 'object') and (pid = 1 or granted)",
    'select 1 from pg_locks l join pg_class c on c.oid = l.relation where l.objid is not null',
    'select exists (select from pg_locks where not granted)',
  ])('which %s leaves out', (sql) => {
    expect(isRefused(sql)).toBe(false)
  })

  it.each([
    'select 1 from pg_locks',
    'table pg_locks',
    'select 1 from pg_locks where granted',
    'select 1 from pg_locks where pid = 1',
    'select 1 from pg_locks where transactionid is null',
    'select 1 from pg_locks where not granted or pid = 1',
    'select 1 from pg_locks where granted is not false',
    "select 1 from pg_locks where locktype = 'relation'",
    "select 1 from pg_locks where locktype in ('advisory', 'page')",
    "select 1 from pg_locks where locktype <> 'advisory'",
    "select 1 from pg_locks where locktype not in ('advisory', 'object')",
    'select 1 from pg_locks where locktype = $1',
    'select 1 from pg_locks where relation is not null',
    // It may be evaluated for other rows as well.
    'select 1 from pg_locks where not granted and 1 / (relation::int4 - 16400) > 0',
    "select 1 from pg_locks where not granted and nextval('s') > 0",
    'select 1 from pg_locks l join pg_class c on 1 / (l.relation::int4 - 16400) > 0 where not l.granted',
    'select 1 from pg_locks l, lateral (select 1 / (l.relation::int4 - 16400)) q where not l.granted',
    'select 1 from pg_locks l, generate_series(1, l.relation::int4) where not l.granted',
    // Another table has these columns.
    'select 1 from pg_locks l, pg_locks m where not l.granted',
    'select 1 from pg_locks l, pg_class c where not granted',
    'select 1 from pg_locks l(granted) where not l.granted',
    'select 1 from pg_locks join pg_locks l using (pid) where not l.granted',
    // Conditions elsewhere leave out nothing.
    'select 1 from pg_class c left join pg_locks l on not l.granted',
    'select count(*) filter (where not granted) from pg_locks',
    'select count(*) from pg_locks group by granted having not granted',
    'select 1 from (select * from pg_locks) l where not l.granted',
    'delete from people using pg_locks l where not l.granted',
  ])('which %s reveals', (sql) => {
    expect(isRefused(sql)).toBe(true)
  })
})
