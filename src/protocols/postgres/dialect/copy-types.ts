import type { Copy, Expression, FromItem, Statement, Table } from '../../../sql/query.ts'
import { findRelation, type Catalog, type Relation } from '../catalog/catalog.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'

/**
 * The types of the fields that COPY TO writes, which its messages do not have. Undefined where the fields are not known; the type of an
 * expression is undefined.
 */
export function copyTypes(
  { copy, tree }: ParsedStatement,
  catalog: Catalog,
): readonly (number | undefined)[] | undefined {
  if (copy === undefined) return undefined
  const [query] = tree.kind === 'utility' ? tree.statements : []
  return copy.relation === undefined ? query && queryTypes(query, catalog) : tableTypes(copy, catalog)
}

/** Without a list of columns, COPY writes all columns but the generated ones. Source: manual, COPY. */
function tableTypes({ relation: named, columns }: Copy, catalog: Catalog): (number | undefined)[] | undefined {
  const relation = named && findRelation(catalog, named)
  if (relation === undefined || relation.columns.size === 0) return undefined
  const names =
    columns.length > 0 ? columns : [...relation.columns.keys()].filter((name) => !relation.generated.has(name))
  return names.map((name) => relation.typeOids.get(name))
}

/** The types of a query that selects columns of tables unchanged. */
function queryTypes(query: Statement, catalog: Catalog): (number | undefined)[] | undefined {
  if (query.kind !== 'select' || query.with !== undefined) return undefined
  const tables = query.from.map((item) => readTables(item, catalog))
  if (tables.includes(undefined)) return undefined
  const rows = tables.flatMap((some) => some ?? [])
  const types = query.targets.map(({ value }) => targetTypes(value, rows))
  return types.includes(undefined) ? undefined : types.flatMap((some) => some ?? [])
}

interface NamedRelation {
  readonly alias: string
  readonly relation: Relation
}

function readTables(item: FromItem, catalog: Catalog): NamedRelation[] | undefined {
  if (item.kind === 'table') return readTable(item, catalog)
  if (item.kind !== 'join' || item.natural || item.using.length > 0 || item.alias !== undefined) return undefined
  const left = readTables(item.left, catalog)
  const right = readTables(item.right, catalog)
  return left && right && [...left, ...right]
}

function readTable({ name, alias }: Table, catalog: Catalog): NamedRelation[] | undefined {
  const relation = findRelation(catalog, name)
  if (relation === undefined || relation.columns.size === 0 || (alias?.columns.length ?? 0) > 0) return undefined
  return [{ alias: alias?.name ?? name.name, relation }]
}

function targetTypes(value: Expression, rows: readonly NamedRelation[]): (number | undefined)[] | undefined {
  if (value.kind !== 'column') return [undefined]
  const [qualifier] = value.path.length > 1 ? value.path : []
  const name = value.path.at(-1) ?? ''
  if (value.path.length > 2) return name === '*' ? undefined : [undefined]
  const among = rows.filter(({ alias }) => qualifier === undefined || alias === qualifier)
  if (name === '*') return among.flatMap(({ relation }) => [...relation.typeOids.values()])
  const having = among.filter(({ relation }) => relation.typeOids.has(name))
  return [having.length === 1 ? having[0]?.relation.typeOids.get(name) : undefined]
}
