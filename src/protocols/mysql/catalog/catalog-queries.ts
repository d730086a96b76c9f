import { wordList } from '../../../shared/word-list.ts'
import type { ServerVersion } from '../wire/server-version.ts'

/** The tables of definitions that are read, and what of each. */
export const TABLES = {
  tables: 'TABLES: TABLE_SCHEMA TABLE_NAME TABLE_TYPE ENGINE CREATE_OPTIONS',
  columns:
    'COLUMNS: TABLE_SCHEMA TABLE_NAME ORDINAL_POSITION COLUMN_NAME DATA_TYPE CHARACTER_SET_NAME COLLATION_NAME EXTRA GENERATION_EXPRESSION COLUMN_TYPE',
  views: 'VIEWS: TABLE_SCHEMA TABLE_NAME VIEW_DEFINITION',
  triggers:
    'TRIGGERS: EVENT_OBJECT_SCHEMA EVENT_OBJECT_TABLE TRIGGER_SCHEMA TRIGGER_NAME EVENT_MANIPULATION ACTION_STATEMENT SQL_MODE',
  references: 'REFERENTIAL_CONSTRAINTS: CONSTRAINT_SCHEMA TABLE_NAME CONSTRAINT_NAME UPDATE_RULE DELETE_RULE',
  keys: 'KEY_COLUMN_USAGE: TABLE_SCHEMA TABLE_NAME CONSTRAINT_NAME COLUMN_NAME REFERENCED_TABLE_SCHEMA REFERENCED_TABLE_NAME REFERENCED_COLUMN_NAME',
  indexes: 'STATISTICS: TABLE_SCHEMA TABLE_NAME INDEX_NAME NON_UNIQUE SEQ_IN_INDEX COLUMN_NAME',
  checks: 'CHECK_CONSTRAINTS: CONSTRAINT_SCHEMA TABLE_NAME CONSTRAINT_NAME CHECK_CLAUSE',
  partitions: 'PARTITIONS: TABLE_SCHEMA TABLE_NAME PARTITION_EXPRESSION SUBPARTITION_EXPRESSION',
  routines: 'ROUTINES: ROUTINE_SCHEMA ROUTINE_NAME ROUTINE_TYPE ROUTINE_DEFINITION SECURITY_TYPE SQL_MODE',
  databases: 'SCHEMATA: SCHEMA_NAME',
} as const

export type TableName = keyof typeof TABLES

/** Of rows that are not read whole: all of KEY_COLUMN_USAGE that is no foreign key is in STATISTICS, too. */
const WHERE: Readonly<Partial<Record<TableName, string>>> = {
  keys: 'REFERENCED_TABLE_NAME IS NOT NULL',
  partitions: 'PARTITION_NAME IS NOT NULL',
}

/** More than there can be, where a session's sql_select_limit would leave some out. */
const EVERYTHING = 'LIMIT 18446744073709551615'

interface Source {
  readonly table: string
  readonly columns: readonly string[]
  readonly where: string | undefined
}

function sourceOf(name: TableName, { flavor, number }: ServerVersion): Source {
  const [table = '', ...columns] = wordList(TABLES[name].replace(':', ' '))
  const where = WHERE[name]
  const from = `information_schema.${table}`
  if (name === 'indexes' && flavor === 'mysql' && number >= 80_013)
    return { table: from, columns: [...columns, 'EXPRESSION'], where }
  // In MySQL the table that a CHECK is of is beside it.
  if (name === 'checks' && flavor === 'mysql')
    return {
      table: `${from} JOIN information_schema.TABLE_CONSTRAINTS USING (CONSTRAINT_SCHEMA, CONSTRAINT_NAME)`,
      columns,
      where: "CONSTRAINT_TYPE = 'CHECK'",
    }
  return { table: from, columns, where }
}

/** What a server of this version has. Before these, a CHECK is read and forgotten. */
const hasTable = (name: TableName, { flavor, number }: ServerVersion): boolean =>
  name !== 'checks' || number >= (flavor === 'mysql' ? 80_016 : 100_221)

/** The query that reads a table of definitions; undefined where the server has none. */
export function queryOf(name: TableName, server: ServerVersion): string | undefined {
  if (!hasTable(name, server)) return undefined
  const { table, columns, where } = sourceOf(name, server)
  return `SELECT ${columns.join(', ')} FROM ${table}${where === undefined ? '' : ` WHERE ${where}`} ${EVERYTHING}`
}

/** How names of tables are compared. */
export const STATE_QUERY = 'SELECT @@lower_case_table_names'

/** As information_schema writes the account: both parts in quotes. A name may have an `@`, a host has none. */
const HOST = "SUBSTRING_INDEX(CURRENT_USER(), '@', -1)"
const NAME = `LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) - 1 - CHAR_LENGTH(${HOST}))`
const GRANTEE = `CONCAT('''', ${NAME}, '''@''', ${HOST}, '''')`

/**
 * Where the account may see triggers: everywhere (no name), in databases (a pattern of LIKE), of tables. It is the privilege to make some:
 * without it none is shown, and those of others run all the same. What it has by a role is not shown either.
 */
export const TRIGGER_GRANTS = [
  ["''", "''", 'USER_PRIVILEGES'],
  ['TABLE_SCHEMA', "''", 'SCHEMA_PRIVILEGES'],
  ['TABLE_SCHEMA', 'TABLE_NAME', 'TABLE_PRIVILEGES'],
]
  .map(
    ([schema, table, source]) =>
      `SELECT ${schema}, ${table} FROM information_schema.${source} WHERE PRIVILEGE_TYPE = 'TRIGGER' AND GRANTEE = ${GRANTEE}`,
  )
  .join(' UNION ALL ')
  .concat(' ', EVERYTHING)

/** One row that is another one whenever definitions of tables are: past the gateway somebody may change them at any time. */
export function markQuery(server: ServerVersion): string {
  const digests = (Object.keys(TABLES) as TableName[])
    .filter((name) => hasTable(name, server))
    .map((name) => {
      const { table, columns, where } = sourceOf(name, server)
      const row = `MD5(CONCAT_WS('|', ${columns.map((column) => `IFNULL(${column}, '')`).join(', ')}))`
      const sum = `CONCAT(COUNT(*), ':', IFNULL(BIT_XOR(CAST(CONV(LEFT(${row}, 15), 16, 10) AS UNSIGNED)), 0))`
      return `(SELECT ${sum} FROM ${table}${where === undefined ? '' : ` WHERE ${where}`})`
    })
  return `SELECT ${digests.join(', ')}`
}
