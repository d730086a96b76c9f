import { rewriteDataRow } from '../../wire/data-row.ts'
import type { Column } from '../../wire/row-description.ts'
import { passRows, rewriteCopyRows, rewriteRows, type RowRun } from '../../wire/row-run.ts'
import { serverTags } from '../../wire/server-message.ts'
import { isEmptyPlan } from '../../../../masking/plan.ts'
import type { PipelineState } from '../pipeline/pipeline-state.ts'
import { copyTypes } from '../../dialect/copy-types.ts'
import { isMasked, type Output } from '../../../../sql/lineage/origin.ts'
import type { Pending, Run } from '../pipeline/pending.ts'
import {
  copyRewrites,
  knownRewrites,
  maskCopyRow,
  rowRewrites,
  type CopiedRows,
  type Masker,
  type RowRewrites,
} from './row-masking.ts'

/** A command that can return rows. */
export type RunningCommand = Pending & { readonly type: 'query' | 'execute' }

/**
 * Decides on the rows of a result: they pass unchanged, in the memory that they arrived in; or have columns replaced; or, while their
 * columns are unknown, do not pass.
 */
export class ResultRows {
  readonly #pipeline: PipelineState
  readonly #masks: boolean

  constructor(pipeline: PipelineState) {
    this.#pipeline = pipeline
    this.#masks = !isEmptyPlan(pipeline.session.masking)
  }

  get masker(): Masker {
    const { known, session } = this.#pipeline
    return { scope: known.masking, keys: session.hashKeys }
  }

  /** Consecutive DataRows from an offset on. Undefined: they must be handled one by one. */
  rowRun(bytes: Buffer, at: number, head: RunningCommand): RowRun | undefined {
    const limits = { tag: serverTags.dataRow, longest: this.#pipeline.session.limits.resultMessageBytes }
    const rewrites = this.#rewritesOf(head)
    if (rewrites === undefined) return undefined
    return rewrites === 'untouched'
      ? passRows(bytes, at, limits.tag, limits.longest)
      : rewriteRows(bytes, at, rewrites, limits)
  }

  /** The same for rows of COPY. */
  copyRun(bytes: Buffer, at: number, run: Run): RowRun | undefined {
    const limits = { tag: serverTags.copyData, longest: this.#pipeline.session.limits.resultMessageBytes }
    if (!this.#masks) return passRows(bytes, at, limits.tag, limits.longest)
    const { copy } = run
    const { kinds } = this.#pipeline.known.masking.plan
    const delimiter = copy?.delimiter.charCodeAt(0) ?? 0
    if (copy?.format !== 'text' || copy.null !== '\\N' || copy.delimiter.length !== 1 || delimiter >= 0x80)
      return undefined
    if (kinds.length > 0 || (copy.header && run.rows === 0)) return undefined
    const copied = this.#copied(run)
    if (copied.outputs?.every(({ origin }) => !isMasked(origin)) === true)
      return passRows(bytes, at, limits.tag, limits.longest)
    const { masker } = this
    const format = {
      delimiter,
      fieldsOf: (count: number) => copyRewrites(count, copied, masker),
      slow: (row: Buffer) => maskCopyRow(row, copied, masker) ?? row,
    }
    return rewriteCopyRows(bytes, at, format, limits)
  }

  /** A whole DataRow; undefined: it must not pass. */
  row(frame: Buffer, head: RunningCommand): Buffer | undefined {
    const rewrites = this.#rewritesOf(head)
    if (rewrites === undefined) return undefined
    return rewrites === 'untouched' ? frame : rewriteDataRow(frame, rewrites)
  }

  /** A row of COPY, given as the body of its message and already counted. Undefined: it must not pass. */
  copyRow(body: Buffer, run: Run): Buffer | 'untouched' | undefined {
    if (!this.#masks) return 'untouched'
    // The format of a row follows from the statement; where it is unknown, no row may pass.
    if (run.copy === undefined) return undefined
    const isHeader = run.rows === 1 && run.copy.header
    const line = isHeader ? body : maskCopyRow(body, this.#copied(run), this.masker)
    return line === body ? 'untouched' : line
  }

  /** What to do with the columns of a result that the server has just described. */
  rewritesFor(columns: readonly Column[], run: Run): RowRewrites {
    return rowRewrites(columns, undefined, this.outputs(run), this.masker, isPlan(run))
  }

  /** Undefined while the columns are unknown; then no row may pass. */
  #rewritesOf(head: RunningCommand): RowRewrites | undefined {
    if (!this.#masks) return 'untouched'
    const { run } = head
    if (run.rewrites === undefined && head.type === 'execute') {
      const { prepared, resultFormats } = head.portal
      const { columns } = prepared
      if (columns !== undefined)
        run.rewrites = knownRewrites(prepared, columns, resultFormats, this.outputs(run), this.masker, isPlan(run))
    }
    return run.rewrites
  }

  #copied(run: Run): CopiedRows {
    const { plan } = this.#pipeline.known.masking
    if (run.copied?.format === run.copy && run.copied !== undefined) return run.copied
    const statement = run.statements[run.index]
    run.copied = {
      format: run.copy,
      outputs: plan.columns.length === 0 ? undefined : this.outputs(run),
      types: statement && copyTypes(statement, this.#pipeline.known.catalog),
    }
    return run.copied
  }

  /** The origins of the current result's columns; undefined where they are unknown. */
  outputs({ lineage, statements, index }: Run): readonly Output[] | undefined {
    const statement = statements[index]
    const [cursor] = statement?.names ?? []
    if (statement?.kinds.includes('fetch') === true)
      return cursor === undefined ? undefined : this.#pipeline.names.cursors.get(cursor)
    return lineage[index]?.outputs
  }
}

/** What EXPLAIN reveals of masked columns. */
const isPlan = ({ statements, index, errorExposure }: Run): boolean =>
  errorExposure !== 'none' && statements[index]?.kinds.includes('explain') === true
