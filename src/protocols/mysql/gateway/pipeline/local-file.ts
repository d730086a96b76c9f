import type { StatementFacts } from '../../dialect/statement-facts.ts'

/**
 * The file that a text allows the server to request; undefined if it allows none. A text with several statements never does: the gateway
 * could not know which of them the server is running when it asks.
 */
export function fileOf(sql: string, { parsed }: Pick<StatementFacts, 'parsed'>): string | undefined {
  const [statement] = parsed
  if (sql.length > MAX_SEARCHED_LENGTH || parsed.length !== 1 || statement?.kinds.includes('load-data-local') !== true)
    return undefined
  const match = /\binfile\s+(?:'((?:[^'\\]|\\.|'')*)'|"((?:[^"\\]|\\.|"")*)")/is.exec(sql)
  const [quoted, quote] = match?.[1] === undefined ? [match?.[2], '"'] : [match[1], "'"]
  return quoted
    ?.replaceAll(quote + quote, quote)
    .replaceAll(/\\(.)/gs, (_, letter: string) => ESCAPES[letter] ?? letter)
}

/** Source: MySQL, String Literals. */
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', '0': '\0', Z: '\u001A' }

/** In characters of a text that is searched; a longer one allows no file. */
const MAX_SEARCHED_LENGTH = 65_536
