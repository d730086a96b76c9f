import { wordList } from '../../../../shared/word-list.ts'
import { isTextGuardedByCatalogs } from '../../dialect/guard.ts'
import { readsAnything } from '../../dialect/relations-behind.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { ParsedStatement } from '../../../../sql/facts/parsed-statement.ts'
import type { Change, ChangedBy, Touches } from '../../catalog/change-log.ts'

/** What a statement was decided with, while the server may not have looked at it. */
export interface Rests {
  readonly names: ReadonlySet<string>
  /** By `performance.now()`. */
  readonly since: number
  /** Of a text with several, all but the first are looked at later. */
  readonly statements: number
  /** A rule that others make may make another statement of it, through views of any names. */
  readonly byRules: boolean
}

/** It may commit, or take back, what was done before. */
export const endsTransaction = ({ kinds }: Pick<ParsedStatement, 'kinds'>): boolean =>
  kinds.some((kind) => ENDS.has(kind))

/** Whether a text that is sent within a transaction may make definitions visible to others. */
export const commits = ({ parsed, changesCatalog }: Pick<StatementFacts, 'parsed' | 'changesCatalog'>): boolean =>
  parsed.some(({ kinds }) => kinds.includes('commit')) || (changesCatalog && parsed.some(endsTransaction))

/** What definitions a text changes, as others may know them by name; undefined: none. */
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

/** The same, with what has to be read again after it. */
export function changeOf(facts: StatementFacts): Change | undefined {
  const touches = changesOf(facts)
  const by = changedBy(facts)
  const makesRules = mayMakeRules(facts)
  // What it runs nobody knows. Of statements of this kind one does not make another: else there would be no end of them.
  if (facts.lastRead !== undefined && facts.lastRead !== 'unread')
    return { by, touches: 'anything', renews: 'anything', makesRules }
  if (touches === undefined || touches === 'anything') return touches && { by, touches, renews: touches, makesRules }
  const changing = facts.parsed.filter(({ kinds }) => kinds.some((kind) => CHANGES.test(kind)))
  if (!changing.every(({ kinds }) => kinds.every((kind) => MAKES.has(kind))))
    return { by, touches, renews: 'anything', makesRules }
  const renews = new Set(touches)
  for (const { tree } of changing) if (tree.kind === 'utility') for (const name of tree.detail.gives) renews.add(name)
  // Partitions get an index with the table that they are of.
  for (const { behind, writes } of facts.statements)
    for (const name of [...behind, ...writes]) for (const last of lastNames(name)) renews.add(last)
  return { by, touches, renews, makesRules }
}

/** A text that is not read may be one that older or newer servers read as a definition. */
function changedBy({ parsed, changesCatalog, lastRead }: StatementFacts): ChangedBy {
  const defines = parsed.some(({ kinds }) => kinds.some((kind) => CHANGES.test(kind) && !RUNS_CODE.has(kind)))
  if (defines || parsed.length === 0) return 'definition'
  return lastRead === undefined || changesCatalog ? 'code' : 'unread'
}

/** Whether a text says that it makes a rule, or cannot be read: of all other definitions it is known that they make none. */
const mayMakeRules = ({ parsed }: StatementFacts): boolean =>
  parsed.length === 0 ||
  parsed.some(({ kinds }) =>
    kinds.some(
      (kind) => CHANGES.test(kind) && !RUNS_CODE.has(kind) && !kind.startsWith('drop-') && !MAKES_NO_RULES.has(kind),
    ),
  )

/** Whether what a text says may be another thing after something else was made; `undefined`: nothing was. */
export function isRenewed(facts: StatementFacts, renewed: Touches | undefined): boolean {
  if (renewed === undefined) return false
  if (renewed === 'anything' || facts.parsed.length === 0) return true
  if (facts.statements.some((statement) => statement.unknown.length > 0 || readsAnything(statement))) return true
  for (const { kinds, makes, fields, typeNames, tree } of facts.parsed) {
    if (!kinds.every((kind) => RESTS_ON_NAMES.has(kind))) return true
    // The type of its arrays has a name that is made of that of a relation.
    if (typeNames.some((name) => name.startsWith('_'))) return true
    const gives = tree.kind === 'utility' ? tree.detail.gives : []
    for (const name of [...makes.map((made) => made.name), ...fields.map((field) => field.name), ...gives])
      if (isMadeFrom(name, renewed)) return true
  }
  for (const name of namesIn(facts)) if (isMadeFrom(name, renewed)) return true
  return false
}

/** Whether it is one of these names, or one that the server makes of one for an index or a sequence. */
export function isMadeFrom(name: string, all: ReadonlySet<string>): boolean {
  if (all.has(name)) return true
  for (const of of all) if (name.startsWith(stemOf(of))) return true
  return false
}

const stems = new Map<string, string>()

/** What such names begin with: what is too long is cut. Source: makeObjectName in the server's indexcmds.c. */
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

/** Of `schema.name`, where both may have dots in them, whatever may be the name. */
export function lastNames(qualified: string): string[] {
  const names: string[] = []
  for (let at = qualified.indexOf('.'); at >= 0; at = qualified.indexOf('.', at + 1))
    names.push(qualified.slice(at + 1))
  return names
}

/** Whether it changes definitions by a statement that says so, or runs code that may. */
export const isNamed = (facts: StatementFacts): boolean =>
  facts.parsed.length > 0 &&
  facts.statements.every(({ unknown }) => unknown.length === 0) &&
  (facts.lastRead === undefined || facts.changesCatalog)

/** What others must not change between the decision and the server's own look; undefined: nothing is looked up. */
export function restsOn(facts: StatementFacts, since = performance.now()): Rests | undefined {
  const names = namesIn(facts)
  if (names.size === 0) return undefined
  return { names, since, statements: Math.max(1, facts.parsed.length), byRules: isTextGuardedByCatalogs(facts) }
}

const known = new WeakMap<StatementFacts, ReadonlySet<string>>()

/** Last names of everything that a text rests on, named or behind. */
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
  // A text that is not read may rest on anything.
  if (facts.parsed.length === 0) names.add('')
  known.set(facts, names)
  return names
}

const ENDS = new Set(wordList('commit rollback rollback-to prepare-transaction'))
/** As `changesCatalog` is told. */
const CHANGES =
  /^(create-|alter-|drop-|select-into|rename|define|do$|call$|import-|discard|commit-prepared|rollback-prepared)/
/** Of these, what runs code that is not read. */
const RUNS_CODE = new Set(wordList('do call'))
/** Definitions that leave what there is of rules (pg_rewrite) as it was, or take some of it away; CREATE SCHEMA may have views in it. */
const MAKES_NO_RULES = new Set(
  wordList(`
  create-table create-table-as select-into create-index create-sequence create-type create-domain create-function create-procedure
  create-trigger create-policy create-role create-statistics create-foreign-table create-cast create-operator-class define
  alter-table alter-view alter-index alter-sequence alter-type alter-domain alter-function alter-owner alter-policy alter-role
  alter-default-privileges alter-operator alter-statistics alter-trigger alter-object-schema rename discard
`),
)
/** Definitions that concern nothing but the relations that they name. */
const OF_RELATIONS = new Set(
  wordList(`
  create-table create-index create-sequence create-view create-materialized-view create-table-as select-into alter-table drop-column
  drop-table drop-index drop-view drop-sequence drop-materialized-view create-trigger create-rule create-policy alter-policy select
  create-statistics alter-sequence alter-index alter-view insert update delete
`),
)
/** What makes relations, and changes nothing that was there before. */
const MAKES = new Set(
  wordList(`
  create-table create-index create-sequence create-view create-materialized-view create-table-as select-into select insert
`),
)
/** What depends on the relations that it names, and on those behind them, and on no others. */
const RESTS_ON_NAMES = new Set([
  ...MAKES,
  ...wordList(`
  select-for-update update delete merge copy-to copy-from truncate alter-table drop-column drop-table drop-index drop-view
  drop-sequence drop-materialized-view prepare declare-cursor begin commit rollback savepoint release
`),
])
/** Bytes of a name that are left at least in one that is made of it, of the 63 that it may have. */
const KEPT_OF_NAME = 20
const MAX_STEMS = 5000
