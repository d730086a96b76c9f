import type { Constant, Expression, Subquery } from '../../../../sql/query.ts'
import { Kind, isLiteral } from '../tokens.ts'
import { call, logic, operation } from './build.ts'
import { isInterval, readExpression, readInterval } from './clauses.ts'
import { constantAt, shareConstants } from './constants.ts'
import type { Cursor } from './cursor.ts'
import { readSimple } from './operands.ts'
import { isQueryInParentheses, readSubquery } from './subqueries.ts'

/**
 * Expressions, from the loosest operator to the tightest. Source: MySQL manual, Expressions, Operator Precedence; MariaDB, Operator
 * Precedence, where predicates may follow one another.
 */
export function readAnyExpression(cursor: Cursor): Expression {
  // Lists of constants may have millions of elements.
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

/** An operand of AND: a negation, or an operand of NOT. */
export function readNot(cursor: Cursor): Expression {
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
    // MySQL allows one BETWEEN for each operand.
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

/** The precedence of the operator at the cursor, between operands of arithmetic and bit operators; 0: there is none. */
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
