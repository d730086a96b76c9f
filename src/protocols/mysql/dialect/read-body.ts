import type { ReadBody } from '../catalog/build-catalog.ts'
import { givesAnything, unknownCalls } from './functions.ts'
import { readStatements } from './parse-statement.ts'

/**
 * Reads what a view or a generated column computes. The server prints and reads these texts without any of the modes that move quotes,
 * escapes or operators, whatever the session has (mysql_make_view in sql_view.cc), and with names in full.
 */
export const readBody: ReadBody = (text, { server, foldsTableNames, database, safeRoutines }) => {
  if (text.length > MAX_LENGTH) return undefined
  const read = readStatements(text, {
    server,
    sqlMode: NO_MODES,
    database,
    multiStatements: false,
    charset: 'utf8mb4',
    foldsTableNames,
  })
  if ('failure' in read) return undefined
  const [parsed, ...others] = read
  if (parsed === undefined || others.length > 0) return undefined
  // A stored function has its database before its name in these texts.
  const known = { server, database, safeRoutines, userFunctions: NONE }
  return {
    parsed,
    unknown: [...parsed.unknown, ...unknownCalls(parsed, known)],
    isOpaque: parsed.functions.some(({ schema, name }) => givesAnything(schema, name, known)),
  }
}

const NO_MODES: ReadonlySet<string> = new Set()
const NONE: ReadonlySet<string> = new Set()

/** Characters of a definition that is read; each is, at once. */
const MAX_LENGTH = 65_536
