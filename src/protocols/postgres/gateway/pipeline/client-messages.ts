import type { Frame } from '../../wire/framer.ts'
import { formatAt, type Bind } from '../../wire/bind.ts'
import {
  bindUnknownStatement,
  clientTags,
  readBindNames,
  decodeClientMessage,
  describePortal,
  executeUnknownPortal,
  parseNothing,
  queryNothing,
  TERMINATE,
  type ClientMessage,
} from '../../wire/client-message.ts'
import type { Parse } from '../../wire/parse.ts'
import type { Execute } from '../../wire/execute.ts'
import type { Describe } from '../../wire/describe.ts'
import type { Close } from '../../wire/close.ts'
import { isEmptyPlan } from '../../../../masking/plan.ts'
import { PamError } from '../../../../shared/errors.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { ErrorExposure } from '../../../../sql/facts/text-facts.ts'
import type { PipelineState } from './pipeline-state.ts'
import { nativeError, toRefusal } from '../error-response.ts'
import { noteChanges, noteCodeBeforeExecute } from './command-draft.ts'
import { isInTransaction, type CommandGate } from './command-gate.ts'
import { forgetNames } from './invalidate-names.ts'
import type { KnownStatements } from '../lane/known-statements.ts'
import { mayCopyIn, startRun, type Pending } from './pending.ts'
import { beforePublishing, beforeText, publishedBy } from './publishing.ts'
import { commits, dependenciesOf } from './touches.ts'
import { closeKept } from './gateway-query.ts'
import { dropsPrepared, showsPrepared } from './kept-statements.ts'
import { readableParameter } from './readable-parameter.ts'
import type { ColumnNames, NameTable, Portal, Prepared } from './name-table.ts'
import { settledValue, type Steps } from '../../../../gateway/steps.ts'
import type { StatementAnalyzer } from './analyze-statement.ts'

/**
 * Handles each message of the client: a message with a statement is evaluated before any byte of it is forwarded. After a refusal in an
 * extended query everything up to the Sync is skipped, as the server would.
 */
export class ClientMessages {
  readonly #pipeline: PipelineState
  readonly #analyzer: StatementAnalyzer
  readonly #gate: CommandGate
  readonly #known: KnownStatements
  readonly #send: (bytes: Buffer) => void
  readonly #masks: boolean
  /** The longest message that is evaluated, in bytes. */
  readonly #limit: number
  /** Whether the rest of a message in pieces is forwarded; otherwise it is dropped. */
  #passing = false

  /** `send` forwards bytes, in order; it may collect them until `pipeline.sendCollected`. */
  constructor(
    pipeline: PipelineState,
    analyzer: StatementAnalyzer,
    parts: { readonly gate: CommandGate; readonly known: KnownStatements; readonly send: (bytes: Buffer) => void },
  ) {
    this.#pipeline = pipeline
    this.#analyzer = analyzer
    this.#gate = parts.gate
    this.#known = parts.known
    this.#send = parts.send
    this.#masks = !isEmptyPlan(pipeline.session.masking)
    this.#limit = pipeline.session.limits.statementBytes
  }

  /** After an error everything up to the Sync is skipped. The error may arrive while a message waits. */
  isSkipped(tag: number): boolean {
    return this.#gate.isSkipped && tag !== clientTags.sync && tag !== clientTags.terminate
  }

  /** Handles one message. */
  *handle(frame: Frame): Steps {
    if (frame.piece === 'later') {
      if (this.#passing) this.#send(frame.bytes)
      return
    }
    if (frame.piece === 'first') return yield* this.#long(frame)
    const message = decodeClientMessage(frame)
    if (this.isSkipped(frame.tag)) return
    if (this.#pipeline.copyIn && !IN_COPY.has(message.type)) return this.#pipeline.session.end(notInCopy(message.type))
    switch (message.type) {
      case 'query':
        return yield* this.#query(frame, message.sql)
      case 'parse':
        return yield* this.#parse(frame, message)
      case 'bind':
        return yield* this.#bind(frame, message)
      case 'describe':
        return yield* this.#describe(frame, message)
      case 'execute':
        return yield* this.#execute(frame, message)
      case 'close':
        return this.#close(frame, message)
      case 'sync':
        return yield* this.#sync(frame)
      case 'function-call':
        return this.#answerQuery(
          new PamError(
            'FUNCTION_CALL_REFUSED',
            'FunctionCall messages are not supported: they contain no SQL to evaluate',
            { hint: 'call the function in a SELECT' },
          ),
        )
      case 'copy-done':
      case 'copy-fail':
        return yield* this.#copyEnd(frame)
      case 'copy-data':
      case 'flush':
        return this.#send(frame.bytes)
      case 'terminate':
        this.#send(TERMINATE)
        this.#gate.pending.leave()
    }
  }

  /** Behind it the same text may ask for more. */
  *#copyEnd(frame: Frame): Steps {
    const pipeline = this.#pipeline
    this.#send(frame.bytes)
    // The server ignores it where it has not asked for data.
    if (!pipeline.copyIn) return
    pipeline.copyIn = false
    if (pipeline.inFlight.head?.type === 'query') yield pipeline.copyOrSettled()
  }

  /**
   * A message that is too long to be held in full: data is forwarded as it arrives, but a statement cannot be evaluated by its beginning.
   */
  *#long(frame: Frame): Steps {
    this.#passing = false
    if (this.isSkipped(frame.tag)) return
    const error = new PamError(
      'MESSAGE_TOO_LARGE',
      `the message is longer than ${this.#limit} bytes; it must be evaluated as a whole`,
    )
    switch (String.fromCharCode(frame.tag)) {
      case 'd':
        this.#passing = true
        return this.#send(frame.bytes)
      case 'Q':
        return this.#answerQuery(error)
      case 'B':
        // The formats of the results are at its end: without them nothing can be masked.
        return this.#masks ? this.#gate.refuseExtended(error) : yield* this.#longBind(frame, error)
      default:
        return this.#gate.refuseExtended(error)
    }
  }

  /** Its parameters are not kept, so a person could not decide about them; if the rules allow the statement itself, it is forwarded. */
  *#longBind(frame: Frame, error: PamError): Steps {
    const { portal, statement } = readBindNames(frame)
    const message: Bind = {
      type: 'bind',
      portal,
      statement,
      parameterFormats: [],
      parameters: [Buffer.from(`‹parameters of a message longer than ${this.#limit} bytes›`)],
      resultFormats: [],
    }
    yield* this.#bind(frame, message, error)
  }

  /** A Sync ends the implicit transaction of the messages before it. */
  *#sync(frame: Frame): Steps {
    const pipeline = this.#pipeline
    // The server ignores it until the end of the data. If COPY had failed meanwhile, it would depend on timing whether the Sync counts.
    if (pipeline.copyIn) return this.#gate.endSkip()
    const change = pipeline.batchOpen ? pipeline.publishes(undefined, false) : undefined
    const published = change === undefined ? undefined : { change, waitFor: true }
    yield* beforePublishing(pipeline, published)
    this.#gate.endSkip()
    this.#send(frame.bytes)
    const pending = { type: 'sync' } as const
    pipeline.expect(pending)
    if (published !== undefined) pipeline.changes.publish(pending, published.change, true)
    pipeline.known.noteEnd()
    pipeline.endBatch()
    if (published !== undefined) this.#readAhead()
  }

  /** Reads what one statement of one batch has created, if nothing else is in flight. */
  #readAhead(): void {
    const { ahead, inFlight } = this.#pipeline
    const sent = [...inFlight.all]
    const [run, ...others] = sent.filter(({ type }) => RUNS.has(type))
    const isOneBatch = others.length === 0 && sent.filter(({ type }) => type === 'sync').length === 1
    if (run?.type === 'execute' && isOneBatch) ahead.readAfter(run.portal.facts, sent)
  }

  *#query(frame: Frame, sql: string): Steps {
    const ahead = yield* this.#gate.ahead(sql, [])
    const analysed = this.#analyzer.of(sql)
    const facts = yield* this.#factsBeforePublishing(sql, analysed)
    const command = { sql, parameters: [], facts, ahead }
    const verdict = yield* this.#gate.decide(command)
    if (verdict.type === 'refuse') return this.#refuseQuery(sql, facts, verdict.error)
    if (verdict.wasHeld === true && (yield* this.#isOvertaken(facts))) {
      this.#pipeline.session.recorder.outcome({ type: 'notice', message: `not sent: ${OVERTAKEN.message}` })
      return this.#answerQuery(OVERTAKEN)
    }
    const of =
      facts === analysed && verdict.wasHeld !== true && !showsPrepared(facts)
        ? this.#known.noteQuery({ sql, bytes: frame.bytes, facts, command: () => this.#gate.repeated(command) })
        : undefined
    this.#forwardQuery(frame, { sql, facts, decision: verdict.id, of })
    if (mayCopyIn(sql, facts.parsed)) yield this.#pipeline.copyOrSettled()
  }

  /** While a person decided, other sessions may have sent statements that were decided with the previous definitions; these come first. */
  *#isOvertaken(facts: StatementFacts): Steps<boolean> {
    const hasWaited = yield* beforeText(this.#pipeline, facts)
    // The person's decision was based on definitions that may have changed since.
    return hasWaited && this.#pipeline.known.isStale
  }

  /** Statements of other sessions in flight come first; after them, the text is analysed again. */
  *#factsBeforePublishing(sql: string, analysed: StatementFacts | Promise<StatementFacts>): Steps<StatementFacts> {
    const pipeline = this.#pipeline
    for (let times = 1; ; times++) {
      const facts = yield* settledValue(times === 1 ? analysed : this.#analyzer.of(sql))
      if (!facts.changesCatalog && pipeline.changes.uncommitted === undefined) return facts
      const hasWaited = yield* beforeText(pipeline, facts)
      if (!hasWaited || times > MAX_WAITS) return facts
    }
  }

  #forwardQuery(
    frame: Frame,
    { sql, facts, decision, of }: { sql: string; facts: StatementFacts; decision: string; of: Prepared | undefined },
  ): void {
    const pipeline = this.#pipeline
    // While the batch is still open: the Sync behind the messages that close them would end what the server skips after an error.
    this.#hideOwn(facts)
    pipeline.endBatch()
    const restore = forgetNames(pipeline.names, facts)
    if (dropsPrepared(facts)) pipeline.kept.drop()
    const notUnderstood = facts.parsed.length === 0 ? restore : undefined
    const published = publishedBy(pipeline, facts)
    noteChanges(pipeline, facts)
    const run = startRun(decision, sql, facts, notUnderstood)
    const pending = { type: 'query', run, of, rests: dependenciesOf(facts) } as const
    pipeline.expect(pending)
    if (published !== undefined) pipeline.changes.publish(pending, published.change, published.waitFor)
    this.#send(frame.bytes)
    pipeline.ahead.readAfter(facts, [pending])
  }

  #refuseQuery(sql: string, facts: StatementFacts, error: PamError): void {
    const pipeline = this.#pipeline
    const bytes = ownError(error, facts)
    if (bytes === undefined || (pipeline.inFlight.isIdle && pipeline.status === 'I'))
      return this.#answerQuery(error, bytes)
    // The server fails as well, and so does its transaction.
    pipeline.endBatch()
    const run = startRun(error.id ?? '', sql, { ...facts, changesCatalog: false })
    pipeline.expect({ type: 'query', run, error: { sqlstate: SYNTAX_ERROR, bytes } })
    this.#send(queryNothing())
  }

  /** Replaces the answer to a message that the target does not get. */
  #answerQuery(error: PamError, bytes?: Buffer): void {
    const pipeline = this.#pipeline
    pipeline.reply(() =>
      Buffer.concat([bytes ?? toRefusal(error, isInTransaction(pipeline)), pipeline.readyForQuery()]),
    )
  }

  *#parse(frame: Frame, message: Parse): Steps {
    const pipeline = this.#pipeline
    const ahead = yield* this.#gate.ahead(message.sql, [], message.parameterTypes)
    const facts = yield* settledValue(this.#analyzer.of(message.sql, message.parameterTypes))
    const refusal = this.#gate.preview({ sql: message.sql, parameters: [], facts, ahead })
    if (refusal !== undefined) {
      const error = ownError(refusal, facts)
      return error === undefined
        ? this.#gate.refuseExtended(refusal)
        : this.#failInstead(parseNothing(message.statement), SYNTAX_ERROR, error)
    }
    const prepared: Prepared = {
      sql: message.sql,
      parameterTypes: message.parameterTypes,
      columns: undefined,
      described: undefined,
      names: this.#namesOf(facts),
    }
    this.#hideOwn(facts)
    noteCodeBeforeExecute(pipeline, facts)
    if (pipeline.kept.has(message.statement)) pipeline.kept.drop()
    const change = pipeline.names.statements.set(message.statement, prepared, pipeline.batch)
    if (message.statement === '') this.#known.noteText(frame.bytes, prepared)
    this.#forward(frame.bytes, {
      type: 'parse',
      change,
      errorExposure: facts.errorExposure,
      rests: dependenciesOf(facts),
    })
  }

  *#bind(frame: Frame, message: Bind, unheld?: PamError): Steps {
    const pipeline = this.#pipeline
    const { statement } = message
    const prepared = yield* this.#lookUp(pipeline.names.statements, statement)
    if (prepared === undefined) {
      const what = statement === '' ? 'unnamed prepared statement' : `prepared statement "${statement}"`
      return this.#unknownName(bindUnknownStatement(), INVALID_SQL_STATEMENT_NAME, `${what} does not exist`)
    }
    const parameters = message.parameters.map((value, index) =>
      value === null
        ? null
        : readableParameter(value, formatAt(message.parameterFormats, index), prepared.parameterTypes[index] ?? 0),
    )
    const ahead = yield* this.#gate.ahead(prepared.sql, parameters, prepared.parameterTypes)
    const analysed = this.#analyzer.of(prepared.sql, prepared.parameterTypes)
    const facts = yield* settledValue(analysed)
    const command = { sql: prepared.sql, parameters, facts, ahead }
    const verdict = yield* this.#gate.decide(command, unheld)
    if (verdict.type === 'refuse') return this.#gate.refuseExtended(verdict.error)
    // A decision that needed no question stays valid until something that it depends on changes.
    if (facts === analysed && verdict.wasHeld !== true && unheld === undefined && !showsPrepared(facts))
      this.#known.note({ message, bytes: frame.bytes, prepared, facts, command: () => this.#gate.repeated(command) })
    this.#passing = unheld !== undefined
    const portal: Portal = { decision: verdict.id, prepared, facts, resultFormats: message.resultFormats }
    this.#hideOwn(facts)
    forgetNames(pipeline.names, facts)
    if (dropsPrepared(facts)) pipeline.kept.drop()
    noteCodeBeforeExecute(pipeline, facts)
    this.#forward(frame.bytes, {
      type: 'bind',
      change: pipeline.names.portals.set(message.portal, portal, pipeline.batch),
      errorExposure: facts.errorExposure,
      portal: { name: message.portal, facts },
      rests: dependenciesOf(facts),
    })
  }

  *#describe(frame: Frame, message: Describe): Steps {
    const pipeline = this.#pipeline
    let of: Prepared | undefined
    let names = UNKNOWN_NAMES
    let errorExposure: ErrorExposure = this.#masks ? 'any' : 'none'
    if (message.subject === 'statement') {
      of = yield* this.#lookUp(pipeline.names.statements, message.name)
      if (of !== undefined) names = of.names
    } else {
      const portal = yield* this.#lookUp(pipeline.names.portals, message.name)
      if (portal !== undefined) {
        of = portal.prepared
        names = this.#namesOf(portal.facts)
        errorExposure = portal.facts.errorExposure
      }
    }
    if (of !== undefined) of.described = pipeline.known.generation
    this.#forward(frame.bytes, { type: 'describe', of, hidden: false, errorExposure, names })
  }

  *#execute(frame: Frame, message: Execute): Steps {
    const pipeline = this.#pipeline
    const portal = yield* this.#lookUp(pipeline.names.portals, message.portal)
    if (portal === undefined) {
      if (pipeline.names.cursors.has(message.portal)) return yield* this.#executeCursor(frame, message.portal)
      return this.#unknownName(executeUnknownPortal(), INVALID_CURSOR_NAME, `portal "${message.portal}" does not exist`)
    }
    const { prepared, facts } = portal
    if (prepared.described !== pipeline.known.generation)
      this.#describeForMasking(message.portal, prepared, facts.errorExposure, this.#namesOf(facts))
    const change = commits(facts) ? pipeline.publishes(undefined, true) : undefined
    const published = change === undefined ? undefined : { change, waitFor: true }
    yield* beforePublishing(pipeline, published)
    noteChanges(pipeline, facts)
    const pending = { type: 'execute', run: startRun(portal.decision, prepared.sql, facts), portal } as const
    this.#forward(frame.bytes, pending)
    if (published !== undefined) pipeline.changes.publish(pending, published.change, true)
    if (mayCopyIn(prepared.sql, facts.parsed)) yield pipeline.copyOrSettled()
  }

  /** A cursor of SQL and a portal share their names: executing it is a FETCH, and evaluated as one. */
  *#executeCursor(frame: Frame, name: string): Steps {
    const sql = `FETCH ALL FROM "${name.replaceAll('"', '""')}"`
    const facts = yield* settledValue(this.#analyzer.of(sql))
    const verdict = yield* this.#gate.decide({ sql, parameters: [], facts })
    if (verdict.type === 'refuse') return this.#gate.refuseExtended(verdict.error)
    const prepared: Prepared = {
      sql,
      parameterTypes: [],
      columns: undefined,
      described: undefined,
      names: { errorExposure: facts.errorExposure, outputs: this.#pipeline.names.cursors.get(name) },
    }
    this.#describeForMasking(name, prepared, facts.errorExposure, prepared.names)
    // Execute returns text, even for a cursor that is declared BINARY: only FETCH uses that format.
    const portal: Portal = { decision: verdict.id, prepared, facts, resultFormats: [] }
    this.#forward(frame.bytes, { type: 'execute', run: startRun(verdict.id, sql, facts), portal })
  }

  /**
   * Rows can only be masked if their columns were described under the current definitions: if the client does not ask for that, the gateway
   * does.
   */
  #describeForMasking(portal: string, of: Prepared, errorExposure: ErrorExposure, names: ColumnNames): void {
    if (!this.#masks) return
    of.described = this.#pipeline.known.generation
    this.#pipeline.expect({ type: 'describe', of, hidden: true, errorExposure, names })
    this.#send(describePortal(portal))
  }

  #close(frame: Frame, message: Close): void {
    const pipeline = this.#pipeline
    const table = message.subject === 'statement' ? pipeline.names.statements : pipeline.names.portals
    if (pipeline.kept.has(message.name)) pipeline.kept.drop()
    const change = table.set(message.name, undefined, pipeline.batch)
    this.#forward(frame.bytes, { type: 'close', change, errorExposure: 'none' })
  }

  /** Forwards a message of an extended query; until its Sync a batch is open. */
  #forward(bytes: Buffer, pending: Pending): void {
    this.#pipeline.expect(pending)
    this.#pipeline.batchOpen = true
    this.#send(bytes)
  }

  /** The names of the result's columns in the text; for FETCH, in that of its cursor. */
  #namesOf({ errorExposure, lineage, parsed }: StatementFacts): ColumnNames {
    const [statement] = parsed
    const [cursor] = statement?.kinds.includes('fetch') === true ? statement.names : []
    return {
      errorExposure,
      outputs: cursor === undefined ? lineage[0]?.outputs : this.#pipeline.names.cursors.get(cursor),
    }
  }

  /** Statements that show prepared statements must not show the gateway's. */
  #hideOwn(facts: StatementFacts): void {
    const pipeline = this.#pipeline
    if (pipeline.kept.isEmpty || pipeline.batchOpen || pipeline.copyIn || !showsPrepared(facts)) return
    closeKept(pipeline)
  }

  /** The object that a name refers to; if an earlier batch may still fail, only once its outcome is known. */
  *#lookUp<T>(table: NameTable<T>, name: string): Steps<T | undefined> {
    const pipeline = this.#pipeline
    const { value, certain } = table.lookUp(name, pipeline.batch)
    if (certain) return value
    yield pipeline.settled()
    return table.lookUp(name, pipeline.batch).value
  }

  /**
   * An unknown name is not forwarded: the server may have an object of that name that was never evaluated. A name that does not exist is
   * sent in its place, so that the server, and its transaction, fails as it would by itself.
   */
  #unknownName(message: Buffer, sqlstate: string, text: string): void {
    this.#failInstead(message, sqlstate, nativeError(sqlstate, text))
  }

  /** Sends something that fails on the server in place of a message; the client gets `error` for it. */
  #failInstead(message: Buffer, sqlstate: string, error: Buffer): void {
    this.#forward(message, { type: 'made-to-fail', sqlstate, error })
  }
}

/** For a name under which nothing was seen being prepared. */
const UNKNOWN_NAMES: ColumnNames = { errorExposure: 'any', outputs: undefined }

/** The server's own error for a text that cannot be parsed, or that names a relation that does not exist. */
function ownError({ code, message }: PamError, { syntaxError }: StatementFacts): Buffer | undefined {
  if (code === 'RELATION_MISSING') return nativeError(UNDEFINED_TABLE, message)
  return code === 'SYNTAX_ERROR' && syntaxError !== undefined
    ? nativeError(SYNTAX_ERROR, syntaxError.message, syntaxError.position)
    : undefined
}
const UNDEFINED_TABLE = '42P01'
const SYNTAX_ERROR = '42601'
const OVERTAKEN = new PamError('APPROVAL_VOID', 'definitions changed after the statement was approved', {
  hint: 'send it again',
})
const INVALID_SQL_STATEMENT_NAME = '26000'
const INVALID_CURSOR_NAME = '34000'

/** Messages that make the server run something. */
const RUNS: ReadonlySet<Pending['type']> = new Set(['query', 'execute'])
/** How often a text waits for statements of other sessions in flight. */
const MAX_WAITS = 5

/** Messages that are part of sending COPY data (PostgreSQL 18, section 54.2.6): the server ends the session at any other. */
const IN_COPY: ReadonlySet<ClientMessage['type']> = new Set([
  'copy-data',
  'copy-done',
  'copy-fail',
  'flush',
  'sync',
  'terminate',
])
const notInCopy = (type: string): PamError =>
  new PamError('PROTOCOL_VIOLATION', `the client sent a ${type} message while the target waits for COPY data`)
