import { wordList } from '../../../../shared/word-list.ts'
import { isTextGuardedByCatalogs } from '../../dialect/guard.ts'
import { readsAnything } from '../../dialect/relations-behind.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { ParsedStatement } from '../../../../sql/facts/parsed-statement.ts'
import type { Change, ChangedBy, Touches } from '../../catalog/change-log.ts'

/** What the decision about a statement rests on, while the server may not have analysed it. */
export interface Dependencies {
  readonly names: ReadonlySet<string>
  /** When it was sent, by `performance.now()`. */
  readonly since: number
  /** The number of statements: all but the first of a text are analysed later. */
  readonly statements: number
  /** A new rule of another session may turn it into another statement, through views of any names. */
  readonly byRules: boolean
}

/** Whether a statement may commit or roll back earlier ones. */
export const endsTransaction = ({ kinds }: Pick<ParsedStatement, 'kinds'>): boolean =>
  kinds.some((kind) => ENDS.has(kind))

/** Whether a statement runs code of earlier ones: deferred triggers, or what a cursor was declared for. */
export const runsEarlierCode = ({ kinds }: Pick<ParsedStatement, 'kinds'>): boolean =>
  kinds.some((kind) => RUNS_EARLIER_CODE.has(kind))

/** Whether a text that is sent within a transaction may make definitions visible to others. */
export const commits = ({ parsed, changesCatalog }: Pick<StatementFacts, 'parsed' | 'changesCatalog'>): boolean =>
  parsed.some(({ kinds }) => kinds.includes('commit')) || (changesCatalog && parsed.some(endsTransaction))

/** The definitions that a text changes, by the names that other sessions know; undefined: none. */
export function changesOf(facts: StatementFacts): Touches | undefined {
  if (!facts.changesCatalog) return undefined
  if (facts.parsed.length === 0 || facts.statements.some(({ unknown }) => unknown.length > 0)) return 'anything'
  const names = new Set<string>()
  for (const { kinds, reads, writes, makes, cascade } of facts.parsed) {
    if (!kinds.some((kind) => CHANGES.test(kind))) continue
    if (cascade || !kinds.every((kind) => OF_RELATIONS.has(kind))) return 'anything'
    for (const { name } of [...reads, ...writes, ...makes]) names.add(name)
  }
  return names
}

/** The same, with what must be read again after it. It is asked for at every step of a statement that changes any. */
export function changeOf(facts: StatementFacts): Change | undefined {
  if (!facts.changesCatalog && (facts.lastRead === undefined || facts.lastRead === 'unread')) return undefined
  const before = changes.get(facts)
  if (before !== undefined) return before
  const change = findChange(facts)
  if (change !== undefined) changes.set(facts, change)
  return change
}

const changes = new WeakMap<StatementFacts, Change>()

function findChange(facts: StatementFacts): Change | undefined {
  const touches = changesOf(facts)
  const by = changedBy(facts)
  const makesRules = mayMakeRules(facts)
  // The code that it runs is unknown. A statement that is unresolved only because of another unresolved one does not count, or there would
  // be no end of them.
  if (facts.lastRead !== undefined && facts.lastRead !== 'unread')
    return { by, touches: 'anything', renews: 'anything', makesRules }
  if (touches === undefined || touches === 'anything') return touches && { by, touches, renews: touches, makesRules }
  const changing = facts.parsed.filter(({ kinds }) => kinds.some((kind) => CHANGES.test(kind)))
  if (!changing.every(({ kinds }) => kinds.every((kind) => MAKES.has(kind))))
    return { by, touches, renews: 'anything', makesRules }
  const renews = new Set(touches)
  for (const { tree } of changing) if (tree.kind === 'utility') for (const name of tree.detail.gives) renews.add(name)
  // Partitions get an index along with their table.
  for (const { behind, writes } of facts.statements)
    for (const name of [...behind, ...writes]) for (const last of lastNames(name)) renews.add(last)
  return { by, touches, renews, makesRules }
}

/** A text that cannot be parsed may be a definition for older or newer servers. */
function changedBy({ parsed, changesCatalog, lastRead }: StatementFacts): ChangedBy {
  const defines = parsed.some(({ kinds }) => kinds.some((kind) => CHANGES.test(kind) && !RUNS_CODE.has(kind)))
  if (defines || parsed.length === 0) return 'definition'
  return lastRead === undefined || changesCatalog ? 'code' : 'unread'
}

/** Whether a text creates a rule, or cannot be parsed: all other definitions are known to create none. */
const mayMakeRules = ({ parsed }: StatementFacts): boolean =>
  parsed.length === 0 ||
  parsed.some(({ kinds }) =>
    kinds.some(
      (kind) => CHANGES.test(kind) && !RUNS_CODE.has(kind) && !kind.startsWith('drop-') && !MAKES_NO_RULES.has(kind),
    ),
  )

/** Whether the facts of a text may differ after something else was created; `undefined`: nothing was. */
export function isRenewed(facts: StatementFacts, renewed: Touches | undefined): boolean {
  if (renewed === undefined) return false
  if (renewed === 'anything' || facts.parsed.length === 0) return true
  if (facts.statements.some((statement) => statement.unknown.length > 0 || readsAnything(statement))) return true
  for (const { kinds, makes, fields, typeNames, tree } of facts.parsed) {
    if (!kinds.every((kind) => RESTS_ON_NAMES.has(kind))) return true
    // The array type of a relation has a name derived from that of the relation.
    if (typeNames.some((name) => name.startsWith('_'))) return true
    const gives = tree.kind === 'utility' ? tree.detail.gives : []
    for (const name of [...makes.map((made) => made.name), ...fields.map((field) => field.name), ...gives])
      if (isMadeFrom(name, renewed)) return true
  }
  for (const name of namesIn(facts)) if (isMadeFrom(name, renewed)) return true
  return false
}

/** Whether a name is one of these, or one that the server derives from one for an index or a sequence. */
export function isMadeFrom(name: string, all: ReadonlySet<string>): boolean {
  if (all.has(name)) return true
  for (const of of all) if (name.startsWith(stemOf(of))) return true
  return false
}

const stems = new Map<string, string>()

/** The prefix of such derived names: long names are truncated. Source: makeObjectName in the server's indexcmds.c. */
function stemOf(name: string): string {
  const known = stems.get(name)
  if (known !== undefined) return known
  let stem = ''
  for (const character of name) {
    if (Buffer.byteLength(stem + character) > KEPT_OF_NAME) break
    stem += character
  }
  if (stem === name) stem += '_'
  if (stems.size >= MAX_STEMS) stems.clear()
  stems.set(name, stem)
  return stem
}

/** The possible unqualified names in `schema.name`, where both parts may contain dots. */
function lastNames(qualified: string): string[] {
  const names: string[] = []
  for (let at = qualified.indexOf('.'); at >= 0; at = qualified.indexOf('.', at + 1))
    names.push(qualified.slice(at + 1))
  return names
}

/** Whether it changes definitions by a defining statement, and not by code that may. */
export const isNamed = (facts: StatementFacts): boolean =>
  facts.parsed.length > 0 &&
  facts.statements.every(({ unknown }) => unknown.length === 0) &&
  (facts.lastRead === undefined || facts.changesCatalog)

/** What other sessions must not change between the decision and the server's own analysis. */
export const dependenciesOf = (facts: StatementFacts, since = performance.now()): Dependencies =>
  new Rests(facts, since)

/** The same for an Execute: by then the server has planned SELECT and DML, but looks up other statements, and the checks of domains, only now. */
export const dependenciesOfExecute = (facts: StatementFacts, since?: number): Dependencies | undefined =>
  facts.parsed.some(({ tree, typeNames }) => tree.kind === 'utility' || typeNames.length > 0)
    ? dependenciesOf(facts, since)
    : undefined

/** The names of most statements are never asked for, since no other session changes definitions meanwhile. */
class Rests implements Dependencies {
  readonly since: number
  readonly statements: number
  readonly byRules: boolean
  readonly #facts: StatementFacts

  constructor(facts: StatementFacts, since: number) {
    this.#facts = facts
    this.since = since
    this.statements = Math.max(1, facts.parsed.length)
    this.byRules = isTextGuardedByCatalogs(facts)
  }

  get names(): ReadonlySet<string> {
    return namesIn(this.#facts)
  }
}

const known = new WeakMap<StatementFacts, ReadonlySet<string>>()

/** The unqualified names of everything that a text rests on, named or behind. */
export function namesIn(facts: StatementFacts): ReadonlySet<string> {
  const before = known.get(facts)
  if (before !== undefined) return before
  const names = new Set<string>()
  for (const { reads, writes, functions, operators, typeNames } of facts.parsed) {
    for (const { name } of [...reads, ...writes, ...functions, ...operators]) names.add(name)
    for (const name of typeNames) names.add(name)
  }
  for (const { behind, reads, writes } of facts.statements)
    for (const name of [...behind, ...reads, ...writes]) for (const last of lastNames(name)) names.add(last)
  // A text that cannot be parsed may rest on anything.
  if (facts.parsed.length === 0) names.add('')
  known.set(facts, names)
  return names
}

const ENDS = new Set(wordList('commit rollback rollback-to prepare-transaction'))
const RUNS_EARLIER_CODE = new Set(wordList('fetch move set-constraints'))
/** The kinds for which `changesCatalog` is set. */
const CHANGES =
  /^(create-|alter-|drop-|select-into|rename|define|do$|call$|import-|discard|commit-prepared|rollback-prepared)/
/** Those of these that run code that is not analysed. */
const RUNS_CODE = new Set(wordList('do call'))
/** Definitions that do not add to the rules (pg_rewrite), or remove some; CREATE SCHEMA may contain views. */
const MAKES_NO_RULES = new Set(
  wordList(`
  create-table create-table-as select-into create-index create-sequence create-type create-domain create-function create-procedure
  create-trigger create-policy create-role create-statistics create-foreign-table create-cast create-operator-class define
  alter-table alter-view alter-index alter-sequence alter-type alter-domain alter-function alter-owner alter-policy alter-role
  alter-default-privileges alter-operator alter-statistics alter-trigger alter-object-schema rename discard
`),
)
/** Definitions that only concern the relations that they name. */
const OF_RELATIONS = new Set(
  wordList(`
  create-table create-index create-sequence create-view create-materialized-view create-table-as select-into alter-table drop-column
  drop-table drop-index drop-view drop-sequence drop-materialized-view create-trigger create-rule create-policy alter-policy select
  create-statistics alter-sequence alter-index alter-view insert update delete
`),
)
/** Statements that create relations and change nothing that existed before. */
const MAKES = new Set(
  wordList(`
  create-table create-index create-sequence create-view create-materialized-view create-table-as select-into select insert
`),
)
/** Statements that depend only on the relations that they name, and on those behind them. */
const RESTS_ON_NAMES = new Set([
  ...MAKES,
  ...wordList(`
  select-for-update update delete merge copy-to copy-from truncate alter-table drop-column drop-table drop-index drop-view
  drop-sequence drop-materialized-view prepare declare-cursor begin commit rollback savepoint release
`),
])
/** The minimum number of bytes of a name, of 63, that a derived name keeps. */
const KEPT_OF_NAME = 20
const MAX_STEMS = 5000
