import type { Alias, FromItem, Join } from '../query.ts'
import type { LineageFindings, QueryReader } from './report.ts'
import { condition, originsOf, type ExpressionContext } from './read-expression.ts'
import { findCte, type Ctes, type QueryScope, type RangeItem } from './scope.ts'
import { isMasked, madeOf, oneOf, PLAIN, spread, type Output } from './origin.ts'

/** Where a query's FROM leads: what can be named, and what a star stands for. */
interface From {
  readonly items: readonly RangeItem[]
  readonly star: readonly Output[]
}

/** What a query within stands in. */
export interface Place {
  readonly found: LineageFindings
  readonly outer: QueryScope | undefined
  readonly ctes: Ctes | undefined
  readonly query: QueryReader
}

export const contextAt = ({ found, outer, ctes, query }: Place, items: readonly RangeItem[]): ExpressionContext => ({
  found,
  scope: { items, outer },
  ctes,
  query,
  windows: [],
  origins: new WeakMap(),
  isSecond: false,
})

export function readFrom(clause: readonly FromItem[], place: Place): From {
  const items: RangeItem[] = []
  const star: Output[] = []
  for (const item of clause) {
    const read = readItem(item, items, place)
    items.push(...read.items)
    star.push(...read.star)
  }
  return { items, star }
}

function readItem(item: FromItem, beside: readonly RangeItem[], where: Place): From {
  const { found, outer, ctes, query } = where
  const one = (columns: readonly Output[], alias: Alias | undefined, name = alias?.name): From => {
    const renamed = rename(columns, alias?.columns ?? [])
    return { items: [{ alias: name, columns: renamed }], star: renamed }
  }
  const lateral = contextAt(where, beside)
  switch (item.kind) {
    case 'table': {
      const { schema, name } = item.name
      const cte = schema === undefined ? findCte(ctes, name) : undefined
      found.tells(originsOf(item.sample, lateral), 'TABLESAMPLE')
      if (cte === undefined) {
        if (found.sources.mixes(item.name)) found.constants.mixed()
        found.tells(found.sources.answers(item.name), `what decides which rows ${name} shows`)
      }
      const read = one(cte ?? found.sources.relation(item.name), item.alias, item.alias?.name ?? name)
      if (cte !== undefined) return read
      const place = found.sources.place(item.name)
      if (item.method !== undefined) found.tells(place, 'TABLESAMPLE')
      return { ...read, items: read.items.map((named) => ({ ...named, place })) }
    }
    case 'derived':
      return one(query(item.query, found, item.lateral ? { items: beside, outer } : outer, ctes), item.alias)
    case 'join':
      return readJoin(item, beside, where)
    case 'function-table': {
      // Functions report what they must not be given.
      const origin = originsOf(item.calls, lateral)
      return one([spread(origin)], item.alias)
    }
    case 'value-table': {
      // They tell by the number of their rows.
      const origin = originsOf(item.args, lateral)
      if (isMasked(origin)) found.constants.mixed()
      found.tells(origin, 'a table made of a value')
      return one([spread(origin)], item.alias)
    }
    case 'opaque':
      return one([spread(found.sources.anything)], undefined)
  }
}

function readJoin(join: Join, beside: readonly RangeItem[], place: Place): From {
  const { found } = place
  const left = readItem(join.left, beside, place)
  const right = readItem(join.right, [...beside, ...left.items], place)
  const items = [...left.items, ...right.items]
  condition(join.on, 'JOIN', contextAt(place, [...items, ...beside]))
  const wide = [...left.star, ...right.star].some(({ spread: unknown, name }) => unknown === true || name === undefined)
  const common = join.natural
    ? left.star.flatMap(({ name }) => (name !== undefined && has(right.star, name) ? [name] : []))
    : join.using
  let star: readonly Output[] = [...left.star, ...right.star]
  if (join.natural && wide) {
    const all = madeOf(star.map(({ origin }) => origin))
    if (isMasked(all)) found.constants.mixed()
    found.tells(all, 'NATURAL JOIN')
    star = [
      spread(
        all,
        star.some(({ fails }) => fails === true),
      ),
    ]
  } else if (common.length > 0) {
    const merged = common.map((name): Output => {
      const both = [...left.star, ...right.star].filter((column) => column.name === name)
      return {
        name,
        origin: oneOf(both.map(({ origin }) => origin)),
        fails: both.some(({ fails }) => fails === true),
      }
    })
    for (const { origin } of merged) {
      if (isMasked(origin)) found.constants.mixed()
      found.tells(origin, 'JOIN … USING')
    }
    const others = (columns: readonly Output[]): Output[] =>
      columns.filter(({ name }) => name === undefined || !common.includes(name))
    star = wide
      ? [
          spread(
            madeOf(star.map(({ origin }) => origin)),
            star.some(({ fails }) => fails === true),
          ),
        ]
      : [...merged, ...others(left.star), ...others(right.star)]
  }
  if (join.usingAlias !== undefined)
    items.push({
      alias: join.usingAlias,
      columns: star.filter(({ name }) => name === undefined || common.includes(name)),
    })
  if (join.alias === undefined) return { items, star }
  const columns = rename(star, join.alias.columns)
  return { items: [{ alias: join.alias.name, columns }], star: columns }
}

const has = (columns: readonly Output[], name: string): boolean => columns.some((column) => column.name === name)

/** An alias with column names renames the first ones. */
export function rename(columns: readonly Output[], aliases: readonly string[]): readonly Output[] {
  if (aliases.length === 0) return columns
  if (!columns.some((column) => column.spread === true))
    return columns.map((column, index) => ({ ...column, name: aliases[index] ?? column.name }))
  const all = madeOf(columns.map(({ origin }) => origin))
  const fails = columns.some((column) => column.fails === true)
  return isMasked(all)
    ? [spread(all, fails)]
    : [...aliases.map((name) => ({ name, origin: PLAIN, fails })), spread(PLAIN, fails)]
}
