import type { Expression, Subquery } from '../../../../sql/query.ts'
import { Kind, isLiteral } from '../tokens.ts'
import { isIntroducer } from '../words.ts'
import { assign, call } from './build.ts'
import { isCalled, isInterval, readColumn, readExpression, readInterval } from './clauses.ts'
import { constantAt } from './constants.ts'
import { fold, variableName, type Cursor } from './cursor.ts'
import { readCall } from './functions.ts'
import { isQueryInParentheses, readSubquery } from './subqueries.ts'
import { readType } from './types.ts'

/** Operands of operators: the simple expressions of the grammar. */
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

/** `@@x`, `@@global.x`, `@@cache.x`: lower case, with the scope unless it is the session. */
export function readSystemVariable(cursor: Cursor): string {
  cursor.at++
  const first = fold(cursor.tokens.value(cursor.at++))
  if (!cursor.takeSign('.')) return first
  let name = fold(cursor.name())
  const isScoped = SCOPES.has(first) || first === 'session' || first === 'local'
  // A key cache has settings of its own.
  if (isScoped && cursor.takeSign('.')) name = `${name}.${fold(cursor.name())}`
  if (first === 'session' || first === 'local') return name
  return `${SCOPES.get(first) ?? first}.${name}`
}

/** Settings that are persisted for the next start of the server apply to the server, at once or then. */
export const SCOPES: ReadonlyMap<string, string> = new Map([
  ['global', 'global'],
  ['persist', 'global'],
  ['persist_only', 'global'],
])

const value = (query: Subquery['query'], gives: 'value' | 'exists'): Subquery => ({
  kind: 'subquery',
  gives,
  tested: undefined,
  operators: [],
  all: false,
  query,
})

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

/** `{d '…'}`, `{fn f(x)}`, as ODBC writes them. */
function readOdbc(cursor: Cursor): Expression {
  cursor.at++
  const word = cursor.isName() ? fold(cursor.name()) : cursor.fail('a name')
  const inner = readExpression(cursor)
  cursor.expectSign('}')
  const type = ODBC_TYPES.get(word)
  if (type === undefined) return inner
  return inner.kind === 'constant'
    ? { kind: 'cast', arg: inner, to: { schema: undefined, name: type, limited: false, modifiers: [], array: false } }
    : inner
}

const ODBC_TYPES: ReadonlyMap<string, string> = new Map([
  ['d', 'date'],
  ['t', 'time'],
  ['ts', 'datetime'],
])

/** Words that begin an operand, and are not names there. */
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
      return call('date_add', [cursor.nest(() => cursor.read.conjunct(cursor)), amount])
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

/** A column, which may be qualified; in MySQL a path into a JSON document may follow. */
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
