import type { SqlStatement } from '../../src/sql/statement.ts'

/** A statement that does nothing but what is given. */
export const sqlStatement = (given: Partial<SqlStatement>): SqlStatement => ({
  type: 'sql',
  defaultSchema: 'public',
  systemSchema: 'pg_catalog',
  kinds: ['select'],
  reads: [],
  writes: [],
  behind: [],
  functions: [],
  missingWhere: false,
  unknown: [],
  ...given,
})
