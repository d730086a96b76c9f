import type { Subquery } from '../../../../sql/query.ts'
import { afterParentheses } from './clauses.ts'
import { MAX_DEPTH, type Cursor } from './cursor.ts'

/** A query in parentheses. */
export function readSubquery(cursor: Cursor): Subquery['query'] {
  cursor.expectSign('(')
  const { into } = cursor
  const query = cursor.nest(() => cursor.read.query(cursor))
  if (cursor.into !== into) cursor.fail('a query without INTO')
  cursor.expectSign(')')
  return query
}

/** Whether there is a query at the cursor, in any number of parentheses, and nothing beside it within them. */
export function isQueryInParentheses(cursor: Cursor): boolean {
  let open = 0
  // More parentheses would be too deep.
  while (open <= MAX_DEPTH && cursor.isSignAt(open, '(')) open++
  if (open === 0 || !isQueryWord(cursor, open)) return false
  let offset = afterParentheses(cursor, open - 1)
  for (let around = open - 1; around > 0; around--) {
    if (GOES_ON.has(cursor.wordAt(offset))) offset = afterParentheses(cursor, around - 1)
    else if (cursor.isSignAt(offset, ')')) offset++
    else return false
  }
  return true
}

/** Words that may follow a query in parentheses that is the first part of another one. */
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
