import { KeptRows } from '../../../../gateway/kept-rows.ts'
import { isEmptyPlan } from '../../../../masking/plan.ts'
import { ByteReader } from '../../../../wire/byte-reader.ts'
import { WireError } from '../../../../wire/wire-error.ts'
import { byteAt } from '../../../../wire/byte-at.ts'
import type { AnswerPart } from '../../wire/answer.ts'
import { readable, valueText } from '../../wire/binary-value.ts'
import { has, statusFlags } from '../../wire/capabilities.ts'
import { charsetOfCollation, decodeText, type Charset } from '../../wire/charsets.ts'
import { columnFlags, readColumnDefinition, type ColumnDefinition } from '../../wire/column-definition.ts'
import { EOF } from '../../wire/eof.ts'
import { encodeErr, type Err } from '../../wire/err.ts'
import { payloadOf, type Frame } from '../../wire/framer.ts'
import { encodeOk, type Ok, type SessionChange } from '../../wire/ok.ts'
import { readTextRow } from '../../wire/text-row.ts'
import type { ParsedStatement } from '../../../../sql/facts/parsed-statement.ts'
import type { Expression } from '../../../../sql/query.ts'
import type { Output } from '../../../../sql/lineage/origin.ts'
import { hideAccountSecrets } from '../results/account-secrets.ts'
import { listMasking, listsOf } from '../results/listed-values.ts'
import { maskedDefault } from '../results/masked-default.ts'
import { isPlainInfo, maskedErr, meantRows, warningMasking } from '../results/masked-messages.ts'
import type { RowForm } from '../results/hidden-values.ts'
import { rowMasking, type Masker, type RowMasking } from '../results/row-masking.ts'
import { variablesIn } from '../../dialect/variable-effects.ts'
import { isCounterSetting } from '../../dialect/counters.ts'
import type { StatementAnalyzer } from './analyze-statement.ts'
import type { ClientSide } from './client-side.ts'
import type { ClientExchange, Run } from './exchange.ts'
import type { Pipeline } from './pipeline.ts'

/** Handles each packet that answers a client's command: returns the payload to send in its place, or undefined if it passes unchanged. */
export class ServerAnswers {
  readonly #pipeline: Pipeline
  readonly #analyzer: StatementAnalyzer
  readonly #clientSide: Pick<ClientSide, 'beginUpload'>
  readonly #masks: boolean
  readonly #keepsRows: boolean

  constructor(pipeline: Pipeline, analyzer: StatementAnalyzer, clientSide: Pick<ClientSide, 'beginUpload'>) {
    const { session } = pipeline
    this.#pipeline = pipeline
    this.#analyzer = analyzer
    this.#clientSide = clientSide
    this.#masks = !isEmptyPlan(session.masking)
    this.#keepsRows = session.config.recordRows > 0
  }

  handle(part: AnswerPart, frame: Frame, exchange: ClientExchange): Buffer | undefined {
    const { run } = exchange
    switch (part.type) {
      case 'ok': {
        const shown = this.#okFor(part.ok, run)
        this.#ends(part.ok, run, tagOf(part.ok))
        exchange.onDone?.()
        if (exchange.answer.isComplete) exchange.onSucceeded?.()
        return shown
      }
      case 'error':
        this.#failed(part.error, run)
        return this.#errorFor(part.error, run)
      case 'columns':
        if (run !== undefined) this.#beginResult(run)
        return undefined
      case 'column':
        if (part.of === 'list' && run !== undefined) return this.#listed(frame, run)
        if (part.of === 'result' && run !== undefined) this.#column(frame, run, part.isLast, exchange.answer.isBinary)
        return undefined
      case 'row':
        return run === undefined ? undefined : this.#row(frame, run, exchange.answer.isBinary)
      case 'rows-end':
        this.#ends(part.end, run, run?.rows === 0 ? 'no rows' : undefined)
        exchange.onDone?.()
        if (exchange.answer.isComplete) exchange.onSucceeded?.()
        if (has(part.end.status, statusFlags.cursorExists)) exchange.onCursor?.()
        return this.#tellsMore(part.end, run) ? encodeOk(part.end, EOF) : undefined
      case 'file':
        return this.#file(part.name, exchange)
      case 'prepared':
        exchange.onPrepared?.(part.prepared)
        return undefined
      case 'columns-end':
        // A cursor is open; its rows are sent when they are fetched.
        if (exchange.answer.isComplete && run !== undefined) {
          this.#record(run)
          exchange.onCursor?.()
        }
        return undefined
      case 'text':
        return undefined
    }
  }

  // ── results ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #beginResult(run: Run): void {
    run.columns = []
    run.rows = 0
    run.bytes = 0
    run.kept = undefined
  }

  #column(frame: Frame, run: Run, isLast: boolean, isBinary: boolean): void {
    if (!this.#masks && !this.#keepsRows && !mayShowSecrets(run)) return
    if (frame.length > MAX_COLUMN_BYTES) throw new WireError('the target sent a column definition that is too long')
    const body = new ByteReader(payloadOf(frame), 'column definition')
    run.columns.push(readColumnDefinition(body, run.results ?? 'utf8mb4'))
    if (!isLast) return
    run.rewrite = this.#rewriteOf(run, isBinary ? 'binary' : 'text')
    if (!this.#keepsRows) return
    const { recorder, config } = this.#pipeline.session
    run.kept = new KeptRows(run.decision, recorder, {
      limit: config.recordRows,
      columns: run.columns.map(({ name }) => name),
    })
  }

  /** A column of COM_FIELD_LIST. */
  #listed(frame: Frame, run: Run): Buffer | undefined {
    if (!this.#masks) return undefined
    const { scope, keys } = this.#maskerOf(run)
    return maskedDefault(payloadOf(frame), { kinds: scope.plan.kinds, keys }, run.results ?? 'utf8mb4')
  }

  /** The masking of the current result's rows; undefined if they pass unchanged. */
  #rewriteOf(run: Run, form: RowForm): RowMasking | undefined {
    const masking = this.#masks ? this.#maskingOf(run, form) : undefined
    if (!mayShowSecrets(run)) return masking
    const hide = hideAccountSecrets(run.columns, form)
    return masking === undefined ? hide : (payload) => masking(hide(payload))
  }

  #maskingOf(run: Run, form: RowForm): RowMasking | undefined {
    const { facts, columns } = run
    const masker = this.#maskerOf(run)
    const statement = statementOf(run)
    if (statement?.kinds.some((kind) => WARNINGS.has(kind)) === true)
      return warningMasking(columns, form, facts.errorExposure, masker, run.results ?? 'utf8mb4')
    const { plan } = masker.scope
    const lists = statement === undefined || plan.columns.length === 0 ? undefined : listsOf(statement.tree)
    const outputs = lists === 'counts' ? undefined : outputsOf(run)
    const isByName = lists === 'status' || lists === 'settings'
    const scope = isByName ? { ...masker.scope, plan: { ...plan, columns: [] } } : masker.scope
    const masking = rowMasking(columns, form, outputs, { ...masker, scope }, accountsIn(run))
    const own = masking === 'untouched' ? undefined : masking
    if (!isByName) return own
    const listed = listMasking(columns, form, lists)
    return own === undefined ? listed : (payload) => listed(own(payload))
  }

  #maskerOf({ scope }: Run): Masker {
    // Definitions are read before the session starts.
    if (scope === undefined) throw new Error('a statement ran before definitions were read')
    return { scope, keys: this.#pipeline.session.hashKeys }
  }

  #row(frame: Frame, run: Run, isBinary: boolean): Buffer | undefined {
    run.rows++
    run.bytes += frame.bytes.length
    const { kept, columns, rewrite } = run
    if (this.#masks && columns.length === 0) throw new WireError('the target sent a row without columns')
    if (kept === undefined && rewrite === undefined) return undefined
    const payload = payloadOf(frame)
    const shown = rewrite === undefined ? payload : rewrite(payload)
    kept?.keep(shown.length, () => (isBinary ? binaryTexts(shown, columns) : plainTexts(shown, columns)))
    return shown === payload ? undefined : shown
  }

  #ends({ status, changes }: Pick<Ok, 'status' | 'changes'>, run: Run | undefined, tag?: string): void {
    this.#pipeline.noteStatus(status, changes)
    if (run === undefined) return
    this.#analyzer.noteDone(run.facts)
    this.#record(run, tag)
    run.index++
    run.rows = 0
    run.bytes = 0
  }

  /**
   * The new values of settings that the server reports may be masked values, if the statement could read any; a GTID says that it, or one
   * before it, has changed something.
   */
  #tellsMore({ changes }: Pick<Ok, 'changes'>, run: Run | undefined): boolean {
    if (!this.#masks || changes.length === 0 || run === undefined) return false
    return run.facts.errorExposure !== 'none' || (run.scope?.plan.columns.length !== 0 && changes.some(isCount))
  }

  #record(run: Run, tag?: string, error?: string): void {
    run.kept?.flush()
    this.#pipeline.session.recorder.outcome({
      type: 'result',
      command: run.decision,
      ...(tag === undefined ? {} : { tag }),
      rows: run.rows,
      bytes: run.bytes,
      durationMs: Math.round(performance.now() - run.startedAt),
      ...(error === undefined ? {} : { error }),
    })
  }

  // ── errors ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #failed({ code }: Err, run: Run | undefined): void {
    if (run === undefined) return
    this.#analyzer.noteDone(run.facts)
    this.#record(run, undefined, String(code))
  }

  /** The message may quote masked values. */
  #errorFor(error: Err, run: Run | undefined): Buffer | undefined {
    if (run === undefined || !this.#masks) return undefined
    return encodeErr(maskedErr(error, run.facts.errorExposure, this.#maskerOf(run), run.results ?? 'utf8mb4'))
  }

  #okFor(ok: Ok, run: Run | undefined): Buffer | undefined {
    if (run === undefined || !this.#masks) return undefined
    const { facts, index } = run
    const statement = facts.parsed[index]
    const givesInsertId = statement !== undefined && variablesIn(statement.tree).givesInsertId
    const meant = meantRows(ok, statement?.kinds ?? [], facts.errorExposure, givesInsertId)
    if (this.#tellsMore(ok, run) || !isPlainInfo(ok)) return encodeOk({ ...ok, ...meant })
    if (meant === undefined) return undefined
    return encodeOk({ ...ok, ...meant }, undefined, { info: meant.info, flags: this.#pipeline.capabilities })
  }

  // ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A server may request any file at any time: it gets only the one that an allowed statement names. */
  #file(name: Buffer, { file }: ClientExchange): undefined {
    const pipeline = this.#pipeline
    const asked = decodeText(name, pipeline.context?.charset ?? 'binary')
    if (file === undefined || asked !== file)
      throw new WireError('the target asked for a file that no allowed statement names')
    this.#clientSide.beginUpload(file)
  }
}

/** Spec: OK_Packet, SESSION_TRACK_GTIDS; what is not listed may be one. */
const isCount = (change: SessionChange): boolean =>
  change.type === 'variable'
    ? isCounterSetting(change.name.toString('utf8'))
    : change.type === 'other' && !TRACKED.has(change.of)

/** SESSION_TRACK_STATE_CHANGE, SESSION_TRACK_TRANSACTION_CHARACTERISTICS and SESSION_TRACK_TRANSACTION_STATE. */
const TRACKED: ReadonlySet<number> = new Set([2, 4, 5])

/** Bytes of a column definition: a name has 256 characters at most, and a result up to 4096 columns. */
const MAX_COLUMN_BYTES = 16_384

/** The values of a row in readable form. */
const plainTexts = (payload: Buffer, columns: readonly ColumnDefinition[]): (string | null)[] =>
  readTextRow(payload, columns.length).map((value, index) => value && readable(value, charsetOf(columns[index])))

/** Spec: Binary Protocol Resultset Row: a zero, the NULLs from the third bit on, and the values. */
function binaryTexts(payload: Buffer, columns: readonly ColumnDefinition[]): (string | null)[] {
  const body = new ByteReader(payload, 'row')
  body.uint8()
  const nulls = body.bytes((columns.length + 9) >> 3)
  return columns.map((column, index) => {
    const isNull = (byteAt(nulls, (index + 2) >> 3) & (1 << ((index + 2) & 7))) !== 0
    if (isNull) return null
    const isUnsigned = (column.flags & columnFlags.unsigned) !== 0
    return valueText(body, { type: column.type, isUnsigned }, charsetOf(column))
  })
}

const charsetOf = (column: ColumnDefinition | undefined): Charset =>
  charsetOfCollation(column?.collation ?? 0) ?? 'binary'

/** The statement of the text that the current result belongs to; undefined if that is unknown. */
function statementOf({ facts: { parsed }, index }: Run): ParsedStatement | undefined {
  return parsed.some(({ kinds }) => kinds.some((kind) => SEVERAL.has(kind))) ? undefined : parsed[index]
}

/** Whether the current result may belong to a statement that shows the account's authentication data. */
function mayShowSecrets(run: Run): boolean {
  const statement = statementOf(run)
  return statement === undefined || statement.kinds.some((kind) => OF_ACCOUNTS.has(kind))
}

/** The origins of the current result's columns; undefined if its statement is unknown. */
function outputsOf(run: Run): readonly Output[] | undefined {
  const { parsed, lineage } = run.facts
  if (statementOf(run) === undefined || lineage.length !== parsed.length) return undefined
  return lineage[run.index]?.outputs
}

/** Columns that are USER() or similar: they show the account of the gateway, not a row of any table. */
function accountsIn(run: Run): ReadonlySet<number> {
  const statement = statementOf(run)
  if (statement?.tree.kind !== 'select' || run.facts.statements[run.index]?.unknown.length !== 0) return NONE
  const { targets } = statement.tree
  // A star expands to several columns.
  if (targets.length !== run.columns.length) return NONE
  return new Set(targets.flatMap(({ value }, index) => (isAccount(value) ? [index] : [])))
}

const isAccount = (value: Expression): boolean =>
  value.kind === 'system-value' ||
  (value.kind === 'call' && value.name.schema === undefined && value.args.length === 0 && ACCOUNTS.has(value.name.name))

/** `ok`; `1 row affected`. */
const tagOf = ({ affectedRows: count }: Ok): string =>
  count === 0n ? 'ok' : `${count} ${count === 1n ? 'row' : 'rows'} affected`

const NONE: ReadonlySet<number> = new Set()
const ACCOUNTS = new Set(['user', 'current_user', 'session_user', 'system_user'])
/** Statements that return as many results as the statements that they run, which may be none or several. */
const SEVERAL = new Set(['call', 'execute', 'execute-immediate', 'compound'])
const OF_ACCOUNTS = new Set(['show-grants', 'show-create-user'])
/** Statements that show the messages of earlier ones. */
const WARNINGS = new Set(['show-warnings', 'show-errors'])
