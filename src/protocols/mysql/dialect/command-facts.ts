import type { SqlStatement } from '../../../sql/statement.ts'
import { keyOf } from '../../../sql/facts/findings.ts'
import { guardLineage } from '../../../sql/facts/guard-lineage.ts'
import { comparisonsOf, quoting } from '../../../sql/facts/lineage-facts.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { ErrorExposure } from '../../../sql/facts/text-facts.ts'
import type { MaskingScope } from '../../../sql/masking/masking-scope.ts'
import { withSources } from '../../../sql/relation-sources.ts'
import { findRelation, type Catalog } from '../catalog/catalog.ts'
import type { Relation } from '../catalog/relation.ts'
import { guard, guardUnknown } from './guard.ts'
import { refusedFor } from './missing-relations.ts'
import type { StatementFacts } from './statement-facts.ts'
import { TextResolver, type FactsOptions } from './text-resolver.ts'

/** Resolves the names of parsed statements against the catalogs. */
export function resolveFacts(
  parsed: readonly ParsedStatement[],
  catalog: Catalog,
  masking: MaskingScope,
  options: FactsOptions,
): StatementFacts {
  const text = new TextResolver(catalog, masking, options)
  for (const statement of parsed) text.add(statement)
  const { judged, statements, lineage } = text
  const guarded =
    judged.map((statement) => guard(statement, catalog, masking, options)).find((found) => found !== undefined) ??
    statements.map((statement) => guardUnknown(statement, options.readOnly)).find((found) => found !== undefined)
  const revealing = guarded === undefined ? lineage.map(guardLineage) : []
  const relations = judged
    .flatMap(({ reads, writes }) => [...reads, ...writes])
    .map((named) => findRelation(catalog, named))
  return {
    statements,
    parsed: text.answering,
    refusal: guarded ?? revealing.find((found) => found !== undefined),
    refusedFor: refusedFor(
      { statements, parsed: judged },
      revealing.findIndex((found) => found !== undefined),
      catalog,
    ),
    errorExposure: errorExposureOf(text, relations, masking),
    lineage,
    comparisons: comparisonsOf(lineage),
    changesCatalog: statements.some(
      ({ kinds, unknown }) => unknown.length > 0 || kinds.some((kind) => DEFINES.test(kind)),
    ),
    movesReading: text.movesReading,
    database: catalog.database,
    objects: objectsOf(judged, relations, catalog),
    unresolved: judged.some((statement) => isAnyMissing(statement, catalog)),
    textParameters: [...new Set(lineage.flatMap(({ textParameters }) => textParameters ?? []))],
    memory: text.memory,
    texts: text.texts,
  }
}

/** The values that errors and warnings may quote. */
function errorExposureOf(
  { statements, readsMasked }: TextResolver,
  relations: readonly (Relation | undefined)[],
  masking: MaskingScope,
): ErrorExposure {
  if (masking.plan.columns.length === 0) return 'none'
  if (statements.some(({ unknown }) => unknown.length > 0)) return 'any'
  return readsMasked || isTainted(relations, statements, masking) ? quoting(masking) : 'none'
}

/** Whether errors and warnings may quote masked values: of relations that it names, that a view shows, or that it changes as well. */
function isTainted(
  relations: readonly (Relation | undefined)[],
  statements: readonly SqlStatement[],
  masking: MaskingScope,
): boolean {
  return (
    relations.some((relation) => relation === undefined || masking.isTainted(relation)) ||
    // It may return what another statement has left.
    statements.some(({ kinds }) => kinds.some((kind) => REPLAYS.has(kind)))
  )
}

/** Identifies the relations that the names refer to, with their definitions and those of the relations behind them. */
function objectsOf(
  parsed: readonly ParsedStatement[],
  relations: readonly (Relation | undefined)[],
  catalog: Catalog,
): string {
  const identity = (relation: Relation): string =>
    JSON.stringify([...withSources([relation], catalog)].map(({ name, identity: of }) => [name, of]))
  return [
    ...relations.map((relation) => (relation === undefined ? '0' : identity(relation))),
    ...parsed.flatMap(({ functions }) =>
      functions.flatMap(
        ({ schema, name }) => catalog.routines.get(JSON.stringify([schema ?? catalog.database, name])) ?? [],
      ),
    ),
  ].join(',')
}

/** Whether the statement names a relation that does not exist and that it does not create. */
function isAnyMissing({ reads, writes, makes }: ParsedStatement, catalog: Catalog): boolean {
  const fresh = new Set(makes.map(keyOf))
  return [...reads, ...writes].some((named) => !fresh.has(keyOf(named)) && findRelation(catalog, named) === undefined)
}

/** Statements that return what an earlier statement read. */
const REPLAYS = new Set([
  'execute',
  'execute-immediate',
  'handler',
  'show-warnings',
  'get-diagnostics',
  'call',
  'show-profile',
])
const DEFINES = /^(create-|alter-|drop-|rename-|import-|call$|execute|compound$)/
