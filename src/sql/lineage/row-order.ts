import { item } from '../../shared/item.ts'
import { isConstant } from '../dialect.ts'
import { fromParts, partsOf } from '../parts.ts'
import { mayBeCalled, type Called } from '../called.ts'
import type { Assignment, Call, Delete, Expression, FromItem, Select, Update } from '../query.ts'
import { canFail } from './read-expression.ts'
import type { ExpressionContext } from './expression-context.ts'
import type { RangeItem } from './scope.ts'
import { isMasked, madeOf, PLAIN, type Origin, type Output } from './origin.ts'

/**
 * Rows of a table that is partitioned by a masked column are returned partition by partition. Their order, or which of them comes first,
 * reveals that column. Only results that are the same in any order reveal nothing.
 */
export const placesOf = (items: readonly RangeItem[]): Origin => madeOf(items.flatMap(({ place }) => place ?? []))

export function reportOrder(told: Origin, { found }: ExpressionContext): void {
  if (!isMasked(told)) return
  found.comparesRows = true
  found.leak(told, 'the order of the rows', undefined, 'add ORDER BY on all columns that are shown, or count the rows')
}

/** What a query reveals of row locations by the order of its rows. */
export function orderOfSelect(select: Select, outputs: readonly Output[], context: ExpressionContext): Origin {
  const told = placesOf(context.scope.items)
  return !isMasked(told) || isOrdered(select, outputs, context) ? PLAIN : told
}

/** What an UPDATE or DELETE reveals: by the row that fails first, or by what it returns. */
export function orderOfChange(node: Update | Delete, items: readonly RangeItem[], context: ExpressionContext): Origin {
  const told = placesOf(items)
  if (!isMasked(told)) return PLAIN
  const where = node.where === undefined || node.where.kind === 'current-of' ? [] : [node.where]
  const sets: readonly Assignment[] = node.kind === 'update' ? node.set : []
  const isSame =
    node.returning === undefined &&
    node.from.length === 0 &&
    where.every((part) => isOrderFree(part, context)) &&
    sets.every(
      ({ column, subscripts, value }) =>
        subscripts.length === 0 && (isConstant(value) || (value.kind === 'column' && value.path.at(-1) === column)),
    )
  return isSame ? PLAIN : told
}

function isOrdered(select: Select, outputs: readonly Output[], context: ExpressionContext): boolean {
  const { targets, from, where, group, having, order, limit, offset, windows, distinct, locks } = select
  const { items } = context.scope
  const all = [
    ...targets.map(({ value }) => value),
    ...group,
    ...order.map(({ by }) => by),
    ...limit,
    ...offset,
    ...[where, having].flatMap((part) => part ?? []),
  ]
  const isSimple =
    !locks &&
    windows.length === 0 &&
    (distinct === undefined || distinct.length === 0) &&
    from.every((item) => isTables(item, context)) &&
    items.every(({ columns }) => columns.every(({ fails }) => fails !== true)) &&
    all.every((part) => isOrderFree(part, context))
  if (!isSimple) return false
  const aggregates = targets.some(({ value }) => value.kind === 'call' && isCount(value, context))
  if (group.length === 0 && (aggregates || having !== undefined)) return true
  // For a column that is neither grouped nor aggregated, some servers return the value of the first row.
  const isOfGroup = (value: Expression): boolean =>
    (value.kind === 'call' && isCount(value, context)) ||
    (value.kind === 'column' && group.some((by) => by.kind === 'column' && by.path.at(-1) === value.path.at(-1)))
  if (group.length > 0 && !targets.every(({ value }) => isOfGroup(value))) return false
  const shown = shownOf(select, outputs, context)
  return shown?.every((column, index) => isHidden(outputs[index]) || isSorted(column, index, shown, select)) === true
}

const isTables = (item: FromItem, context: ExpressionContext): boolean =>
  item.kind === 'table' ||
  (item.kind === 'join' &&
    fromParts(item).from.every((part) => isTables(part, context)) &&
    (item.on === undefined || isOrderFree(item.on, context)))

/** Whether an expression never fails, leaves no trace, and does not depend on earlier rows. */
function isOrderFree(node: Expression, context: ExpressionContext): boolean {
  if (canFail(node, context)) return false
  const isFree = (part: Expression): boolean => {
    if (part.kind === 'built' || part.kind === 'subquery' || part.kind === 'opaque') return false
    if (part.kind === 'call') {
      const { window, order, ordered } = part
      const isKnown = context.found.dialect.totals.isOrderFree(part) !== undefined
      if (!isKnown || window !== undefined || order.length > 0 || ordered) return false
    }
    return partsOf(part).expressions.every(isFree)
  }
  return isFree(node)
}

interface Shown extends Called {
  /** Undefined: a column of a star. */
  readonly value: Expression | undefined
  readonly exact: boolean
}

/** The columns of the result; undefined where they are not known one by one. */
export function shownOf(
  { targets }: Select,
  outputs: readonly Output[],
  context: ExpressionContext,
): Shown[] | undefined {
  const { items } = context.scope
  const shown: Shown[] = []
  for (const { name, word, value } of targets) {
    if (value.kind !== 'column' || value.path.at(-1) !== '*') {
      shown.push({ name, ...(word === undefined ? {} : { word }), value, exact: isExact(value, context) })
      continue
    }
    const [item, ...more] = items
    if (item === undefined || more.length > 0) return undefined
    for (const column of item.columns) shown.push({ name: column.name, value: undefined, exact: column.exact === true })
  }
  return shown.length === outputs.length && outputs.every((output) => output.repeats !== true) ? shown : undefined
}

/** Whether equal values are identical: rows sorted by it that differ in nothing else are indistinguishable. */
function isExact(value: Expression, context: ExpressionContext): boolean {
  if (value.kind === 'call') return isCount(value, context)
  if (value.kind !== 'column') return false
  const [qualifier, name] = value.path.length === 1 ? [undefined, value.path[0]] : value.path.slice(-2)
  const found = context.scope.items
    .filter(({ alias }) => qualifier === undefined || alias === qualifier)
    .flatMap(({ columns }) => columns.filter((column) => column.name === name))
  return found.length === 1 && found[0]?.exact === true
}

/** An aggregate whose value is the same in any order. */
const isCount = (call: Call, { found }: ExpressionContext): boolean =>
  found.dialect.totals.isOrderFree(call) === 'aggregate'

/** A value whose mask looks the same for every value. */
export const isHidden = (output: Output | undefined): boolean =>
  output !== undefined &&
  isMasked(output.origin) &&
  (!output.origin.direct || output.origin.masks.every(({ style }) => style === 'redact' || style === 'null'))

export function isSorted(column: Shown, index: number, all: readonly Shown[], { order }: Select): boolean {
  const { name, value, exact } = column
  if (value?.kind === 'constant' || value?.kind === 'parameter') return true
  if (!exact) return false
  return order.some(({ by, operator }) => {
    if (operator !== undefined) return false
    if (by.kind === 'constant') return by.type === 'integer' && Number(by.value) === index + 1
    if (by.kind !== 'column') return false
    if (by.path.length === 1)
      return by.path[0] === name && all.filter((other) => mayBeCalled(other, item(by.path, 0))).length === 1
    return value?.kind === 'column' && value.path.join('.') === by.path.join('.')
  })
}

/** Whether a column of the select list may hide one of FROM with the same name: ORDER BY that name then sorts by it. */
export const isRenamed = (column: string, { targets }: Select): boolean =>
  targets.some(
    (target) =>
      mayBeCalled(target, column) &&
      (target.value.kind !== 'column' || (target.value.path.at(-1) !== column && target.value.path.at(-1) !== '*')),
  )
