import { describe, expect, it } from 'vitest'
import { countsChanges, showsStoredForm } from '../../../../src/protocols/postgres/catalog/counting-functions.ts'

describe('functions that count changes', () => {
  it.each([
    'pg_current_wal_lsn',
    'pg_current_wal_insert_lsn',
    'pg_last_wal_replay_lsn',
    'pg_stat_get_wal',
    'pg_stat_get_backend_io',
    'pg_stat_get_backend_wal',
    'pg_stat_get_xact_tuples_hot_updated',
    'pg_stat_get_tuples_newpage_updated',
    'pg_relation_size',
    'pg_database_size',
  ])('%s, by its value', (name) => {
    expect(countsChanges(name, 180_000)).toBe('value')
  })

  it.each([
    'pg_lock_status',
    'pg_get_backend_memory_contexts',
    'pg_control_checkpoint',
    'pg_get_replication_slots',
    'currtid2',
    'pg_of_a_later_version',
    'txid_of_a_later_version',
  ])('%s, perhaps also by its rows', (name) => {
    expect(countsChanges(name, 180_000)).toBe('rows')
  })

  it.each([
    'pg_get_viewdef',
    'pg_table_is_visible',
    'pg_size_pretty',
    'pg_wal_lsn_diff',
    'txid_current',
    'upper',
    'age',
  ])('%s does not', (name) => {
    expect(countsChanges(name, 180_000)).toBeUndefined()
  })

  it('the form in which a value is stored, none counts', () => {
    expect(['pg_column_size', 'pg_column_compression', 'length'].map(showsStoredForm)).toEqual([true, true, false])
    expect(countsChanges('pg_column_size', 180_000)).toBeUndefined()
  })

  it('what shows the state of a sequence shows a position of the log from version 19 on', () => {
    expect([180_000, 190_000].map((version) => countsChanges('pg_get_sequence_data', version))).toEqual([
      undefined,
      'rows',
    ])
  })
})
