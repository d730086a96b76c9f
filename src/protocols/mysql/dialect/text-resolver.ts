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
import type { GuardOptions } from './guard.ts'
import { definitionKinds } from './redefinitions.ts'
import { resolveStatement } from './resolve-statement.ts'
import { executedBy, preparedBy, withoutReason, type RunReader } from './run-texts.ts'
import { SessionMemory } from './session-memory.ts'
import { effectOf } from './settings.ts'
import type { StatementFacts } from './statement-facts.ts'
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

/** The statements of one text in their order, each resolved with what those before it leave behind. */
export class TextResolver {
  readonly statements: SqlStatement[] = []
  /** Where the columns of each come from; none where nothing is masked. */
  readonly lineage: StatementLineage[] = []
  /** The statements that are decided on: of EXECUTE, what it runs. */
  readonly judged: ParsedStatement[] = []
  /** The statements whose results the server sends. */
  readonly answering: ParsedStatement[] = []
  /** What EXECUTE runs, as text. */
  readonly texts: string[] = []
  /** How the server reads texts may change in it. */
  movesReading = false
  /** A variable is read that may hold a masked value. */
  readsMasked = false
  readonly #catalog: Catalog
  readonly #masking: MaskingScope
  readonly #options: FactsOptions
  readonly #hides: boolean
  readonly #redefined = new Redefinitions(definitionKinds)
  /** What the session has left once all has been done, and as soon as all has been sent. */
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

  /** Undefined where the text neither reads nor changes what the session has left. */
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
        // Whatever had the name is gone, also where it fails.
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

  /** Why it is not certain what names in a statement stand for: the server reads it when those before it have run. */
  #uncertain(statement: ParsedStatement): string[] {
    const { uncertain } = this.#options
    return [
      ...(uncertain === undefined ? [] : [uncertain]),
      ...(this.movesReading ? [MOVED] : []),
      ...(this.#redefined.maySay(statement) ? [REDEFINED] : []),
    ]
  }

  /** Where the columns of a statement come from, and what it reads from variables of the session and leaves in them. */
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
    // What is assigned for some rows, or once for each, tells of them at once.
    const before = isAnything ? SessionMemory.ANYTHING : meets ? this.#done.tainted(named.within) : this.#done
    const read = this.#hides ? this.#lineageOf(statement, before, isUncertain) : undefined
    const lineage = isExecuted ? read && asRun(read) : read
    const effect = effectOnVariables(statement, {
      isAnything,
      lineage,
      meetsMasked: meets,
      keepsTexts: this.#options.runs?.context.keepsAscii === true,
    })
    if (this.#hides && [...named.reads].some((name) => !before.isClean(name))) this.readsMasked = true
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
    // A chain of assignments would be gone through once for each.
    before = round < MAX_ROUNDS ? next : SessionMemory.ANYTHING
  }
}

const maskedAmong = ({ assigned = [] }: StatementLineage): string[] =>
  assigned.flatMap(({ variable, origin }) => (isMasked(origin) ? [variable] : []))

const MAX_ROUNDS = 3

const named = ({ reads, writes }: ParsedStatement): readonly Name[] => [...reads, ...writes]

/** A table that the session made for itself may hide one of the same name, or be gone again: which of them is read, nobody can say. */
const namesTemporary = (statement: ParsedStatement, catalog: Catalog): boolean =>
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
