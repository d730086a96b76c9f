import type { CountingRows } from '../catalog.ts'
import type { Expression, FromItem, Select, Table } from '../query.ts'
import type { ExpressionContext } from './expression-context.ts'
import { canFail } from './read-expression.ts'

/**
 * Whether the WHERE of a query leaves out those rows of a table that count. Conditions are evaluated in any order, so none of them may fail
 * for a row that is left out, and nothing in FROM may be made of it.
 */
export function areLeftOut(
  table: Table,
  rows: CountingRows,
  { from, where }: Select,
  context: ExpressionContext,
): boolean {
  if (where === undefined || (table.alias?.columns.length ?? 0) > 0) return false
  const joins = from.map(conditionsOf)
  if (joins.includes(undefined)) return false
  const filters = conjuncts(where)
  if ([...filters, ...joins.flatMap((conditions) => conditions ?? [])].some((node) => canFail(node, context)))
    return false
  const columnOf = (node: Expression | undefined): string | undefined =>
    node?.kind === 'column' ? ownColumn(node.path, table, from.length === 1 && from[0]?.kind === 'table') : undefined
  return filters.some((node) => leavesOut(node, rows, columnOf))
}

/** The conditions of a tree of joins of tables; undefined where there is anything else in it. */
function conditionsOf(item: FromItem): readonly Expression[] | undefined {
  if (item.kind === 'table') return item.sample.length > 0 ? undefined : []
  if (item.kind !== 'join' || item.natural || item.using.length > 0 || item.alias !== undefined) return undefined
  const [left, right] = [conditionsOf(item.left), conditionsOf(item.right)]
  if (left === undefined || right === undefined) return undefined
  return [...left, ...right, ...(item.on === undefined ? [] : [item.on])]
}

const conjuncts = (node: Expression): readonly Expression[] =>
  node.kind === 'logic' && node.how === 'and' ? node.args.flatMap(conjuncts) : [node]

/** The name of a column that is certainly one of the table: qualified by its name, or where there is no other. */
function ownColumn(path: readonly string[], { alias, name }: Table, isAlone: boolean): string | undefined {
  const column = path.at(-1)
  if (path.length === 1) return isAlone ? column : undefined
  return path.length === 2 && path[0] === (alias?.name ?? name.name) ? column : undefined
}

function leavesOut(
  node: Expression,
  { empty, true: isTrue, never }: CountingRows,
  columnOf: (node: Expression | undefined) => string | undefined,
): boolean {
  if (node.kind === 'test') {
    const column = columnOf(node.arg) ?? ''
    if (node.is === 'null') return node.negated && empty.has(column)
    return isTrue.has(column) && node.negated === (node.is === 'true')
  }
  if (node.kind === 'logic') return node.how === 'not' && isTrue.has(columnOf(node.args[0]) ?? '')
  if (node.kind !== 'operation' || node.negated || (node.form !== 'plain' && node.form !== 'in')) return false
  const [left, ...others] = node.args
  const values = never.get(columnOf(left) ?? '')
  if (values === undefined || node.operators.some(({ name }) => name !== '=')) return false
  return others.every((other) => other.kind === 'constant' && values.has(other.value))
}
