import { ANY_RELATION, type SqlStatement } from '../../../sql/statement.ts'
import { DEFAULT_SCHEMA } from '../default-schema.ts'
import { PamError } from '../../../shared/errors.ts'
import { words } from '../../../shared/words.ts'
import { findRelation, type Catalog, type Relation } from '../catalog/catalog.ts'
import { effectsOf } from './effects.ts'
import { keyOf } from '../../../sql/facts/findings.ts'
import { unknownCalls } from './functions.ts'
import { guard, guardLineage, type GuardOptions } from './guard.ts'
import type { StatementLineage } from '../../../sql/lineage/report.ts'
import { lineageOf, type StatementSources } from '../../../sql/lineage/read-statement.ts'
import type { MaskingScope } from '../masking/scope.ts'
import { isMasked, PLAIN, spread } from '../../../sql/lineage/origin.ts'
import type { Name } from '../../../sql/query.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { SyntaxProblem } from './syntax-problem.ts'

/** All that the session needs to know about one text: for policy, for masking, for its own bookkeeping. */
export interface StatementFacts {
  readonly statements: readonly SqlStatement[]
  readonly parsed: readonly ParsedStatement[]
  /** Why it is refused whatever the rules say. */
  readonly refusal: PamError | undefined
  /** Masked values can be in an error, and what they are compared with in the text: both are hidden. */
  readonly tainted: Taint
  /** Where the columns of each statement's result come from; empty while no columns are masked. */
  readonly lineage: readonly StatementLineage[]
  /** Masked columns that are compared with given values, and how many. */
  readonly guesses: readonly Guess[]
  /** Definitions may have changed once it has run. */
  readonly changesCatalog: boolean
  /** Which relations, exactly, the names stood for, and how they are defined: another one is another command. */
  readonly objects: string
  /** It does not parse: what the server says of it, and why in words without its content. */
  readonly syntaxError?: SyntaxProblem & { readonly failure: string }
  /** A relation that is not there, and what the statement would do if it were: the server would do nothing but say so. */
  readonly missing?: { readonly relation: string; readonly statement: SqlStatement }
  /** Names that nothing in the catalogs has; they may be new. */
  readonly unresolved: boolean
  /** Types that the client declared for parameters, where the target's own reading was asked with them. */
  readonly declared?: readonly number[]
}

/**
 * What of an error or notice may quote masked values: nothing; what the system's own messages quote; that, and names of tables and constraints,
 * where a partition tells of a row; all of it, where code that somebody wrote may have made it.
 */
export type Taint = false | 'quotes' | 'places' | 'all'

export interface Guess {
  readonly column: string
  readonly count: number
  /** How many one grant allows. */
  readonly budget: number
}

/** A statement that SQL has prepared before, by its name; undefined where none is known. */
export type FindPrepared = (name: string) => StatementFacts | undefined

/** Resolves the names of parsed statements against the catalogs. */
export function resolveFacts(
  parsed: readonly ParsedStatement[],
  catalog: Catalog,
  masking: MaskingScope,
  findPrepared: FindPrepared = () => undefined,
  options: GuardOptions & { readonly uncertain?: string | undefined } = { readOnly: false, ownAccount: false },
): StatementFacts {
  const hides = masking.plan.columns.length > 0
  // What the text itself prepares first is known to what comes after it.
  const here = new Map<string, StatementFacts>()
  const prepared: FindPrepared = (name) => here.get(name) ?? findPrepared(name)
  const lineage: StatementLineage[] = []
  const statements: SqlStatement[] = []
  let pathMoved = false
  const redefined = new Redefinitions()
  for (const statement of parsed) {
    const executed = executedBy(statement, prepared)
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
        ? UNKNOWN_LINEAGE(masking)
        : lineageOf(statement.tree, {
            ...sourcesBeside(redefined, catalog, masking),
            prepared: (name) => prepared(name)?.lineage[0],
          })
      : undefined
    if (of !== undefined)
      lineage.push(
        measures(statement, resolved, catalog, masking)
          ? {
              ...of,
              ...UNKNOWN_OUTPUTS(masking),
              influences: [...of.influences, ...plansTell(statement, catalog, masking)],
            }
          : of,
      )
    const [name] = statement.names
    if (statement.kinds.includes('prepare') && name !== undefined && !here.has(name)) {
      here.set(name, { ...NOTHING, statements: [resolved], parsed: [statement], lineage: of === undefined ? [] : [of] })
    }
    if (movesNames(statement)) pathMoved = true
    redefined.note(statement, resolved)
  }
  const relations = parsed
    .flatMap(({ reads, writes }) => [...reads, ...writes])
    .map((named) => findRelation(catalog, named))
  const refusal =
    parsed.map((statement) => guard(statement, catalog, masking, options)).find((found) => found !== undefined) ??
    lineage.map(guardLineage).find((found) => found !== undefined)
  return {
    statements,
    parsed,
    refusal,
    tainted: !hides
      ? false
      : statements.some(({ unknown }) => unknown.length > 0)
        ? 'all'
        : [...relations, ...parsed.flatMap((statement) => effectsOf(statement, catalog).alsoWrites)].some(
              (relation) => relation === undefined || masking.isTainted(relation),
            ) || statements.some(({ kinds }) => kinds.some((kind) => REPLAYS.has(kind)))
          ? quoting(masking)
          : false,
    lineage,
    guesses: guessesOf(lineage),
    changesCatalog: statements.some(
      ({ kinds, unknown }) => unknown.length > 0 || kinds.some((kind) => DEFINES.test(kind)),
    ),
    objects: [
      ...relations.map((relation) => (relation === undefined ? '0' : identityOf(relation, catalog))),
      ...parsed.flatMap(({ functions }) => functions.flatMap(({ name }) => catalog.bodies.get(name) ?? [])),
    ].join(','),
    unresolved:
      parsed.some((statement) => isAnyMissing(statement, catalog)) ||
      parsed.some(({ functions }) => functions.some(({ name }) => !isKnownFunction(name, catalog))),
  }
}

/** Whether a relation is not there that the statement does not make. */
function isAnyMissing({ reads, writes, makes }: ParsedStatement, catalog: Catalog): boolean {
  const fresh = new Set(makes.map(keyOf))
  return [...reads, ...writes].some((named) => !fresh.has(keyOf(named)) && findRelation(catalog, named) === undefined)
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

function resolveStatement(
  statement: ParsedStatement,
  catalog: Catalog,
  executed: StatementFacts | undefined,
  pathMoved: boolean,
  uncertain: readonly string[],
  redefined: Redefinitions,
  hides: boolean,
): SqlStatement {
  const isMade = (named: Name): boolean => statement.makes.some((made) => keyOf(made) === keyOf(named))
  const nameOf = (named: Name): string => {
    if (pathMoved && named.schema === undefined) return `${UNRESOLVED_SCHEMA}.${named.name}`
    // What is made is made in the first schema of the path, whatever else has its name.
    const made = isMade(named) ? creationSchema(named, statement, catalog) : undefined
    if (made !== undefined) return `${made}.${named.name}`
    return findRelation(catalog, named)?.name ?? `${named.schema ?? UNRESOLVED_SCHEMA}.${named.name}`
  }
  const effects = effectsOf(statement, catalog)
  const own: SqlStatement = {
    ...TAGS,
    kinds: statement.kinds,
    reads: statement.reads.map(nameOf),
    writes: [
      ...new Set([
        ...statement.writes.map(nameOf),
        ...effects.alsoWrites.map(({ name }) => name),
        ...renamedWith(statement, catalog),
      ]),
    ],
    behind: namesBehind(statement, catalog),
    functions: statement.functions.map(({ schema, name }) => (schema === undefined ? name : `${schema}.${name}`)),
    missingWhere: statement.missingWhere,
    unknown: [
      ...statement.unknown.filter((reason) => executed === undefined || reason !== EXECUTES),
      ...unknownCalls(statement, catalog),
      ...effects.unknown,
      ...unknownRelations(statement, catalog, redefined),
      ...(hides ? foreignTables(statement, catalog) : []),
      ...uncertain,
    ],
  }
  if (executed === undefined) return own
  const others = executed.statements
  const all = (field: 'kinds' | 'reads' | 'writes' | 'behind' | 'functions' | 'unknown'): string[] => [
    ...new Set([...own[field], ...others.flatMap((other) => other[field])]),
  ]
  return {
    ...TAGS,
    kinds: all('kinds'),
    reads: all('reads'),
    writes: all('writes'),
    behind: all('behind'),
    functions: all('functions'),
    missingWhere: own.missingWhere || others.some(({ missingWhere }) => missingWhere),
    unknown: all('unknown'),
  }
}

/** Where a new relation goes that is named without a schema. */
function creationSchema({ schema }: Name, { tree }: ParsedStatement, { searchPath }: Catalog): string | undefined {
  if (schema !== undefined || tree.kind !== 'utility') return undefined
  if (tree.detail.temporary) return 'pg_temp'
  return searchPath.find((candidate) => !candidate.startsWith('pg_temp_') && candidate !== 'pg_catalog')
}

/** Relations that get another name with their schema. */
const renamedWith = ({ renamesSchema }: ParsedStatement, catalog: Catalog): string[] =>
  renamesSchema === undefined
    ? []
    : [...catalog.byOid.values()].filter(({ schema }) => schema === renamesSchema).map(({ name }) => name)

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
function unknownRelations(
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

/** Foreign tables among what it reads and what is behind that: their rows may be those of a masked table. */
const foreignTables = (statement: ParsedStatement, catalog: Catalog): string[] =>
  [...relationsOf(statement, catalog)]
    .filter(({ foreign }) => foreign)
    .map(({ name }) => `the foreign table ${name} may show masked columns under another name`)

/** What earlier statements of a text have done to the names that later ones use. */
class Redefinitions {
  #anything = false
  #definitions = false
  readonly #made = new Set<string>()
  /** Last names: what else has that name is found in the place of what was dropped. */
  readonly #gone = new Set<string>()

  note(statement: ParsedStatement, resolved: SqlStatement): void {
    if (!mayRedefine(resolved)) return
    if (resolved.unknown.length > 0 || writesCatalogs(resolved) || !isPlain(statement)) {
      this.#anything = true
      return
    }
    this.#definitions = true
    if (statement.kinds.some((kind) => kind === 'drop-table' || kind === 'drop-index'))
      for (const named of statement.writes) {
        this.#gone.add(named.name)
        this.#made.delete(keyOf(named))
      }
    for (const named of statement.makes) this.#made.add(keyOf(named))
  }

  /** Whether it may say something else than the catalogs tell, which were read before the text. */
  maySay(statement: ParsedStatement): boolean {
    if (this.#anything) return true
    if (!this.#definitions) return false
    const makes = new Set(statement.makes.map(keyOf))
    const isGone = (named: Name): boolean => this.#gone.has(named.name) && !this.made(named) && !makes.has(keyOf(named))
    return !isPlain(statement) || [...statement.reads, ...statement.writes].some(isGone)
  }

  /** Whether it is a table that the text itself has made, out of parts that are known. */
  made(named: Name): boolean {
    return !this.#anything && this.#made.has(keyOf(named))
  }
}

/** A table that the text has made before holds nothing yet. One that the catalogs know may be what IF NOT EXISTS found. */
function sourcesBeside(
  redefined: Redefinitions,
  catalog: Catalog,
  { sources }: MaskingScope,
): Omit<StatementSources, 'prepared'> {
  const isNew = (named: Name): boolean => redefined.made(named) && findRelation(catalog, named) === undefined
  return {
    ...sources,
    place: (named) => (isNew(named) ? PLAIN : sources.place(named)),
    answers: (named) => (isNew(named) ? PLAIN : sources.answers(named)),
    part: (named) => (isNew(named) ? PLAIN : sources.part(named)),
    relation: (named) => (isNew(named) ? [spread(PLAIN)] : sources.relation(named)),
    target: (named) =>
      isNew(named)
        ? { name: named.name, columns: [spread(PLAIN)], unique: new Set(), ties: [], generated: new Set() }
        : sources.target(named),
  }
}

/** A definition that neither gives rows nor writes any, and lets all names stand for what they stood for but for those it makes or drops. */
const isPlain = ({ kinds }: ParsedStatement): boolean => kinds.every((kind) => PLAIN_DEFINITIONS.has(kind))

/** Whether names may stand for something else once it has run. */
const mayRedefine = ({ kinds, writes, unknown }: SqlStatement): boolean =>
  unknown.length > 0 || !kinds.every((kind) => KEEPS_DEFINITIONS.has(kind)) || writesCatalogs({ writes })

const writesCatalogs = ({ writes }: Pick<SqlStatement, 'writes'>): boolean =>
  writes.some((name) => name.startsWith('pg_catalog.'))

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

/** Guesses by column, over all statements of the text. */
function guessesOf(lineage: readonly StatementLineage[]): Guess[] {
  const byColumn = new Map<string, Guess>()
  for (const { mask, guesses } of lineage.flatMap(({ influences }) => influences)) {
    if (mask.sideChannels !== 'equality' || guesses === undefined) continue
    const count = (byColumn.get(mask.name)?.count ?? 0) + guesses
    byColumn.set(mask.name, { column: mask.name, count, budget: mask.guesses })
  }
  return [...byColumn.values()]
}

/** Relations that the named ones show rows of, through any number of views and generations. */
function namesBehind(statement: ParsedStatement, catalog: Catalog): string[] {
  const own = new Set(named(statement, catalog))
  const all = [...relationsOf(statement, catalog)]
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
  words('pg_statistic pg_statistic_ext_data pg_stats pg_stats_ext pg_stats_ext_exprs').map(
    (name) => `pg_catalog.${name}`,
  ),
)

const named = ({ reads, writes }: ParsedStatement, catalog: Catalog): Relation[] =>
  [...reads, ...writes].flatMap((relation) => findRelation(catalog, relation) ?? [])

/** The named ones, and those behind them. */
function relationsOf(statement: ParsedStatement, catalog: Catalog): ReadonlySet<Relation> {
  const seen = new Set(named(statement, catalog))
  for (const relation of seen) {
    for (const oid of [...relation.viewOf, ...relation.related]) {
      const source = catalog.byOid.get(oid)
      if (source !== undefined) seen.add(source)
    }
  }
  return seen
}

/** A statement that could not be parsed: unknown, in words that name the place but no content. */
export const unparsed = (reason: string): SqlStatement => ({
  ...TAGS,
  kinds: ['unknown'],
  reads: [],
  writes: [],
  behind: [],
  functions: [],
  missingWhere: false,
  unknown: [reason],
})

/** It changes what names stand for, or whose they are. */
export const movesNames = ({ kinds, settings }: ParsedStatement): boolean =>
  settings.some(({ name }) => NAME_SETTINGS.has(name)) || kinds.includes('discard')

const isKnownFunction = (name: string, catalog: Catalog): boolean =>
  catalog.systemFunctions.has(name) ||
  catalog.volatileFunctions.has(name) ||
  catalog.userFunctions.has(name) ||
  catalog.reviewed.functions.names.has(name)

/** EXPLAIN ANALYZE tells times, sizes and counts of what it read; and planning runs functions, whose results the plan shows. */
function measures(
  statement: ParsedStatement,
  { unknown }: SqlStatement,
  catalog: Catalog,
  masking: MaskingScope,
): boolean {
  if (!statement.kinds.includes('explain')) return false
  if (unknown.length > 0) return true
  const relations = [...statement.reads, ...statement.writes].map((named) => findRelation(catalog, named))
  // How many rows the planner expects of each partition tells where they are.
  if (relations.some((relation) => relation !== undefined && masking.isPlaced(relation))) return true
  if (!statement.explainRuns) return false
  return relations.some((relation) => {
    return relation === undefined || masking.isTainted(relation)
  })
}

/** What a plan tells, hidden as it is, by how many lines it has: of partitions that have rows, or that nothing is expected of. */
function plansTell(
  statement: ParsedStatement,
  catalog: Catalog,
  masking: MaskingScope,
): StatementLineage['influences'] {
  const isPlaced = named(statement, catalog).some((relation) => masking.isPlaced(relation))
  return isPlaced ? masking.storage().masks.map((mask) => ({ mask, place: 'EXPLAIN', guesses: undefined })) : []
}

/** How errors of the server are masked where masked columns may be in them. */
export const quoting = (masking: MaskingScope): Taint => (isMasked(masking.storage()) ? 'places' : 'quotes')

const UNKNOWN_OUTPUTS = (masking: MaskingScope): Pick<StatementLineage, 'outputs'> => ({
  outputs: [spread(masking.anything)],
})

const UNKNOWN_LINEAGE = (masking: MaskingScope): StatementLineage => ({
  ...UNKNOWN_OUTPUTS(masking),
  influences: [],
  carried: [],
})

const NOTHING: StatementFacts = {
  statements: [],
  parsed: [],
  refusal: undefined,
  tainted: false,
  lineage: [],
  guesses: [],
  changesCatalog: false,
  objects: '',
  unresolved: false,
}

/** Never the name of a schema that a rule allows: what does not resolve fits only rules for everything. */
const UNRESOLVED_SCHEMA = '?'

const MOVED = 'settings that names depend on change earlier in the same text: send the statements separately'
const REDEFINED = 'definitions may change earlier in the same text: send the statements separately'

/**
 * Kinds of statements after which all names stand for what they stood for before. The end of a transaction is not among them: it
 * may undo definitions, or drop temporary tables.
 */
const KEEPS_DEFINITIONS = new Set(
  words(`
  select select-for-update insert update delete merge copy-to copy-from copy-to-file copy-from-file copy-to-program
  copy-from-program begin start savepoint release set set-role set-session-authorization set-replication-role reset show explain
  declare-cursor fetch move close-cursor prepare execute deallocate lock lock-access-share listen unlisten notify set-constraints checkpoint vacuum analyze
  truncate comment reindex cluster refresh-materialized-view
`),
)

/** What migrations send in one text. Types are not dropped here: another may be found in the place of one. */
const PLAIN_DEFINITIONS = new Set(
  words(`
  create-table create-index create-sequence create-type create-domain alter-table drop-column drop-partition drop-table drop-index comment
`),
)

/** Statements that do nothing where a relation is not there that they name. */
const NEEDS_RELATIONS = new Set(
  words(
    'select select-for-update insert update delete merge copy-to copy-from truncate lock lock-access-share explain declare-cursor',
  ),
)

/** Settings that resolution depends on; `*` is all of them. */
const NAME_SETTINGS = new Set(['search_path', 'role', 'session_authorization', '*'])

/** Statements that bring back rows of one that was judged before, or check what it left to be checked. */
const REPLAYS = new Set(['fetch', 'execute', 'commit', 'set-constraints', 'prepare-transaction'])
const DEFINES =
  /^(create-|alter-|drop-|select-into|rename|define|do$|call$|import-|discard|commit-prepared|rollback-prepared)/
/** What the parser says of an EXECUTE whose statement is not known. */
export const EXECUTES = 'EXECUTE runs a statement that was prepared before'

/** What every statement says of itself. */
const TAGS = { type: 'sql', defaultSchema: DEFAULT_SCHEMA, systemSchema: 'pg_catalog' } as const
