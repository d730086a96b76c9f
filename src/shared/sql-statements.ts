/**
 * Constants, quoted names and comments of SQL text. Spec: PostgreSQL manual, 4.1 Lexical Structure. Quoted identifiers are matched as well, so that a quote
 * inside one is not taken for the start of a constant. An unterminated constant extends to the end of the text. A comment in C style is matched by its
 * beginning alone: it nests, and `endOfComment` says where it ends. A digit within a name or a parameter ($1) does not begin a number. A constant that
 * continues after a line break keeps the escapes that it began with. Names and keywords (group `name`) are matched so that a dollar sign in one (`x$a$`)
 * is not taken for the start of a constant.
 */
export const SQL_LITERAL =
  /"(?:[^"]|"")*(?:"|$)|(?<![\w$\u0080-\uffff])[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)(?:[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:[ \t\f\v\n\r]|--[^\n\r]*[\n\r])*'(?:[^'\\]|\\[\s\S]|'')*(?:'|$))*|'(?:[^']|'')*(?:'|$)|\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[\s\S]*?(?:\$\1\$|$)|--[^\n\r]*|\/\*|(?<![\w$\u0080-\uffff])\.?\d[\w.]*|(?<name>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)/g

/** Comments nest; an unterminated one extends to the end of the text. */
export function endOfComment(sql: string, from: number): number {
  const sign = /\/\*|\*\//g
  sign.lastIndex = from
  let depth = 1
  while (depth > 0) {
    const match = sign.exec(sql)
    if (match === null) return sql.length
    depth += match[0] === '/*' ? 1 : -1
  }
  return sign.lastIndex
}

/**
 * The texts of `count` statements of PostgreSQL; undefined where the text cannot be cut into so many. Every character is in one of them, but the semicolons
 * between them: a comment belongs to the statement that it stands before, or to the last one.
 *
 * A cut is made at each semicolon outside of constants, quoted names, comments and parentheses. The server's grammar has semicolons within a
 * statement in no other place than the body of a function (BEGIN ATOMIC), which gives too many texts, and parentheses are balanced within each statement,
 * so that two are never taken for one. `count` must be what the server's grammar found: then each text is one statement.
 */
export function splitStatements(sql: string, count: number): string[] | undefined {
  const cuts = cutsOf(sql)
  const texts: string[] = []
  /** Comments of which no statement has come yet. */
  let before = ''
  for (const [at, cut] of cuts.entries()) {
    const text = sql.slice(cuts[at - 1]?.end ?? 0, cut.at)
    // Empty statements are dropped, comments are not.
    if (cut.isBlank) before += trimmed(text) === '' ? '' : text + sql.slice(cut.at, cut.end)
    else {
      texts.push(before + text)
      before = ''
    }
  }
  const last = texts.at(-1)
  if (trimmed(before) !== '' && last !== undefined) texts[texts.length - 1] = `${last};${before}`
  return texts.length === count ? texts.map(trimmed) : undefined
}

/**
 * The first word of each statement of PostgreSQL, in upper case (`SELECT`); undefined where semicolons may be within a statement: in the body of a function
 * (BEGIN ATOMIC).
 */
export function firstWords(sql: string): string[] | undefined {
  if (/\batomic\b/i.test(sql)) return undefined
  return cutsOf(sql).flatMap(({ isBlank, word }) => (isBlank ? [] : [word.toUpperCase()]))
}

/** Without the white space of the server's grammar around it: other blanks, such as U+00A0, are characters of names. */
function trimmed(text: string): string {
  const from = text.search(/[^ \t\n\r\f\v]/)
  if (from < 0) return ''
  let to = text.length
  while (SPACES.has(text.charAt(to - 1))) to--
  return text.slice(from, to)
}

const SPACES: ReadonlySet<string> = new Set(' \t\n\r\f\v')

/** Where a statement ends, where the next one begins, and whether there is nothing in it but blanks and comments. */
interface Cut {
  readonly at: number
  readonly end: number
  readonly isBlank: boolean
  /** The first name or keyword of the statement; empty where it has none. */
  readonly word: string
}

function cutsOf(sql: string): Cut[] {
  const cuts: Cut[] = []
  const next = new RegExp(`${SQL_LITERAL.source}|[();]`, 'g')
  let depth = 0
  let isBlank = true
  let word = ''
  let at = 0
  const pass = (to: number): void => {
    if (trimmed(sql.slice(at, to)) !== '') isBlank = false
  }
  for (let match = next.exec(sql); match !== null; match = next.exec(sql)) {
    const [found] = match
    pass(match.index)
    if (found === '/*') next.lastIndex = endOfComment(sql, next.lastIndex)
    at = next.lastIndex
    if (found === ';' && depth === 0) {
      cuts.push({ at: match.index, end: at, isBlank, word })
      isBlank = true
      word = ''
    } else if (!found.startsWith('--') && found !== '/*') isBlank = false
    if (word === '') word = match.groups?.['name'] ?? ''
    if (found === '(') depth++
    if (found === ')') depth = Math.max(0, depth - 1)
  }
  pass(sql.length)
  cuts.push({ at: sql.length, end: sql.length, isBlank, word })
  return cuts
}
