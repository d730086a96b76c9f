import type { Frame } from '../../wire/framer.ts'
import { queryNothing } from '../../wire/client-message.ts'
import { settledValue, type Steps } from '../../../../gateway/steps.ts'
import { PamError } from '../../../../shared/errors.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { serverError, SYNTAX_ERROR, toRefusal } from '../error-response.ts'
import { refusedFetch } from './bound.ts'
import { noteChanges } from './command-draft.ts'
import { isInTransaction } from './command-gate.ts'
import { hideKept } from './gateway-query.ts'
import { forgetNames } from './invalidate-names.ts'
import { dropsPrepared, showsPrepared } from './kept-statements.ts'
import type { MessageParts } from './message-parts.ts'
import type { Prepared } from './name-table.ts'
import { mayCopyIn, startRun } from './pending.ts'
import { beforeText, publishedBy } from './publishing.ts'
import { dependenciesOf } from './touches.ts'

/** Handles Query messages: the whole text is evaluated before any byte of it is forwarded. */
export class SimpleQueries {
  readonly #pipeline: MessageParts['pipeline']
  readonly #analyzer: MessageParts['analyzer']
  readonly #gate: MessageParts['gate']
  readonly #known: MessageParts['known']

  constructor({ pipeline, analyzer, gate, known }: MessageParts) {
    this.#pipeline = pipeline
    this.#analyzer = analyzer
    this.#gate = gate
    this.#known = known
  }

  *query(frame: Frame, sql: string): Steps {
    const ahead = yield* this.#gate.ahead(sql, [])
    const analysed = this.#analyzer.of(sql)
    const facts = yield* this.#factsBeforePublishing(sql, analysed)
    const command = { sql, parameters: [], facts, ahead }
    const verdict = yield* this.#gate.decide(command)
    if (verdict.type === 'refuse') return this.#refuse(sql, facts, verdict.error)
    const refusal = refusedFetch(this.#pipeline, facts)
    if (refusal !== undefined) return this.answer(refusal)
    if (verdict.wasHeld === true && (yield* this.#isOvertaken(facts))) {
      this.#pipeline.session.recorder.outcome({ type: 'notice', message: `not sent: ${OVERTAKEN.message}` })
      return this.answer(OVERTAKEN)
    }
    const of =
      facts === analysed && verdict.wasHeld !== true && !showsPrepared(facts)
        ? this.#known.noteQuery({ sql, bytes: frame.bytes, facts, command: () => this.#gate.repeated(command) })
        : undefined
    this.#forward(frame, { sql, facts, decision: verdict.id, of })
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

  #forward(
    frame: Frame,
    { sql, facts, decision, of }: { sql: string; facts: StatementFacts; decision: string; of: Prepared | undefined },
  ): void {
    const pipeline = this.#pipeline
    // While the batch is still open: the Sync behind the messages that close them would end what the server skips after an error.
    hideKept(pipeline, facts)
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
    pipeline.collect(frame.bytes)
    pipeline.ahead.readAfter(facts, [pending])
  }

  #refuse(sql: string, facts: StatementFacts, error: PamError): void {
    const pipeline = this.#pipeline
    const bytes = serverError(error, facts)
    if (bytes === undefined || (pipeline.inFlight.isIdle && pipeline.status === 'I')) return this.answer(error, bytes)
    // The server fails as well, and so does its transaction.
    pipeline.endBatch()
    const run = startRun(error.id ?? '', sql, { ...facts, changesCatalog: false })
    pipeline.expect({ type: 'query', run, error: { sqlstate: SYNTAX_ERROR, bytes } })
    pipeline.collect(queryNothing())
  }

  /** Answers a message that the target does not get, and ends its batch. `bytes`: the error as the server would send it. */
  answer(error: PamError, bytes?: Buffer): void {
    const pipeline = this.#pipeline
    pipeline.reply(() =>
      Buffer.concat([bytes ?? toRefusal(error, isInTransaction(pipeline)), pipeline.readyForQuery()]),
    )
  }
}

const OVERTAKEN = new PamError('APPROVAL_VOID', 'definitions changed after the statement was approved', {
  hint: 'send it again',
})
/** How often a text waits for statements of other sessions in flight. */
const MAX_WAITS = 5
