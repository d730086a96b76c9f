import type { CountingRows } from '../catalog.ts'
import type { Alias, FromItem, Join, Table } from '../query.ts'
import type { LineageFindings, QueryReader } from './report.ts'
import { condition, originsOf } from './read-expression.ts'
import type { ExpressionContext } from './expression-context.ts'
import { findCte, isVisible, wholeRow, type Ctes, type QueryScope, type RangeItem } from './scope.ts'
import { isMasked, madeOf, oneOf, PLAIN, repeated, type Output } from './origin.ts'

/** The items of a query's FROM, and the columns of its star. */
interface From {
  readonly items: readonly RangeItem[]
  readonly starColumns: readonly Output[]
}

/** The surroundings of a nested query. */
export interface Place {
  readonly found: LineageFindings
  readonly outer: QueryScope | undefined
  readonly ctes: Ctes | undefined
  readonly query: QueryReader
  /** Collects tables of which some rows count, where the conditions that may leave them out are read later. */
  readonly counting?: CountingTable[]
}

/** A table of which some rows reveal masked values by being there. */
export interface CountingTable {
  readonly table: Table
  readonly rows: CountingRows
}

export function leakRows({ table }: CountingTable, found: LineageFindings): void {
  // Also where a view does so, whoever reads it is told.
  found.comparesRows = true
  found.leak(found.sources.anything, `the number of rows of ${table.name.name}`)
}

export const contextAt = ({ found, outer, ctes, query }: Place, items: readonly RangeItem[]): ExpressionContext => ({
  found,
  scope: { items, outer },
  ctes,
  query,
  windows: [],
  origins: new WeakMap(),
  types: new WeakMap(),
  isSecond: false,
})

export function readFrom(clause: readonly FromItem[], place: Place): From {
  const items: RangeItem[] = []
  const starColumns: Output[] = []
  for (const item of clause) {
    const read = readItem(item, items, place)
    items.push(...read.items)
    starColumns.push(...read.starColumns)
  }
  return { items, starColumns }
}

function readItem(item: FromItem, siblings: readonly RangeItem[], where: Place): From {
  const { found, outer, ctes, query } = where
  const one = (columns: readonly Output[], alias: Alias | undefined, name = alias?.name): From => {
    const renamed = rename(columns, alias?.columns ?? [])
    return { items: [{ alias: name, columns: renamed }], starColumns: renamed.filter(isVisible) }
  }
  const lateral = contextAt(where, siblings)
  switch (item.kind) {
    case 'table': {
      const { schema, name } = item.name
      const cte = schema === undefined ? findCte(ctes, name) : undefined
      found.leak(originsOf(item.sample, lateral), 'TABLESAMPLE')
      if (cte === undefined) {
        if (found.sources.mixes(item.name)) found.constants.mixed()
        const answers = found.sources.answers(item.name)
        if (isMasked(answers)) found.comparesRows = true
        found.leak(answers, `what decides which rows ${name} shows`)
        const rows = found.sources.countingRows(item.name)
        if (rows !== undefined && where.counting === undefined) leakRows({ table: item, rows }, found)
        else if (rows !== undefined) where.counting?.push({ table: item, rows })
      }
      const read = one(cte ?? found.sources.relation(item.name), item.alias, item.alias?.name ?? name)
      if (cte !== undefined) return read
      const place = found.sources.place(item.name)
      // Pages are drawn, or positions in them.
      if (item.method !== undefined) found.leak(madeOf([place, ...read.items.map(wholeRow)]), 'TABLESAMPLE')
      const orders = found.sources.readOrders?.(item.name)
      const more = orders === undefined ? { place } : { place, orders }
      return { ...read, items: read.items.map((named) => ({ ...named, ...more })) }
    }
    case 'derived':
      return one(query(item.query, found, item.lateral ? { items: siblings, outer } : outer, ctes), item.alias)
    case 'join':
      return readJoin(item, siblings, where)
    case 'function-table': {
      // Functions report invalid arguments in errors.
      const origin = originsOf(item.calls, lateral)
      return one([repeated(origin)], item.alias)
    }
    case 'value-table': {
      // The number of their rows reveals their arguments.
      const origin = originsOf(item.args, lateral)
      if (isMasked(origin)) found.constants.mixed()
      found.leak(origin, 'a table made of a value')
      return one([repeated(origin)], item.alias)
    }
    case 'opaque':
      return one([repeated(found.sources.anything)], undefined)
  }
}

function readJoin(join: Join, siblings: readonly RangeItem[], place: Place): From {
  const { found } = place
  const left = readItem(join.left, siblings, place)
  const right = readItem(join.right, [...siblings, ...left.items], place)
  const items = [...left.items, ...right.items]
  condition(join.on, 'JOIN', contextAt(place, [...items, ...siblings]))
  const unknownCount = [...left.starColumns, ...right.starColumns].some(
    ({ repeats: unknown, name }) => unknown === true || name === undefined,
  )
  const common = join.natural
    ? left.starColumns.flatMap(({ name }) => (name !== undefined && has(right.starColumns, name) ? [name] : []))
    : join.using
  let starColumns: readonly Output[] = [...left.starColumns, ...right.starColumns]
  if (join.natural && unknownCount) {
    const all = madeOf(starColumns.map(({ origin }) => origin))
    if (isMasked(all)) found.constants.mixed()
    found.leak(all, 'NATURAL JOIN')
    starColumns = [
      repeated(
        all,
        starColumns.some(({ fails }) => fails === true),
      ),
    ]
  } else if (common.length > 0) {
    const merged = common.map((name): Output => {
      const both = [...left.starColumns, ...right.starColumns].filter((column) => column.name === name)
      return {
        name,
        origin: oneOf(both.map(({ origin }) => origin)),
        fails: both.some(({ fails }) => fails === true),
      }
    })
    for (const { origin } of merged) {
      if (isMasked(origin)) found.constants.mixed()
      found.leak(origin, 'JOIN … USING')
    }
    const others = (columns: readonly Output[]): Output[] =>
      columns.filter(({ name }) => name === undefined || !common.includes(name))
    starColumns = unknownCount
      ? [
          repeated(
            madeOf(starColumns.map(({ origin }) => origin)),
            starColumns.some(({ fails }) => fails === true),
          ),
        ]
      : [...merged, ...others(left.starColumns), ...others(right.starColumns)]
  }
  if (join.usingAlias !== undefined)
    items.push({
      alias: join.usingAlias,
      columns: starColumns.filter(({ name }) => name === undefined || common.includes(name)),
    })
  if (join.alias === undefined) return { items, starColumns }
  const columns = rename(starColumns, join.alias.columns)
  return { items: [{ alias: join.alias.name, columns }], starColumns: columns }
}

const has = (columns: readonly Output[], name: string): boolean => columns.some((column) => column.name === name)

/** An alias with column names renames the first ones. */
export function rename(columns: readonly Output[], aliases: readonly string[]): readonly Output[] {
  if (aliases.length === 0) return columns
  if (!columns.some((column) => column.repeats === true))
    return columns.map((column, index) => ({ ...column, name: aliases[index] ?? column.name }))
  const all = madeOf(columns.map(({ origin }) => origin))
  const fails = columns.some((column) => column.fails === true)
  return isMasked(all)
    ? [repeated(all, fails)]
    : [...aliases.map((name) => ({ name, origin: PLAIN, fails })), repeated(PLAIN, fails)]
}
