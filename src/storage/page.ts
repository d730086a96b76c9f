import { sql, type Expression, type SqlBool } from 'kysely'
import { PamError } from '../shared/errors.ts'
import type { Database, Tx } from './database.ts'

/** Commands accept the beginning of an id where only one of those the person may see has it. */
export function onlyOne<Row extends { id: string }>(rows: readonly Row[], asked: string): Row {
  const exact = rows.find(({ id }) => id === asked)
  const [first, second] = rows
  if (exact !== undefined) return exact
  if (first === undefined) {
    const hint = 'give the whole id, or at least its first 4 characters after the "_"'
    throw new PamError(
      'NOT_FOUND',
      `nothing with the id ${asked} is visible to you`,
      BEGINNING.test(asked) ? {} : { hint },
    )
  }
  if (second !== undefined) {
    throw new PamError(
      'AMBIGUOUS',
      `${asked} could be ${rows
        .slice(0, 3)
        .map(({ id }) => id)
        .join(', ')}`,
    )
  }
  return first
}

/** Reads work on the store itself and within a change. */
export type Reader = Tx | Database['read']

/** One page of a list, newest first. */
export interface Page {
  readonly limit: number
  /** The last row of the page before: its time and its id. */
  readonly after?: Cursor | undefined
}

export interface Cursor {
  readonly at: number
  readonly id: string
}

/** The rows that come after the cursor in a list ordered by `column` and id, newest first. */
export function afterCursor(column: string, page: Page): Expression<SqlBool> {
  if (page.after === undefined) return sql<SqlBool>`1 = 1`
  return sql<SqlBool>`(${sql.ref(column)}, id) < (${page.after.at}, ${page.after.id})`
}

/** The row of this id; else those whose ids begin so. An index answers the first, which is the usual case. */
export async function byId<Row>(
  id: string,
  rows: (operator: '=' | 'like', value: string) => Promise<Row[]>,
): Promise<Row[]> {
  const exact = await rows('=', id)
  if (exact.length > 0 || !BEGINNING.test(id)) return exact
  return rows('like', `${id}%`)
}

/** As few characters as the documents show; fewer would let a slip of the finger name the only thing that waits. */
const BEGINNING = /^[a-z]{3}_[0-9a-z]{4,}$/
