import { MARK } from '../../src/shared/commitment.ts'

/** A token of a command. The tokens joined give the text back: nothing is added, dropped or moved. */
export interface Token {
  readonly kind: 'plain' | 'kw' | 'str' | 'com' | 'num'
  readonly text: string
}

/** Colours only; no decision depends on them. */
export function highlight(text: string, language: 'sql' | 'shell'): Token[] {
  const tokens: Token[] = []
  const pattern = language === 'sql' ? SQL : SHELL
  let at = 0
  for (const match of text.matchAll(pattern)) {
    if (match.index > at) tokens.push({ kind: 'plain', text: text.slice(at, match.index) })
    const { com, str, num, word } = match.groups ?? {}
    const kind =
      com !== undefined
        ? 'com'
        : str !== undefined
          ? 'str'
          : num !== undefined
            ? 'num'
            : word !== undefined && (language === 'shell' || KEYWORDS.has(word.toLowerCase()))
              ? 'kw'
              : 'plain'
    tokens.push({ kind, text: match[0] })
    at = match.index + match[0].length
  }
  if (at < text.length) tokens.push({ kind: 'plain', text: text.slice(at) })
  return tokens
}

/** The tokens of each line, without the line ends. */
export function linesOf(tokens: readonly Token[]): Token[][] {
  const lines: Token[][] = [[]]
  for (const { kind, text } of tokens) {
    const parts = text.split('\n')
    parts.forEach((part, index) => {
      if (index > 0) lines.push([])
      if (part !== '') lines.at(-1)?.push({ kind, text: part })
    })
  }
  return lines
}

const SQL =
  /(?<com>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<str>'(?:[^']|'')*(?:'|$)|\$(?<tag>\w*)\$[\s\S]*?(?:\$\k<tag>\$|$)|"(?:[^"]|"")*(?:"|$))|(?<num>\b\d+(?:\.\d+)?\b)|(?<word>\b[A-Za-z_]\w*\b)/g
const SHELL =
  /(?<com>(?<=^|\s)#[^\n]*)|(?<str>'[^']*(?:'|$)|"(?:[^"\\]|\\[\s\S]?)*(?:"|$))|(?<num>(?<=\s)\d+\b)|(?<word>(?:(?<=^|[;&|(]\s{0,20}))[\w./-]+)/g
const KEYWORDS = new Set(
  'add all alter analyze and any as asc begin between by call cascade case check column commit constraint copy create cross current database declare default delete desc distinct do drop else end except execute exists explain false fetch for foreign from full function grant group having if in index inner insert intersect into is join key lateral left like limit lock merge natural not null offset on only or order outer over partition prepare primary procedure references rename replace returning revoke right role rollback savepoint schema select sequence set show table temporary then to transaction trigger true truncate type union unique update user using vacuum values view when where window with'.split(
    ' ',
  ),
)

/** The same of a text from a recording: what stands there in place of a value is one token, or inside of one. */
export function highlightRecorded(text: string, language: 'sql' | 'shell'): Token[] {
  let at = 0
  return highlight(
    text.replaceAll(MARK, (mark) => 'x'.repeat(mark.length)),
    language,
  ).map(({ kind, text: { length } }) => ({ kind, text: text.slice(at, (at += length)) }))
}
