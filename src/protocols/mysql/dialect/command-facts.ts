import type { SqlStatement } from '../../../sql/statement.ts'
import { keyOf as nameKey } from '../../../sql/facts/findings.ts'
import { guardLineage } from '../../../sql/facts/guard-lineage.ts'
import { comparisonsOf, quoting, unknownLineage, unknownOutputs } from '../../../sql/facts/lineage-facts.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { Redefinitions, sourcesBeside } from '../../../sql/facts/redefinitions.ts'
import { isMasked, PLAIN } from '../../../sql/lineage/origin.ts'
import { lineageOf, type StatementSources } from '../../../sql/lineage/read-statement.ts'
import type { StatementLineage } from '../../../sql/lineage/report.ts'
import type { MaskingScope } from '../../../sql/masking/masking-scope.ts'
import type { Name } from '../../../sql/query.ts'
import { around } from '../../../sql/relations-behind.ts'
import { findRelation, mayBeTemporary, type Catalog } from '../catalog/catalog.ts'
import type { Relation } from '../catalog/relation.ts'
import { executedBy, preparedBy, withoutReason, type RunReader } from './run-texts.ts'
import { guard, guardUnknown, type GuardOptions } from './guard.ts'
import { definitionKinds } from './redefinitions.ts'
import { resolveStatement } from './resolve-statement.ts'
import { effectOf } from './settings.ts'
import type { StatementFacts } from './statement-facts.ts'
import { SessionMemory } from './session-memory.ts'
import { assignsAnything, effectOnVariables, meetsMasked, variablesIn } from './variable-effects.ts'

export interface FactsOptions extends GuardOptions {
  /** The database of names in rules that give none: the target's. */
  readonly defaultSchema: string
  /** Why it is not certain what names stand for. */
  readonly uncertain?: string | undefined
  /** What the session has left in the server when the text is sent. */
  readonly memory: SessionMemory
  /** Undefined: what is run as a text is not known. */
  readonly runs?: RunReader | undefined
}

/** Resolves the names of parsed statements against the catalogs. */
export function resolveFacts(
  parsed: readonly ParsedStatement[],
  catalog: Catalog,
  masking: MaskingScope,
  options: FactsOptions,
): StatementFacts {
  const hides = masking.plan.columns.length > 0
  const lineage: StatementLineage[] = []
  const statements: SqlStatement[] = []
  const redefined = new Redefinitions(definitionKinds)
  let movesReading = false
  const answering: ParsedStatement[] = []
  const judged: ParsedStatement[] = []
  const texts: string[] = []
  let { memory } = options
  let sent = memory
  let leaves = false
  let readsMasked = false
  for (const written of parsed) {
    const executed = executedBy(written, memory, options.runs, hides)
    const prepared = preparedBy(written, memory, options.runs)
    const statement = executed?.judged ?? (prepared === undefined ? written : withoutReason(written))
    answering.push(executed?.answering ?? statement)
    judged.push(statement)
    if (executed !== undefined) texts.push(executed.text)
    const uncertain = [
      ...(options.uncertain === undefined ? [] : [options.uncertain]),
      // The server reads each statement when those before it have run.
      ...(movesReading ? [MOVED] : []),
      ...(redefined.maySay(statement) ? [REDEFINED] : []),
    ]
    const resolved = resolveStatement(statement, catalog, {
      uncertain,
      redefined,
      defaultSchema: options.defaultSchema,
    })
    statements.push(resolved)
    const isAnything = assignsAnything(statement, resolved, catalog)
    const named = variablesIn(statement.tree)
    const meets = hides && (isAnything || meetsMasked(statement, memory, catalog, masking))
    // What is assigned for some rows, or once for each, tells of them at once.
    const before = isAnything ? SessionMemory.ANYTHING : meets ? memory.tainted(named.within) : memory
    const read = !hides
      ? undefined
      : uncertain.length > 0 || namesTemporary(statement, catalog)
        ? unknownLineage(masking)
        : lineageWith(before, statement, {
            ...sourcesBeside(redefined, (name) => findRelation(catalog, name) !== undefined, masking.sources),
            prepared: () => undefined,
          })
    const of = executed === undefined ? read : read && asRun(read)
    const effect = effectOnVariables(statement, {
      isAnything,
      lineage: of,
      meetsMasked: meets,
      keepsTexts: options.runs?.context.keepsAscii === true,
    })
    if (effect !== undefined || named.reads.size > 0 || executed !== undefined || written.names.length > 0)
      leaves = true
    if (hides && [...named.reads].some((name) => !before.isClean(name))) readsMasked = true
    memory = effect?.done(memory) ?? memory
    sent = effect?.sent(sent) ?? sent
    if (written.kinds.some((kind) => kind === 'prepare' || kind === 'deallocate'))
      for (const name of written.names) {
        // Whatever had the name is gone, also where it fails.
        memory = memory.prepares(name, prepared)
        sent = sent.prepares(name)
      }
    if (of !== undefined)
      lineage.push(plans(statement, resolved, catalog, masking) ? { ...of, ...unknownOutputs(masking) } : of)
    if (movesReadingOf(statement, resolved, catalog)) movesReading = true
    redefined.note(statement, resolved)
  }
  const relations = judged
    .flatMap(({ reads, writes }) => [...reads, ...writes])
    .map((named) => findRelation(catalog, named))
  return {
    statements,
    parsed: answering,
    refusal:
      judged.map((statement) => guard(statement, catalog, masking, options)).find((found) => found !== undefined) ??
      statements.map((statement) => guardUnknown(statement, options.readOnly)).find((found) => found !== undefined) ??
      lineage.map(guardLineage).find((found) => found !== undefined),
    errorExposure: !hides
      ? 'none'
      : statements.some(({ unknown }) => unknown.length > 0)
        ? 'any'
        : readsMasked || isTainted(relations, statements, masking)
          ? quoting(masking)
          : 'none',
    lineage,
    comparisons: comparisonsOf(lineage),
    changesCatalog: statements.some(
      ({ kinds, unknown }) => unknown.length > 0 || kinds.some((kind) => DEFINES.test(kind)),
    ),
    movesReading,
    database: catalog.database,
    objects: objectsOf(judged, relations, catalog),
    unresolved: judged.some((statement) => isAnyMissing(statement, catalog)),
    textParameters: [...new Set(lineage.flatMap(({ textParameters }) => textParameters ?? []))],
    memory: leaves ? { sent, done: memory } : undefined,
    texts,
  }
}

/** What EXECUTE tells: of places in the text, nothing is known, and what a masked text is compared with need be none. */
const asRun = ({ leaks, textParameters = [], ...lineage }: StatementLineage): StatementLineage => ({
  ...lineage,
  leaks: textParameters.length > 0 ? leaks.map((leak) => ({ ...leak, comparisons: undefined })) : leaks,
  textParameters: [],
  visible: undefined,
})

/**
 * What it assigns it may read as well, before or after: the servers say themselves that nobody should rely on the order. What may be tainted
 * by then is taken for it.
 */
function lineageWith(
  variables: SessionMemory,
  { tree }: ParsedStatement,
  sources: Omit<StatementSources, 'variable'>,
): StatementLineage {
  const { reads } = variablesIn(tree)
  let before = variables
  for (let round = 0; ; round++) {
    const now = before
    const lineage = lineageOf(tree, {
      ...sources,
      variable: (name) => (now.isClean(name) ? PLAIN : sources.anything),
    })
    if (reads.size === 0) return lineage
    const next = now.tainted(maskedAmong(lineage))
    if (![...reads].some((name) => now.isClean(name) && !next.isClean(name))) return lineage
    // A chain of assignments would be gone through once for each.
    before = round < MAX_ROUNDS ? next : SessionMemory.ANYTHING
  }
}

const maskedAmong = ({ assigned = [] }: StatementLineage): string[] =>
  assigned.flatMap(({ variable, origin }) => (isMasked(origin) ? [variable] : []))

const MAX_ROUNDS = 3

/** Errors and warnings may quote values of what it names, of what a view shows, and of what it changes besides. */
function isTainted(
  relations: readonly (Relation | undefined)[],
  statements: readonly SqlStatement[],
  masking: MaskingScope,
): boolean {
  return (
    relations.some((relation) => relation === undefined || masking.isTainted(relation)) ||
    // What it gives may be what another statement left.
    statements.some(({ kinds }) => kinds.some((kind) => REPLAYS.has(kind)))
  )
}

/** Which relations, exactly, the names stood for, and how they and what is behind them are defined. */
function objectsOf(
  parsed: readonly ParsedStatement[],
  relations: readonly (Relation | undefined)[],
  catalog: Catalog,
): string {
  const identity = (relation: Relation): string =>
    JSON.stringify([...around([relation], catalog)].map(({ name, identity: of }) => [name, of]))
  return [
    ...relations.map((relation) => (relation === undefined ? '0' : identity(relation))),
    ...parsed.flatMap(({ functions }) =>
      functions.flatMap(
        ({ schema, name }) => catalog.routines.get(JSON.stringify([schema ?? catalog.database, name])) ?? [],
      ),
    ),
  ].join(',')
}

/** Whether a relation is not there that the statement does not make. */
function isAnyMissing({ reads, writes, makes }: ParsedStatement, catalog: Catalog): boolean {
  const fresh = new Set(makes.map(nameKey))
  return [...reads, ...writes].some((named) => !fresh.has(nameKey(named)) && findRelation(catalog, named) === undefined)
}

const named = ({ reads, writes }: ParsedStatement): readonly Name[] => [...reads, ...writes]

/** A table that the session made for itself may hide one of the same name, or be gone again: which of them is read, nobody can say. */
export const namesTemporary = (statement: ParsedStatement, catalog: Catalog): boolean =>
  named(statement).some((name) => mayBeTemporary(catalog, name) && findRelation(catalog, name) !== undefined)

/**
 * EXPLAIN shows constants that the optimizer has read from rows in place of columns, estimates and counts of rows; the warning beside it
 * shows the statement with them.
 */
function plans(
  statement: ParsedStatement,
  { unknown }: SqlStatement,
  catalog: Catalog,
  masking: MaskingScope,
): boolean {
  if (!statement.kinds.includes('explain')) return false
  return (
    unknown.length > 0 ||
    named(statement).some((name) => {
      const relation = findRelation(catalog, name)
      return relation === undefined || masking.isTainted(relation)
    })
  )
}

/** It changes the default database, or how text is read; what is not known may. */
const movesReadingOf = (
  { settings, kinds }: ParsedStatement,
  { unknown }: SqlStatement,
  { server }: Catalog,
): boolean =>
  unknown.length > 0 ||
  kinds.some((kind) => MOVES.has(kind)) ||
  settings.some((setting) => effectOf(setting, server) !== 'none')

const MOVED =
  'the default database or the way in which text is read may change earlier in the same text: send the statements separately'
const REDEFINED = 'definitions may change earlier in the same text: send the statements separately'

/** Statements after which names may be of another database, or text is read otherwise. */
const MOVES = new Set(['use', 'drop-database', 'call', 'execute', 'execute-immediate', 'compound'])
/** Statements that give what an earlier statement read. */
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
