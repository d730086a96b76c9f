import { ANY_RELATION, type SqlStatement } from '../../../sql/statement.ts'
import { withSources } from '../../../sql/relation-sources.ts'
import { wordList } from '../../../shared/word-list.ts'
import { findRelation, type Catalog, type Relation } from '../catalog/catalog.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'

/** Foreign tables among the relations that it reads, directly or through views: their rows may be those of a masked table. */
export const foreignTables = (statement: ParsedStatement, catalog: Catalog): string[] =>
  relationsOf(statement, catalog)
    .filter(({ foreign }) => foreign)
    .map(({ name }) => `the foreign table ${name} may show masked columns under another name`)

/** The relations whose rows the named ones show, through any number of views and levels of inheritance. */
export function namesBehind(statement: ParsedStatement, catalog: Catalog): string[] {
  const own = new Set(named(statement, catalog))
  const all = relationsOf(statement, catalog)
  return [
    ...all.filter((relation) => !own.has(relation)).map(({ name }) => name),
    // Their rows contain values of other relations; which ones is in the rows only.
    ...(all.some(({ name }) => STATISTICS.has(name)) ? [ANY_RELATION] : []),
  ]
}

/** Whether its rows may come from any relation. */
export const readsAnything = ({ behind }: SqlStatement): boolean => behind.includes(ANY_RELATION)

/** The planner's statistics (PostgreSQL manual, 53.51 and following): samples of values of other relations. */
const STATISTICS = new Set(
  wordList('pg_statistic pg_statistic_ext_data pg_stats pg_stats_ext pg_stats_ext_exprs').map(
    (name) => `pg_catalog.${name}`,
  ),
)

export const named = ({ reads, writes }: ParsedStatement, catalog: Catalog): Relation[] =>
  [...reads, ...writes].flatMap((relation) => findRelation(catalog, relation) ?? [])

/** The named relations, and those behind them. */
const relationsOf = (statement: ParsedStatement, catalog: Catalog): readonly Relation[] =>
  withSources(named(statement, catalog), catalog)
