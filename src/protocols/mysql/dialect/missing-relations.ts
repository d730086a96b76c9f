import type { Name } from '../../../sql/query.ts'
import { wordList } from '../../../shared/word-list.ts'
import { findRelation, foldDatabase, foldTable, mayBeTemporary, type Catalog } from '../catalog/catalog.ts'
import type { StatementFacts } from './statement-facts.ts'

/**
 * The first table that a statement names and no database has, where nothing else makes its effect unknown: the server would do nothing
 * but say so, as drivers and ORMs that look for tables expect.
 */
export function missingRelation({ statements, parsed }: StatementFacts, catalog: Catalog): StatementFacts['missing'] {
  const [statement, ...others] = parsed
  const [facts] = statements
  if (statement === undefined || facts === undefined || others.length > 0) return undefined
  if (statement.executes !== undefined || statement.makes.length > 0) return undefined
  if (facts.unknown.length === 0 || !statement.kinds.every((kind) => NEEDS_TABLES.has(kind))) return undefined
  const names = [...statement.reads, ...statement.writes].filter((named) => findRelation(catalog, named) === undefined)
  const reasons = new Set(names.map(isNotThere))
  if (!facts.unknown.every((reason) => reasons.has(reason))) return undefined
  const [first] = names
  const database = first?.schema ?? catalog.database
  if (first === undefined || database === undefined) return undefined
  // Of a database that the account cannot see, the server says that access is denied, or that there is none; of its own, something else.
  const isVisible = ({ schema = catalog.database }: Name): boolean =>
    schema !== undefined &&
    schema.toLowerCase() !== 'information_schema' &&
    catalog.databases.has(foldDatabase(schema, catalog))
  if (!names.every((named) => isVisible(named) && !mayBeTemporary(catalog, named))) return undefined
  const relation = `${foldDatabase(database, catalog)}.${foldTable(database, first.name, catalog)}`
  return { relation, statement: { ...facts, unknown: [] } }
}

/** Why the effect of a statement that names it is not known. */
export const isNotThere = ({ schema, name }: Name): string =>
  `the table ${schema === undefined ? name : `${schema}.${name}`} is not in the catalog`

/** Statements that do nothing where a table is not there that they name. */
const NEEDS_TABLES = new Set(
  wordList('select select-for-update insert replace update delete truncate explain describe show'),
)
