import type { Call, Constant, Expression, Window } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { ADJACENT_FUNCTIONS, NOT_CALLABLE } from '../words.ts'
import { built, call, column, opaque, operation } from './build.ts'
import { constantAt } from './constants.ts'
import { fold, type Cursor } from './cursor.ts'
import {
  isCalled,
  maybeOrder,
  readColumn,
  readExpression,
  readInterval,
  readOrder,
  readUnit,
  readWindow,
} from './clauses.ts'
import { readType } from './types.ts'

/**
 * A call, and what is called without parentheses. Undefined where a name stands here. Source: MySQL manual, Functions and Operators;
 * MariaDB, Built-in Functions.
 */
export function readCall(cursor: Cursor): Expression | undefined {
  if (cursor.kind === Kind.quotedName) {
    if (cursor.isSignAt(1, '(')) return readQuoted(cursor)
    return isQualifiedCall(cursor) ? readQualified(cursor) : undefined
  }
  if (cursor.kind === Kind.name) {
    if (cursor.isSignAt(1, '(')) cursor.fail('a name that is no function')
    return isQualifiedCall(cursor) ? readQualified(cursor) : undefined
  }
  const { word } = cursor
  const bareWord = BARE.get(word)
  if (bareWord !== undefined) return bareWord(cursor)
  if (!cursor.isSignAt(1, '(')) return isQualifiedCall(cursor) ? readQualified(cursor) : undefined
  if (ADJACENT_FUNCTIONS.has(word) && !isCalled(cursor)) return readDetached(cursor)
  const special = SPECIAL.get(word)
  if (special !== undefined) {
    cursor.at++
    return special(cursor)
  }
  if (AGGREGATES.has(word) || WINDOWS.has(word)) return readAggregate(word, cursor)
  if (cursor.words.isReserved(word) && !RESERVED_CALLS.has(word)) return undefined
  if (NOT_CALLABLE.has(word)) cursor.fail('a function')
  cursor.at++
  const args = readArguments(cursor)
  const count = COUNTS.get(word)
  if (count !== undefined && args.length !== count) cursor.fail(`${count} arguments`)
  return call(word.toLowerCase(), args)
}

function readArguments(cursor: Cursor): readonly Expression[] {
  cursor.expectSign('(')
  if (cursor.takeSign(')')) return []
  const args = cursor.list(() => readExpression(cursor))
  cursor.expectSign(')')
  return args
}

/** A function of a schema is a stored one. */
const isQualifiedCall = (cursor: Cursor): boolean =>
  cursor.isNameAt(0) && cursor.isSignAt(1, '.') && cursor.isNameAt(2) && cursor.isSignAt(3, '(')

function readQualified(cursor: Cursor): Expression {
  const schema = cursor.tableName()
  cursor.expectSign('.')
  const name = fold(cursor.name())
  return call({ schema, name }, readArguments(cursor))
}

/** Of a quoted name the server looks for a stored function even where a keyword has that name. */
function readQuoted(cursor: Cursor): Expression {
  cursor.at++
  readArguments(cursor)
  return opaque('a function whose name is quoted')
}

function readDetached(cursor: Cursor): Expression {
  cursor.at++
  readArguments(cursor)
  return opaque('a built-in function with a space behind its name')
}

// ── without parentheses, or with them alone ────────────────────────────────────────────────────────────────────────

const systemValue = (cursor: Cursor): Expression => {
  cursor.at++
  // CURRENT_TIMESTAMP(6).
  if (cursor.takeSign('(')) {
    if (cursor.kind === Kind.integer) cursor.at++
    cursor.expectSign(')')
  }
  return { kind: 'system-value' }
}

const BARE: ReadonlyMap<string, (cursor: Cursor) => Expression | undefined> = new Map(
  Object.entries({
    ...Object.fromEntries(
      `CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER LOCALTIME LOCALTIMESTAMP UTC_DATE UTC_TIME UTC_TIMESTAMP`
        .split(' ')
        .map((word) => [word, systemValue]),
    ),
    CURRENT_ROLE: (cursor: Cursor) => (cursor.isMariadb || cursor.isSignAt(1, '(') ? systemValue(cursor) : undefined),
    MATCH: readMatchAgainst,
    NEXT: readSequence,
    PREVIOUS: readSequence,
    DEFAULT: (cursor: Cursor) => {
      // The default of a column, and none of its values.
      cursor.at++
      cursor.expectSign('(')
      readColumn(cursor, false)
      cursor.expectSign(')')
      return { kind: 'default' } as const
    },
    VALUES: readGiven,
    VALUE: (cursor: Cursor) => (cursor.isMariadb && cursor.isSignAt(1, '(') ? readGiven(cursor) : undefined),
  }),
)

/** `VALUES(column)`: what was to be inserted into it. */
function readGiven(cursor: Cursor): Expression {
  cursor.at++
  cursor.expectSign('(')
  const named = readColumn(cursor, false)
  cursor.expectSign(')')
  return column(cursor.given, named.kind === 'column' ? (named.path.at(-1) ?? '') : '')
}

/** `NEXT VALUE FOR sequence`: it writes to the sequence, which an expression does not say. */
function readSequence(cursor: Cursor): Expression | undefined {
  if (!cursor.isMariadb || cursor.wordAt(1) !== 'VALUE' || cursor.wordAt(2) !== 'FOR') return undefined
  cursor.at += 3
  return opaque('a value of a sequence', [cursor.qualifiedName()])
}

function readMatchAgainst(cursor: Cursor): Expression {
  cursor.at++
  const read = (): Expression => readColumn(cursor, false)
  const columns = cursor.isSign('(') ? cursor.parenthesized(read) : cursor.list(read)
  cursor.expect('AGAINST')
  cursor.expectSign('(')
  const text = readNoPredicate(cursor)
  if (cursor.take('IN', 'NATURAL', 'LANGUAGE', 'MODE')) cursor.take('WITH', 'QUERY', 'EXPANSION')
  else if (!cursor.take('IN', 'BOOLEAN', 'MODE')) cursor.take('WITH', 'QUERY', 'EXPANSION')
  cursor.expectSign(')')
  return built('MATCH … AGAINST', [...columns, text])
}

// ── forms of their own ─────────────────────────────────────────────────────────────────────────────────────────────

type Form = (cursor: Cursor) => Expression

const open = (cursor: Cursor): void => cursor.expectSign('(')
const close = (cursor: Cursor): void => cursor.expectSign(')')
const comma = (cursor: Cursor): void => cursor.expectSign(',')

/** Forms with words between their arguments; the cursor is at the parenthesis. */
const SPECIAL: ReadonlyMap<string, Form> = new Map<string, Form>([
  [
    'EXTRACT',
    (cursor) => {
      open(cursor)
      readUnit(cursor)
      cursor.expect('FROM')
      const of = readExpression(cursor)
      close(cursor)
      return call('extract', [of])
    },
  ],
  ['TRIM', readTrim],
  ['SUBSTRING', readSubstring],
  ['SUBSTR', readSubstring],
  ['MID', readSubstring],
  [
    'POSITION',
    (cursor) => {
      open(cursor)
      const needle = readNoPredicate(cursor)
      cursor.expect('IN')
      const within = readExpression(cursor)
      close(cursor)
      return call('position', [needle, within])
    },
  ],
  ['TIMESTAMPADD', (cursor) => readWithUnit('timestampadd', cursor)],
  ['TIMESTAMPDIFF', (cursor) => readWithUnit('timestampdiff', cursor)],
  [
    'GET_FORMAT',
    (cursor) => {
      open(cursor)
      cursor.expectAny('DATE', 'TIME', 'DATETIME', 'TIMESTAMP')
      comma(cursor)
      const region = readExpression(cursor)
      close(cursor)
      return call('get_format', [region])
    },
  ],
  ['DATE_ADD', (cursor) => readDateArithmetic('date_add', false, cursor)],
  ['DATE_SUB', (cursor) => readDateArithmetic('date_sub', false, cursor)],
  ['ADDDATE', (cursor) => readDateArithmetic('date_add', true, cursor)],
  ['SUBDATE', (cursor) => readDateArithmetic('date_sub', true, cursor)],
  [
    'CHAR',
    (cursor) => {
      open(cursor)
      const args = cursor.list(() => readExpression(cursor))
      if (cursor.take('USING') && !cursor.take('BINARY') && cursor.takeText() === undefined) cursor.name()
      close(cursor)
      return call('char', args)
    },
  ],
  ['WEIGHT_STRING', readWeightString],
  ['COALESCE', (cursor) => ({ kind: 'coalesce', args: atLeast(1, cursor) })],
  ['IFNULL', (cursor) => ({ kind: 'coalesce', args: exactly(2, cursor) })],
  ['GREATEST', (cursor) => ({ kind: 'extreme', greatest: true, args: atLeast(2, cursor) })],
  ['LEAST', (cursor) => ({ kind: 'extreme', greatest: false, args: atLeast(2, cursor) })],
  ['NULLIF', (cursor) => operation('=', exactly(2, cursor), 'nullif')],
  [
    'IF',
    (cursor) => {
      const [when, gives, otherwise] = exactly(3, cursor)
      if (when === undefined || gives === undefined) return cursor.fail('three arguments')
      return { kind: 'case', operand: undefined, operators: [], branches: [{ when, gives }], otherwise }
    },
  ],
  [
    'ISNULL',
    (cursor) => {
      const [arg] = exactly(1, cursor)
      return arg === undefined ? cursor.fail('an argument') : { kind: 'test', is: 'null', negated: false, arg }
    },
  ],
  ['GROUPING', (cursor) => ({ kind: 'grouping-set', args: atLeast(1, cursor) })],
  ['COLUMN_GET', (cursor) => readTyped('column_get', cursor)],
  ['COLUMN_CREATE', (cursor) => readDynamicColumns('column_create', cursor)],
  ['COLUMN_ADD', (cursor) => readDynamicColumns('column_add', cursor)],
  ['COLUMN_DELETE', (cursor) => call('column_delete', atLeast(2, cursor))],
  ['JSON_VALUE', readJsonValue],
  ['NEXTVAL', (cursor) => readSequenceCall('nextval', cursor)],
  ['LASTVAL', (cursor) => readSequenceCall('lastval', cursor)],
  ['SETVAL', (cursor) => readSequenceCall('setval', cursor)],
])

function atLeast(count: number, cursor: Cursor): readonly Expression[] {
  const args = readArguments(cursor)
  return args.length < count ? cursor.fail(`${count} arguments`) : args
}

function exactly(count: number, cursor: Cursor): readonly Expression[] {
  const args = readArguments(cursor)
  return args.length === count ? args : cursor.fail(`${count} arguments`)
}

/** What stands before IN, FROM or AGAINST: no more than operators of bits and numbers. */
function readNoPredicate(cursor: Cursor): Expression {
  return cursor.nest(() => cursor.read.operand(cursor))
}

function readTrim(cursor: Cursor): Expression {
  open(cursor)
  const side = cursor.takeAny('LEADING', 'TRAILING', 'BOTH')
  if (side !== undefined && cursor.take('FROM')) {
    const of = readExpression(cursor)
    close(cursor)
    return call('trim', [of])
  }
  const first = readExpression(cursor)
  const args = side !== undefined || cursor.is('FROM') ? [...fromBehind(cursor), first] : [first]
  close(cursor)
  return call('trim', args)
}

function fromBehind(cursor: Cursor): readonly Expression[] {
  cursor.expect('FROM')
  return [readExpression(cursor)]
}

function readSubstring(cursor: Cursor): Expression {
  open(cursor)
  const args = [readExpression(cursor)]
  const words = cursor.take('FROM')
  if (!words) comma(cursor)
  args.push(readExpression(cursor))
  if (words ? cursor.take('FOR') : cursor.takeSign(',')) args.push(readExpression(cursor))
  close(cursor)
  return call('substring', args)
}

function readWithUnit(name: string, cursor: Cursor): Expression {
  open(cursor)
  readUnit(cursor)
  comma(cursor)
  const first = readExpression(cursor)
  comma(cursor)
  const second = readExpression(cursor)
  close(cursor)
  return call(name, [first, second])
}

function readDateArithmetic(name: string, allowsDays: boolean, cursor: Cursor): Expression {
  open(cursor)
  const of = readExpression(cursor)
  comma(cursor)
  const amount = cursor.is('INTERVAL') || !allowsDays ? readInterval(cursor) : readExpression(cursor)
  close(cursor)
  return call(name, [of, amount])
}

function readWeightString(cursor: Cursor): Expression {
  open(cursor)
  const args = [readExpression(cursor)]
  if (cursor.take('AS')) {
    cursor.expectAny('CHAR', 'BINARY')
    open(cursor)
    args.push(integerAt(cursor))
    close(cursor)
  }
  if (cursor.take('LEVEL')) {
    if (!cursor.isMariadb) cursor.fail(')')
    cursor.list(() => args.push(integerAt(cursor)))
    while (cursor.takeAny('ASC', 'DESC', 'REVERSE') !== undefined);
  }
  close(cursor)
  return call('weight_string', args)
}

const integerAt = (cursor: Cursor): Constant =>
  cursor.kind === Kind.integer ? constantAt(cursor) : cursor.fail('a number')

/** `COLUMN_GET(blob, name AS type)`. */
function readTyped(name: string, cursor: Cursor): Expression {
  open(cursor)
  const of = readExpression(cursor)
  comma(cursor)
  const which = readExpression(cursor)
  cursor.expect('AS')
  const to = readType(cursor, true)
  close(cursor)
  return { kind: 'cast', arg: call(name, [of, which]), to }
}

function readDynamicColumns(name: string, cursor: Cursor): Expression {
  open(cursor)
  const args: Expression[] = []
  if (name === 'column_add') {
    args.push(readExpression(cursor))
    comma(cursor)
  }
  cursor.list(() => {
    args.push(readExpression(cursor))
    comma(cursor)
    args.push(readExpression(cursor))
    if (cursor.take('AS')) readType(cursor, true)
  })
  close(cursor)
  return call(name, args)
}

/** In MySQL it may convert, and have values for what is missing. */
function readJsonValue(cursor: Cursor): Expression {
  open(cursor)
  const args = [readExpression(cursor)]
  comma(cursor)
  args.push(readExpression(cursor))
  const to = !cursor.isMariadb && cursor.take('RETURNING') ? readType(cursor, true) : undefined
  while (!cursor.isMariadb && !cursor.isSign(')')) {
    if (cursor.take('DEFAULT')) args.push(readExpression(cursor))
    else cursor.expectAny('NULL', 'ERROR')
    cursor.expect('ON')
    cursor.expectAny('EMPTY', 'ERROR')
  }
  close(cursor)
  const value = call('json_value', args)
  return to === undefined ? value : { kind: 'cast', arg: value, to }
}

/** In MariaDB the argument is a sequence, and the call writes to it. */
function readSequenceCall(name: string, cursor: Cursor): Expression {
  if (!cursor.isMariadb) return call(name, readArguments(cursor))
  open(cursor)
  const sequence = cursor.qualifiedName()
  while (name === 'setval' && cursor.takeSign(',')) readExpression(cursor)
  close(cursor)
  return opaque('a value of a sequence', [sequence])
}

// ── aggregates and windows ─────────────────────────────────────────────────────────────────────────────────────────

const AGGREGATES = new Set(
  `COUNT SUM AVG MIN MAX BIT_AND BIT_OR BIT_XOR STD STDDEV STDDEV_POP STDDEV_SAMP VARIANCE VAR_POP VAR_SAMP GROUP_CONCAT
   JSON_ARRAYAGG JSON_OBJECTAGG ST_COLLECT`.split(/\s+/),
)

/** They need an OVER. */
const WINDOWS = new Set(
  `ROW_NUMBER RANK DENSE_RANK PERCENT_RANK CUME_DIST NTILE LAG LEAD FIRST_VALUE LAST_VALUE NTH_VALUE MEDIAN
   PERCENTILE_CONT PERCENTILE_DISC`.split(/\s+/),
)

/** How many arguments they take at most. */
const MOST: ReadonlyMap<string, number> = new Map([
  ...`COUNT SUM AVG MIN MAX BIT_AND BIT_OR BIT_XOR STD STDDEV STDDEV_POP STDDEV_SAMP VARIANCE VAR_POP VAR_SAMP
    JSON_ARRAYAGG ST_COLLECT NTILE FIRST_VALUE MEDIAN PERCENTILE_CONT PERCENTILE_DISC`
    .split(/\s+/)
    .map((word) => [word, 1] as const),
  ...'ROW_NUMBER RANK DENSE_RANK PERCENT_RANK CUME_DIST'.split(' ').map((word) => [word, 0] as const),
  ['JSON_OBJECTAGG', 2],
  ['NTH_VALUE', 2],
])

function readAggregate(word: string, cursor: Cursor): Expression {
  cursor.at++
  open(cursor)
  const { args, order } = readAggregated(word, cursor)
  close(cursor)
  const isOrdered = word === 'PERCENTILE_CONT' || word === 'PERCENTILE_DISC'
  if (isOrdered) cursor.expect('WITHIN', 'GROUP')
  const within = isOrdered ? withinGroup(cursor) : order
  if (!cursor.isMariadb) {
    if (word === 'NTH_VALUE' && cursor.take('FROM')) cursor.expect('FIRST')
    cursor.take('RESPECT', 'NULLS')
  }
  const window = cursor.take('OVER') ? readOver(cursor) : undefined
  const needsWindow = WINDOWS.has(word) && !(word === 'LAST_VALUE' && cursor.isMariadb)
  if (needsWindow && window === undefined) cursor.fail('OVER')
  return call(word.toLowerCase(), args, { order: within, ordered: isOrdered, window })
}

function readAggregated(word: string, cursor: Cursor): Pick<Call, 'args' | 'order'> {
  if (cursor.isSign(')')) {
    if (!WINDOWS.has(word)) cursor.fail('an argument')
    return { args: [], order: [] }
  }
  if (word === 'COUNT' && cursor.takeSign('*')) return { args: [], order: [] }
  const isDistinct = AGGREGATES.has(word) && cursor.takeAny('DISTINCT', 'ALL') === 'DISTINCT'
  const args = cursor.list(() => readExpression(cursor))
  const most = word === 'COUNT' && isDistinct ? Infinity : (MOST.get(word) ?? Infinity)
  if (args.length > most) cursor.fail(`${most} arguments`)
  if (word !== 'GROUP_CONCAT' && word !== 'JSON_ARRAYAGG') return { args, order: [] }
  const order = cursor.take('ORDER', 'BY') ? readOrder(cursor) : []
  const more: Expression[] = []
  if (word === 'GROUP_CONCAT' && cursor.take('SEPARATOR'))
    more.push(cursor.kind === Kind.text || cursor.kind === Kind.hex ? constantAt(cursor) : cursor.fail('a text'))
  if (cursor.isMariadb && cursor.take('LIMIT')) {
    more.push(readExpression(cursor))
    if (cursor.takeSign(',') || cursor.take('OFFSET')) more.push(readExpression(cursor))
  }
  return { args: [...args, ...more], order }
}

function withinGroup(cursor: Cursor): Call['order'] {
  open(cursor)
  const order = maybeOrder(cursor)
  close(cursor)
  return order
}

function readOver(cursor: Cursor): Window {
  if (cursor.isSign('(')) return readWindow(cursor)
  return { refers: fold(cursor.name()), partition: [], order: [], frame: [] }
}

/** Those that the grammar has, with how many arguments they take. */
const COUNTS: ReadonlyMap<string, number> = new Map([
  ['LEFT', 2],
  ['RIGHT', 2],
  ['REPEAT', 2],
  ['MOD', 2],
  ['TRUNCATE', 2],
  ['REPLACE', 3],
  ['INSERT', 4],
])

/** Reserved words that are functions, too. */
const RESERVED_CALLS = new Set('LEFT RIGHT REPLACE INSERT MOD REPEAT DATABASE SCHEMA INTERVAL'.split(' '))
