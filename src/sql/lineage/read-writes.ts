import type { Change, Delete, Insert, Merge, Returning, Update } from '../query.ts'
import { isMasked, madeOf, PLAIN, type Output } from './origin.ts'
import { condition, originOf, originsOf } from './read-expression.ts'
import { contextAt, readFrom, type Place } from './read-from.ts'
import { readTargets, readWith } from './read-query.ts'
import { orderOfChange, placesOf, reportOrder } from './row-order.ts'
import { isVisible, type RangeItem } from './scope.ts'
import { assign, columnOf, meets, readTarget, ties, writes } from './written-columns.ts'

// Statements that write rows: what they give back, compare and store.

export function readInsert(node: Insert, outside: Place): readonly Output[] {
  const { found } = outside
  const place = { ...outside, ctes: readWith(node.with, outside) }
  const { item, target } = readTarget(node.target, found)
  const columns = node.columns.length > 0 ? node.columns : target.columns.filter(isVisible).map(({ name }) => name)
  const source = node.source === undefined ? [] : place.query(node.source, found, place.outer, place.ctes)
  const rows = node.source?.kind === 'values' ? node.source.rows : []
  writes(source, columns, target, rows.length > 0 ? rows.length : undefined, found)
  ties(new Set(columns), target, { inserts: true, rows: rows.length > 0 ? rows.length : undefined }, found)
  for (const row of rows)
    row.forEach((value, index) => found.constants.stored(node, value, columnOf(target, columns[index], found).origin))
  if (node.source !== undefined && node.source.kind !== 'values') meets(source, columns, target, found)
  const { conflict } = node
  if (conflict !== undefined) {
    // What was to be inserted: it need not be what may be shown of the target's columns.
    const unknownCount = source.some((output) => output.repeats === true)
    const all = madeOf(source.map(({ origin }) => origin))
    const excluded: RangeItem = {
      alias: conflict.given,
      columns: target.columns.map(({ name }) => ({
        name,
        origin: unknownCount || name === undefined ? all : (source[columns.indexOf(name)]?.origin ?? PLAIN),
      })),
    }
    const beside = conflict.seesSource && node.source?.kind === 'select' ? readFrom(node.source.from, place).items : []
    const context = contextAt(place, [item, excluded, ...beside])
    const inferring = contextAt(place, [item])
    for (const name of conflict.columns)
      found.leak(
        madeOf(target.columns.filter((column) => column.name === name).map((column) => column.origin)),
        'ON CONFLICT',
        1,
      )
    for (const expression of conflict.expressions) found.leak(originOf(expression, inferring), 'ON CONFLICT', 1)
    condition(conflict.predicate, 'ON CONFLICT', inferring)
    condition(conflict.where, 'ON CONFLICT', context)
    assign(node, conflict.set, item, target, context)
  }
  return readReturning(node.returning, [item], item, place)
}

export function readUpdate(node: Update, outside: Place): readonly Output[] {
  const place = { ...outside, ctes: readWith(node.with, outside) }
  const { item, target } = readTarget(node.target, place.found)
  const from = readFrom(node.from, place)
  const items = [item, ...from.items]
  const context = contextAt(place, items)
  condition(node.where, 'WHERE', context)
  reportOrder(orderOfChange(node, items, context), context)
  assign(node, node.set, item, target, context)
  return readReturning(node.returning, items, item, place, [...item.columns.filter(isVisible), ...from.starColumns])
}

export function readDelete(node: Delete, outside: Place): readonly Output[] {
  const place = { ...outside, ctes: readWith(node.with, outside) }
  const { item } = readTarget(node.target, place.found)
  const from = readFrom(node.from, place)
  const items = [item, ...from.items]
  const context = contextAt(place, items)
  condition(node.where, 'WHERE', context)
  reportOrder(orderOfChange(node, items, context), context)
  return readReturning(node.returning, items, item, place, [...item.columns.filter(isVisible), ...from.starColumns])
}

export function readChange(node: Change, outside: Place): readonly Output[] {
  const { found } = outside
  const place = { ...outside, ctes: readWith(node.with, outside) }
  const { items, starColumns } = readFrom(node.from, place)
  const context = contextAt(place, items)
  condition(node.where, 'WHERE', context)
  const order = originsOf(
    node.order.map(({ by }) => by),
    context,
  )
  if (isMasked(order)) found.comparesRows = true
  found.leak(order, 'ORDER BY')
  for (const count of node.limit) found.constants.bare(count)
  found.leak(originsOf(node.limit, context), 'LIMIT')
  reportOrder(placesOf(items), context)
  for (const { table } of node.targets) {
    const { item, target } = readTarget(table, found)
    const set = node.set.filter(({ of }) => of === undefined || of === item.alias)
    assign(node, set, item, target, context)
  }
  return readReturning(node.returning, items, { alias: undefined, columns: starColumns }, place)
}

export function readMerge(node: Merge, outside: Place): readonly Output[] {
  const place = { ...outside, ctes: readWith(node.with, outside) }
  const { found } = place
  const { item, target } = readTarget(node.target, found)
  const from = readFrom([node.source], place)
  const items = [item, ...from.items]
  const context = contextAt(place, items)
  condition(node.on, 'MERGE … ON', context)
  reportOrder(placesOf(items), context)
  for (const clause of node.clauses) {
    condition(clause.condition, 'WHEN', context)
    if (clause.does === 'insert') {
      const source = clause.values.map((value) => ({ name: undefined, origin: originOf(value, context) }))
      const columns = clause.columns.length > 0 ? clause.columns : target.columns.map(({ name }) => name)
      writes(source, columns, target, undefined, found)
      ties(new Set(columns), target, { inserts: true, rows: undefined }, found)
      clause.values.forEach((value, index) =>
        found.constants.stored(node, value, columnOf(target, columns[index], found).origin),
      )
    } else assign(node, clause.set, item, target, context)
  }
  // Unlike elsewhere, a star gives the source's columns first. Source: manual, MERGE, output_expression.
  return readReturning(node.returning, items, item, place, [...from.starColumns, ...target.columns])
}

/** RETURNING, where the rows before and after have names of their own. */
function readReturning(
  returning: Returning | undefined,
  items: readonly RangeItem[],
  target: RangeItem,
  place: Place,
  star: readonly Output[] = target.columns.filter(isVisible),
): readonly Output[] {
  if (returning === undefined) return []
  const rows = returning.names.map((alias) => ({ alias, columns: target.columns }))
  return readTargets(returning.targets, star, contextAt(place, [...items, ...rows]))
}
