import type { KeptRows } from '../../../../gateway/kept-rows.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { Answer } from '../../wire/answer.ts'
import type { ColumnDefinition } from '../../wire/column-definition.ts'
import type { Charset } from '../../wire/charsets.ts'
import type { StmtPrepareOk } from '../../wire/stmt-prepare-ok.ts'
import type { RowMasking } from '../results/row-masking.ts'
import type { MaskingScope } from '../../../../sql/masking/masking-scope.ts'
import type { OwnRows } from '../login/target-queries.ts'

/** A command that was sent and is being answered: there is one at a time. */
export type Exchange = ClientExchange | OwnExchange

export interface ClientExchange {
  readonly type: 'client'
  readonly answer: Answer
  /** Undefined for what runs nothing. */
  readonly run: Run | undefined
  /** The target has taken it. */
  readonly onDone?: (() => void) | undefined
  /** All statements of a text have succeeded, and no rows of it are kept for later. */
  readonly onSucceeded?: (() => void) | undefined
  readonly onPrepared?: ((prepared: StmtPrepareOk) => void) | undefined
  /** The target keeps the rows for COM_STMT_FETCH. */
  readonly onCursor?: (() => void) | undefined
  /** Of the file that the target asks for next. */
  readonly file?: string | undefined
}

export interface OwnExchange {
  readonly type: 'own'
  readonly answer: Answer
  readonly rows: OwnRows
  columns: number
  /** Bytes that the rows may still have. */
  room: number
  readonly done: (error?: Error) => void
}

/** One statement or text at work. */
export interface Run {
  readonly decision: string
  readonly facts: StatementFacts
  /** By what its values are hidden. */
  readonly scope: MaskingScope | undefined
  /** Of values and names in results; undefined where each comes in its own. */
  readonly results: Charset | undefined
  readonly startedAt: number
  /** Which of the results is being answered. */
  index: number
  rows: number
  bytes: number
  /** Of the result at work, where somebody looks into its rows. */
  columns: ColumnDefinition[]
  /** What becomes of them; undefined where they pass. */
  rewrite: RowMasking | undefined
  /** Its rows on their way into the record. */
  kept: KeptRows | undefined
}

export const startRun = (parts: Pick<Run, 'decision' | 'facts' | 'scope' | 'results'>): Run => ({
  ...parts,
  startedAt: performance.now(),
  index: 0,
  rows: 0,
  bytes: 0,
  columns: [],
  rewrite: undefined,
  kept: undefined,
})
