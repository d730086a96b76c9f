import type { Styles } from './colours.ts'

/**
 * A statement with its keywords, texts and comments in colour; every character stays where it is. A reader for the eye alone: it knows neither
 * which words a server reserves nor how it is set, and nothing is decided by it.
 */
export function colouredSql(text: string, style: Pick<Styles, 'cyan' | 'green' | 'bold'>): string {
  return text.replaceAll(TOKEN, (token, comment?: string, literal?: string) => {
    if (comment !== undefined) return token
    if (literal !== undefined) return perLine(token, style.green)
    return KEYWORDS.has(token.toLowerCase()) ? style.cyan(token) : token
  })
}

/** A colour that went over the end of a line would be that of the next line's margin. */
const perLine = (text: string, colour: (text: string) => string): string =>
  text
    .split('\n')
    .map((line) => colour(line))
    .join('\n')

/** Comments, texts ('…', $tag$…$tag$), quoted names ("…", `…`), words. */
const TOKEN =
  /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*(?:'|$)|\$([A-Za-z_]\w*|)\$[\s\S]*?(?:\$\3\$|$))|("(?:[^"]|"")*(?:"|$)|`[^`]*(?:`|$))|[A-Za-z_]\w*/g

const KEYWORDS: ReadonlySet<string> = new Set(
  `add all alter analyze and any as asc begin between by call cascade case cast column commit conflict constraint copy create cross current
  database declare default delete desc describe distinct do drop else end except execute exists explain fetch filter foreign from full
  function grant group having if ilike in index inner insert intersect into is join key lateral left like limit lock merge not null offset on
  only or order outer over partition prepare primary procedure references rename replace returning revoke right role rollback row savepoint
  schema select sequence set show start table temporary then to transaction trigger truncate union unique update user using vacuum values view
  when where window with`.split(/\s+/),
)
