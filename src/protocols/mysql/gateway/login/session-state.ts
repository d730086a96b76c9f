import { charsetNamed, type Charset } from '../../wire/charsets.ts'
import { PamError } from '../../../../shared/errors.ts'
import type { PinnedSettings } from '../../../../sql/pinned-settings.ts'
import { expandSqlMode } from '../../dialect/sql-mode.ts'
import type { ServerVersion } from '../../wire/server-version.ts'
import { liftedSetting, pinnedColumns } from '../../session-settings.ts'
import type { OwnRows } from './target-queries.ts'

/** The settings that determine how the server reads texts and writes results, as it reports them. */
export interface SessionState {
  readonly sqlMode: ReadonlySet<string>
  readonly database: string | undefined
  /** The character set of texts. */
  readonly charset: Charset
  /** The character set of values and names in results; undefined if each has its own. */
  readonly results: Charset | undefined
  readonly foldsTableNames: boolean
  /** Whether ASCII is unchanged in the character set of literals. */
  readonly keepsAscii: boolean
}

/** Reads back what is pinned as well. */
export const stateQuery = (pinned: PinnedSettings): string => STATE_QUERY + pinnedColumns(pinned)

/** Why a session may not go on: what is pinned was lifted, by code that is not read, or by a proxy that forgets. */
export function pinnedProblem(rows: OwnRows, pinned: PinnedSettings): PamError | undefined {
  const lifted = liftedSetting(rows[0]?.slice(COLUMNS) ?? [], pinned)
  if (lifted === undefined) return undefined
  return new PamError(
    'SETTING_REFUSED',
    `${lifted} is pinned by the configuration of this target, but something changed it`,
    { side: 'upstream' },
  )
}

/** Uses no table, so that the client's warnings stay what they are, and nothing that a setting could read otherwise. */
const STATE_QUERY =
  'SELECT @@session.sql_mode, @@session.character_set_client, @@session.character_set_results, HEX(CONVERT(DATABASE() USING utf8mb4)), @@global.lower_case_table_names, @@session.character_set_connection'

const COLUMNS = 6

/** Undefined where it is none that texts could be read by. */
export function sessionStateOf(rows: OwnRows, server: ServerVersion): SessionState | undefined {
  const [row] = rows
  if (rows.length !== 1 || row === undefined || row.length < COLUMNS) return undefined
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
