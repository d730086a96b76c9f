import type { Expression, Sort, Window } from '../../../../sql/query.ts'
import { column } from './build.ts'
import { fold, type Cursor } from './cursor.ts'

// The parts of expressions and of the functions in them.

export const readExpression = (cursor: Cursor): Expression => cursor.read.expression(cursor)

/** Whether a parenthesis directly follows; under IGNORE_SPACE spaces may precede it. */
export function isCalled(cursor: Cursor): boolean {
  if (!cursor.isSignAt(1, '(')) return false
  const between = cursor.tokens.text.slice(cursor.tokens.end(cursor.at), cursor.tokens.start(cursor.at + 1))
  return between === '' || (cursor.context.sqlMode.has('IGNORE_SPACE') && /^[ \t\n\v\f\r]*$/.test(between))
}

/** `column`, `table.column`, `database.table.column`; if allowed, with a star at the end. */
export function readColumn(cursor: Cursor, allowsStar: boolean): Expression {
  const path: string[] = []
  let last = cursor.name()
  while (path.length < 2 && cursor.takeSign('.')) {
    path.push(cursor.foldTable(last))
    if (allowsStar && cursor.takeSign('*')) return column(...path, '*')
    last = cursor.name()
  }
  return column(...path, fold(last))
}

/** The offset after the parenthesis that closes the one at an offset. */
export const afterParentheses = (cursor: Cursor, from: number): number =>
  cursor.tokens.closing(cursor.at + from) + 1 - cursor.at

/** The arguments of a call, with its parentheses. */
export function readArguments(cursor: Cursor): readonly Expression[] {
  cursor.expectSign('(')
  if (cursor.takeSign(')')) return []
  const args = cursor.list(() => readExpression(cursor))
  cursor.expectSign(')')
  return args
}

/** An expression before IN, FROM or AGAINST: only with arithmetic and bit operators. */
export function readNoPredicate(cursor: Cursor): Expression {
  return cursor.nest(() => cursor.read.operand(cursor))
}

// ── intervals ──────────────────────────────────────────────────────────────────────────────────────────────────────

const UNITS = new Set(
  `MICROSECOND SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR SECOND_MICROSECOND MINUTE_MICROSECOND MINUTE_SECOND
   HOUR_MICROSECOND HOUR_SECOND HOUR_MINUTE DAY_MICROSECOND DAY_SECOND DAY_MINUTE DAY_HOUR YEAR_MONTH
   SQL_TSI_SECOND SQL_TSI_MINUTE SQL_TSI_HOUR SQL_TSI_DAY SQL_TSI_WEEK SQL_TSI_MONTH SQL_TSI_QUARTER SQL_TSI_YEAR`.split(
    /\s+/,
  ),
)

export function readUnit(cursor: Cursor): void {
  if (!UNITS.has(cursor.word)) cursor.fail('a unit of time')
  cursor.at++
}

/** INTERVAL with a unit; `INTERVAL(a, b)` is a function. */
export function isInterval(cursor: Cursor): boolean {
  if (!cursor.is('INTERVAL')) return false
  if (!cursor.isSignAt(1, '(')) return true
  const end = afterParentheses(cursor, 1)
  for (let offset = 2; offset < end; offset++) {
    if (cursor.isSignAt(offset, ',')) return false
    if (cursor.isSignAt(offset, '(')) offset = afterParentheses(cursor, offset) - 1
  }
  return true
}

/** The amount of an interval; its unit does not matter. */
export function readInterval(cursor: Cursor): Expression {
  cursor.expect('INTERVAL')
  const amount = readExpression(cursor)
  readUnit(cursor)
  return amount
}

// ── order and windows ──────────────────────────────────────────────────────────────────────────────────────────────

/** The list after ORDER BY. */
export const readOrder = (cursor: Cursor): readonly Sort[] =>
  cursor.list(() => {
    const by = readExpression(cursor)
    cursor.takeAny('ASC', 'DESC')
    return { by, operator: undefined }
  })

export const maybeOrder = (cursor: Cursor): readonly Sort[] => (cursor.take('ORDER', 'BY') ? readOrder(cursor) : [])

/** The specification between the parentheses of a window. */
export function readWindow(cursor: Cursor): Window {
  cursor.expectSign('(')
  const refers = cursor.isAny('PARTITION', 'ORDER', 'ROWS', 'RANGE', 'GROUPS') ? undefined : cursor.maybeName()
  const partition = cursor.take('PARTITION', 'BY') ? readOrder(cursor).map(({ by }) => by) : []
  const order = maybeOrder(cursor)
  const frame = cursor.takeAny('ROWS', 'RANGE', 'GROUPS') === undefined ? [] : readFrame(cursor)
  cursor.expectSign(')')
  return { refers: refers === undefined ? undefined : fold(refers), partition, order, frame }
}

function readFrame(cursor: Cursor): readonly Expression[] {
  const bounds: Expression[] = []
  const bound = (): void => {
    if (cursor.take('CURRENT', 'ROW') || cursor.take('UNBOUNDED', 'PRECEDING') || cursor.take('UNBOUNDED', 'FOLLOWING'))
      return
    bounds.push(isInterval(cursor) ? readInterval(cursor) : cursor.read.operand(cursor))
    cursor.expectAny('PRECEDING', 'FOLLOWING')
  }
  if (cursor.take('BETWEEN')) {
    bound()
    cursor.expect('AND')
  }
  bound()
  if (cursor.take('EXCLUDE') && !cursor.take('CURRENT', 'ROW') && !cursor.take('NO', 'OTHERS'))
    cursor.expectAny('GROUP', 'TIES')
  return bounds
}
