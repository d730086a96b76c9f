import type { StatementFacts } from '../../dialect/statement-facts.ts'

/**
 * The file that each statement of a text lets the server ask for; undefined where it lets it ask for none. Of a text with several statements
 * none does: which of them the server works on when it asks, nobody could say.
 */
export function fileOf(sql: string, { parsed }: Pick<StatementFacts, 'parsed'>): string | undefined {
  const [statement] = parsed
  if (sql.length > LONGEST || parsed.length !== 1 || statement?.kinds.includes('load-data-local') !== true)
    return undefined
  const match = /\binfile\s+(?:'((?:[^'\\]|\\.|'')*)'|"((?:[^"\\]|\\.|"")*)")/is.exec(sql)
  const [quoted, quote] = match?.[1] === undefined ? [match?.[2], '"'] : [match[1], "'"]
  return quoted
    ?.replaceAll(quote + quote, quote)
    .replaceAll(/\\(.)/gs, (_, letter: string) => ESCAPES[letter] ?? letter)
}

/** Source: MySQL, String Literals. */
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', '0': '\0', Z: '\u001A' }

/** Characters of a text that is looked through; no file is asked for by a longer one. */
const LONGEST = 65_536
