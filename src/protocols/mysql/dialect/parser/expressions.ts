import type { Constant, Expression, Subquery } from '../../../../sql/query.ts'
import { isLiteral, Kind } from '../tokens.ts'
import { isIntroducer } from '../words.ts'
import { assign, call, logic, operation } from './build.ts'
import { constantAt } from './constants.ts'
import { fold, MAX_DEPTH, variableName, type Cursor } from './cursor.ts'
import { behindParentheses, isCalled, isInterval, readColumn, readExpression, readInterval } from './clauses.ts'
import { readCall } from './functions.ts'
import { readType } from './types.ts'

/**
 * Expressions, from the loosest operator to the tightest. Source: MySQL manual, Expressions, Operator Precedence; MariaDB, Operator
 * Precedence, where predicates may follow one another.
 */
export function readAnyExpression(cursor: Cursor): Expression {
  // Lists of constants may have millions.
  if (isLiteral(cursor.kind) && (cursor.isSignAt(1, ',') || cursor.isSignAt(1, ')'))) return constantAt(cursor)
  return cursor.nest(() => readOr(cursor))
}

function readOr(cursor: Cursor): Expression {
  const first = readXor(cursor)
  if (!isOr(cursor)) return first
  const args = [first]
  while (isOr(cursor)) {
    cursor.at++
    args.push(cursor.beside(readXor))
  }
  return logic('or', args)
}

const isOr = (cursor: Cursor): boolean => cursor.is('OR') || (cursor.isSign('||') && !concatenates(cursor))

const concatenates = (cursor: Cursor): boolean => cursor.context.sqlMode.has('PIPES_AS_CONCAT')

function readXor(cursor: Cursor): Expression {
  let left = readAnd(cursor)
  while (cursor.take('XOR')) {
    left = operation('xor', [left, cursor.beside(readAnd)])
    cursor.grow()
  }
  return left
}

function readAnd(cursor: Cursor): Expression {
  const first = readNot(cursor)
  if (!isAnd(cursor)) return first
  const args = [first]
  while (isAnd(cursor)) {
    cursor.at++
    args.push(cursor.beside(readNot))
  }
  return logic('and', args)
}

const isAnd = (cursor: Cursor): boolean => cursor.is('AND') || cursor.isSign('&&')

/** Under HIGH_NOT_PRECEDENCE, NOT binds as tightly as `!`. */
const bindsTightly = (cursor: Cursor): boolean => cursor.context.sqlMode.has('HIGH_NOT_PRECEDENCE')

function readNot(cursor: Cursor): Expression {
  if (!cursor.is('NOT') || bindsTightly(cursor)) return readTest(cursor)
  cursor.at++
  return cursor.nest(() => logic('not', [readNot(cursor)]))
}

const COMPARISONS = new Set(['=', '<=>', '>=', '>', '<=', '<', '<>', '!='])

/** IS and comparisons, from the left. */
function readTest(cursor: Cursor): Expression {
  let left = readPredicate(cursor)
  for (;;) {
    if (cursor.is('IS')) {
      cursor.at++
      const negated = cursor.take('NOT')
      const is = cursor.expectAny('NULL', 'TRUE', 'FALSE', 'UNKNOWN')
      left = { kind: 'test', is: TESTS[is] ?? 'unknown', negated, arg: left }
    } else if (COMPARISONS.has(cursor.sign)) {
      const { sign } = cursor
      cursor.at++
      left = isQuantified(cursor)
        ? readQuantified(left, sign, cursor)
        : operation(sign === '!=' ? '<>' : sign, [left, cursor.beside(readPredicate)])
    } else return left
    cursor.grow()
  }
}

const TESTS: Readonly<Record<string, 'null' | 'true' | 'false' | 'unknown'>> = {
  NULL: 'null',
  TRUE: 'true',
  FALSE: 'false',
  UNKNOWN: 'unknown',
}

const isQuantified = (cursor: Cursor): boolean => cursor.isAny('ALL', 'ANY', 'SOME') && cursor.isSignAt(1, '(')

function readQuantified(tested: Expression, sign: string, cursor: Cursor): Subquery {
  const all = cursor.expectAny('ALL', 'ANY', 'SOME') === 'ALL'
  if (sign === '<=>') cursor.fail('a comparison with rows')
  return rowsOf(tested, sign === '!=' ? '<>' : sign, all, cursor)
}

function rowsOf(tested: Expression, operator: string, all: boolean, cursor: Cursor): Subquery {
  const query = readSubquery(cursor)
  return { kind: 'subquery', gives: 'rows', tested, operators: [{ schema: undefined, name: operator }], all, query }
}

/** A query in parentheses. */
export function readSubquery(cursor: Cursor): Subquery['query'] {
  cursor.expectSign('(')
  const { into } = cursor
  const query = cursor.nest(() => cursor.read.query(cursor))
  if (cursor.into !== into) cursor.fail('a query without INTO')
  cursor.expectSign(')')
  return query
}

const value = (query: Subquery['query'], gives: 'value' | 'exists'): Subquery => ({
  kind: 'subquery',
  gives,
  tested: undefined,
  operators: [],
  all: false,
  query,
})

/** IN, LIKE, REGEXP and the like bind more tightly than BETWEEN. */
function readPredicate(cursor: Cursor): Expression {
  let left = readMatch(cursor)
  while (isNegatable(cursor, 'BETWEEN')) {
    const negated = cursor.take('NOT')
    cursor.at++
    const from = cursor.nest(() => readPredicate(cursor))
    cursor.expect('AND')
    const to = cursor.isMariadb ? readMatch(cursor) : cursor.nest(() => readPredicate(cursor))
    left = operation(negated ? ['<', '>'] : ['>=', '<='], [left, from, to], 'between', negated)
    cursor.grow()
    if (!cursor.isMariadb) break
  }
  return left
}

const isNegatable = (cursor: Cursor, word: string): boolean =>
  cursor.is(word) || (cursor.is('NOT') && cursor.wordAt(1) === word)

const MATCHES = ['IN', 'LIKE', 'REGEXP', 'RLIKE']

function readMatch(cursor: Cursor): Expression {
  let left = readBits(cursor)
  for (;;) {
    const isNegated = cursor.is('NOT') && MATCHES.includes(cursor.wordAt(1))
    if (isNegated || MATCHES.includes(cursor.word)) {
      if (isNegated) cursor.at++
      const { word } = cursor
      cursor.at++
      left = word === 'IN' ? readIn(left, isNegated, cursor) : readPattern(left, word, isNegated, cursor)
    } else if (cursor.are('SOUNDS', 'LIKE')) {
      cursor.at += 2
      left = operation('sounds like', [left, readBits(cursor)])
    } else if (cursor.is('MEMBER') && !cursor.isMariadb && (cursor.wordAt(1) === 'OF' || cursor.isSignAt(1, '('))) {
      cursor.at++
      cursor.take('OF')
      cursor.expectSign('(')
      left = call('member of', [left, readSimple(cursor)])
      cursor.expectSign(')')
    } else return left
    cursor.grow()
    // MySQL has one of them for each operand.
    if (!cursor.isMariadb) return left
  }
}

function readIn(left: Expression, negated: boolean, cursor: Cursor): Expression {
  if (isQueryInParentheses(cursor)) return rowsOf(left, negated ? '<>' : '=', negated, cursor)
  cursor.expectSign('(')
  const listed = shareConstants(cursor.list(() => readExpression(cursor)))
  cursor.expectSign(')')
  return operation(negated ? '<>' : '=', [left, ...listed], 'in', negated)
}

function readPattern(left: Expression, word: string, negated: boolean, cursor: Cursor): Expression {
  if (word !== 'LIKE') {
    const name = negated ? 'not regexp' : 'regexp'
    return operation(name, [left, readBits(cursor)], 'plain', false)
  }
  const args = [left, readBits(cursor)]
  if (cursor.take('ESCAPE')) args.push(readBits(cursor))
  return operation(negated ? 'not like' : 'like', args, 'like', negated)
}

// ── arithmetic ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** How tightly the operator that stands here binds, between operands of bits and numbers; 0: there is none. */
function tightness(cursor: Cursor): number {
  if (cursor.kind === Kind.word) return cursor.is('DIV') || cursor.is('MOD') ? 5 : 0
  switch (cursor.sign) {
    case '|':
      return 1
    case '&':
      return 2
    case '<<':
    case '>>':
      return 3
    case '+':
    case '-':
      return 4
    case '*':
    case '/':
    case '%':
      return 5
    case '^':
      return 6
    case '||':
      return concatenates(cursor) ? 7 : 0
    default:
      return 0
  }
}

export const readBits = (cursor: Cursor): Expression => readOperators(cursor, 1)

function readOperators(cursor: Cursor, loosest: number): Expression {
  let left = readUnary(cursor)
  for (;;) {
    const level = tightness(cursor)
    if (level < loosest || level === 0) return left
    const sign = cursor.kind === Kind.word ? cursor.word.toLowerCase() : cursor.sign
    cursor.at++
    left =
      level === 4 && isInterval(cursor)
        ? call(sign === '+' ? 'date_add' : 'date_sub', [left, readInterval(cursor)])
        : operation(sign === 'mod' ? '%' : sign, [left, cursor.beside((right) => readOperators(right, level + 1))])
    cursor.grow()
  }
}

function readUnary(cursor: Cursor): Expression {
  const { sign } = cursor
  if (sign === '-' || sign === '+' || sign === '~') {
    cursor.at++
    const arg = cursor.nest(() => readUnary(cursor))
    if (sign === '-' && isNumber(arg)) return { ...arg, value: `-${arg.value}` }
    return sign === '+' ? arg : operation(sign, [arg])
  }
  if (sign === '!' || (cursor.is('NOT') && bindsTightly(cursor))) {
    cursor.at++
    return cursor.nest(() => logic('not', [readUnary(cursor)]))
  }
  if (cursor.is('BINARY')) {
    cursor.at++
    const arg = cursor.nest(() => readUnary(cursor))
    return {
      kind: 'cast',
      arg,
      to: { schema: undefined, name: 'binary', limited: false, modifiers: [], array: false },
    }
  }
  let left = readSimple(cursor)
  while (cursor.take('COLLATE')) {
    if (!cursor.take('BINARY') && cursor.takeText() === undefined) cursor.name()
    left = { kind: 'collate', arg: left }
    cursor.grow()
  }
  return left
}

const isNumber = (node: Expression): node is Constant =>
  node.kind === 'constant' && (node.type === 'integer' || node.type === 'number') && !node.value.startsWith('-')

// ── operands ───────────────────────────────────────────────────────────────────────────────────────────────────────

export function readSimple(cursor: Cursor): Expression {
  const { kind } = cursor
  if (isLiteral(kind)) return constantAt(cursor)
  switch (kind) {
    case Kind.parameter: {
      const at = cursor.place
      cursor.at++
      return { kind: 'parameter', number: ++cursor.parameters, at }
    }
    case Kind.null: {
      if (!cursor.isMariadb) cursor.fail('an operand')
      const at = cursor.place
      cursor.at++
      return { kind: 'constant', type: 'null', value: '', at }
    }
    case Kind.userVariable:
      return readUserVariable(cursor)
    case Kind.systemVariable:
      return { kind: 'variable', of: 'setting', name: readSystemVariable(cursor) }
    case Kind.name:
    case Kind.quotedName:
      return readNamed(cursor)
    case Kind.sign:
      return readParenthesized(cursor)
    case Kind.word:
      return readWord(cursor)
    default:
      return cursor.fail('an expression')
  }
}

function readUserVariable(cursor: Cursor): Expression {
  const name = variableName(cursor.tokens.value(cursor.at++))
  if (!cursor.takeSign(':=')) return { kind: 'variable', of: 'user', name }
  return assign(name, readExpression(cursor))
}

/** `@@x`, `@@global.x`, `@@cache.x`: lower case, with the scope where it is not the session's. */
export function readSystemVariable(cursor: Cursor): string {
  cursor.at++
  const first = fold(cursor.tokens.value(cursor.at++))
  if (!cursor.takeSign('.')) return first
  let name = fold(cursor.name())
  const isScoped = SCOPES[first] !== undefined || first === 'session' || first === 'local'
  // A cache of keys has settings of its own.
  if (isScoped && cursor.takeSign('.')) name = `${name}.${fold(cursor.name())}`
  if (first === 'session' || first === 'local') return name
  return `${SCOPES[first] ?? first}.${name}`
}

/** Settings that are kept for the next start of the server are the server's at once, or then. */
export const SCOPES: Readonly<Record<string, string>> = { global: 'global', persist: 'global', persist_only: 'global' }

function readParenthesized(cursor: Cursor): Expression {
  if (cursor.isSign('{')) return readOdbc(cursor)
  if (!cursor.isSign('(')) return cursor.fail('an expression')
  if (isQueryInParentheses(cursor)) return value(readSubquery(cursor), 'value')
  cursor.at++
  const args = cursor.list(() => readExpression(cursor))
  cursor.expectSign(')')
  const [only] = args
  return args.length === 1 && only !== undefined ? only : { kind: 'row', args }
}

/** Whether a query stands here, in however many parentheses, and nothing beside it within them. */
export function isQueryInParentheses(cursor: Cursor): boolean {
  let open = 0
  // More of them would be too deep.
  while (open <= MAX_DEPTH && cursor.isSignAt(open, '(')) open++
  if (open === 0 || !isQueryWord(cursor, open)) return false
  let offset = behindParentheses(cursor, open - 1)
  for (let around = open - 1; around > 0; around--) {
    if (GOES_ON.has(cursor.wordAt(offset))) offset = behindParentheses(cursor, around - 1)
    else if (cursor.isSignAt(offset, ')')) offset++
    else return false
  }
  return true
}

/** What may come behind a query in parentheses that is the first part of another. */
const GOES_ON = new Set(['UNION', 'EXCEPT', 'INTERSECT', 'ORDER', 'LIMIT', 'OFFSET', 'FETCH', 'FOR', 'LOCK', 'INTO'])

export function isQueryWord(cursor: Cursor, offset = 0): boolean {
  const word = cursor.wordAt(offset)
  if (word === 'SELECT' || word === 'WITH') return true
  if (word === 'TABLE') return !cursor.isMariadb
  // VALUES(column) is a function.
  if (word !== 'VALUES') return false
  return cursor.isMariadb ? cursor.isSignAt(offset + 1, '(') && !isValuesCall(cursor, offset) : isRow(cursor, offset)
}

const isRow = (cursor: Cursor, offset: number): boolean => cursor.wordAt(offset + 1) === 'ROW'

/** `VALUES(column)`, with nothing but a name between the parentheses. */
function isValuesCall(cursor: Cursor, offset: number): boolean {
  let end = offset + 2
  if (!cursor.isNameAt(end)) return false
  for (end++; cursor.isSignAt(end, '.') && cursor.isNameAt(end + 1); end += 2);
  return cursor.isSignAt(end, ')')
}

/** `{d '…'}`, `{fn f(x)}`, as ODBC writes them. */
function readOdbc(cursor: Cursor): Expression {
  cursor.at++
  const word = cursor.isName() ? fold(cursor.name()) : cursor.fail('a name')
  const inner = readExpression(cursor)
  cursor.expectSign('}')
  const type = ODBC_TYPES[word]
  if (type === undefined) return inner
  return inner.kind === 'constant'
    ? { kind: 'cast', arg: inner, to: { schema: undefined, name: type, limited: false, modifiers: [], array: false } }
    : inner
}

const ODBC_TYPES: Readonly<Record<string, string>> = { d: 'date', t: 'time', ts: 'datetime' }

/** Words that begin an operand, and are no names there. */
function readWord(cursor: Cursor): Expression {
  const { word, place } = cursor
  switch (word) {
    case 'NULL':
      cursor.at++
      return { kind: 'constant', type: 'null', value: '', at: place }
    case 'TRUE':
    case 'FALSE':
      cursor.at++
      return { kind: 'constant', type: 'boolean', value: word.toLowerCase(), at: place }
    case 'CASE':
      return readCase(cursor)
    case 'EXISTS':
      cursor.at++
      return value(readSubquery(cursor), 'exists')
    case 'ROW':
      if (!cursor.isSignAt(1, '(')) break
      cursor.at++
      return { kind: 'row', args: cursor.parenthesized(() => readExpression(cursor)) }
    case 'DATE':
    case 'TIME':
    case 'TIMESTAMP': {
      if (cursor.kindAt(1) !== Kind.text) break
      cursor.at++
      const name = word === 'TIMESTAMP' ? 'datetime' : word.toLowerCase()
      const arg = constantAt(cursor)
      return { kind: 'cast', arg, to: { schema: undefined, name, limited: false, modifiers: [], array: false } }
    }
    case 'INTERVAL': {
      if (!isInterval(cursor)) break
      const amount = readInterval(cursor)
      cursor.expectSign('+')
      return call('date_add', [cursor.nest(() => readNot(cursor)), amount])
    }
    case 'CAST':
      if (!isCalled(cursor)) break
      return readCast(cursor)
    case 'CONVERT':
      return readConvert(cursor)
  }
  if (word.startsWith('_')) {
    const kind = cursor.kindAt(1)
    if (kind === Kind.text || kind === Kind.hex || kind === Kind.bits) {
      if (!isIntroducer(word)) cursor.fail('a known character set')
      cursor.at++
      return constantAt(cursor)
    }
  }
  return readCall(cursor) ?? readNamed(cursor)
}

/** A column, with what it is of; in MySQL a place within a document may come behind. */
function readNamed(cursor: Cursor): Expression {
  const named = readCall(cursor) ?? readColumn(cursor, false)
  const { sign } = cursor
  if (sign !== '->' && sign !== '->>') return named
  cursor.at++
  if (!cursor.isText) cursor.fail('a path')
  const found = call('json_extract', [named, constantAt(cursor)])
  return sign === '->' ? found : call('json_unquote', [found])
}

function readCase(cursor: Cursor): Expression {
  cursor.expect('CASE')
  const operand = cursor.is('WHEN') ? undefined : readExpression(cursor)
  const branches: { when: Expression; gives: Expression }[] = []
  do {
    cursor.expect('WHEN')
    const when = readExpression(cursor)
    cursor.expect('THEN')
    branches.push({ when, gives: readExpression(cursor) })
  } while (cursor.is('WHEN'))
  const otherwise = cursor.take('ELSE') ? readExpression(cursor) : undefined
  cursor.expect('END')
  return {
    kind: 'case',
    operand,
    operators: operand === undefined ? [] : [{ schema: undefined, name: '=' }],
    branches,
    otherwise,
  }
}

function readCast(cursor: Cursor): Expression {
  cursor.at += 2
  const arg = readExpression(cursor)
  const moves = cursor.take('AT', 'TIME', 'ZONE')
  if (moves) {
    cursor.take('INTERVAL')
    cursor.text()
  }
  cursor.expect('AS')
  const to = readType(cursor, true)
  const array = !cursor.isMariadb && cursor.take('ARRAY')
  cursor.expectSign(')')
  return { kind: 'cast', arg, to: { ...to, array } }
}

/** `CONVERT(x, type)` and `CONVERT(x USING charset)`. */
function readConvert(cursor: Cursor): Expression {
  cursor.at++
  cursor.expectSign('(')
  const arg = readExpression(cursor)
  if (cursor.take('USING')) {
    if (!cursor.take('BINARY') && !cursor.take('DEFAULT') && cursor.takeText() === undefined) cursor.name()
    cursor.expectSign(')')
    return call('convert', [arg])
  }
  cursor.expectSign(',')
  const to = readType(cursor, true)
  cursor.expectSign(')')
  return { kind: 'cast', arg, to }
}

// ── long lists ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** A list of many constants with one constant in all places: what they are does not matter, but where they stand. */
function shareConstants(listed: readonly Expression[]): readonly Expression[] {
  const [first, ...others] = listed
  if (listed.length <= FEW || first?.kind !== 'constant' || !listed.every(isShared)) return listed
  const places = [...(first.others ?? []), ...(others as Constant[]).flatMap((one) => [one.at, ...(one.others ?? [])])]
  const shared: Constant = { ...first, others: places }
  return listed.map(() => shared)
}

const isShared = (node: Expression): boolean => node.kind === 'constant' && node.type !== 'null'

export const FEW = 50
