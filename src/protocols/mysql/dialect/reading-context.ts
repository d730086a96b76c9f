import type { ServerVersion } from '../wire/server-version.ts'

/** What decides how the server reads a text. */
export interface ReadingContext {
  readonly server: ServerVersion
  /** Modes in upper case, with those that stand for several taken apart (sql-mode.ts). */
  readonly sqlMode: ReadonlySet<string>
  /** The default database; names without a schema stay without one in the tree. */
  readonly database: string | undefined
  /** Whether one text may hold several statements. */
  readonly multiStatements: boolean
  /** Of the connection: what the text was decoded by. */
  readonly charset: 'utf8mb4' | 'utf8mb3' | 'latin1' | 'ascii' | 'binary'
  /** `lower_case_table_names` is not 0: names of databases, tables and aliases are the same in any case, and are lower case in the tree. */
  readonly foldsTableNames: boolean
  /** Literals are of a character set in which ASCII is what it is: a text of it that is stored in a variable is that text. */
  readonly keepsAscii?: boolean
}

/** Whether a text says the same in both: some servers read what was prepared again when definitions have changed, as texts are read by then. */
export const readAlike = (one: ReadingContext, other: ReadingContext): boolean =>
  one.charset === other.charset && READING_MODES.every((mode) => one.sqlMode.has(mode) === other.sqlMode.has(mode))

/** Modes that the reader reads by: quotes, operators, and what literals say. */
const READING_MODES = [
  'ANSI_QUOTES',
  'NO_BACKSLASH_ESCAPES',
  'PIPES_AS_CONCAT',
  'HIGH_NOT_PRECEDENCE',
  'EMPTY_STRING_IS_NULL',
]
