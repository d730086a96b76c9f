import type { Constant, Expression } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { call, opaque, operation } from './build.ts'
import { readArguments, readExpression, readInterval, readNoPredicate, readUnit } from './clauses.ts'
import { constantAt } from './constants.ts'
import type { Cursor } from './cursor.ts'
import { readType } from './types.ts'

type Form = (cursor: Cursor) => Expression

const open = (cursor: Cursor): void => cursor.expectSign('(')
const close = (cursor: Cursor): void => cursor.expectSign(')')
const comma = (cursor: Cursor): void => cursor.expectSign(',')

/**
 * Functions with a syntax of their own: words between the arguments, or an operator, a condition or a conversion in the form of a call.
 * Each function reads from the opening parenthesis on.
 */
export const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>([
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

/** In MySQL it may have a type, and values for missing ones. */
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

/** In MariaDB the argument is a sequence, which the call writes to. */
function readSequenceCall(name: string, cursor: Cursor): Expression {
  if (!cursor.isMariadb) return call(name, readArguments(cursor))
  open(cursor)
  const sequence = cursor.qualifiedName()
  while (name === 'setval' && cursor.takeSign(',')) readExpression(cursor)
  close(cursor)
  return opaque('a value of a sequence', [sequence])
}
