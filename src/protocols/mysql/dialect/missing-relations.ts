import type { Name } from '../../../sql/query.ts'
import { wordList } from '../../../shared/word-list.ts'
import { findRelation, foldDatabase, foldTable, mayBeTemporary, type Catalog } from '../catalog/catalog.ts'
import type { StatementFacts } from './statement-facts.ts'

/**
 * The first table that a statement names and that does not exist, if nothing else makes its effect unknown: the server would only report
 * that, as drivers and ORMs that check for tables expect.
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
  // For a database that the account cannot see, the server reports that access is denied, or that it does not exist; for its own databases,
  // other errors.
  const isVisible = ({ schema = catalog.database }: Name): boolean =>
    schema !== undefined &&
    schema.toLowerCase() !== 'information_schema' &&
    catalog.databases.has(foldDatabase(schema, catalog))
  if (!names.every((named) => isVisible(named) && !mayBeTemporary(catalog, named))) return undefined
  const relation = `${foldDatabase(database, catalog)}.${foldTable(database, first.name, catalog)}`
  return { relation, statement: { ...facts, unknown: [] } }
}

/**
 * The first table that a statement names and that does not exist, where the statement is refused for masks: its columns could be any that is
 * masked, and its name says more of why than the name of such a column.
 *
 * @param at the index of the statement in its text
 */
export function refusedFor(
  { statements, parsed }: Pick<StatementFacts, 'statements' | 'parsed'>,
  at: number,
  catalog: Catalog,
): StatementFacts['refusedFor'] {
  const [statement, facts] = [parsed[at], statements[at]]
  if (statement === undefined || facts === undefined) return undefined
  const reasons = new Set(
    [...statement.reads, ...statement.writes]
      .filter((named) => findRelation(catalog, named) === undefined)
      .map(isNotThere),
  )
  const reason = facts.unknown.find((one) => reasons.has(one))
  if (reason === undefined) return undefined
  return { reason, at, statement: { ...facts, unknown: facts.unknown.filter((one) => !reasons.has(one)) } }
}

/** Why the effect of a statement that names it is unknown. */
export const isNotThere = ({ schema, name }: Name): string =>
  `the table ${schema === undefined ? name : `${schema}.${name}`} is not in the catalog`

/** Statements that do nothing if a table that they name does not exist. */
const NEEDS_TABLES = new Set(
  wordList('select select-for-update insert replace update delete truncate explain describe show'),
)
