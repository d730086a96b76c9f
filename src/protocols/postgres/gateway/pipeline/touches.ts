import { words } from '../../../../shared/words.ts'
import type { StatementFacts } from '../../dialect/command-facts.ts'
import type { ParsedStatement } from '../../../../sql/facts/parsed-statement.ts'
import type { Touches } from '../../catalog/shared-definitions.ts'

/** What a statement was decided with, while the server may not have looked at it. */
export interface Rests {
  readonly names: ReadonlySet<string>
  /** By `performance.now()`. */
  readonly since: number
  /** Of a text with several, all but the first are looked at later. */
  readonly statements: number
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

/** Whether it changes definitions by a statement that says so, or runs code that may. */
export const isNamed = (facts: StatementFacts): boolean =>
  facts.parsed.length > 0 && facts.statements.every(({ unknown }) => unknown.length === 0)

/** What others must not change between the decision and the server's own look; undefined: nothing is looked up. */
export function restsOn(facts: StatementFacts): Rests | undefined {
  const names = namesIn(facts)
  return names.size === 0
    ? undefined
    : { names, since: performance.now(), statements: Math.max(1, facts.parsed.length) }
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
    for (const name of [...behind, ...reads, ...writes]) names.add(name.slice(name.indexOf('.') + 1))
  // A text that is not read may rest on anything.
  if (facts.parsed.length === 0) names.add('')
  known.set(facts, names)
  return names
}

const ENDS = new Set(words('commit rollback rollback-to prepare-transaction'))
/** As `changesCatalog` is told. */
const CHANGES =
  /^(create-|alter-|drop-|select-into|rename|define|do$|call$|import-|discard|commit-prepared|rollback-prepared)/
/** Definitions that concern nothing but the relations that they name. */
const OF_RELATIONS = new Set(
  words(`
  create-table create-index create-sequence create-view create-materialized-view create-table-as select-into alter-table drop-column
  drop-table drop-index drop-view drop-sequence drop-materialized-view create-trigger create-rule create-policy alter-policy select
  create-statistics alter-sequence alter-index alter-view insert update delete
`),
)
