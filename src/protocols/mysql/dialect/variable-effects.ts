import { wordList } from '../../../shared/word-list.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { isMasked } from '../../../sql/lineage/origin.ts'
import type { StatementLineage } from '../../../sql/lineage/report.ts'
import { fromParts, partsOf, statementParts } from '../../../sql/parts.ts'
import type { MaskingScope } from '../../../sql/masking/masking-scope.ts'
import type { Assign, Expression, FromItem, Name, Statement } from '../../../sql/query.ts'
import type { SqlStatement } from '../../../sql/statement.ts'
import { findRelation, type Catalog } from '../catalog/catalog.ts'
import { isCounterSetting } from './counters.ts'
import { givesAnything } from './functions.ts'
import { nativeFunctions } from './native-functions.ts'
import type { SessionMemory } from './session-memory.ts'

/** User variables that a statement names. */
export interface NamedVariables {
  readonly reads: ReadonlySet<string>
  /** Variables that SET assigns, once each, and that are not assigned elsewhere in it: if it succeeds, they are assigned. */
  readonly sets: ReadonlyMap<string, Assign>
  /** Variables that are assigned within an expression: for some rows, several times, or not at all. */
  readonly within: ReadonlySet<string>
  /** Variables that receive values of rows, of a query or of a file. */
  readonly into: ReadonlySet<string>
  /** Whether it reads a setting that counts what statements have changed. */
  readonly readsCounter: boolean
  /** Whether it says itself, with LAST_INSERT_ID(value), which number the server reports as the last one. */
  readonly givesInsertId: boolean
  /** Whether it has a part that cannot be parsed. */
  readonly isOpaque: boolean
}

export function variablesIn(tree: Statement): NamedVariables {
  const before = known.get(tree)
  if (before !== undefined) return before
  const found = new Finder().read(tree)
  known.set(tree, found)
  return found
}

/** A text is parsed once, and evaluated whenever it is sent. */
const known = new WeakMap<Statement, NamedVariables>()

class Finder {
  readonly #reads = new Set<string>()
  readonly #within = new Set<string>()
  readonly #into = new Set<string>()
  #readsCounter = false
  #givesInsertId = false
  #isOpaque = false

  read(tree: Statement): NamedVariables {
    const sets = new Map<string, Assign>()
    const isSet = tree.kind === 'utility' && tree.does.includes('set-user-variable') && tree.statements.length === 0
    const own = isSet ? tree.expressions.filter((node) => node.kind === 'assign') : []
    for (const node of own) {
      if (sets.has(node.variable)) this.#within.add(node.variable)
      sets.set(node.variable, node)
    }
    const top = new Set<Expression>(own)
    this.#statement(tree, top)
    for (const name of this.#within) sets.delete(name)
    return {
      reads: this.#reads,
      sets,
      within: this.#within,
      into: this.#into,
      readsCounter: this.#readsCounter,
      givesInsertId: this.#givesInsertId,
      isOpaque: this.#isOpaque,
    }
  }

  #statement(node: Statement, top: ReadonlySet<Expression>): void {
    const { expressions, statements, from } = statementParts(node)
    if (node.kind === 'utility') for (const name of node.detail.assigns) this.#into.add(name)
    for (const part of expressions) this.#expression(part, top.has(part))
    for (const inner of statements) this.#statement(inner, NONE)
    for (const item of from) this.#item(item)
  }

  #expression(node: Expression, isTop = false): void {
    if (node.kind === 'opaque') this.#isOpaque = true
    if (node.kind === 'variable' && node.of === 'user') this.#reads.add(node.name)
    if (node.kind === 'variable' && node.of === 'setting' && isCounterSetting(node.name)) this.#readsCounter = true
    if (node.kind === 'call' && node.name.name === 'last_insert_id' && node.args.length > 0) this.#givesInsertId = true
    if (node.kind === 'assign' && !isTop) this.#within.add(node.variable)
    const { expressions, statements } = partsOf(node)
    for (const part of expressions) this.#expression(part)
    for (const inner of statements) this.#statement(inner, NONE)
  }

  #item(item: FromItem): void {
    const { expressions, statements, from } = fromParts(item)
    for (const part of expressions) this.#expression(part)
    for (const inner of statements) this.#statement(inner, NONE)
    for (const inner of from) this.#item(inner)
  }
}

const NONE: ReadonlySet<Expression> = new Set()

/** The effect of a statement on user variables. */
export interface VariableEffect {
  /** Once it is sent, whatever its result. */
  readonly sent: (before: SessionMemory) => SessionMemory
  /** Once it has succeeded. */
  readonly done: (before: SessionMemory) => SessionMemory
}

/** Whether it may assign any variable: by code that cannot be analysed, or in a way that its text does not show. */
export function assignsAnything(
  { tree, kinds, functions, reads, writes }: ParsedStatement,
  { unknown }: SqlStatement,
  catalog: Catalog,
): boolean {
  if (unknown.length > 0 || variablesIn(tree).isOpaque || !kinds.every((kind) => SHOWN.has(kind))) return true
  // Code that the configuration declares safe may still assign variables: directly, in a view, or in a trigger.
  if (catalog.safeRoutines.size === 0) return false
  const isView = (named: Name): boolean => findRelation(catalog, named)?.kind === 'view'
  return (
    writes.length > 0 ||
    reads.some(isView) ||
    functions.some(({ schema, name }) => schema !== undefined || !nativeFunctions(catalog.server).has(name))
  )
}

/** Undefined: no effect. */
export function effectOnVariables(
  statement: ParsedStatement,
  { isAnything, lineage, meetsMasked: meets, keepsTexts }: Circumstances,
): VariableEffect | undefined {
  if (isAnything) return { sent: (before) => before.tainted('all'), done: (before) => before.tainted('all') }
  const { sets, within, into } = variablesIn(statement.tree)
  if (sets.size + within.size + into.size === 0) return undefined
  const mayHoldMasked =
    statement.tree.kind === 'utility' && statement.tree.detail.copy !== undefined
      ? // For a file of the client, the place where it stopped may reveal existing rows. The content of a server file is unknown.
        meets || !statement.kinds.includes('load-data-local')
      : // For a query: whether its rows may contain masked values.
        lineage !== undefined && (lineage.copies.length > 0 || lineage.outputs.some(({ origin }) => isMasked(origin)))
  const tainted = [...(meets ? within : []), ...(mayHoldMasked ? into : [])]
  const cleaned = new Map<string, string | undefined>()
  for (const [name, { text }] of sets)
    if (isAssignedClean(name, lineage)) cleaned.set(name, keepsTexts ? text : undefined)
    else tainted.push(name)
  const sent = (before: SessionMemory): SessionMemory =>
    before.assigned([...sets.keys(), ...within, ...into]).tainted(tainted)
  return { sent, done: (before) => sent(before).cleaned(cleaned) }
}

export interface Circumstances {
  readonly isAnything: boolean
  /** Undefined while no columns are masked. */
  readonly lineage: StatementLineage | undefined
  readonly meetsMasked: boolean
  /** Whether a text is stored with exactly the characters that it is written with. */
  readonly keepsTexts: boolean
}

const isAssignedClean = (name: string, lineage: StatementLineage | undefined): boolean => {
  if (lineage === undefined) return true
  const origins = (lineage.assigned ?? []).filter(({ variable }) => variable === name)
  return origins.length > 0 && origins.every(({ origin }) => !isMasked(origin))
}

/** Whether a statement involves values of masked columns, so that its assignments, and their number, may reveal them. */
export const meetsMasked = (
  { tree, reads, writes, functions }: ParsedStatement,
  variables: SessionMemory,
  catalog: Catalog,
  masking: MaskingScope,
): boolean =>
  [...reads, ...writes].some((named) => {
    const relation = findRelation(catalog, named)
    return relation === undefined || masking.isTainted(relation)
  }) ||
  functions.some(({ schema, name }) => givesAnything(schema, name, catalog)) ||
  variablesIn(tree).readsCounter ||
  [...variablesIn(tree).reads].some((name) => !variables.isClean(name))

/** Kinds whose text shows every variable that they assign. */
const SHOWN: ReadonlySet<string> = new Set(
  wordList(`
  select select-for-update select-into-file select-into-variable set-user-variable insert replace update delete truncate
  load-data load-data-local set set-global set-persist set-transaction set-role do use explain describe help
  show show-processlist show-warnings show-grants show-create-user show-profile show-engine
  begin commit rollback savepoint release rollback-to lock unlock kill prepare execute execute-immediate deallocate
  create-table create-table-as create-view create-index create-sequence create-database alter-table alter-view alter-sequence
  rename-table drop-table drop-column drop-partition drop-view drop-index drop-sequence drop-database
`),
)
