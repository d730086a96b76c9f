import type { ReadBody } from '../catalog/build-catalog.ts'
import { givesAnything, unknownCalls } from './functions.ts'
import { readStatements } from './parse-statement.ts'

/**
 * Parses the expression of a view or a generated column. The server prints and reads these texts without any mode that affects quotes,
 * escapes or operators, whatever the session has (mysql_make_view in sql_view.cc), and with qualified names.
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
  // Stored functions are qualified with their database in these texts.
  const known = { server, database, safeRoutines, userFunctions: NONE }
  return {
    parsed,
    unknown: [...parsed.unknown, ...unknownCalls(parsed, known)],
    isOpaque: parsed.functions.some(({ schema, name }) => givesAnything(schema, name, known)),
  }
}

const NO_MODES: ReadonlySet<string> = new Set()
const NONE: ReadonlySet<string> = new Set()

/** In characters of a definition; each is parsed synchronously. */
const MAX_LENGTH = 65_536
