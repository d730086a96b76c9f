import type { HashKeys } from '../../../../masking/replace.ts'
import type { RepeatedCommand } from '../../../../gateway/engine.ts'
import { isMasked } from '../../../../sql/lineage/origin.ts'
import type { ParsedStatement } from '../../../../sql/facts/parsed-statement.ts'
import { wordList } from '../../../../shared/word-list.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { Bind } from '../../wire/bind.ts'
import type { MaskingScope } from '../../masking/scope.ts'
import type { Column } from '../../wire/row-description.ts'
import type { ColumnNames, Prepared } from '../pipeline/name-table.ts'
import { knownRewrites, type RowRewrites } from '../results/row-masking.ts'

/** A statement that the slow path has let through, with all that is the same when it comes again. */
export interface KnownStatement {
  /** It comes with its text each time, and stands under no name. */
  readonly isParsed: boolean
  /** What it was prepared as. */
  readonly name: string
  /** As it was prepared; where it comes with its text, as it was when the slow path had it. */
  readonly prepared: Prepared
  readonly facts: StatementFacts
  /** What its text calls its columns. */
  readonly names: ColumnNames
  readonly command: RepeatedCommand
  /** The catalogs that all this was found out with. */
  readonly generation: number
  readonly parameterFormats: Bind['parameterFormats']
  readonly parameterCount: number
  readonly resultFormats: Bind['resultFormats']
  /** The bytes of a Bind behind its parameters. */
  readonly tail: Buffer
  /** What to do with its rows; undefined while nobody has said what they are. */
  rows: KnownRows | undefined
}

interface KnownRows {
  readonly columns: readonly Column[]
  readonly scope: MaskingScope
  readonly rewrites: RowRewrites
}

/**
 * Whether a statement does nothing but read and write rows: it makes no names, moves no settings, begins and ends no transaction, and all of it is
 * understood. What is decided next does not depend on whether it has run.
 */
export function leavesNoTrace(facts: StatementFacts): boolean {
  const [only] = facts.parsed
  return (
    facts.parsed.length === 1 &&
    facts.statements.length === 1 &&
    facts.statements[0]?.unknown.length === 0 &&
    facts.refusal === undefined &&
    facts.missing === undefined &&
    facts.syntaxError === undefined &&
    !facts.changesCatalog &&
    (facts.lastRead === undefined || facts.lastRead === 'unread') &&
    !facts.unresolved &&
    facts.errorExposure !== 'any' &&
    facts.comparisons.length === 0 &&
    isOfRows(only as ParsedStatement)
  )
}

const isOfRows = (statement: ParsedStatement): boolean =>
  statement.kinds.length > 0 &&
  statement.kinds.every((kind) => OF_ROWS.has(kind)) &&
  statement.tree.kind !== 'utility' &&
  statement.names.length === 0 &&
  statement.makes.length === 0 &&
  statement.settings.length === 0 &&
  !statement.opaqueSettings &&
  statement.executes === undefined &&
  statement.copy === undefined &&
  statement.renamesSchema === undefined

const OF_ROWS = new Set(wordList('select select-for-update insert update delete merge'))

/** Whether the names of its columns pass as the server says them. */
export const showsNames = ({ errorExposure, outputs }: ColumnNames, scope: MaskingScope): boolean =>
  scope.plan.columns.length === 0 ||
  (errorExposure !== 'any' && outputs?.every((output) => output.repeats !== true || !isMasked(output.origin)) === true)

/** What becomes of its rows, as the slow path would find it out; undefined while their columns are not known. */
export function rewritesOf(known: KnownStatement, scope: MaskingScope, keys: HashKeys): RowRewrites | undefined {
  const { prepared, resultFormats, facts } = known
  const { columns } = prepared
  if (columns === undefined) return undefined
  if (known.rows?.columns === columns && known.rows.scope === scope) return known.rows.rewrites
  const rewrites = knownRewrites(prepared, columns, resultFormats, facts.lineage[0]?.outputs, { scope, keys }, false)
  known.rows = { columns, scope, rewrites }
  return rewrites
}
