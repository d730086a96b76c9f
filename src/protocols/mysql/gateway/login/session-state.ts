import { charsetNamed, type Charset } from '../../wire/charsets.ts'
import { expandSqlMode } from '../../dialect/sql-mode.ts'
import type { ServerVersion } from '../../wire/server-version.ts'
import type { OwnRows } from './target-queries.ts'

/** What decides how the server reads texts and writes results, as it says itself. */
export interface SessionState {
  readonly sqlMode: ReadonlySet<string>
  readonly database: string | undefined
  /** Of texts. */
  readonly charset: Charset
  /** Of values and names in results; undefined where each comes in its own. */
  readonly results: Charset | undefined
  readonly foldsTableNames: boolean
  /** ASCII is what it is in the character set of literals. */
  readonly keepsAscii: boolean
}

/** Uses no table, so that the client's warnings stay what they are, and nothing that a setting could read otherwise. */
export const STATE_QUERY =
  'SELECT @@session.sql_mode, @@session.character_set_client, @@session.character_set_results, HEX(CONVERT(DATABASE() USING utf8mb4)), @@global.lower_case_table_names, @@session.character_set_connection'

/** Undefined where it is none that texts could be read by. */
export function sessionStateOf(rows: OwnRows, server: ServerVersion): SessionState | undefined {
  const [row] = rows
  if (rows.length !== 1 || row?.length !== 6) return undefined
  const [sqlMode, client, resultSet, database, lowerCase, literals] = row
  const charset = charsetNamed(client ?? '')
  const results = typeof resultSet === 'string' ? charsetNamed(resultSet) : undefined
  if (charset === undefined || typeof sqlMode !== 'string' || typeof lowerCase !== 'string') return undefined
  if (typeof resultSet === 'string' && results === undefined) return undefined
  if (!/^\d$/.test(lowerCase) || (typeof database === 'string' && !/^(?:[0-9A-F]{2})+$/.test(database)))
    return undefined
  return {
    sqlMode: expandSqlMode(sqlMode, server),
    database: typeof database === 'string' ? Buffer.from(database, 'hex').toString('utf8') : undefined,
    charset,
    results,
    foldsTableNames: lowerCase !== '0',
    keepsAscii: charsetNamed(literals ?? '') !== undefined,
  }
}
