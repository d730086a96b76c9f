import type { Cte, Expression, FromItem, Query, Select, SetOperation, Target, With } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { column, opaque } from './build.ts'
import { constantAt } from './constants.ts'
import { fold, variableName, type Cursor } from './cursor.ts'
import { maybeOrder, readColumn, readExpression, readOrder, readWindow } from './clauses.ts'
import { isQueryWord, readSubquery } from './subqueries.ts'
import { readFrom } from './from.ts'
import { readRows } from './rows.ts'

/** SELECT, TABLE, VALUES and set operations. Source: MySQL manual, SELECT Statement; MariaDB, SELECT, TVC, WITH. */
export function readQuery(cursor: Cursor): Query {
  const clause = readWith(cursor)
  const body = readUnion(cursor)
  return withTail(body, clause, cursor)
}

export function readWith(cursor: Cursor): With | undefined {
  if (!cursor.take('WITH')) return undefined
  const recursive = cursor.take('RECURSIVE')
  return { recursive, ctes: cursor.list(() => readCte(cursor)) }
}

function readCte(cursor: Cursor): Cte {
  const name = cursor.tableName(cursor.words.isNoCte)
  const columns = cursor.isSign('(') ? cursor.parenthesized(() => cursor.columnName()) : []
  cursor.expect('AS')
  const query = readSubquery(cursor)
  if (cursor.isMariadb && cursor.take('CYCLE')) {
    const isList = cursor.takeSign('(')
    cursor.list(() => cursor.name())
    if (isList) cursor.expectSign(')')
    cursor.expect('RESTRICT')
  }
  return { name, columns, query, adds: undefined }
}

// ── set operations ─────────────────────────────────────────────────────────────────────────────────────────────────

/** A query, and whether it is in parentheses: clauses after them are not part of it. */
interface Part {
  readonly query: Query
  readonly isClosed: boolean
}

function readUnion(cursor: Cursor): Part {
  let left = readIntersect(cursor)
  while (cursor.isAny('UNION', 'EXCEPT')) left = together(left, cursor, readIntersect)
  return left
}

function readIntersect(cursor: Cursor): Part {
  let left = readPart(cursor)
  while (cursor.is('INTERSECT')) left = together(left, cursor, readPart)
  return left
}

function together(left: Part, cursor: Cursor, read: (cursor: Cursor) => Part): Part {
  const isUnion = cursor.is('UNION')
  const { into } = cursor
  if (into !== undefined) cursor.fail('INTO after the last query')
  cursor.at++
  const isAll = cursor.takeAny('ALL', 'DISTINCT') === 'ALL'
  // MariaDB does not allow WITH in parentheses here.
  if (cursor.isMariadb && cursor.isSign('(') && cursor.wordAt(1) === 'WITH') cursor.fail('SELECT')
  const right = read(cursor)
  if (cursor.into !== into) cursor.fail('INTO after the last query')
  cursor.grow()
  const query: SetOperation = {
    kind: 'set-operation',
    left: left.query,
    right: right.query,
    compares: !isUnion || !isAll,
    into: undefined,
    ...NO_TAIL,
  }
  return { query, isClosed: false }
}

function readPart(cursor: Cursor): Part {
  if (cursor.isSign('(')) {
    cursor.at++
    const query = cursor.nest(() => readQuery(cursor))
    cursor.expectSign(')')
    return { query, isClosed: true }
  }
  if (!isQueryWord(cursor)) {
    // A text that begins with VALUES is a query, whatever follows.
    if (!cursor.is('VALUES') || !cursor.isMariadb) cursor.fail('a query')
  }
  if (cursor.take('SELECT')) return { query: readSelect(cursor), isClosed: false }
  if (cursor.take('TABLE')) return { query: readTable(cursor), isClosed: false }
  if (cursor.take('VALUES'))
    return { query: { kind: 'values', rows: readRows(cursor, !cursor.isMariadb), ...NO_TAIL }, isClosed: false }
  return cursor.fail('SELECT')
}

const NO_TAIL = { with: undefined, order: [], limit: [], offset: [], locks: false } as const

function readTable(cursor: Cursor): Select {
  const name = cursor.qualifiedName()
  return {
    ...EMPTY,
    targets: [{ name: undefined, value: column('*') }],
    from: [{ kind: 'table', name, alias: undefined, sample: [], method: undefined }],
  }
}

const EMPTY: Select = {
  kind: 'select',
  targets: [],
  from: [],
  where: undefined,
  group: [],
  groupDistinct: false,
  having: undefined,
  windows: [],
  distinct: undefined,
  into: undefined,
  ...NO_TAIL,
}

/** Adds ORDER BY, LIMIT, locks and INTO, and the WITH before the query. */
function withTail({ query, isClosed }: Part, clause: With | undefined, cursor: Cursor): Query {
  const order = maybeOrder(cursor)
  const { limit, offset } = readLimit(cursor)
  const analyses = cursor.is('PROCEDURE')
  if (analyses) readAnalyse(cursor)
  readInto(cursor)
  const locks = readLocks(cursor)
  readInto(cursor)
  const isBare =
    clause === undefined && order.length === 0 && limit.length === 0 && offset.length === 0 && !locks && !analyses
  if (isBare) return query
  const tail = { with: clause, order, limit, offset, locks: locks || query.locks }
  if (!analyses && (!isClosed || hasNoTail(query))) return { ...query, ...tail }
  const derived: FromItem = { kind: 'derived', query, lateral: false, alias: undefined }
  // PROCEDURE ANALYSE shows the minimum and the maximum of each column.
  const from = analyses ? [derived, opaque('PROCEDURE ANALYSE')] : [derived]
  return { ...EMPTY, targets: [{ name: undefined, value: column('*') }], from, ...tail }
}

const hasNoTail = ({ with: clause, order, limit, offset }: Query): boolean =>
  clause === undefined && order.length === 0 && limit.length === 0 && offset.length === 0

function readAnalyse(cursor: Cursor): void {
  cursor.expect('PROCEDURE')
  if (!cursor.isMariadb) cursor.fail('the end of the query')
  cursor.name()
  cursor.expectSign('(')
  if (!cursor.isSign(')')) cursor.list(() => readExpression(cursor))
  cursor.expectSign(')')
}

/** A number, a parameter or, in the body of a stored program, a variable. */
function readCount(cursor: Cursor): Expression {
  if (cursor.kind === Kind.integer || (cursor.isMariadb && (cursor.kind === Kind.decimal || cursor.kind === Kind.hex)))
    return constantAt(cursor)
  if (cursor.kind === Kind.parameter || (cursor.isInBody && cursor.isName())) return readExpression(cursor)
  return cursor.fail('a number')
}

export function readLimit(cursor: Cursor): { limit: readonly Expression[]; offset: readonly Expression[] } {
  const offset: Expression[] = []
  const limit: Expression[] = []
  if (cursor.take('LIMIT')) {
    if (cursor.isMariadb && cursor.take('ROWS', 'EXAMINED')) return { limit: [readCount(cursor)], offset }
    const first = readCount(cursor)
    const isOffset = cursor.takeSign(',')
    ;(isOffset ? offset : limit).push(first)
    if (isOffset) limit.push(readCount(cursor))
    else if (cursor.take('OFFSET')) offset.push(readCount(cursor))
    if (cursor.isMariadb && cursor.take('ROWS', 'EXAMINED')) limit.push(readCount(cursor))
    return { limit, offset }
  }
  if (!cursor.isMariadb) return { limit, offset }
  if (cursor.take('OFFSET')) {
    offset.push(readCount(cursor))
    cursor.expectAny('ROW', 'ROWS')
  }
  if (cursor.take('FETCH')) {
    cursor.expectAny('FIRST', 'NEXT')
    if (!cursor.isAny('ROW', 'ROWS')) limit.push(readCount(cursor))
    cursor.expectAny('ROW', 'ROWS')
    if (!cursor.take('ONLY')) cursor.expect('WITH', 'TIES')
  }
  return { limit, offset }
}

/** FOR UPDATE, FOR SHARE, LOCK IN SHARE MODE. */
function readLocks(cursor: Cursor): boolean {
  let found = false
  for (;;) {
    if (cursor.take('LOCK', 'IN', 'SHARE', 'MODE')) found = true
    else if (cursor.take('FOR', 'UPDATE') || (!cursor.isMariadb && cursor.take('FOR', 'SHARE'))) {
      found = true
      if (!cursor.isMariadb && cursor.take('OF')) cursor.list(() => cursor.tableName())
    } else return found
    if (!cursor.take('NOWAIT') && !cursor.take('SKIP', 'LOCKED') && cursor.isMariadb && cursor.take('WAIT'))
      readCount(cursor)
    if (cursor.isMariadb) return found
  }
}

// ── INTO ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** INTO OUTFILE, INTO DUMPFILE, and INTO variables, which only the whole statement may have. */
function readInto(cursor: Cursor): void {
  if (!cursor.take('INTO')) return
  if (cursor.into !== undefined) cursor.fail('one INTO')
  if (cursor.take('OUTFILE')) {
    const path = pathAt(cursor)
    readCharset(cursor)
    cursor.into = { where: 'file', path: [path, ...readExportOptions(cursor)], variables: [] }
    return
  }
  if (cursor.take('DUMPFILE')) {
    cursor.into = { where: 'file', path: [pathAt(cursor)], variables: [] }
    return
  }
  const variables = cursor.list(() => {
    if (cursor.kind === Kind.userVariable) return variableName(cursor.tokens.value(cursor.at++))
    if (cursor.isInBody) return fold(cursor.name())
    return cursor.fail('a variable')
  })
  cursor.into = { where: 'variables', path: [], variables }
}

const pathAt = (cursor: Cursor): Expression =>
  cursor.kind === Kind.text ? constantAt(cursor) : cursor.fail('the name of a file')

export function readCharset(cursor: Cursor): void {
  if (!cursor.take('CHARACTER', 'SET') && !cursor.take('CHAR', 'SET') && !cursor.take('CHARSET')) return
  if (!cursor.take('BINARY') && cursor.takeText() === undefined) cursor.name()
}

/** FIELDS and LINES, as LOAD DATA has them. */
export function readExportOptions(cursor: Cursor): readonly Expression[] {
  const given: Expression[] = []
  const text = (): void => {
    const isOne = cursor.kind === Kind.text || cursor.kind === Kind.hex || cursor.kind === Kind.bits
    given.push(isOne ? constantAt(cursor) : cursor.fail('a text'))
  }
  if (cursor.takeAny('FIELDS', 'COLUMNS') !== undefined) {
    let found = false
    for (;;) {
      if (cursor.take('TERMINATED')) cursor.expect('BY')
      else if (cursor.take('OPTIONALLY')) cursor.expect('ENCLOSED', 'BY')
      else if (cursor.takeAny('ENCLOSED', 'ESCAPED') !== undefined) cursor.expect('BY')
      else break
      found = true
      text()
    }
    if (!found) cursor.fail('TERMINATED, ENCLOSED or ESCAPED')
  }
  if (cursor.take('LINES')) {
    let found = false
    while (cursor.takeAny('STARTING', 'TERMINATED') !== undefined) {
      cursor.expect('BY')
      found = true
      text()
    }
    if (!found) cursor.fail('STARTING or TERMINATED')
  }
  return given
}

// ── SELECT ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const OPTIONS = [
  'ALL',
  'DISTINCT',
  'DISTINCTROW',
  'HIGH_PRIORITY',
  'STRAIGHT_JOIN',
  'SQL_SMALL_RESULT',
  'SQL_BIG_RESULT',
  'SQL_BUFFER_RESULT',
  'SQL_CACHE',
  'SQL_NO_CACHE',
  'SQL_CALC_FOUND_ROWS',
]

/** Several times as many as a server accepts. */
const MAX_TARGETS = 20_000

function readSelect(cursor: Cursor): Select {
  let isDistinct = false
  for (let option = cursor.takeAny(...OPTIONS); option !== undefined; option = cursor.takeAny(...OPTIONS))
    if (option.startsWith('DISTINCT')) isDistinct = true
  let count = 0
  const targets = cursor.list(() => (count++ < MAX_TARGETS ? readTarget(cursor) : cursor.fail('fewer columns')))
  readInto(cursor)
  const from = cursor.take('FROM') ? readFromClause(cursor) : []
  const where = cursor.take('WHERE') ? readExpression(cursor) : undefined
  const group = cursor.take('GROUP', 'BY') ? readGroup(cursor) : []
  const having = cursor.take('HAVING') ? readExpression(cursor) : undefined
  const windows = cursor.take('WINDOW') ? cursor.list(() => readNamedWindow(cursor)) : []
  return { ...EMPTY, targets, from, where, group, having, windows, distinct: isDistinct ? [] : undefined }
}

const readFromClause = (cursor: Cursor): readonly FromItem[] => (cursor.take('DUAL') ? [] : readFrom(cursor))

/** An item of a select list, or of RETURNING. */
export function readTarget(cursor: Cursor): Target {
  if (cursor.takeSign('*')) return { name: undefined, value: column('*') }
  if (isStarred(cursor)) return { name: undefined, value: readColumn(cursor, true) }
  const start = cursor.at
  const value = readExpression(cursor)
  const end = cursor.at
  const name = readAlias(cursor) ?? (value.kind === 'column' ? value.path.at(-1) : undefined)
  const word = name === undefined ? wordOf(value, start, end, cursor) : undefined
  return word === undefined ? { name, value } : { name, word, value }
}

/**
 * The name of an expression without an alias, if it may be a plain word. The server takes the text as it is written, without comments and
 * up to a length, unless the expression has a name of its own: a column, a literal, NAME_CONST. Source: sql_yacc.yy, select_item; item.cc,
 * Item::set_name.
 */
function wordOf(value: Expression, start: number, end: number, cursor: Cursor): string | undefined {
  const { tokens } = cursor
  if (value.kind === 'constant') {
    if (value.type === 'integer' || value.type === 'number') return ''
    const isAlone =
      end === start + 1 && tokens.kind(start) === Kind.text && tokens.end(start) - tokens.start(start) < MAX_NAME
    return isAlone && /^[\x20-\x7e]*$/.test(value.value) ? fold(value.value.trim()) : undefined
  }
  if (HAVE_NAMES.has(value.kind)) return undefined
  if (value.kind === 'call' && value.name.schema === undefined && OWN_NAMES.has(value.name.name)) return undefined
  for (let at = start; at < end && tokens.end(at) - tokens.start(start) < MAX_NAME; at++) {
    if (NO_WORDS.has(tokens.kind(at))) return ''
    // Spaces within the text stay; comments may be removed.
    if (at > start && /^[ \t\n\r]+$/.test(tokens.text.slice(tokens.end(at - 1), tokens.start(at)))) return ''
  }
  return undefined
}

const NO_WORDS: ReadonlySet<number> = new Set([Kind.sign, Kind.text, Kind.userVariable, Kind.systemVariable])
/** Expressions with a name of their own. */
const HAVE_NAMES: ReadonlySet<Expression['kind']> = new Set([
  'column',
  'parameter',
  'system-value',
  'default',
  'opaque',
])
const OWN_NAMES = new Set(['name_const', 'values', 'value'])
/** The number of characters of a text that a name certainly has. */
const MAX_NAME = 60

/** `table.*`, `database.table.*`. */
function isStarred(cursor: Cursor): boolean {
  if (!cursor.isName() || !cursor.isSignAt(1, '.')) return false
  if (cursor.isSignAt(2, '*')) return true
  return cursor.isNameAt(2) && cursor.isSignAt(3, '.') && cursor.isSignAt(4, '*')
}

function readAlias(cursor: Cursor): string | undefined {
  const isNamed = cursor.take('AS')
  const text = cursor.takeText()
  if (text !== undefined) return fold(text)
  if (isNamed) return cursor.columnName()
  return cursor.isNameAt(0, cursor.words.isNoAlias) ? fold(cursor.name(cursor.words.isNoAlias)) : undefined
}

function readGroup(cursor: Cursor): readonly Expression[] {
  const group = readOrder(cursor).map(({ by }) => by)
  return cursor.take('WITH', 'ROLLUP') ? [{ kind: 'grouping-set', args: group }] : group
}

function readNamedWindow(cursor: Cursor): Select['windows'][number] {
  cursor.name()
  cursor.expect('AS')
  return readWindow(cursor)
}
