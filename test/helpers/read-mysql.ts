import type { Name } from '../../src/sql/query.ts'
import type { ParsedStatement } from '../../src/sql/facts/parsed-statement.ts'
import type { ReadingContext } from '../../src/protocols/mysql/dialect/reading-context.ts'
import { readStatements } from '../../src/protocols/mysql/dialect/parse-statement.ts'
import { expandSqlMode } from '../../src/protocols/mysql/dialect/sql-mode.ts'
import { parseServerVersion } from '../../src/protocols/mysql/wire/server-version.ts'

interface Reading extends Partial<Omit<ReadingContext, 'server' | 'sqlMode'>> {
  /** As the greeting has it. */
  readonly version?: string
  readonly mode?: string
}

export function readingContext({ version = '10.11.19-MariaDB', mode = '', ...more }: Reading = {}): ReadingContext {
  const server = parseServerVersion(version)
  if (server === undefined) throw new Error(`${version} is no version`)
  return {
    server,
    sqlMode: expandSqlMode(mode, server),
    database: 'shop',
    multiStatements: false,
    charset: 'utf8mb4',
    foldsTableNames: false,
    ...more,
  }
}

/** What a text says in one line; where it is not read, why. */
export function said(sql: string, reading: Reading = {}): string {
  const read = readStatements(sql, readingContext(reading))
  return 'failure' in read ? `FAILURE ${read.failure}` : read.map(describe).join('; ')
}

const nameOf = ({ schema, name }: Name): string => (schema === undefined ? name : `${schema}.${name}`)
const names = (mark: string, all: readonly string[]): string => (all.length === 0 ? '' : ` ${mark} ${all.join(' ')}`)

const describe = (statement: ParsedStatement): string =>
  [
    statement.kinds.join(' '),
    names('<', statement.reads.map(nameOf)),
    names('>', statement.writes.map(nameOf)),
    names('()', statement.functions.map(nameOf)),
    names(
      '=',
      statement.settings.map(({ name, value }) => (value === undefined ? name : `${name}=${value}`)),
    ),
    statement.missingWhere ? ' !where' : '',
    statement.secret ? ' !secret' : '',
    statement.unknown.length > 0 ? ' ?' : '',
  ].join('')
