import { fieldOf } from '../../dialect/tree-fields.ts'
import { wordList } from '../../../../shared/word-list.ts'
import type { Statement } from '../../../../sql/query.ts'
import { isComment, literalsAndComments, type Piece } from '../../dialect/literals.ts'
import type { ParsedStatement } from '../../../../sql/facts/parsed-statement.ts'
import type { ParsedText } from '../../dialect/sql-parser.ts'

/** The text of one query or write, and the types that are declared for its parameters (0: the server infers). */
export interface QueryText {
  readonly sql: string
  readonly types: readonly number[]
}

/** `hasStrings`: it still has constants that the server converts to a type when it analyses the text. */
export interface BareText extends QueryText {
  /** The number of parameters that are the client's own; those after them replace constants. */
  readonly given: number
  readonly hasStrings: boolean
}

export type Parse = (sql: string) => ParsedText | Promise<ParsedText>

/** The query whose rows a statement returns, stores or plans; the statement itself if it is a query. Undefined: it has none. */
export function queryOf({ tree }: ParsedStatement): Statement | undefined {
  let statement = tree
  while (statement.kind === 'utility') {
    const { detail, does, statements } = statement
    const gives =
      detail.copy !== undefined ||
      detail.explain !== undefined ||
      detail.stores !== undefined ||
      does.some((kind) => kind === 'declare-cursor' || kind === 'prepare')
    const [inner] = statements
    if (!gives || inner === undefined) return undefined
    statement = inner
  }
  // The destination of SELECT … INTO is not part of the query.
  return 'into' in statement && statement.into !== undefined ? { ...statement, into: undefined } : statement
}

/**
 * The text of that query within the text of the statement. The parts that may be the query are parsed, and the first that gives exactly the
 * same tree is taken. Undefined if none does.
 */
export async function textOfQuery(sql: string, query: Statement, parse: Parse): Promise<string | undefined> {
  for (const candidate of candidates(sql)) if (await says(candidate, query, parse, false)) return candidate
  return undefined
}

/**
 * The same query with parameters in place of constants. They resolve as the constants do, but the server does not convert them, so that no
 * code of a type runs; and they do not appear in the server's log. Undefined if the result would be another query.
 */
export async function withoutConstants(
  { sql, types }: QueryText,
  query: Statement,
  parse: Parse,
): Promise<BareText | undefined> {
  const numbers = new Map<string, number>()
  const declared = [...types]
  const literals = literalsAndComments(sql)
  let highest = 0
  for (const [, number] of blank(sql, literals).matchAll(/\$(\d{1,5})/g)) highest = Math.max(highest, Number(number))
  while (declared.length < highest) declared.push(0)
  const given = declared.length
  let text = ''
  let at = 0
  let hasStrings = false
  for (const match of literals) {
    const { 0: literal } = match
    const type = isComment(literal) ? undefined : typeOf(literal)
    if (type === undefined) continue
    if (!mayBeParameter(sql, match.index)) {
      if (type === 0) hasStrings = true
      continue
    }
    let number = numbers.get(literal)
    if (number === undefined) {
      number = declared.push(type)
      numbers.set(literal, number)
    }
    text += `${sql.slice(at, match.index)} $${number} `
    at = match.index + literal.length
  }
  if (declared.length > MAX_PARAMETERS) return undefined
  if (numbers.size === 0) return { sql, types, given, hasStrings }
  const asked = { sql: text + sql.slice(at), types: declared, given, hasStrings }
  return (await says(asked.sql, query, parse, true)) ? asked : undefined
}

/**
 * The same text with one more string declared as text: the one that the server's error names because it could not determine its type. The
 * server treats such a string as text where any type is allowed, as in the arguments of json_build_object(). The error is in the server's
 * language, and names the parameter in each. Undefined if it names no parameter, or not that of a string.
 */
export function withTextDeclared(asked: BareText, text: string): BareText | undefined {
  const [named, ...others] = text.matchAll(/\$(\d{1,5})(?!\d)/g)
  const index = Number(named?.[1]) - 1
  if (others.length > 0 || !(index >= asked.given) || asked.types[index] !== 0) return undefined
  return { ...asked, types: asked.types.map((type, at) => (at === index ? TEXT : type)) }
}

/** The text of each statement; undefined if they cannot be separated. `parsed` are the statements of the whole text. */
export async function splitText(
  sql: string,
  parsed: readonly ParsedStatement[],
  parse: Parse,
): Promise<readonly string[] | undefined> {
  if (parsed.length === 1) return [sql]
  const bare = blank(sql, literalsAndComments(sql))
  const pieces: string[] = []
  let start = 0
  let failed = 0
  for (const end of ends(bare)) {
    const piece = sql.slice(start, end)
    const isEmpty = /^\s*$/.test(bare.slice(start, end))
    const due = parsed[pieces.length]
    if (isEmpty) start = end + 1
    else if (due === undefined) return undefined
    else if (await says(piece, due.tree, parse, false)) {
      pieces.push(piece)
      start = end + 1
    } else if (++failed > MAX_FAILED) return undefined
  }
  return pieces.length === parsed.length ? pieces : undefined
}

/**
 * Where statements may end: at each semicolon outside of parentheses and of bodies of functions (BEGIN ATOMIC … END, in which CASE has an END of its own), and at
 * the end of the text. `END` may also be the name of a column, so that what is before such a place may turn out to be part of a statement.
 */
function* ends(bare: string): Generator<number, void, undefined> {
  let parentheses = 0
  let blocks = 0
  let before = ''
  for (const { 0: token, index } of bare.matchAll(/[();]|"[^"]*"|[\w$\u0080-\uffff]+/g)) {
    const word = token.toLowerCase()
    if (token === ';' && parentheses === 0 && blocks === 0) yield index
    if (token === '(') parentheses++
    if (token === ')') parentheses = Math.max(0, parentheses - 1)
    if (word === 'atomic' && before === 'begin') blocks++
    if (word === 'case' && before !== 'as' && blocks > 0) blocks++
    if (word === 'end' && before !== 'as') blocks = Math.max(0, blocks - 1)
    before = word
  }
  yield bare.length
}

/**
 * Whether a text has exactly this tree, except for its constants, which may be those of another text of the same template; with `allows`,
 * parameters may replace them.
 */
async function says(sql: string, query: Statement, parse: Parse, allows: boolean): Promise<boolean> {
  const parsed = await parse(sql)
  return !('failure' in parsed) && parsed.length === 1 && isSame(query, parsed[0]?.tree, allows)
}

function isSame(one: unknown, other: unknown, allows: boolean): boolean {
  if (one === other) return true
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') return false
  if (Array.isArray(one))
    return (
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((item, index) => isSame(item, other[index], allows))
    )
  const kind = fieldOf(other, 'kind')
  if (fieldOf(one, 'kind') === 'constant') {
    if (kind === 'constant') return fieldOf(one, 'type') === fieldOf(other, 'type')
    return allows && kind === 'parameter'
  }
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  for (const name of names)
    if (!PLACES.has(name) && !isSame(fieldOf(one, name), fieldOf(other, name), allows)) return false
  return true
}

/**
 * The parts of a statement that may be its query: from a word that begins a query to the end of the text, or to the parenthesis that closes
 * around it.
 */
function candidates(sql: string): string[] {
  const bare = blank(sql, literalsAndComments(sql))
  const found: string[] = [sql]
  const opened: number[] = []
  const begun: { readonly at: number; readonly depth: number }[] = []
  /** Those of them whose parenthesis is still open. */
  let open: typeof begun = []
  for (const { 0: token, index } of bare.matchAll(/[()]|"(?:[^"]|"")*"|[\w$\u0080-\uffff]+/g)) {
    if (token === '(') opened.push(index)
    else if (token === ')') {
      opened.pop()
      for (const { at, depth } of open) if (depth === opened.length + 1) found.push(sql.slice(at, index))
      open = open.filter(({ depth }) => depth <= opened.length)
    } else if (BEGINS.has(token.toLowerCase()) && begun.length < MAX_CANDIDATES && opened.length < 2) {
      const one = { at: index, depth: opened.length }
      begun.push(one)
      open.push(one)
    }
  }
  const tail = /\bwith\s+(no\s+)?data\s*(?:;\s*)?$/i.exec(bare)
  for (const { at, depth } of begun)
    if (depth === 0) found.push(...(tail === null ? [] : [sql.slice(at, tail.index)]), sql.slice(at))
  // SELECT … INTO: the query without its destination.
  const into =
    /\binto\s+(?:temp(?:orary)?\s+|unlogged\s+)?(?:table\s+)?(?:[\w.$\u0080-\uffff]+|"(?:[^"]|"")*"|\.)+/i.exec(bare)
  if (into !== null) found.push(`${sql.slice(0, into.index)} ${sql.slice(into.index + into[0].length)}`)
  return [...new Set(found)]
}

/** The text with its constants and comments blanked out, of the same length; quoted names stay. */
function blank(sql: string, literals: readonly Piece[]): string {
  let text = ''
  let at = 0
  for (const { 0: literal, index } of literals) {
    text += sql.slice(at, index) + ' '.repeat(literal.length)
    at = index + literal.length
  }
  // A word, a bracket or a semicolon within a quoted name is not one of the statement.
  return (text + sql.slice(at)).replace(
    /"(?:[^"]|"")*(?:"|$)/g,
    (name) => `"${'x'.repeat(Math.max(0, name.length - 2))}"`,
  )
}

/**
 * The type of the parameter that replaces this constant: 0 for a string, whose type the server infers; undefined: the constant stays. A
 * number that may be a position in a list of columns, a length or a precision stays.
 */
function typeOf(literal: string): number | undefined {
  if (/^(?:[eE]?'|\$)/.test(literal)) return 0
  if (/^[1-9]\d{4,}$/.test(literal)) {
    const value = BigInt(literal)
    return value <= 2_147_483_647n ? 23 : value <= 9_223_372_036_854_775_807n ? 20 : 1700
  }
  return /^\d+\.\d+$/.test(literal) && literal.length > 5 ? 1700 : undefined
}

/**
 * A string after a name belongs to it: `date '…'`, `B'…'`. A number after a minus sign is negative. Read from the constant at `index` backwards: an expression
 * would look for the word from the beginning of the text for each constant.
 */
function mayBeParameter(sql: string, index: number): boolean {
  let end = index
  while (end > 0 && BLANKS.has(sql.charAt(end - 1))) end--
  let start = end
  while (start > 0 && WORD_SIGN.test(sql.charAt(start - 1))) start--
  if (start < end) return end < index && BEFORE_CONSTANT.has(sql.slice(start, end).toLowerCase())
  return end === 0 || !'-&'.includes(sql.charAt(end - 1))
}

const BLANKS: ReadonlySet<string> = new Set(' \t\n\r\f\v')
const WORD_SIGN = /[\w$"\u0080-\uffff]/
const PLACES = new Set(['at', 'others'])
const BEGINS = new Set(wordList('select with values table insert update delete merge'))
const BEFORE_CONSTANT = new Set(
  wordList(`
  select distinct all where and or not on when then else case between symmetric like ilike to escape in is from for by having
  limit offset set values returning using as
`),
)
const MAX_CANDIDATES = 8
/** Places at which a statement turns out not to end; each takes as long as the text before it. */
const MAX_FAILED = 20
/** The object id of text in pg_type.dat. */
const TEXT = 25
/** The protocol counts parameters in 16 bits. */
const MAX_PARAMETERS = 60_000
