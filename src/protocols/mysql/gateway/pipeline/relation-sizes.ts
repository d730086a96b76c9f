import { dependantsInWords, sizesInWords } from '../../../../sql/relation-sizes.ts'
import { findRelation, mayBeTemporary, type Ask, type Catalog } from '../../catalog/catalog.ts'
import type { Relation } from '../../catalog/relation.ts'
import type { ParsedStatement } from '../../../../sql/facts/parsed-statement.ts'
import type { ServerVersion } from '../../wire/server-version.ts'

/**
 * The number of rows of the tables that a TRUNCATE, DROP or ALTER applies to, their size, and how many views and foreign keys depend on them, in
 * words; undefined if that is not known. information_schema is asked on the gateway's own connection, for two seconds at most; no part of the
 * statement is in the question, which names tables as the server's own catalog does.
 */
export async function describeSizes(
  [statement, ...more]: readonly Pick<ParsedStatement, 'kinds' | 'writes'>[],
  catalog: Catalog,
  ask: Ask,
): Promise<string | undefined> {
  if (statement === undefined || more.length > 0 || !statement.kinds.some((kind) => KINDS.test(kind))) return undefined
  // What hides behind the name of another table is unknown to information_schema.
  if (statement.writes.some((named) => mayBeTemporary(catalog, named))) return undefined
  const relations = [...new Set(statement.writes.flatMap((named) => findRelation(catalog, named) ?? []))]
  const dependants = dependantsOf(relations, catalog)
  const tables = relations.filter(({ kind }) => kind === 'table')
  // A number for some of them would be taken for all.
  if (tables.length > MAX_RELATIONS) return undefined
  if (tables.length === 0) return dependantsInWords(dependants)
  try {
    const rows = await ask(sizesQuery(tables, catalog.server))
    // Dropped meanwhile, or not visible to the account.
    if (rows.length === 0) return dependantsInWords(dependants)
    const numbers = rows.map((row) => row.map((value) => (value === null ? undefined : Number(value))))
    return sizesInWords({
      rows: sum(numbers.map(([count]) => count ?? 0)),
      unread: numbers.filter(([count]) => count === undefined).length + tables.length - rows.length,
      bytes: sum(numbers.map(([, bytes]) => bytes ?? 0)),
      ...dependants,
    })
  } catch {
    return undefined
  }
}

/** Other relations than these that rest on them. */
function dependantsOf(relations: readonly Relation[], catalog: Catalog): { views: number; keys: number } {
  const ids = new Set(relations.map(({ oid }) => oid))
  const views = [...catalog.byOid.values()].filter(
    ({ oid, kind, viewOf }) => kind === 'view' && !ids.has(oid) && viewOf.some((of) => ids.has(of)),
  )
  const keys = relations.flatMap(({ referencedBy }) => referencedBy.filter((child) => !ids.has(child)))
  return { views: views.length, keys: keys.length }
}

/**
 * TABLE_ROWS (an estimate for InnoDB) and bytes with indexes of each table that is there. MariaDB opens one table where a condition names one
 * schema and one table, and all tables otherwise. Names are hexadecimal: no setting of the session changes how they are read.
 */
export function sizesQuery(tables: readonly Pick<Relation, 'schema' | 'name'>[], { flavor }: ServerVersion): string {
  const what = 'TABLE_ROWS, IFNULL(DATA_LENGTH, 0) + IFNULL(INDEX_LENGTH, 0) FROM information_schema.TABLES WHERE'
  const names = tables.map(({ schema, name }) => [text(schema), text(name.slice(schema.length + 1))] as const)
  const limit = `LIMIT ${tables.length}`
  if (flavor === 'mysql')
    return `SELECT /*+ MAX_EXECUTION_TIME(${LIMIT_S * 1000}) */ ${what} (TABLE_SCHEMA, TABLE_NAME) IN (${names.map((name) => `(${name.join(', ')})`).join(', ')}) ${limit}`
  const each = names.map(([schema, table]) => `(SELECT ${what} TABLE_SCHEMA = ${schema} AND TABLE_NAME = ${table})`)
  return `SET STATEMENT max_statement_time = ${LIMIT_S} FOR ${each.join(' UNION ALL ')} ${limit}`
}

const text = (name: string): string => `_utf8mb4 x'${Buffer.from(name).toString('hex')}'`
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const KINDS = /^(?:truncate|drop-|alter-)/
const MAX_RELATIONS = 50
const LIMIT_S = 2
