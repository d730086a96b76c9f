import { fromParts, partsOf, statementParts, type StatementParts } from '../parts.ts'
import { isConstant } from '../dialect.ts'
import type { Column, Expression, FromItem, Select, Statement } from '../query.ts'
import type { ExpressionContext } from './expression-context.ts'
import { isMasked, madeOf, PLAIN, type Origin, type Output } from './origin.ts'
import { isHidden, isRenamed, isSorted, shownOf } from './row-order.ts'
import { isVisible, type RangeItem } from './scope.ts'

/**
 * Some servers return rows in the order of an index unasked: where it covers all columns that are read, and where a condition or ORDER BY
 * names its first column. The order then reveals a masked column in that index, as if rows were sorted by it.
 */
export function reportIndexOrder(select: Select, outputs: readonly Output[], context: ExpressionContext): void {
  const { found } = context
  const read = columnsRead(select)
  const told = madeOf(
    context.scope.items.map((item) => (isFixed(item, select, context) ? PLAIN : toldBy(item, read, context))),
  )
  if (!isMasked(told)) return
  if (isSettledAmong(select, context) && (isSingleRow(select, context) || isSeenSorted(select, outputs, context)))
    return
  found.meets(told)
  for (const mask of told.masks)
    found.order.push({
      mask,
      place: 'the order in which an index gives rows',
      comparisons: undefined,
      hint: 'add ORDER BY on the primary key, or count the rows',
    })
}

interface Reference {
  readonly qualifier: string | undefined
  /** `*` for all. */
  readonly name: string
  /** The column decides which rows are returned, or their order. */
  readonly decides: boolean
  /** Every row has one of the given values. */
  readonly isGiven?: boolean
}

function toldBy(item: RangeItem, read: readonly Reference[], { scope }: ExpressionContext): Origin {
  const { orders } = item
  if (orders === undefined) return PLAIN
  const names = new Set(item.columns.flatMap(({ name }) => name ?? []))
  const own = read.filter(({ qualifier, name }) =>
    qualifier === undefined ? name === '*' || names.has(name) : qualifier === item.alias,
  )
  const all = item.columns.filter(isVisible).flatMap(({ name }) => name ?? [])
  const used = new Set(own.flatMap(({ name }) => (name === '*' ? all : [name])))
  const deciding = new Set(own.flatMap(({ name, decides }) => (decides ? [name] : [])))
  const given = new Set(own.flatMap(({ name, isGiven }) => (isGiven ? [name] : [])))
  const told = orders.indexes.flatMap(({ columns, origins }) => {
    const covered = new Set([...columns, ...(orders.key ?? [])])
    // For a column that is compared with given values, the comparisons have been counted.
    const hidden = origins.map((origin, index) => (given.has(String(columns[index])) ? PLAIN : origin))
    if ([...used].every((name) => covered.has(name))) return hidden
    const [first] = columns
    return first !== undefined && deciding.has(first) ? hidden.slice(1) : []
  })
  return scope.items.includes(item) ? madeOf([orders.always, ...told]) : PLAIN
}

/** All columns of its own FROM that a SELECT names, including in nested queries. */
function columnsRead({ targets, from, where, group, having, windows, distinct, order, ...rest }: Select): Reference[] {
  const found: Reference[] = []
  const inExpression =
    (decides: boolean) =>
    (node: Expression): void => {
      if (node.kind === 'column') found.push({ qualifier: node.path.at(-2), name: String(node.path.at(-1)), decides })
      const { expressions, statements } = partsOf(node)
      expressions.forEach(inExpression(decides))
      statements.forEach(inStatement)
    }
  const inStatement = (node: Statement): void => {
    const { expressions, statements, from: items } = statementParts(node)
    expressions.forEach(inExpression(true))
    statements.forEach(inStatement)
    items.forEach(inFrom)
  }
  const inFrom = (item: FromItem): void => {
    if (item.kind === 'join') for (const name of item.using) found.push({ qualifier: undefined, name, decides: true })
    if (item.kind === 'join' && item.natural) found.push({ qualifier: undefined, name: '*', decides: true })
    const { expressions, statements, from: items } = fromParts(item)
    expressions.forEach(inExpression(true))
    statements.forEach(inStatement)
    items.forEach(inFrom)
  }
  for (const { path } of givenIn(where))
    found.push({ qualifier: path.at(-2), name: String(path.at(-1)), decides: true, isGiven: true })
  for (const { value } of targets) inExpression(distinct !== undefined)(value)
  const deciding = [
    where,
    having,
    ...group,
    ...order.map(({ by }) => by),
    ...(distinct ?? []),
    ...windows.flatMap((window) => [...window.partition, ...window.order.map(({ by }) => by)]),
    ...rest.limit,
    ...rest.offset,
  ]
  for (const node of deciding) if (node !== undefined) inExpression(true)(node)
  from.forEach(inFrom)
  return found
}

/** Columns that a condition compares with given values, in operands of AND. */
function givenIn(where: Expression | undefined): Column[] {
  if (where === undefined) return []
  if (where.kind === 'logic') return where.how === 'and' ? where.args.flatMap(givenIn) : []
  if (where.kind !== 'operation' || where.negated || (where.form !== 'plain' && where.form !== 'in')) return []
  const [first, ...others] = where.args
  const isEqual = where.operators.every(({ schema, name }) => schema === undefined && name === '=')
  return isEqual && first?.kind === 'column' && others.length > 0 && others.every(isConstant) ? [first] : []
}

/**
 * Whether rows that the sort leaves in any order are indistinguishable: every column shown is masked or sorted by; for groups, the grouping
 * columns are.
 */
function isSeenSorted(select: Select, outputs: readonly Output[], context: ExpressionContext): boolean {
  if (outputs.length > 0 && outputs.every((output) => output.repeats !== true && isHidden(output))) return true
  const { group, order, targets, windows } = select
  if (windows.length > 0) return false
  const shown = shownOf(select, outputs, context)
  if (
    group.length === 0 &&
    targets.every(({ value }) => isSettled(value, context)) &&
    shown?.every((column, index) => isHidden(outputs[index]) || isSorted(column, index, shown, select)) === true
  )
    return true
  const isInOrder = (node: Expression): boolean => {
    const name = node.kind === 'column' ? node.path.at(-1) : undefined
    return (
      node.kind === 'column' &&
      name !== undefined &&
      !isRenamed(name, select) &&
      order.some(({ by }) => by.kind === 'column' && by.path.join('.') === node.path.join('.'))
    )
  }
  return (
    group.length > 0 &&
    group.every(isInOrder) &&
    targets.every(({ value }) => isInOrder(value) || isAggregate(value, context))
  )
}

/** Whether the set of rows, and how they are sorted, does not depend on the order in which they are read. */
const isSettledAmong = ({ where, having, from, order }: Select, context: ExpressionContext): boolean =>
  [where, having, ...order.map(({ by }) => by)].every((node) => node === undefined || isSettled(node, context)) &&
  from.every((item) => isSettledIn(fromParts(item), context))

/** The same for a row or a group. What a nested query reveals of its own order has been counted there. */
function isSettled(node: Expression, context: ExpressionContext): boolean {
  if (node.kind === 'assign' || node.kind === 'opaque' || node.kind === 'built') return false
  const { isOrderFree } = context.found.dialect.totals
  if (node.kind === 'call' && (node.window !== undefined || isOrderFree(node) === undefined)) return false
  const { expressions, statements } = partsOf(node)
  return isSettledIn({ expressions, statements, from: [] }, context)
}

const isSettledIn = ({ expressions, statements, from }: StatementParts, context: ExpressionContext): boolean =>
  expressions.every((part) => isSettled(part, context)) &&
  statements.every((part) => isSettledIn(statementParts(part), context)) &&
  from.every((item) => isSettledIn(fromParts(item), context))

/** A single row that does not depend on the order of the rows that are aggregated. */
const isSingleRow = ({ targets, group, distinct, windows }: Select, context: ExpressionContext): boolean =>
  group.length === 0 &&
  distinct === undefined &&
  windows.length === 0 &&
  targets.length > 0 &&
  targets.every(({ value }) => isAggregate(value, context))

/** An aggregate that does not depend on the order of rows. */
const isAggregate = (value: Expression, { found }: ExpressionContext): boolean =>
  value.kind === 'call' &&
  value.window === undefined &&
  value.order.length === 0 &&
  found.dialect.totals.isOrderFree(value) === 'aggregate' &&
  value.args.every((arg) => isOfRow(arg, found.dialect.totals.isOrderFree))

/** Sorted by the whole primary key of a table, and without columns that depend on earlier rows. */
function isFixed({ orders, alias, columns }: RangeItem, select: Select, context: ExpressionContext): boolean {
  const { found, scope } = context
  const key = orders?.key
  if (orders === undefined || key === undefined || isMasked(orders.always)) return false
  const { isOrderFree } = found.dialect.totals
  const { targets, group, distinct, windows, order } = select
  const isSorted = (name: string): boolean =>
    order.some(({ by, operator }) => {
      if (by.kind !== 'column' || operator !== undefined || by.path.at(-1) !== name) return false
      const qualifier = by.path.at(-2)
      const others = scope.items.filter((item) => item.columns.some((column) => column.name === name))
      return qualifier === undefined
        ? others.length === 1 && columns.some((column) => column.name === name)
        : qualifier === alias
    })
  return (
    group.length === 0 &&
    distinct === undefined &&
    windows.length === 0 &&
    isSettledAmong(select, context) &&
    key.every((name) => isSorted(name) && !isRenamed(name, select)) &&
    targets.every(({ value }) => isOfRow(value, isOrderFree))
  )
}

/** Whether it does not depend on earlier rows. */
function isOfRow(
  node: Expression,
  isOrderFree: ExpressionContext['found']['dialect']['totals']['isOrderFree'],
): boolean {
  if (
    node.kind === 'subquery' ||
    node.kind === 'assign' ||
    node.kind === 'variable' ||
    node.kind === 'opaque' ||
    node.kind === 'built'
  )
    return false
  if (node.kind === 'call' && (node.window !== undefined || isOrderFree(node) !== 'scalar')) return false
  return partsOf(node).expressions.every((part) => isOfRow(part, isOrderFree))
}
