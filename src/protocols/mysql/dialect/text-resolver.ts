import { unknownLineage, unknownOutputs } from '../../../sql/facts/lineage-facts.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { Redefinitions, sourcesBeside } from '../../../sql/facts/redefinitions.ts'
import { isMasked, PLAIN } from '../../../sql/lineage/origin.ts'
import { lineageOf } from '../../../sql/lineage/read-statement.ts'
import type { Sources, StatementLineage } from '../../../sql/lineage/report.ts'
import type { MaskingScope } from '../../../sql/masking/masking-scope.ts'
import type { Name } from '../../../sql/query.ts'
import type { SqlStatement } from '../../../sql/statement.ts'
import { findRelation, mayBeTemporary, type Catalog } from '../catalog/catalog.ts'
import { givesAnything } from './functions.ts'
import type { GuardOptions } from './guard.ts'
import { definitionKinds } from './redefinitions.ts'
import { resolveStatement } from './resolve-statement.ts'
import { executedBy, preparedBy, withoutReason, type RunReader } from './run-texts.ts'
import { SessionMemory } from './session-memory.ts'
import { effectOf } from './settings.ts'
import type { StatementFacts } from './statement-facts.ts'
import { assignsAnything, effectOnVariables, meetsMasked, variablesIn } from './variable-effects.ts'

export interface FactsOptions extends GuardOptions {
  /** The database of unqualified names in rules: the target's. */
  readonly defaultSchema: string
  /** Why it is uncertain what names refer to. */
  readonly uncertain?: string | undefined
  /** The state that the session has left in the server when the text is sent. */
  readonly memory: SessionMemory
  /** Undefined: texts that are run are unknown. */
  readonly runs?: RunReader | undefined
}

/** Resolves the statements of one text in order, each with the state that those before it leave. */
export class TextResolver {
  readonly statements: SqlStatement[] = []
  /** The origins of the columns of each; empty if nothing is masked. */
  readonly lineage: StatementLineage[] = []
  /** The statements that are decided on: for EXECUTE, the one that it runs. */
  readonly judged: ParsedStatement[] = []
  /** The statements whose results the server sends. */
  readonly answering: ParsedStatement[] = []
  /** The texts that EXECUTE runs. */
  readonly texts: string[] = []
  /** Whether it may change how the server reads texts. */
  movesReading = false
  /** Whether it reads a variable or calls a function that may give a masked value. */
  readsMasked = false
  readonly #catalog: Catalog
  readonly #masking: MaskingScope
  readonly #options: FactsOptions
  readonly #hides: boolean
  readonly #redefined = new Redefinitions(definitionKinds)
  /** The state that the session has left once everything has run, and once everything has been sent. */
  #done: SessionMemory
  #sent: SessionMemory
  #leaves = false

  constructor(catalog: Catalog, masking: MaskingScope, options: FactsOptions) {
    this.#catalog = catalog
    this.#masking = masking
    this.#options = options
    this.#hides = masking.plan.columns.length > 0
    this.#done = this.#sent = options.memory
  }

  /** Undefined if the text neither reads nor changes that state. */
  get memory(): StatementFacts['memory'] {
    return this.#leaves ? { sent: this.#sent, done: this.#done } : undefined
  }

  add(written: ParsedStatement): void {
    const { runs } = this.#options
    const executed = executedBy(written, this.#done, runs, this.#hides)
    const prepared = preparedBy(written, this.#done, runs)
    const statement = executed?.judged ?? (prepared === undefined ? written : withoutReason(written))
    this.answering.push(executed?.answering ?? statement)
    this.judged.push(statement)
    if (executed !== undefined) this.texts.push(executed.text)
    const uncertain = this.#uncertain(statement)
    const resolved = resolveStatement(statement, this.#catalog, {
      uncertain,
      redefined: this.#redefined,
      defaultSchema: this.#options.defaultSchema,
    })
    this.statements.push(resolved)
    const { lineage, leaves } = this.#follow(statement, resolved, uncertain.length > 0, executed !== undefined)
    if (leaves || executed !== undefined || written.names.length > 0) this.#leaves = true
    if (written.kinds.some((kind) => kind === 'prepare' || kind === 'deallocate'))
      for (const name of written.names) {
        // The earlier statement of this name is dropped, even if PREPARE fails.
        this.#done = this.#done.prepares(name, prepared)
        this.#sent = this.#sent.prepares(name)
      }
    if (lineage !== undefined)
      this.lineage.push(
        plans(statement, resolved, this.#catalog, this.#masking)
          ? { ...lineage, ...unknownOutputs(this.#masking) }
          : lineage,
      )
    if (movesReadingOf(statement, resolved, this.#catalog)) this.movesReading = true
    this.#redefined.note(statement, resolved)
  }

  /** Why it is uncertain what names in a statement refer to: the server reads it after those before it have run. */
  #uncertain(statement: ParsedStatement): string[] {
    const { uncertain } = this.#options
    return [
      ...(uncertain === undefined ? [] : [uncertain]),
      ...(this.movesReading ? [MOVED] : []),
      ...(this.#redefined.maySay(statement) ? [REDEFINED] : []),
    ]
  }

  /** The origins of a statement's columns, and what it reads from variables of the session and leaves in them. */
  #follow(
    statement: ParsedStatement,
    resolved: SqlStatement,
    isUncertain: boolean,
    isExecuted: boolean,
  ): { readonly lineage: StatementLineage | undefined; readonly leaves: boolean } {
    const catalog = this.#catalog
    const masking = this.#masking
    const isAnything = assignsAnything(statement, resolved, catalog)
    const named = variablesIn(statement.tree)
    const meets = this.#hides && (isAnything || meetsMasked(statement, this.#done, catalog, masking))
    // Assignments for some rows, or once for each, reveal something about them even while the statement runs.
    const before = isAnything ? SessionMemory.ANYTHING : meets ? this.#done.tainted(named.within) : this.#done
    const read = this.#hides ? this.#lineageOf(statement, before, isUncertain) : undefined
    const lineage = isExecuted ? read && asRun(read) : read
    const effect = effectOnVariables(statement, {
      isAnything,
      lineage,
      meetsMasked: meets,
      keepsTexts: this.#options.runs?.context.keepsAscii === true,
    })
    const isElsewhere = statement.functions.some(({ schema, name }) => givesAnything(schema, name, catalog))
    if (this.#hides && (isElsewhere || named.readsCounter || [...named.reads].some((name) => !before.isClean(name))))
      this.readsMasked = true
    this.#done = effect?.done(this.#done) ?? this.#done
    this.#sent = effect?.sent(this.#sent) ?? this.#sent
    return { lineage, leaves: effect !== undefined || named.reads.size > 0 }
  }

  #lineageOf(statement: ParsedStatement, before: SessionMemory, isUncertain: boolean): StatementLineage {
    const catalog = this.#catalog
    if (isUncertain || namesTemporary(statement, catalog)) return unknownLineage(this.#masking)
    return lineageWith(before, statement, {
      ...sourcesBeside(this.#redefined, (name) => findRelation(catalog, name) !== undefined, this.#masking.sources),
      prepared: () => undefined,
    })
  }
}

/** The lineage of EXECUTE: offsets in the text are unknown, and a masked text need not be compared with a text. */
const asRun = ({ leaks, textParameters = [], ...lineage }: StatementLineage): StatementLineage => ({
  ...lineage,
  leaks: textParameters.length > 0 ? leaks.map((leak) => ({ ...leak, comparisons: undefined })) : leaks,
  textParameters: [],
  visible: undefined,
})

/**
 * A statement may read variables that it assigns, before or after: the servers do not guarantee the order. Variables that may be tainted by
 * then are assumed to be tainted.
 */
function lineageWith(
  variables: SessionMemory,
  { tree }: ParsedStatement,
  sources: Omit<Sources, 'variable'>,
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
    // A chain of assignments would take a round for each.
    before = round < MAX_ROUNDS ? next : SessionMemory.ANYTHING
  }
}

const maskedAmong = ({ assigned = [] }: StatementLineage): string[] =>
  assigned.flatMap(({ variable, origin }) => (isMasked(origin) ? [variable] : []))

const MAX_ROUNDS = 3

const named = ({ reads, writes }: ParsedStatement): readonly Name[] => [...reads, ...writes]

/** A temporary table may hide another table of the same name, or have been dropped: which of them is read is unknown. */
const namesTemporary = (statement: ParsedStatement, catalog: Catalog): boolean =>
  named(statement).some((name) => mayBeTemporary(catalog, name) && findRelation(catalog, name) !== undefined)

/**
 * EXPLAIN shows constants that the optimizer has read from rows in place of columns, estimates and row counts; the warning that it produces
 * shows the statement with these constants.
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

/** Whether it changes the default database, or how text is read; a statement of unknown effect may. */
const movesReadingOf = (
  { settings, kinds }: ParsedStatement,
  { unknown }: SqlStatement,
  { server }: Catalog,
): boolean =>
  unknown.length > 0 ||
  kinds.some((kind) => MOVES.has(kind)) ||
  settings.some((setting) => effectOf(setting, server) !== 'none')

const MOVED =
  'the default database or a setting that changes how text is parsed may change earlier in the same text: send the statements separately'
const REDEFINED = 'definitions may change earlier in the same text: send the statements separately'

/** Statements after which names may refer to another database, or text is read differently. */
const MOVES = new Set(['use', 'drop-database', 'call', 'execute', 'execute-immediate', 'compound'])
