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
  /** Undefined for commands that run nothing. */
  readonly run: Run | undefined
  /** Called when the target has accepted the command. */
  readonly onDone?: (() => void) | undefined
  /** Called when all statements of a text have succeeded, and the server keeps no rows of it for later. */
  readonly onSucceeded?: (() => void) | undefined
  readonly onPrepared?: ((prepared: StmtPrepareOk) => void) | undefined
  /** Called when the target keeps the rows for COM_STMT_FETCH. */
  readonly onCursor?: (() => void) | undefined
  /** The file that the target may request. */
  readonly file?: string | undefined
}

export interface OwnExchange {
  readonly type: 'own'
  readonly answer: Answer
  readonly rows: OwnRows
  columns: number
  /** Bytes left for the rows. */
  room: number
  readonly done: (error?: Error) => void
}

/** A running statement or text. */
export interface Run {
  readonly decision: string
  readonly facts: StatementFacts
  /** The scope that its values are masked with. */
  readonly scope: MaskingScope | undefined
  /** The character set of values and names in results; undefined if each has its own. */
  readonly results: Charset | undefined
  readonly startedAt: number
  /** The index of the current result. */
  index: number
  rows: number
  bytes: number
  /** The columns of the current result, if its rows are inspected. */
  columns: ColumnDefinition[]
  /** The masking of its rows; undefined if they pass unchanged. */
  rewrite: RowMasking | undefined
  /** The rows of the current result that are being recorded. */
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
