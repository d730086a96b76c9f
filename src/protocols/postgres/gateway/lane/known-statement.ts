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
import { knownRewrites, rowRewrites, type RowRewrites } from '../results/row-masking.ts'

/** A statement that the slow path has allowed, with everything that stays the same when it is sent again. */
export interface KnownStatement {
  /** `query`: a simple query; `text`: prepared each time as the unnamed statement; `name`: prepared before. */
  readonly comesAs: 'query' | 'text' | 'name'
  /** For a simple query: texts with other constants have the same facts. */
  readonly hasConstants: boolean
  /** The name under which it was prepared. */
  readonly name: string
  /**
   * The prepared statement; for `text`, the one that the slow path saw; for `query`, the one whose columns the server's description fills
   * in.
   */
  readonly prepared: Prepared
  readonly facts: StatementFacts
  /** It begins or ends a transaction block. */
  readonly movesBlock: boolean
  /** The names of its columns, from its text. */
  readonly names: ColumnNames
  readonly command: RepeatedCommand
  /** The reading of the catalogs that all this was determined with. */
  readonly generation: number
  readonly parameterFormats: Bind['parameterFormats']
  readonly parameterCount: number
  readonly resultFormats: Bind['resultFormats']
  /** The bytes of a Bind after its parameters. */
  readonly tail: Buffer
  /** What to do with its rows; undefined until its columns are known. */
  rows: KnownRows | undefined
}

interface KnownRows {
  readonly columns: readonly Column[]
  readonly scope: MaskingScope
  readonly rewrites: RowRewrites
}

/**
 * Whether a statement only reads and writes rows, or begins or ends a transaction: it defines no names, changes no settings, and is fully
 * understood. Later decisions do not depend on whether it has run.
 */
export function leavesNoTrace(facts: StatementFacts): boolean {
  const [only] = facts.parsed
  return (
    only !== undefined &&
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
    isPlain(only)
  )
}

const isOfRows = ({ kinds, tree }: ParsedStatement): boolean =>
  kinds.length > 0 && kinds.every((kind) => OF_ROWS.has(kind)) && tree.kind !== 'utility'

/** Whether a statement begins or ends a transaction block and does nothing else. */
export const isOfBlock = ({ kinds: [kind, ...others], readWrite }: ParsedStatement): boolean =>
  kind !== undefined && OF_BLOCKS.has(kind) && others.length === 0 && !readWrite

const isPlain = (statement: ParsedStatement): boolean =>
  (isOfRows(statement) || isOfBlock(statement)) &&
  statement.names.length === 0 &&
  statement.makes.length === 0 &&
  statement.settings.length === 0 &&
  !statement.opaqueSettings &&
  statement.executes === undefined &&
  statement.copy === undefined &&
  statement.renamesSchema === undefined

const OF_ROWS = new Set(wordList('select select-for-update insert update delete merge'))
const OF_BLOCKS = new Set(wordList('begin start commit rollback'))

/** Whether the names of its columns pass as the server sends them. */
export const showsNames = ({ errorExposure, outputs }: ColumnNames, scope: MaskingScope): boolean =>
  scope.plan.columns.length === 0 ||
  (errorExposure !== 'any' && outputs?.every((output) => output.repeats !== true || !isMasked(output.origin)) === true)

/** The rewrites of its rows, as the slow path would determine them; undefined while their columns are unknown. */
export function rewritesOf(known: KnownStatement, scope: MaskingScope, keys: HashKeys): RowRewrites | undefined {
  const { prepared, resultFormats, facts, comesAs } = known
  const { columns } = prepared
  if (columns === undefined) return undefined
  if (known.rows?.columns === columns && known.rows.scope === scope) return known.rows.rewrites
  const outputs = facts.lineage[0]?.outputs
  const masker = { scope, keys }
  const rewrites =
    comesAs === 'query'
      ? rowRewrites(columns, undefined, outputs, masker)
      : knownRewrites(prepared, columns, resultFormats, outputs, masker, false)
  known.rows = { columns, scope, rewrites }
  return rewrites
}
