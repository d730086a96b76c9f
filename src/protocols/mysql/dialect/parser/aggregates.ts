import type { Call, Expression, Window } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { call } from './build.ts'
import { maybeOrder, readExpression, readOrder, readWindow } from './clauses.ts'
import { constantAt } from './constants.ts'
import { fold, type Cursor } from './cursor.ts'

const AGGREGATES = new Set(
  `COUNT SUM AVG MIN MAX BIT_AND BIT_OR BIT_XOR STD STDDEV STDDEV_POP STDDEV_SAMP VARIANCE VAR_POP VAR_SAMP GROUP_CONCAT
   JSON_ARRAYAGG JSON_OBJECTAGG ST_COLLECT`.split(/\s+/),
)

/** Window functions, which need an OVER. */
const WINDOWS = new Set(
  `ROW_NUMBER RANK DENSE_RANK PERCENT_RANK CUME_DIST NTILE LAG LEAD FIRST_VALUE LAST_VALUE NTH_VALUE MEDIAN
   PERCENTILE_CONT PERCENTILE_DISC`.split(/\s+/),
)

/** The maximum number of arguments. */
const MAX_ARGUMENTS: ReadonlyMap<string, number> = new Map([
  ...`COUNT SUM AVG MIN MAX BIT_AND BIT_OR BIT_XOR STD STDDEV STDDEV_POP STDDEV_SAMP VARIANCE VAR_POP VAR_SAMP
    JSON_ARRAYAGG ST_COLLECT NTILE FIRST_VALUE MEDIAN PERCENTILE_CONT PERCENTILE_DISC`
    .split(/\s+/)
    .map((word) => [word, 1] as const),
  ...'ROW_NUMBER RANK DENSE_RANK PERCENT_RANK CUME_DIST'.split(' ').map((word) => [word, 0] as const),
  ['JSON_OBJECTAGG', 2],
  ['NTH_VALUE', 2],
])

/** Whether a function of this name is an aggregate or a window function. */
export const isAggregate = (word: string): boolean => AGGREGATES.has(word) || WINDOWS.has(word)

/** A call of an aggregate or window function, with WITHIN GROUP, RESPECT NULLS and OVER after it. */
export function readAggregate(word: string, cursor: Cursor): Expression {
  cursor.at++
  cursor.expectSign('(')
  const { args, order } = readAggregated(word, cursor)
  cursor.expectSign(')')
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
  const most = word === 'COUNT' && isDistinct ? Infinity : (MAX_ARGUMENTS.get(word) ?? Infinity)
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
  cursor.expectSign('(')
  const order = maybeOrder(cursor)
  cursor.expectSign(')')
  return order
}

function readOver(cursor: Cursor): Window {
  if (cursor.isSign('(')) return readWindow(cursor)
  return { refers: fold(cursor.name()), partition: [], order: [], frame: [] }
}
