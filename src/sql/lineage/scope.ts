import type { Dialect, SystemColumn } from '../dialect.ts'
import { mayBeCalled } from '../called.ts'
import { isMasked, madeOf, oneOf, repeated, typed, type Origin, type Output, type ReadOrders } from './origin.ts'

/** An item of FROM: a table, view, subquery or function. */
export interface RangeItem {
  /** The name that qualifies its columns; undefined: it has none. */
  readonly alias: string | undefined
  readonly columns: readonly Output[]
  /** What the location of a row reveals, as system columns show it. */
  readonly place?: Origin
  /** The orders in which its rows may be returned. */
  readonly orders?: ReadOrders
}

/** What names can refer to at one place of a statement: the items of this level, then those of outer queries. */
export interface QueryScope {
  readonly items: readonly RangeItem[]
  readonly outer: QueryScope | undefined
}

/** Visible common table expressions, the nearest first. */
export interface Ctes {
  readonly name: string
  readonly columns: readonly Output[]
  readonly next: Ctes | undefined
}

export function findCte(ctes: Ctes | undefined, name: string): readonly Output[] | undefined {
  for (let cte = ctes; cte !== undefined; cte = cte.next) if (cte.name === name) return cte.columns
  return undefined
}

/**
 * What a column reference depends on. Names are resolved as the server does. Where a name is ambiguous, it depends on all candidates, and
 * where it is not found, on everything visible: too much is masked rather than too little.
 */
export function resolveColumn(scope: QueryScope, path: readonly string[], dialect: Dialect): Origin {
  const system = dialect.systemColumns.get(path.at(-1) ?? '')
  const name = path.at(-1) ?? ''
  const qualifier = path.at(-2)
  const uncertain: Origin[] = []
  let isAmongUnnamed = false
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.outer) {
    const items: readonly RangeItem[] =
      qualifier === undefined ? level.items : level.items.filter(({ alias }) => alias === qualifier)
    const found = items.flatMap(({ columns }) => columns.filter((column) => column.name === name))
    const unnamed = items.flatMap(({ columns }) =>
      columns.filter((column) => column.name === undefined && mayBeCalled(column, name)),
    )
    uncertain.push(...unnamed.map(({ origin }) => origin))
    isAmongUnnamed ||= unnamed.some(({ repeats }) => repeats === true)
    if (found.length > 0) {
      const [origin] = found
      if (found.length === 1 && origin !== undefined && !uncertain.some(isMasked)) return origin.origin
      return found.length > 1 && !uncertain.some(isMasked)
        ? oneOf(found.map((column) => column.origin))
        : madeOf([...found.map((column) => column.origin), ...uncertain])
    }
    // A qualifier that is found ends the search; `item.name` may call a function of the whole row.
    if (qualifier !== undefined && items.length > 0)
      return system === undefined
        ? madeOf([...items.map(wholeRow), ...uncertain])
        : madeOf([...uncertain, ...placesOf(system, items)])
  }
  if (qualifier === undefined) {
    for (let level: QueryScope | undefined = scope; level !== undefined; level = level.outer) {
      const item = level.items.find(({ alias }) => alias === name)
      if (item !== undefined)
        return typed(madeOf([wholeRow(item), ...uncertain]), uncertain.some(isMasked) ? undefined : dialect.types.row)
    }
  }
  // The columns of all other items are known by name.
  if (system === undefined) return isAmongUnnamed ? madeOf(uncertain) : everything(scope)
  const places: Origin[] = []
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.outer)
    places.push(...placesOf(system, level.items))
  return madeOf([...uncertain, ...places])
}

const placesOf = (tells: SystemColumn, items: readonly RangeItem[]): Origin[] => [
  ...(tells === 'nothing' ? [] : items.flatMap(({ place }) => place ?? [])),
  ...(tells === 'position' ? items.map(wholeRow) : []),
]

/** The columns of `*` or `item.*`. */
export function expandStar(
  scope: QueryScope,
  star: readonly Output[],
  qualifier: string | undefined,
): readonly Output[] {
  if (qualifier === undefined) return star
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.outer) {
    const items = level.items.filter(({ alias }) => alias === qualifier)
    const [only, ...others] = items
    if (only !== undefined && others.length === 0) return only.columns.filter(isVisible)
    if (items.length > 1) return [repeated(madeOf(items.map(wholeRow)))]
  }
  return [repeated(everything(scope))]
}

export const wholeRow = (item: RangeItem): Origin => madeOf(item.columns.map(({ origin }) => origin))

export function findItem(scope: QueryScope, alias: string): RangeItem | undefined {
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.outer) {
    const item = level.items.find((candidate) => candidate.alias === alias)
    if (item !== undefined) return item
  }
  return undefined
}

/** Whether reading a column may fail: a column of a view or subquery is evaluated where it is read. */
export function columnFails(scope: QueryScope, path: readonly string[]): boolean {
  const name = path.at(-1)
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.outer) {
    const columns = level.items.flatMap((item) => item.columns)
    const named = columns.filter((column) => name === undefined || mayBeCalled(column, name))
    if (named.some(({ fails }) => fails === true)) return true
    // A whole row depends on all of its columns.
    const rows = level.items.filter(({ alias }) => alias === name || name === '*')
    if (rows.some((item) => item.columns.some(({ fails }) => fails === true))) return true
  }
  return false
}

/** The type of a column, where it is certain. */
export function columnType(scope: QueryScope, path: readonly string[]): string | undefined {
  const name = path.at(-1)
  const qualifier = path.at(-2)
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.outer) {
    const items = level.items.filter(({ alias }) => qualifier === undefined || alias === qualifier)
    const columns = items.flatMap((item) => item.columns)
    const named = columns.filter((column) => name === undefined || mayBeCalled(column, name))
    const [only] = named
    if (only !== undefined) return named.length === 1 && only.name !== undefined ? only.type : undefined
  }
  return undefined
}

function everything(scope: QueryScope): Origin {
  const origins: Origin[] = []
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.outer)
    origins.push(...level.items.map(wholeRow))
  return madeOf(origins)
}

export const isVisible = ({ invisible }: Output): boolean => invisible !== true
