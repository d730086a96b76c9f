import { describe, expect, it } from 'vitest'
import { buildCatalog } from '../../../../src/protocols/postgres/catalog/build-catalog.ts'
import { NO_ROWS, type Row } from '../../../../src/protocols/postgres/catalog/rows.ts'
import { maskingScope } from '../../../../src/protocols/postgres/masking/scope.ts'
import { EMAIL_MASKED, NOTHING_MASKED } from '../../../helpers/postgres-pipeline.ts'

const column = (relation: string, name: string, number: number): Row => [relation, name, String(number), null, null]
const PEOPLE = 20_000
const TABLES = 12_000
const CLASSES = 1259
const catalog = buildCatalog({
  ...NO_ROWS,
  relations: [
    [String(PEOPLE), 'public', 'people'],
    [String(TABLES), 'pg_catalog', 'pg_stat_user_tables'],
    [String(CLASSES), 'pg_catalog', 'pg_class'],
    ['12001', 'pg_catalog', 'pg_locks'],
    ['12002', 'pg_catalog', 'pg_of_a_later_version'],
    ['12003', 'pg_catalog', 'pg_settings'],
    ['12004', 'information_schema', 'tables'],
    ['20002', 'public', 'counting'],
    ['20001', 'public', 'other'],
  ],
  columns: [
    column(String(PEOPLE), 'id', 1),
    column(String(PEOPLE), 'email', 2),
    ...['relid', 'relname', 'n_tup_hot_upd', 'last_autovacuum', 'of_a_later_version'].map((name, index) =>
      column(String(TABLES), name, index + 1),
    ),
    ...['oid', 'relname', 'relpages'].map((name, index) => column(String(CLASSES), name, index + 1)),
    column('20001', 'id', 1),
    ...['locktype', 'page'].map((name, index) => column('12001', name, index + 1)),
    column('20002', 'id', 1),
    [...column('20002', 'n', 2), null, '20', null, 't'],
  ],
})
const scope = maskingScope(EMAIL_MASKED, catalog, new Map())
const isHidden = (relation: number, attribute: number): boolean => scope.originAt(relation, attribute).masks.length > 0
const named = (name: string, schema = 'pg_catalog') => ({ schema, name })

describe('what the server’s own relations show where columns are masked', () => {
  it('names and ids, but no counts, and nothing that is not known', () => {
    expect([1, 2, 3, 4, 5].map((attribute) => isHidden(TABLES, attribute))).toEqual([false, false, true, true, true])
    expect([1, 2, 3].map((attribute) => isHidden(CLASSES, attribute))).toEqual([false, false, true])
    expect([12_002, 12_003, 12_004].map((relation) => isHidden(relation, 1))).toEqual([true, false, false])
    expect([1, 2].map((attribute) => isHidden(12_001, attribute))).toEqual([false, true])
  })

  it('nothing of them by errors and plans where clients look up definitions', () => {
    const isTainted = (oid: number): boolean => {
      const relation = catalog.byOid.get(oid)
      return relation !== undefined && scope.isTainted(relation)
    }
    expect([CLASSES, 12_001, 12_003, TABLES, 12_002].map(isTainted)).toEqual([false, false, false, true, true])
  })

  it('columns whose default has counted', () => {
    expect([1, 2].map((attribute) => isHidden(20_002, attribute))).toEqual([false, true])
  })

  it('how many rows, of what may have one for each change', () => {
    const answers = ['pg_locks', 'pg_of_a_later_version', 'pg_settings', 'pg_class', 'pg_stat_user_tables'].map(
      (name) => scope.sources.answers(named(name)).masks.length > 0,
    )
    expect(answers).toEqual([false, true, false, false, false])
  })

  it('positions of rows of a table with a masked column, and of no other', () => {
    expect([-1, -6, -4].map((attribute) => isHidden(PEOPLE, attribute))).toEqual([true, false, false])
    expect(isHidden(20_001, -1)).toBe(false)
  })

  it('everything where nothing is masked', () => {
    const open = maskingScope(NOTHING_MASKED, catalog, new Map())
    expect(
      [open.originAt(TABLES, 3), open.sources.answers(named('pg_of_a_later_version'))].flatMap(({ masks }) => masks),
    ).toEqual([])
    expect(open.sources.counted(named('pg_current_wal_lsn')).masks).toEqual([])
  })
})
