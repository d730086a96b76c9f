import { ANY_RELATION, type SqlStatement } from '../../../sql/statement.ts'
import { around } from '../../../sql/relations-behind.ts'
import { wordList } from '../../../shared/word-list.ts'
import { findRelation, type Catalog, type Relation } from '../catalog/catalog.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'

/** Foreign tables among what it reads and what is behind that: their rows may be those of a masked table. */
export const foreignTables = (statement: ParsedStatement, catalog: Catalog): string[] =>
  relationsOf(statement, catalog)
    .filter(({ foreign }) => foreign)
    .map(({ name }) => `the foreign table ${name} may show masked columns under another name`)

/** Relations that the named ones show rows of, through any number of views and generations. */
export function namesBehind(statement: ParsedStatement, catalog: Catalog): string[] {
  const own = new Set(named(statement, catalog))
  const all = relationsOf(statement, catalog)
  return [
    ...all.filter((relation) => !own.has(relation)).map(({ name }) => name),
    // Their rows hold values of other relations: of which, only the rows say.
    ...(all.some(({ name }) => STATISTICS.has(name)) ? [ANY_RELATION] : []),
  ]
}

/** Whether its rows may be of any relation. */
export const readsAnything = ({ behind }: SqlStatement): boolean => behind.includes(ANY_RELATION)

/** The planner's statistics (PostgreSQL manual, 53.51 and following): samples of what stands in other relations. */
const STATISTICS = new Set(
  wordList('pg_statistic pg_statistic_ext_data pg_stats pg_stats_ext pg_stats_ext_exprs').map(
    (name) => `pg_catalog.${name}`,
  ),
)

export const named = ({ reads, writes }: ParsedStatement, catalog: Catalog): Relation[] =>
  [...reads, ...writes].flatMap((relation) => findRelation(catalog, relation) ?? [])

/** The named ones, and those behind them. */
const relationsOf = (statement: ParsedStatement, catalog: Catalog): readonly Relation[] =>
  around(named(statement, catalog), catalog)
