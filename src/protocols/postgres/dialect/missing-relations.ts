import type { SqlStatement } from '../../../sql/statement.ts'
import { wordList } from '../../../shared/word-list.ts'
import { findRelation, type Catalog } from '../catalog/catalog.ts'
import { keyOf } from '../../../sql/facts/findings.ts'
import type { Name } from '../../../sql/query.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { StatementFacts } from './statement-facts.ts'
import type { Redefinitions } from '../../../sql/facts/redefinitions.ts'

/** Whether a relation is not there that the statement does not make. */
export function isAnyMissing({ reads, writes, makes }: ParsedStatement, catalog: Catalog): boolean {
  const fresh = new Set(makes.map(keyOf))
  return [...reads, ...writes].some((named) => !fresh.has(keyOf(named)) && findRelation(catalog, named) === undefined)
}

/**
 * Relations that a statement names and the catalogs do not have, where nothing else makes its effect unknown: the first of them is what the
 * server would say does not exist. Only of statements that fail for it in any case.
 */
export function missingRelations(
  { statements, parsed }: Pick<StatementFacts, 'statements' | 'parsed'>,
  catalog: Catalog,
): { readonly names: readonly Name[]; readonly statement: SqlStatement } | undefined {
  const [statement, ...others] = parsed
  const [facts] = statements
  if (statement === undefined || facts === undefined || others.length > 0 || statement.executes !== undefined)
    return undefined
  if (facts.unknown.length === 0 || !statement.kinds.every((kind) => NEEDS_RELATIONS.has(kind))) return undefined
  const names = [...statement.reads, ...statement.writes].filter((named) => findRelation(catalog, named) === undefined)
  const reasons = new Set(names.map(isNotThere))
  if (statement.makes.length > 0 || !facts.unknown.every((reason) => reasons.has(reason))) return undefined
  // Rules are asked of all that it could be.
  const everyName = ({ schema, name }: Name): string[] =>
    (schema === undefined ? catalog.searchPath.filter((of) => !/^pg_(catalog|temp_)/.test(of)) : [schema]).map(
      (of) => `${of}.${name}`,
    )
  const found = (of: readonly Name[]): string[] =>
    of.flatMap((named) => findRelation(catalog, named)?.name ?? everyName(named))
  return {
    names,
    statement: { ...facts, reads: found(statement.reads), writes: found(statement.writes), unknown: [] },
  }
}

const isNotThere = ({ schema, name }: Name): string =>
  `the relation ${schema === undefined ? name : `${schema}.${name}`} is not in the catalog`

/** Names that no relation has that the gateway knows of: what they stand for may be anything, under another name. */
export function unknownRelations(
  { reads, writes, makes, kinds }: ParsedStatement,
  catalog: Catalog,
  redefined: Redefinitions,
): string[] {
  // What is not there is not dropped.
  const dropped = kinds.every((kind) => kind.startsWith('drop-'))
  const fresh = new Set(makes.map(keyOf))
  return [...reads, ...(dropped ? [] : writes)]
    .filter((named) => !fresh.has(keyOf(named)) && !redefined.made(named) && findRelation(catalog, named) === undefined)
    .map(isNotThere)
}

/** What is said of all relations that these name and the catalogs do not have. */
export const reasonsOfMissing = (parsed: readonly ParsedStatement[], catalog: Catalog): ReadonlySet<string> =>
  new Set(
    parsed
      .flatMap(({ reads, writes }) => [...reads, ...writes])
      .filter((named) => findRelation(catalog, named) === undefined)
      .map(isNotThere),
  )

/** Statements that do nothing where a relation is not there that they name. */
const NEEDS_RELATIONS = new Set(
  wordList(
    'select select-for-update insert update delete merge copy-to copy-from truncate lock lock-access-share explain declare-cursor',
  ),
)
