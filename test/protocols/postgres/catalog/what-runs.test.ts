import { describe, expect, it } from 'vitest'
import { calledFunctions, systemCalls } from '../../../../src/protocols/postgres/catalog/what-runs.ts'

describe('the built-in functions that an expression calls', () => {
  it('are code where they have effects, and where they count changes and decide what is read or written', () => {
    const calls = 'pg_current_wal_lsn v,nextval v,now s,pg_read_file v,pg_column_size s'
    const read = 'system pg_catalog.pg_read_file'
    const counts = 'system pg_catalog.pg_current_wal_lsn'
    // What views and defaults give is masked.
    expect(systemCalls('pg_rewrite', calls)).toEqual([read])
    expect(systemCalls('pg_attrdef', calls)).toEqual([read])
    expect(systemCalls('pg_constraint', calls)).toEqual([counts, read])
    expect(systemCalls('pg_type', calls)).toEqual([counts, read])
    expect(systemCalls('pg_policy', calls)).toEqual([counts, read, 'system pg_catalog.pg_column_size'])
  })

  it('are none without calls', () => {
    expect(calledFunctions(null)).toEqual([])
    expect(calledFunctions('now s')).toEqual([{ name: 'now', isVolatile: false }])
  })
})
