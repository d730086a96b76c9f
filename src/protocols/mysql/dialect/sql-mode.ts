import { wordList } from '../../../shared/word-list.ts'
import type { ServerVersion } from '../wire/server-version.ts'

/**
 * The modes that a value of sql_mode turns on, with combination modes expanded. Source: MySQL manual, Server SQL Modes; MariaDB, SQL_MODE.
 */
export function expandSqlMode(value: string, { flavor }: ServerVersion): ReadonlySet<string> {
  const modes = new Set<string>()
  for (const word of value.toUpperCase().split(',')) {
    const name = word.trim()
    if (name === '') continue
    modes.add(name)
    for (const part of COMBINED[flavor][name] ?? []) modes.add(part)
  }
  return modes
}

/** Why texts cannot be read under these modes; undefined if they can. */
export function unreadableMode(modes: ReadonlySet<string>): string | undefined {
  for (const mode of modes) if (!KNOWN.has(mode)) return `the SQL mode ${mode} is not supported`
  return undefined
}

const ANSI = wordList('REAL_AS_FLOAT PIPES_AS_CONCAT ANSI_QUOTES IGNORE_SPACE')
const NO_OPTIONS = [...ANSI.slice(1), ...wordList('NO_KEY_OPTIONS NO_TABLE_OPTIONS NO_FIELD_OPTIONS')]
const TRADITIONAL = wordList(`
  STRICT_TRANS_TABLES STRICT_ALL_TABLES NO_ZERO_IN_DATE NO_ZERO_DATE ERROR_FOR_DIVISION_BY_ZERO NO_AUTO_CREATE_USER
  NO_ENGINE_SUBSTITUTION`)

/** Combination modes. */
const COMBINED: Readonly<Record<ServerVersion['flavor'], Readonly<Record<string, readonly string[]>>>> = {
  mysql: { ANSI: [...ANSI, 'ONLY_FULL_GROUP_BY'], TRADITIONAL },
  mariadb: {
    ANSI,
    TRADITIONAL,
    DB2: NO_OPTIONS,
    MAXDB: [...NO_OPTIONS, 'NO_AUTO_CREATE_USER'],
    MSSQL: NO_OPTIONS,
    ORACLE: [...NO_OPTIONS, 'NO_AUTO_CREATE_USER', 'SIMULTANEOUS_ASSIGNMENT'],
    POSTGRESQL: NO_OPTIONS,
  },
}

/** Modes under which texts are read. ORACLE and MSSQL have a grammar of their own, and an unknown mode may change anything. */
const KNOWN = new Set([
  ...TRADITIONAL,
  ...NO_OPTIONS,
  ...wordList(`
    REAL_AS_FLOAT ANSI TRADITIONAL DB2 MAXDB POSTGRESQL MYSQL323 MYSQL40 HIGH_NOT_PRECEDENCE NO_BACKSLASH_ESCAPES
    EMPTY_STRING_IS_NULL ONLY_FULL_GROUP_BY NO_UNSIGNED_SUBTRACTION NO_DIR_IN_CREATE NO_AUTO_VALUE_ON_ZERO
    ALLOW_INVALID_DATES PAD_CHAR_TO_FULL_LENGTH SIMULTANEOUS_ASSIGNMENT TIME_ROUND_FRACTIONAL
    TIME_TRUNCATE_FRACTIONAL IGNORE_BAD_TABLE_OPTIONS`),
])
