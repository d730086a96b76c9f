import type { Dialect } from '../dialect.ts'
import type { Expression, FromItem, Table } from '../query.ts'
import { dependsOnRow, ownRow } from './own-row.ts'
import { canLeaveOut } from './trial.ts'

/**
 * Whether a write affects all rows in spite of its condition: there is none, it does not depend on the row, or simple evaluation finds no
 * row for which it does not hold. Rows with NULL do not count: `x = x` holds for every row in this sense. Parameters and other tables may
 * have any value, so a condition on these alone may hold for every row.
 */
export function isAlways(
  where: Expression | undefined,
  target: Table,
  from: readonly FromItem[],
  dialect: Dialect,
): boolean {
  if (where === undefined) return true
  const row = ownRow(target, from, dialect)
  const holds = (part: Expression): boolean =>
    part.kind === 'logic' && part.how === 'and'
      ? part.args.every(holds)
      : !dependsOnRow(part, row) || !canLeaveOut(part, row)
  return holds(where)
}
