import { bodyOf, type Frame } from '../../wire/framer.ts'
import { errorResponse } from '../../wire/error-response.ts'
import { rowDescription, type Column } from '../../wire/row-description.ts'
import { decodeMessage, encodeMessage, serverTags } from '../../wire/server-message.ts'
import { readyForQueryCodec } from '../../wire/session-start.ts'
import { WireError } from '../../../../wire/wire-error.ts'
import { isEmptyPlan } from '../../../../masking/plan.ts'
import { ownAnswer, type ShownError } from './own-answers.ts'
import type { PipelineState } from './pipeline-state.ts'
import { mayReport } from './reported-settings.ts'
import { KeptRows } from '../results/kept-rows.ts'
import type { ColumnNames, Prepared } from './name-table.ts'
import { mayCopyIn, type Pending, type Run } from './pending.ts'
import { copyFormatOf } from '../../dialect/copy-format.ts'
import { bothOf } from '../../catalog/change-log.ts'
import { maskedError, maskedNotice, maskedNotification } from '../results/masked-messages.ts'
import { isMasked } from '../../../../sql/lineage/origin.ts'
import type { ResultRows } from '../results/result-rows.ts'

/** Pending messages of some types. */
type Sent<T extends Pending['type']> = Pending & { readonly type: T }
/** A command that the server is working on. */
type RunningCommand = Sent<'query' | 'execute'>

interface Rule {
  /** The types of messages that it may answer; undefined: it is not an answer, and may arrive at any time. */
  readonly to: ReadonlySet<Pending['type'] | undefined> | undefined
  readonly take: (it: ServerMessages, frame: Frame, head: Pending | undefined) => Buffer | undefined
}

const to = <T extends Pending['type']>(
  types: readonly T[],
  take: (it: ServerMessages, frame: Frame, head: Sent<T>) => Buffer | undefined,
): Rule => ({ to: new Set(types), take: take as Rule['take'] })
const anytime = (take: Rule['take']): Rule => ({ to: undefined, take })
const RUNS = ['query', 'execute'] as const

/** Handles each message of the server: matches answers with messages, masks values, records results. */
export class ServerMessages {
  readonly #pipeline: PipelineState
  readonly #masks: boolean
  readonly #rules: ResultRows
  /** The number of bytes of each result's rows that are recorded. */
  readonly #keeps: number

  constructor(pipeline: PipelineState, rules: ResultRows) {
    this.#pipeline = pipeline
    this.#masks = !isEmptyPlan(pipeline.session.masking)
    this.#rules = rules
    this.#keeps = pipeline.session.config.recordRows
  }

  /** Returns what the client gets for this message; undefined: nothing. */
  handle(frame: Frame): Buffer | undefined {
    const pipeline = this.#pipeline
    const { head } = pipeline.inFlight
    if (frame.piece === 'later') {
      if (head !== undefined && 'run' in head) head.run.bytes += frame.bytes.length
      return frame.bytes
    }
    if (
      head?.type === 'own' &&
      frame.tag !== serverTags.parameterStatus &&
      frame.tag !== serverTags.notificationResponse
    ) {
      return ownAnswer(frame, head, pipeline, this.#shownError)
    }
    if (head?.type === 'query' && head.run.errors > 0 && !AFTER_ERROR.has(frame.tag))
      return this.#pipeline.outOfStep(frame.tag)
    const rule = ServerMessages.#ORDER.get(frame.tag)
    if (rule === undefined || (rule.to !== undefined && !rule.to.has(head?.type)))
      return this.#pipeline.outOfStep(frame.tag)
    return rule.take(this, frame, head)
  }

  /** The order of the protocol: the messages that each message may answer, and how it is handled. Spec: Message Flow. */
  static readonly #ORDER: ReadonlyMap<number, Rule> = new Map([
    [serverTags.parseComplete, to(['parse'], (it, frame, head) => it.#confirm(frame, head))],
    [serverTags.bindComplete, to(['bind'], (it, frame, head) => it.#confirm(frame, head))],
    [serverTags.closeComplete, to(['close'], (it, frame, head) => it.#confirm(frame, head))],
    [serverTags.parameterDescription, to(['describe'], (_it, frame) => frame.bytes)],
    [serverTags.noData, to(['describe'], (it, frame, head) => it.#noData(frame, head))],
    [serverTags.rowDescription, to(['describe', 'query'], (it, frame, head) => it.#rowDescription(frame, head))],
    [serverTags.dataRow, to(RUNS, (it, frame, head) => it.#dataRow(frame, head))],
    [serverTags.copyInResponse, to(RUNS, (it, frame, head) => it.#copyIn(frame, head))],
    [serverTags.copyOutResponse, to(RUNS, (it, frame, head) => it.#copyOut(frame, head))],
    [serverTags.copyData, to(RUNS, (it, frame, head) => it.#copyData(frame, head))],
    [serverTags.copyDone, to(RUNS, (_it, frame) => frame.bytes)],
    [serverTags.commandComplete, to(RUNS, (it, frame, head) => it.#commandComplete(frame, head))],
    [serverTags.emptyQueryResponse, to(RUNS, (it, frame, head) => it.#commandComplete(frame, head))],
    [serverTags.portalSuspended, to(['execute'], (it, frame, head) => it.#commandComplete(frame, head))],
    [serverTags.readyForQuery, to(['query', 'sync'], (it, frame, head) => it.#readyForQuery(frame, head))],
    [serverTags.errorResponse, anytime((it, frame, head) => it.#error(frame, head))],
    [serverTags.noticeResponse, anytime((it, frame) => it.#notice(frame))],
    [serverTags.notificationResponse, anytime((it, frame) => it.#notification(frame))],
    [
      serverTags.parameterStatus,
      anytime((it, frame, head) => (mayReport(frame, head, it.#pipeline) ? frame.bytes : undefined)),
    ],
  ])

  #notice(frame: Frame): Buffer | undefined {
    return this.#masks ? maskedNotice(frame, this.#pipeline, this.#rules.masker) : frame.bytes
  }

  #notification(frame: Frame): Buffer | undefined {
    return this.#masks ? maskedNotification(frame, this.#pipeline) : frame.bytes
  }

  #noData(frame: Frame, head: Sent<'describe'>): Buffer | undefined {
    const { of } = head
    if (of !== undefined) {
      of.columns = []
      delete of.description
    }
    this.#described(head)
    return head.hidden ? undefined : frame.bytes
  }

  #described(head: Sent<'describe'>): void {
    this.#pipeline.noteDefinitionsChange(head.code, head)
    this.#pipeline.answered()
  }

  #copyIn(frame: Frame, { run }: RunningCommand): Buffer | undefined {
    if (!mayCopyIn(run.sql, run.statements) || !this.#pipeline.beginCopyIn()) return this.#pipeline.outOfStep(frame.tag)
    return frame.bytes
  }

  #copyOut(frame: Frame, { run }: RunningCommand): Buffer {
    run.copy = copyFormatOf(run.statements[run.index], bodyOf(frame)[0] === 1)
    return frame.bytes
  }

  #dataRow(frame: Frame, head: RunningCommand): Buffer | undefined {
    const { run } = head
    run.rows++
    run.bytes += frame.bytes.length
    const shown = this.#rules.row(frame.bytes, head)
    if (shown === undefined) return this.#pipeline.outOfStep(frame.tag)
    if (this.#keeps > 0) {
      const { prepared, resultFormats } = head.type === 'execute' ? head.portal : NO_PORTAL
      run.kept ??= new KeptRows(run.decision, this.#pipeline.session.recorder, {
        limit: this.#keeps,
        columns: (run.columns ?? prepared?.columns)?.map(({ name }) => name),
        formats: resultFormats,
      })
      run.kept.add(shown)
    }
    return shown
  }

  #rowDescription(frame: Frame, head: Sent<'describe' | 'query'>): Buffer | undefined {
    if (head.type === 'describe') {
      this.#describe(frame, head.of)
      this.#described(head)
      return head.hidden ? undefined : this.#named(frame, head.names)
    }
    this.#describe(frame, head.of)
    if (this.#keeps > 0) head.run.columns = this.#columns(frame)
    if (this.#masks) head.run.rewrites = this.#rules.rewritesFor(this.#columns(frame), head.run)
    return this.#named(frame, { errorExposure: head.run.errorExposure, outputs: this.#rules.outputs(head.run) })
  }

  #describe(frame: Frame, of: Prepared | undefined): void {
    if (of === undefined || of.description?.equals(frame.bytes) === true) return
    of.columns = this.#columns(frame)
    of.description = Buffer.from(frame.bytes)
  }

  /** Masks column names that code that is not analysed may have made of masked values. */
  #named(frame: Frame, { errorExposure, outputs }: ColumnNames): Buffer {
    if (this.#pipeline.known.masking.plan.columns.length === 0) return frame.bytes
    const isRead = outputs?.every((output) => output.repeats !== true || !isMasked(output.origin)) === true
    if (errorExposure !== 'any' && isRead) return frame.bytes
    const columns = this.#columns(frame)
    const named = columns.map((column, index) => {
      const isKnown =
        column.tableOid !== 0 ||
        column.name === NO_NAME ||
        (outputs?.length === columns.length && outputs[index]?.name === column.name)
      return isKnown ? column : { ...column, name: NO_NAME }
    })
    return named.every((column, index) => column === columns[index])
      ? frame.bytes
      : encodeMessage(rowDescription, { type: 'row-description', columns: named })
  }

  #columns = (frame: Frame): readonly Column[] => decodeMessage(rowDescription, bodyOf(frame), 'RowDescription').columns

  #commandComplete(frame: Frame, head: RunningCommand): Buffer | undefined {
    // A COPY is complete once the client has said so.
    if (head.run.index >= head.run.mostResults || this.#pipeline.copyIn) return this.#pipeline.outOfStep(frame.tag)
    const tag = frame.tag === serverTags.commandComplete ? tagOf(frame) : ''
    this.#record(head.run, { tag })
    this.#confirmNames(head.run, tag)
    head.run.index++
    head.run.copy = undefined
    this.#pipeline.noteDefinitionsChange(this.#pipeline.changes.withEarlier(head.run), head)
    head.run.rows = 0
    head.run.bytes = 0
    if (head.type === 'execute') this.#pipeline.answered()
    else {
      head.run.rewrites = undefined
      if (head.of !== undefined) head.of.columns ??= []
    }
    return frame.bytes
  }

  /** Names that SQL defined refer to evaluated statements once the server confirms that it created them. */
  #confirmNames({ statements, lineage, index, sql, errorExposure }: Run, tag: string): void {
    const { names, batch } = this.#pipeline
    const { cursors } = names
    const statement = statements[index]
    const [name] = statement?.names ?? []
    if (statement === undefined || name === undefined) return
    const outputs = lineage[index]?.outputs
    // While no columns are masked, their origins are not needed.
    if (tag === 'DECLARE CURSOR') cursors.set(name, outputs ?? [])
    if (tag === 'CLOSE CURSOR') cursors.delete(name)
    if (tag === 'CLOSE CURSOR ALL') cursors.clear()
    // A text with several statements is not the text of this one.
    if (tag === 'PREPARE' && statements.length === 1)
      names.statements
        .set(
          name,
          { sql, parameterTypes: [], columns: undefined, described: undefined, names: { errorExposure, outputs } },
          batch,
        )
        .confirm()
  }

  #confirm(frame: Frame, head: Sent<'parse' | 'bind' | 'close'>): Buffer | undefined {
    const pipeline = this.#pipeline
    head.change.confirm()
    // A cursor of SQL and a portal share their names.
    if (head.type === 'bind') {
      const [lineage] = head.portal.facts.lineage
      // A text of unknown effect that was sent meanwhile has forgotten it, and may have put something else under the name.
      const isForgotten = pipeline.names.portals.lookUp(head.portal.name, pipeline.batch).value === undefined
      if (lineage === undefined || isForgotten) pipeline.names.cursors.delete(head.portal.name)
      else pipeline.names.cursors.set(head.portal.name, lineage.outputs)
    }
    if (head.code !== undefined) this.#noteCode(head)
    this.#pipeline.answered()
    return frame.bytes
  }

  /** What the code of a message has changed was noted when it was sent; a portal was decided on after that. */
  #noteCode(head: Sent<'parse' | 'bind' | 'close'>): void {
    const pipeline = this.#pipeline
    const bound = head.type === 'bind' ? head.portal.bound : undefined
    const isCurrent = bound?.changes === pipeline.known.changes
    pipeline.noteDefinitionsChange(head.code, head)
    if (bound !== undefined && isCurrent) bound.changes = pipeline.known.changes
  }

  #readyForQuery(frame: Frame, head: Sent<'query' | 'sync'>): Buffer | undefined {
    const pipeline = this.#pipeline
    // Each text has a result or an error first, even an empty one: otherwise it is the end of something else.
    if (head.type === 'query' && head.run.index === 0 && head.run.errors === 0)
      return this.#pipeline.outOfStep(frame.tag)
    pipeline.noteStatus(decodeMessage(readyForQueryCodec, bodyOf(frame), 'ReadyForQuery').status)
    pipeline.answered()
    pipeline.noteTransaction(head)
    return frame.bytes
  }

  #error(frame: Frame, head: Pending | undefined): Buffer | undefined {
    const pipeline = this.#pipeline
    const { fields } = decodeMessage(errorResponse, bodyOf(frame), 'ErrorResponse')
    if (head?.type === 'query' && ++head.run.errors > 1) {
      // The server may be stopped, or the session terminated, before it is done with the first error.
      const isFatal = ['FATAL', 'PANIC'].includes(fields.get('V') ?? '')
      if (head.run.errors > 2 || !isFatal) return this.#pipeline.outOfStep(frame.tag)
    }
    const own =
      head?.type === 'made-to-fail' && head.sqlstate === fields.get('C')
        ? head.error
        : head?.type === 'query' && head.error?.sqlstate === fields.get('C')
          ? head.error?.bytes
          : undefined
    const bytes = own ?? this.#shownError(frame, fields)
    if (head?.type === 'query' && fields.get('C') === SYNTAX_ERROR) head.run.notUnderstood()
    if (head?.type === 'query' || head?.type === 'execute') {
      this.#record(head.run, { error: (fields.get('C') ?? 'XX000').slice(0, 5) })
      pipeline.noteDefinitionsChange(bothOf(pipeline.changes.uncommitted, head.run.change), head)
    } else if (head !== undefined && 'code' in head && head.code !== undefined)
      pipeline.noteDefinitionsChange(bothOf(pipeline.changes.uncommitted, head.code), head)
    if (head !== undefined) pipeline.copyIn = false
    if (head !== undefined && head.type !== 'query' && head.type !== 'sync') pipeline.skipToSync()
    return bytes
  }

  /** An ErrorResponse as the client sees it. */
  readonly #shownError: ShownError = (frame, fields) =>
    this.#masks ? maskedError(fields, this.#pipeline, this.#rules.masker) : frame.bytes

  #copyData(frame: Frame, head: RunningCommand): Buffer | undefined {
    head.run.rows++
    head.run.bytes += frame.bytes.length
    const line = this.#rules.copyRow(bodyOf(frame), head.run)
    if (line === undefined) return this.#pipeline.outOfStep(frame.tag)
    if (line === 'untouched') return frame.bytes
    const out = Buffer.allocUnsafe(5 + line.length)
    out[0] = serverTags.copyData
    out.writeUInt32BE(4 + line.length, 1)
    line.copy(out, 5)
    return out
  }

  #record(run: Run, result: { tag?: string; error?: string }): void {
    run.kept?.flush()
    run.kept = undefined
    this.#pipeline.session.recorder.outcome({
      type: 'result',
      command: run.decision,
      ...result,
      rows: run.rows,
      bytes: run.bytes,
      durationMs: Math.round(performance.now() - run.startedAt),
    })
  }
}

/** The server's name for a column without one. */
const NO_NAME = '?column?'
/** The messages that may arrive between the error of a simple query and its ReadyForQuery. */
const AFTER_ERROR: ReadonlySet<number> = new Set([
  serverTags.errorResponse,
  serverTags.readyForQuery,
  serverTags.noticeResponse,
  serverTags.notificationResponse,
  serverTags.parameterStatus,
])

/** The command tag of the server: it is recorded, so it must not be more than a tag. */
function tagOf(frame: Frame): string {
  const body = bodyOf(frame)
  if (body.length > MAX_TAG_LENGTH || body.indexOf(0) !== body.length - 1)
    throw new WireError('CommandComplete: unknown tag')
  return body.toString('latin1', 0, body.length - 1)
}

const NO_PORTAL = { prepared: undefined, resultFormats: [] } as const
/** COMPLETION_TAG_BUFSIZE in the server's cmdtag.h. */
const MAX_TAG_LENGTH = 64
/** Raised before anything of a text runs. Source: manual, appendix A. */
const SYNTAX_ERROR = '42601'
