import type { Node } from './findings.ts'
import type { LineageFindings, QueryReader } from './lineage.ts'
import { condition, list, names, originOf } from './lineage-expression.ts'
import { findCte, type Ctes, type QueryScope, type RangeItem } from './lineage-scope.ts'
import { isMasked, madeOf, oneOf, PLAIN, spread, type Output } from './origin.ts'

/** Where a query's FROM leads: what can be named, and what a star stands for. */
interface From {
  readonly items: readonly RangeItem[]
  readonly star: readonly Output[]
}

export function readFrom(
  clause: unknown,
  found: LineageFindings,
  outer: QueryScope | undefined,
  ctes: Ctes | undefined,
  query: QueryReader,
): From {
  const items: RangeItem[] = []
  const star: Output[] = []
  for (const node of list(clause)) {
    const read = readRange(node as Node, items, found, outer, ctes, query)
    items.push(...read.items)
    star.push(...read.star)
  }
  return { items, star }
}

function readRange(
  node: Node,
  beside: readonly RangeItem[],
  found: LineageFindings,
  outer: QueryScope | undefined,
  ctes: Ctes | undefined,
  query: QueryReader,
): From {
  const [[type, range] = ['', {}]] = Object.entries(node) as [string, Node][]
  const alias = range['alias'] as { aliasname?: string; colnames?: unknown } | undefined
  const lateral: QueryScope = { items: beside, outer }
  const one = (columns: readonly Output[], name: string | undefined = alias?.aliasname): From => {
    const renamed = rename(columns, names(alias?.colnames))
    return { items: [{ alias: name, columns: renamed }], star: renamed }
  }
  switch (type) {
    case 'RangeVar': {
      const name = String(range['relname'])
      const schema = range['schemaname'] === undefined ? undefined : String(range['schemaname'])
      const cte = schema === undefined ? findCte(ctes, name) : undefined
      return one(cte ?? found.sources.relation({ schema, name }), alias?.aliasname ?? name)
    }
    case 'RangeSubselect':
      return one(query(range['subquery'] as Node, found, range['lateral'] === true ? lateral : outer, ctes))
    case 'JoinExpr':
      return readJoin(range, beside, found, outer, ctes, query)
    case 'RangeTableSample': {
      const context = { found, scope: lateral, ctes, query, windows: [] }
      found.tells(originOf([range['args'], range['repeatable']], context), 'TABLESAMPLE')
      return readRange(range['relation'] as Node, beside, found, outer, ctes, query)
    }
    default: {
      // Functions report what they must not be given; XMLTABLE and JSON_TABLE tell by the number of their rows.
      const origin = originOf(Object.values(range), { found, scope: lateral, ctes, query, windows: [] })
      if (type !== 'RangeFunction') found.tells(origin, 'a table made of a value')
      return one([spread(madeOf([origin]))])
    }
  }
}

function readJoin(
  join: Node,
  beside: readonly RangeItem[],
  found: LineageFindings,
  outer: QueryScope | undefined,
  ctes: Ctes | undefined,
  query: QueryReader,
): From {
  const left = readRange(join['larg'] as Node, beside, found, outer, ctes, query)
  const right = readRange(join['rarg'] as Node, [...beside, ...left.items], found, outer, ctes, query)
  const items = [...left.items, ...right.items]
  const context = { found, scope: { items: [...items, ...beside], outer }, ctes, query, windows: [] }
  condition(join['quals'], 'JOIN', context)
  const wide = [...left.star, ...right.star].some(({ spread: unknown, name }) => unknown === true || name === undefined)
  const common =
    join['isNatural'] === true
      ? left.star.flatMap(({ name }) => (name !== undefined && has(right.star, name) ? [name] : []))
      : names(join['usingClause'])
  let star: readonly Output[] = [...left.star, ...right.star]
  if (join['isNatural'] === true && wide) {
    const all = madeOf(star.map(({ origin }) => origin))
    if (isMasked(all)) found.constants.mixed()
    found.tells(all, 'NATURAL JOIN')
    star = [spread(all)]
  } else if (common.length > 0) {
    const merged = common.map((name) => ({
      name,
      origin: oneOf([...left.star, ...right.star].filter((column) => column.name === name).map(({ origin }) => origin)),
    }))
    for (const { origin } of merged) {
      if (isMasked(origin)) found.constants.mixed()
      found.tells(origin, 'JOIN … USING')
    }
    const others = (columns: readonly Output[]): Output[] =>
      columns.filter(({ name }) => name === undefined || !common.includes(name))
    star = wide
      ? [spread(madeOf(star.map(({ origin }) => origin)))]
      : [...merged, ...others(left.star), ...others(right.star)]
  }
  const usingAlias = (join['join_using_alias'] as { aliasname?: string } | undefined)?.aliasname
  if (usingAlias !== undefined)
    items.push({ alias: usingAlias, columns: star.filter(({ name }) => name === undefined || common.includes(name)) })
  const alias = join['alias'] as { aliasname?: string; colnames?: unknown } | undefined
  if (alias?.aliasname === undefined) return { items, star }
  const columns = rename(star, names(alias.colnames))
  return { items: [{ alias: alias.aliasname, columns }], star: columns }
}

const has = (columns: readonly Output[], name: string): boolean => columns.some((column) => column.name === name)

/** An alias with column names renames the first ones. */
export function rename(columns: readonly Output[], aliases: readonly string[]): readonly Output[] {
  if (aliases.length === 0) return columns
  if (!columns.some((column) => column.spread === true))
    return columns.map((column, index) => ({ ...column, name: aliases[index] ?? column.name }))
  const all = madeOf(columns.map(({ origin }) => origin))
  return isMasked(all) ? [spread(all)] : [...aliases.map((name) => ({ name, origin: PLAIN })), spread(PLAIN)]
}
