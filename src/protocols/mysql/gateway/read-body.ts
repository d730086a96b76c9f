import type { ReadBody } from '../catalog/build-catalog.ts'
import { readStatements } from '../dialect/parse-statement.ts'

/**
 * What the text of a view or of a generated column says. Servers write it anew from what they have read, with names in backticks; the modes of
 * whoever defined it are not known. So a text in which a mode could matter is not read: one with a backslash or a double quote.
 */
export const readBody: ReadBody = (text, { server, foldsTableNames, database }) => {
  if (/[\\"]/.test(text)) return undefined
  const parsed = readStatements(text, {
    server,
    sqlMode: new Set(),
    database,
    multiStatements: false,
    charset: 'utf8mb4',
    foldsTableNames,
  })
  if ('failure' in parsed) return undefined
  const [statement] = parsed
  if (statement === undefined || parsed.length > 1) return undefined
  return { parsed: statement, unknown: statement.unknown }
}
