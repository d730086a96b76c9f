import type { Frame } from '../../wire/framer.ts'
import { formatAt, type Bind } from '../../wire/bind.ts'
import { bindUnknownStatement, describePortal, executeUnknownPortal, parseNothing } from '../../wire/client-message.ts'
import type { Close } from '../../wire/close.ts'
import type { Describe } from '../../wire/describe.ts'
import type { Execute } from '../../wire/execute.ts'
import type { Parse } from '../../wire/parse.ts'
import { settledValue, type Steps } from '../../../../gateway/steps.ts'
import { isEmptyPlan } from '../../../../masking/plan.ts'
import type { PamError } from '../../../../shared/errors.ts'
import type { ErrorExposure } from '../../../../sql/facts/text-facts.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { serverError, SYNTAX_ERROR } from '../error-response.ts'
import type { Batch } from './batch.ts'
import { boundNow, changedSinceBind, factsSinceParse, refusedFetch } from './bound.ts'
import { noteChanges } from './command-draft.ts'
import { noteEarlyCode } from './early-code.ts'
import { hideKept } from './gateway-query.ts'
import { forgetNames } from './invalidate-names.ts'
import { dropsPrepared, showsPrepared } from './kept-statements.ts'
import type { MessageParts } from './message-parts.ts'
import type { ColumnNames, Portal, Prepared } from './name-table.ts'
import { mayCopyIn, startRun } from './pending.ts'
import { beforePublishing } from './publishing.ts'
import { readableParameter } from './readable-parameter.ts'
import { commits, dependenciesOf, dependenciesOfExecute } from './touches.ts'

/**
 * Handles the messages of extended queries. A statement is evaluated at its Parse, without parameters, and again at each Bind, whose decision
 * is that of the portal. After a refusal everything up to the Sync is skipped, as the server would.
 */
export class ExtendedQueries {
  readonly #pipeline: MessageParts['pipeline']
  readonly #analyzer: MessageParts['analyzer']
  readonly #gate: MessageParts['gate']
  readonly #known: MessageParts['known']
  readonly #batch: Batch
  readonly #masks: boolean

  constructor(parts: MessageParts, batch: Batch) {
    this.#pipeline = parts.pipeline
    this.#analyzer = parts.analyzer
    this.#gate = parts.gate
    this.#known = parts.known
    this.#batch = batch
    this.#masks = !isEmptyPlan(parts.pipeline.session.masking)
  }

  *parse(frame: Frame, message: Parse): Steps {
    const pipeline = this.#pipeline
    const ahead = yield* this.#gate.ahead(message.sql, [], message.parameterTypes)
    const facts = yield* settledValue(this.#analyzer.of(message.sql, message.parameterTypes))
    const refusal = this.#gate.preview({ sql: message.sql, parameters: [], facts, ahead })
    if (refusal !== undefined) {
      const error = serverError(refusal, facts)
      return error === undefined
        ? this.#gate.refuseExtended(refusal)
        : this.#batch.failInstead(parseNothing(message.statement), SYNTAX_ERROR, error)
    }
    const prepared: Prepared = {
      sql: message.sql,
      parameterTypes: message.parameterTypes,
      columns: undefined,
      described: undefined,
      names: this.#namesOf(facts),
      bound: boundNow(pipeline, facts),
    }
    hideKept(pipeline, facts)
    const code = noteEarlyCode(pipeline, facts, 'parse')
    if (pipeline.kept.has(message.statement)) pipeline.kept.drop()
    const change = pipeline.names.statements.set(message.statement, prepared, pipeline.batch)
    if (message.statement === '') this.#known.noteText(frame.bytes, prepared)
    this.#batch.forward(frame.bytes, {
      type: 'parse',
      change,
      errorExposure: facts.errorExposure,
      rests: dependenciesOf(facts),
      code,
    })
  }

  /** `unheld`: the error that replaces a hold. Returns whether the message was forwarded. */
  *bind(frame: Frame, message: Bind, unheld?: PamError): Steps<boolean> {
    const pipeline = this.#pipeline
    const { statement } = message
    const prepared = yield* this.#batch.lookUp(pipeline.names.statements, statement)
    if (prepared === undefined) {
      const what = statement === '' ? 'unnamed prepared statement' : `prepared statement "${statement}"`
      this.#batch.unknownName(bindUnknownStatement(), INVALID_SQL_STATEMENT_NAME, `${what} does not exist`)
      return false
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
    if (verdict.type === 'refuse') {
      this.#gate.refuseExtended(verdict.error)
      return false
    }
    // A decision that needed no question stays valid until something that it depends on changes.
    if (facts === analysed && verdict.wasHeld !== true && unheld === undefined && !showsPrepared(facts))
      this.#known.note({ message, bytes: frame.bytes, prepared, facts, command: () => this.#gate.repeated(command) })
    hideKept(pipeline, facts)
    forgetNames(pipeline.names, facts)
    if (dropsPrepared(facts)) pipeline.kept.drop()
    const code = noteEarlyCode(pipeline, facts, 'bind')
    const bound = boundNow(pipeline, facts)
    const portal: Portal = { decision: verdict.id, prepared, facts, bound, resultFormats: message.resultFormats }
    this.#batch.forward(frame.bytes, {
      type: 'bind',
      change: pipeline.names.portals.set(message.portal, portal, pipeline.batch),
      errorExposure: facts.errorExposure,
      portal: { name: message.portal, facts, bound },
      rests: dependenciesOf(facts),
      code,
    })
    return true
  }

  *describe(frame: Frame, message: Describe): Steps {
    const pipeline = this.#pipeline
    if (message.subject === 'statement') return yield* this.#describeStatement(frame, message.name)
    const portal = yield* this.#batch.lookUp(pipeline.names.portals, message.name)
    const of = portal?.prepared
    if (of !== undefined) of.described = pipeline.known.generation
    const names = portal === undefined ? UNKNOWN_NAMES : this.#namesOf(portal.facts)
    const errorExposure = portal?.facts.errorExposure ?? this.#anyExposure
    this.#batch.forward(frame.bytes, { type: 'describe', of, hidden: false, errorExposure, names })
  }

  /** The server analyses the text again if definitions have changed since its Parse, which may run other code than at that time. */
  *#describeStatement(frame: Frame, name: string): Steps {
    const pipeline = this.#pipeline
    const errorExposure = this.#anyExposure
    const of = yield* this.#batch.lookUp(pipeline.names.statements, name)
    if (of === undefined)
      return this.#batch.forward(frame.bytes, {
        type: 'describe',
        of,
        hidden: false,
        errorExposure,
        names: UNKNOWN_NAMES,
      })
    const changed = yield* factsSinceParse(pipeline, this.#analyzer, of)
    const refusal = changed && this.#gate.preview({ sql: of.sql, parameters: [], facts: changed })
    if (refusal !== undefined) return this.#gate.refuseExtended(refusal)
    const facts = changed ?? of.bound?.facts
    const code = facts && noteEarlyCode(pipeline, facts, 'parse')
    of.described = pipeline.known.generation
    this.#batch.forward(frame.bytes, {
      type: 'describe',
      of,
      hidden: false,
      errorExposure,
      names: changed === undefined ? of.names : this.#namesOf(changed),
      rests: facts && dependenciesOf(facts),
      code,
    })
  }

  *execute(frame: Frame, message: Execute): Steps {
    const pipeline = this.#pipeline
    const portal = yield* this.#batch.lookUp(pipeline.names.portals, message.portal)
    if (portal === undefined) {
      if (pipeline.names.cursors.has(message.portal)) return yield* this.#executeCursor(frame, message.portal)
      return this.#batch.unknownName(
        executeUnknownPortal(),
        INVALID_CURSOR_NAME,
        `portal "${message.portal}" does not exist`,
      )
    }
    const { prepared, facts } = portal
    const refusal = (yield* changedSinceBind(pipeline, this.#analyzer, portal)) ?? refusedFetch(pipeline, facts)
    if (refusal !== undefined) return this.#gate.refuseExtended(refusal)
    if (prepared.described !== pipeline.known.generation)
      this.#describeForMasking(message.portal, prepared, facts.errorExposure, this.#namesOf(facts))
    const change = commits(facts) ? pipeline.publishes(undefined, true) : undefined
    const published = change === undefined ? undefined : { change, waitFor: true }
    yield* beforePublishing(pipeline, published)
    noteChanges(pipeline, facts)
    const run = startRun(portal.decision, prepared.sql, facts)
    const pending = { type: 'execute', run, portal, rests: dependenciesOfExecute(facts) } as const
    this.#batch.forward(frame.bytes, pending)
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
    const bound = boundNow(this.#pipeline, facts)
    const portal: Portal = { decision: verdict.id, prepared, facts, bound, resultFormats: [] }
    this.#batch.forward(frame.bytes, { type: 'execute', run: startRun(verdict.id, sql, facts), portal })
  }

  /**
   * Rows can only be masked if their columns were described under the current definitions: if the client does not ask for that, the gateway
   * does.
   */
  #describeForMasking(portal: string, of: Prepared, errorExposure: ErrorExposure, names: ColumnNames): void {
    if (!this.#masks) return
    of.described = this.#pipeline.known.generation
    this.#pipeline.expect({ type: 'describe', of, hidden: true, errorExposure, names })
    this.#pipeline.collect(describePortal(portal))
  }

  close(frame: Frame, message: Close): void {
    const pipeline = this.#pipeline
    const table = message.subject === 'statement' ? pipeline.names.statements : pipeline.names.portals
    if (pipeline.kept.has(message.name)) pipeline.kept.drop()
    const change = table.set(message.name, undefined, pipeline.batch)
    this.#batch.forward(frame.bytes, { type: 'close', change, errorExposure: 'none' })
  }

  /** What an error may quote where nothing is known of the statement. */
  get #anyExposure(): ErrorExposure {
    return this.#masks ? 'any' : 'none'
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
}

/** For a name under which nothing was seen being prepared. */
const UNKNOWN_NAMES: ColumnNames = { errorExposure: 'any', outputs: undefined }
const INVALID_SQL_STATEMENT_NAME = '26000'
const INVALID_CURSOR_NAME = '34000'
