import { parseSync } from 'libpg-query'
import { readStatements } from '../../src/protocols/postgres/dialect/parse-statement.ts'
import type { ParsedStatement } from '../../src/sql/facts/parsed-statement.ts'

/** What each statement of a text says; the parser must have been loaded. */
export const readSql = (sql: string): readonly ParsedStatement[] => readStatements(parseSync(sql), sql)
