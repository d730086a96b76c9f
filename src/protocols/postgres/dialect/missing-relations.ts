import type { SqlStatement } from '../../../sql/statement.ts'
import { wordList } from '../../../shared/word-list.ts'
import { findRelation, type Catalog } from '../catalog/catalog.ts'
import { keyOf } from '../../../sql/facts/findings.ts'
import type { Name } from '../../../sql/query.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { StatementFacts } from './statement-facts.ts'
import type { Redefinitions } from '../../../sql/facts/redefinitions.ts'

/** Whether the statement names a relation that does not exist and that it does not create. */
export function isAnyMissing({ reads, writes, makes }: ParsedStatement, catalog: Catalog): boolean {
  const fresh = new Set(makes.map(keyOf))
  return [...reads, ...writes].some((named) => !fresh.has(keyOf(named)) && findRelation(catalog, named) === undefined)
}

/**
 * The relations that a statement names and that do not exist, if nothing else makes its effect unknown: the server reports the first of
 * them. Only for statements that always fail because of it.
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
  return { names, statement: asIfThere(facts, statement, catalog) }
}

/** A statement as if each relation that it names existed: rules are evaluated for every relation that the name could refer to. */
function asIfThere(facts: SqlStatement, { reads, writes }: ParsedStatement, catalog: Catalog): SqlStatement {
  const everyName = ({ schema, name }: Name): string[] =>
    (schema === undefined ? catalog.searchPath.filter((of) => !/^pg_(catalog|temp_)/.test(of)) : [schema]).map(
      (of) => `${of}.${name}`,
    )
  const found = (of: readonly Name[]): string[] =>
    of.flatMap((named) => findRelation(catalog, named)?.name ?? everyName(named))
  return { ...facts, reads: found(reads), writes: found(writes), unknown: [] }
}

/**
 * The first relation that a statement names and that does not exist, where the statement is refused for masks: its columns could be any that
 * is masked, and its name says more of why than the name of such a column.
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
  const named = [...statement.reads, ...statement.writes].find((one) => facts.unknown.includes(isNotThere(one)))
  if (named === undefined) return undefined
  return { reason: isNotThere(named), at, statement: asIfThere(facts, statement, catalog) }
}

const isNotThere = ({ schema, name }: Name): string =>
  `the relation ${schema === undefined ? name : `${schema}.${name}`} is not in the catalog`

/** Names of no known relation: they may refer to anything under another name. */
export function unknownRelations(
  { reads, writes, makes, kinds }: ParsedStatement,
  catalog: Catalog,
  redefined: Redefinitions,
): string[] {
  // A relation that does not exist is not dropped.
  const dropped = kinds.every((kind) => kind.startsWith('drop-'))
  const fresh = new Set(makes.map(keyOf))
  return [...reads, ...(dropped ? [] : writes)]
    .filter((named) => !fresh.has(keyOf(named)) && !redefined.made(named) && findRelation(catalog, named) === undefined)
    .map(isNotThere)
}

/** The reasons for all relations that these statements name and the catalogs do not have. */
export const reasonsOfMissing = (parsed: readonly ParsedStatement[], catalog: Catalog): ReadonlySet<string> =>
  new Set(
    parsed
      .flatMap(({ reads, writes }) => [...reads, ...writes])
      .filter((named) => findRelation(catalog, named) === undefined)
      .map(isNotThere),
  )

/** Statements that do nothing if a relation that they name does not exist. */
const NEEDS_RELATIONS = new Set(
  wordList(
    'select select-for-update insert update delete merge copy-to copy-from truncate lock lock-access-share explain declare-cursor',
  ),
)
