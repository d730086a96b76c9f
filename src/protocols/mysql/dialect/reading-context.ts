import type { ServerVersion } from '../wire/server-version.ts'

/** What determines how the server reads a text. */
export interface ReadingContext {
  readonly server: ServerVersion
  /** Modes in upper case, with combination modes expanded (sql-mode.ts). */
  readonly sqlMode: ReadonlySet<string>
  /** The default database; names without a schema stay without one in the tree. */
  readonly database: string | undefined
  /** Whether one text may contain several statements. */
  readonly multiStatements: boolean
  /** The character set of the connection, by which the text was decoded. */
  readonly charset: 'utf8mb4' | 'utf8mb3' | 'latin1' | 'ascii' | 'binary'
  /** `lower_case_table_names` is not 0: names of databases, tables and aliases are not case-sensitive, and are lower case in the tree. */
  readonly foldsTableNames: boolean
  /** Whether ASCII is unchanged in the character set of literals: then an ASCII text that is stored in a variable is the same text. */
  readonly keepsAscii?: boolean
}

/**
 * Whether a text means the same in both contexts: some servers read a prepared statement again after definitions have changed, in the
 * context of that time.
 */
export const readAlike = (one: ReadingContext, other: ReadingContext): boolean =>
  one.charset === other.charset && READING_MODES.every((mode) => one.sqlMode.has(mode) === other.sqlMode.has(mode))

/** Modes that affect parsing: quotes, operators, and the values of literals. */
const READING_MODES = [
  'ANSI_QUOTES',
  'NO_BACKSLASH_ESCAPES',
  'PIPES_AS_CONCAT',
  'HIGH_NOT_PRECEDENCE',
  'EMPTY_STRING_IS_NULL',
]
