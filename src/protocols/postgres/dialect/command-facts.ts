import type { SqlStatement } from '../../../sql/statement.ts'
import { findRelation, type Catalog, type Relation } from '../catalog/catalog.ts'
import type { ChangedBy } from '../catalog/change-log.ts'
import { effectsOf } from './effects.ts'
import { unknownCalls } from './functions.ts'
import { guard, type GuardOptions } from './guard.ts'
import { guardLineage } from '../../../sql/facts/guard-lineage.ts'
import { NOTHING_PINNED } from '../../../sql/pinned-settings.ts'
import { comparisonsOf, quoting, unknownLineage, unknownOutputs } from '../../../sql/facts/lineage-facts.ts'
import { Redefinitions, sourcesBeside } from '../../../sql/facts/redefinitions.ts'
import type { StatementLineage } from '../../../sql/lineage/report.ts'
import { lineageOf } from '../../../sql/lineage/read-statement.ts'
import type { MaskingScope } from '../masking/scope.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { StatementFacts } from './statement-facts.ts'
import { isAnyMissing, reasonsOfMissing, refusedFor } from './missing-relations.ts'
import { resolveStatement } from './resolve-statement.ts'
import { definitionKinds } from './redefinitions.ts'
import { named } from './relations-behind.ts'

/** A statement that was prepared with PREPARE, by its name; undefined where none is known. */
export type FindPrepared = (name: string) => StatementFacts | undefined

const NO_GUARD: GuardOptions = { readOnly: false, ownAccount: false, pinned: NOTHING_PINNED }

/** Resolves the names of parsed statements against the catalogs. */
export function resolveFacts(
  parsed: readonly ParsedStatement[],
  catalog: Catalog,
  masking: MaskingScope,
  findPrepared: FindPrepared = () => undefined,
  options: GuardOptions & { readonly uncertain?: string | undefined } = NO_GUARD,
): StatementFacts {
  const hides = masking.plan.columns.length > 0
  // Statements that the text itself prepares are known to the statements after them.
  const here = new Map<string, StatementFacts>()
  const prepared: FindPrepared = (name) => here.get(name) ?? findPrepared(name)
  const lineage: StatementLineage[] = []
  const statements: SqlStatement[] = []
  let pathMoved = false
  let isMoving = false
  const redefined = new Redefinitions(definitionKinds)
  const allExecuted: ParsedStatement[] = []
  for (const statement of parsed) {
    const executed = executedBy(statement, prepared)
    if (executed !== undefined) allExecuted.push(...executed.parsed)
    const newer = statement.newerWords
      .filter(({ since }) => catalog.version < since * 10_000)
      .map(({ word, since }) => `servers before version ${since} take ${word} for a name`)
    const uncertain = !namesAnything(statement)
      ? newer
      : [
          ...newer,
          ...(options.uncertain === undefined ? [] : [options.uncertain]),
          ...(pathMoved ? [MOVED] : []),
          ...(redefined.maySay(statement) ? [REDEFINED] : []),
        ]
    const resolved = resolveStatement(statement, catalog, executed, pathMoved, uncertain, redefined, hides)
    statements.push(resolved)
    const of = hides
      ? uncertain.length > 0
        ? unknownLineage(masking, options.uncertain !== undefined || redefined.maySay(statement))
        : lineageOf(statement.tree, {
            ...sourcesBeside(redefined, (name) => findRelation(catalog, name) !== undefined, masking.sources),
            prepared: (name) => prepared(name)?.lineage[0],
          })
      : undefined
    if (of !== undefined)
      lineage.push(
        measures(statement, resolved, catalog, masking)
          ? {
              ...of,
              ...unknownOutputs(masking),
              leaks: [...of.leaks, ...plansTell(statement, catalog, masking)],
            }
          : of,
      )
    const [name] = statement.names
    if (statement.kinds.includes('prepare') && name !== undefined && !here.has(name)) {
      here.set(name, { ...NOTHING, statements: [resolved], parsed: [statement], lineage: of === undefined ? [] : [of] })
    }
    if (movesNames(statement) || executed?.movesNames === true) isMoving = pathMoved = true
    redefined.note(statement, resolved)
  }
  const relations = parsed
    .flatMap(({ reads, writes }) => [...reads, ...writes])
    .map((named) => findRelation(catalog, named))
  // The server plans a prepared statement again with the definitions of now: what its names stand for may be another thing than when it was prepared.
  const guarded = [...parsed, ...allExecuted]
    .map((statement) => guard(statement, catalog, masking, options))
    .find((found) => found !== undefined)
  const revealing = guarded === undefined ? lineage.map(guardLineage) : []
  const refusal = guarded ?? revealing.find((found) => found !== undefined)
  return {
    statements,
    parsed,
    ...callsAmong(statements, parsed, catalog),
    ...(isMoving ? { movesNames: true } : {}),
    ...(allExecuted.length > 0 ? { executed: allExecuted } : {}),
    refusal,
    refusedFor: refusedFor(
      { statements, parsed },
      revealing.findIndex((found) => found !== undefined),
      catalog,
    ),
    errorExposure: !hides
      ? 'none'
      : statements.some(({ unknown }) => unknown.length > 0)
        ? 'any'
        : [...relations, ...parsed.flatMap((statement) => effectsOf(statement, catalog).alsoWrites)].some(
              (relation) => relation === undefined || masking.isTainted(relation),
            ) ||
            // A row security policy may compute with masked columns of a relation that the statement does not name.
            lineage.some(({ leaks }) => leaks.length > 0) ||
            statements.some(({ kinds }) => kinds.some((kind) => REPLAYS.has(kind)))
          ? quoting(masking)
          : 'none',
    lineage,
    comparisons: comparisonsOf(lineage),
    changesCatalog: mayDefine(statements),
    objects: [
      ...relations.map((relation) => (relation === undefined ? '0' : identityOf(relation, catalog))),
      ...parsed.flatMap(({ functions }) => functions.flatMap(({ name }) => catalog.bodies.get(name) ?? [])),
    ].join(','),
    unresolved:
      parsed.some((statement) => isAnyMissing(statement, catalog)) ||
      parsed.some(({ functions }) => functions.some(({ name }) => !isKnownFunction(name, catalog))),
  }
}

/** Those reasons for an unknown effect that are calls, if there is any reason at all. */
const callsAmong = (
  statements: readonly SqlStatement[],
  parsed: readonly ParsedStatement[],
  catalog: Catalog,
): Pick<StatementFacts, 'calls'> =>
  statements.some(({ unknown }) => unknown.length > 0)
    ? { calls: new Set(parsed.flatMap((statement) => unknownCalls(statement, catalog))) }
    : {}

/** Whether definitions may have changed after these have run. */
const mayDefine = (statements: readonly SqlStatement[]): boolean =>
  statements.some(({ kinds, unknown }) => unknown.length > 0 || kinds.some((kind) => DEFINES.test(kind)))

/**
 * The facts of a text whose definitions may have changed since it was resolved: a relation that was missing may exist now, so its absence
 * is no reason for anything.
 */
export function factsOfLastReading(facts: StatementFacts, catalog: Catalog, lastRead: ChangedBy): StatementFacts {
  const missing = reasonsOfMissing(facts.parsed, catalog)
  const statements = facts.statements.map((statement) => ({
    ...statement,
    unknown: statement.unknown.filter((reason) => !missing.has(reason)),
  }))
  return { ...facts, statements, changesCatalog: mayDefine(statements), lastRead }
}

/** What a relation is, down to what it runs: a view or trigger that is replaced makes it another. */
function identityOf(relation: Relation, catalog: Catalog): string {
  const all = new Set([relation])
  for (const { viewOf } of all)
    for (const oid of viewOf) {
      const other = catalog.byOid.get(oid)
      if (other !== undefined) all.add(other)
    }
  return JSON.stringify(
    [...all].map(({ oid, name, definition, runs, viewOf }) => [oid, name, definition, runs, viewOf]),
  )
}

/** Whether what it does depends on the catalogs. */
export const namesAnything = (statement: ParsedStatement): boolean =>
  statement.executes !== undefined ||
  [
    statement.reads,
    statement.writes,
    statement.functions,
    statement.operators,
    statement.typeNames,
    statement.fields,
    statement.unknown,
    statement.newerWords,
  ].some((names) => names.length > 0)

function executedBy(statement: ParsedStatement, prepared: FindPrepared): StatementFacts | undefined {
  return statement.executes === undefined ? undefined : prepared(statement.executes)
}

/** It changes what names refer to, or who owns them. */
const movesNames = ({ kinds, settings }: ParsedStatement): boolean =>
  settings.some(({ name }) => NAME_SETTINGS.has(name)) || kinds.includes('discard')

const isKnownFunction = (name: string, catalog: Catalog): boolean =>
  catalog.systemFunctions.has(name) ||
  catalog.volatileFunctions.has(name) ||
  catalog.userFunctions.has(name) ||
  catalog.reviewed.functions.names.has(name)

/** EXPLAIN ANALYZE reveals times, sizes and row counts of what it read; and planning runs functions whose results the plan shows. */
function measures(
  statement: ParsedStatement,
  { unknown }: SqlStatement,
  catalog: Catalog,
  masking: MaskingScope,
): boolean {
  if (!statement.kinds.includes('explain')) return false
  if (unknown.length > 0) return true
  const relations = [...statement.reads, ...statement.writes].map((named) => findRelation(catalog, named))
  // The number of rows that the planner expects in each partition reveals where they are.
  if (relations.some((relation) => relation !== undefined && masking.isPlaced(relation))) return true
  if (!statement.explainRuns) return false
  return relations.some((relation) => {
    return relation === undefined || masking.isTainted(relation)
  })
}

/** What a hidden plan still reveals by its number of lines: which partitions have rows, and which are pruned. */
function plansTell(statement: ParsedStatement, catalog: Catalog, masking: MaskingScope): StatementLineage['leaks'] {
  const isPlaced = named(statement, catalog).some((relation) => masking.isPlaced(relation))
  return isPlaced ? masking.storage().masks.map((mask) => ({ mask, place: 'EXPLAIN', comparisons: undefined })) : []
}

const NOTHING: StatementFacts = {
  statements: [],
  parsed: [],
  refusal: undefined,
  errorExposure: 'none',
  lineage: [],
  comparisons: [],
  changesCatalog: false,
  objects: '',
  unresolved: false,
}

const MOVED = 'settings that name resolution depends on change earlier in the same text: send the statements separately'
const REDEFINED = 'definitions may change earlier in the same text: send the statements separately'

/** Settings that name resolution depends on; `*` stands for all settings. */
const NAME_SETTINGS = new Set(['search_path', 'role', 'session_authorization', '*'])

/** Statements that return rows of an earlier statement, or run its deferred constraint checks. */
const REPLAYS = new Set(['fetch', 'execute', 'commit', 'set-constraints', 'prepare-transaction'])
const DEFINES =
  /^(create-|alter-|drop-|select-into|rename|define|do$|call$|import-|discard|commit-prepared|rollback-prepared)/
