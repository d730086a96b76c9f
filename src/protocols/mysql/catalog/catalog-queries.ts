import { wordList } from '../../../shared/word-list.ts'
import type { ServerVersion } from '../wire/server-version.ts'
import { keysOf } from '../../../shared/records.ts'

/**
 * When a table was made, or got its name: for InnoDB, MariaDB shows when the file of the definition last changed, which RENAME TABLE does; all others
 * keep the time with the table. So a table that takes another's name is told from it, though neither server shows ids. MariaDB makes the tables of
 * information_schema when they are asked for.
 */
const MADE_AT = "IF(TABLE_SCHEMA='information_schema',NULL,CREATE_TIME)"

/** The tables of information_schema that the gateway reads, and their columns. */
export const TABLES = {
  tables: `TABLES: TABLE_SCHEMA TABLE_NAME TABLE_TYPE ENGINE CREATE_OPTIONS ${MADE_AT}`,
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

/** Conditions on the rows to read: everything in KEY_COLUMN_USAGE except foreign keys is in STATISTICS as well. */
const WHERE: Readonly<Partial<Record<TableName, string>>> = {
  keys: 'REFERENCED_TABLE_NAME IS NOT NULL',
  partitions: 'PARTITION_NAME IS NOT NULL',
}

/** More rows than there can be: a session's sql_select_limit would omit some. */
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
  // In MySQL, TABLE_CONSTRAINTS has the table of a CHECK.
  if (name === 'checks' && flavor === 'mysql')
    return {
      table: `${from} JOIN information_schema.TABLE_CONSTRAINTS USING (CONSTRAINT_SCHEMA, CONSTRAINT_NAME)`,
      columns,
      where: "CONSTRAINT_TYPE = 'CHECK'",
    }
  return { table: from, columns, where }
}

/** Whether a server of this version has the table. Earlier versions parse CHECK and ignore it. */
const hasTable = (name: TableName, { flavor, number }: ServerVersion): boolean =>
  name !== 'checks' || number >= (flavor === 'mysql' ? 80_016 : 100_221)

/** The query that reads a table of definitions; undefined if the server has no such table. */
export function queryOf(name: TableName, server: ServerVersion): string | undefined {
  if (!hasTable(name, server)) return undefined
  const { table, columns, where } = sourceOf(name, server)
  return `SELECT ${columns.join(', ')} FROM ${table}${where === undefined ? '' : ` WHERE ${where}`} ${EVERYTHING}`
}

/** Reads how names of tables are compared. */
export const STATE_QUERY = 'SELECT @@lower_case_table_names'

/** The account as information_schema writes it: both parts in quotes. A name may contain `@`, a host cannot. */
const HOST = "SUBSTRING_INDEX(CURRENT_USER(), '@', -1)"
const NAME = `LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) - 1 - CHAR_LENGTH(${HOST}))`
const GRANTEE = `CONCAT('''', ${NAME}, '''@''', ${HOST}, '''')`

/**
 * Where the account can see triggers: everywhere (no name), in databases (a pattern of LIKE), of tables. The TRIGGER privilege decides:
 * without it no triggers are shown, and those of others fire nevertheless. Privileges from a role are not shown either.
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

/** One row that changes whenever definitions of tables do: they may change at any time without passing the gateway. */
export function markQuery(server: ServerVersion): string {
  const digests = keysOf(TABLES)
    .filter((name) => hasTable(name, server))
    .map((name) => {
      const { table, columns, where } = sourceOf(name, server)
      const row = `MD5(CONCAT_WS('|', ${columns.map((column) => `IFNULL(${column}, '')`).join(', ')}))`
      const sum = `CONCAT(COUNT(*), ':', IFNULL(BIT_XOR(CAST(CONV(LEFT(${row}, 15), 16, 10) AS UNSIGNED)), 0))`
      return `(SELECT ${sum} FROM ${table}${where === undefined ? '' : ` WHERE ${where}`})`
    })
  return `SELECT ${digests.join(', ')}`
}
