import { isLong, type Ahead } from '../../../../sql/record/text-recorder.ts'
import type { CommandDraft, RepeatedCommand, Verdict } from '../../../../gateway/engine.ts'
import { PendingHold } from '../../../../gateway/pending-hold.ts'
import type { PamError } from '../../../../shared/errors.ts'
import { draftCommand, type Command, type DraftParts } from './command-draft.ts'
import type { PipelineState } from './pipeline-state.ts'
import { toNotice, toRefusal } from '../error-response.ts'
import { settledValue, type Steps } from '../../../../gateway/steps.ts'

/** Where a command waits for its decision, and for a person if a rule holds it; and where messages after a refusal are skipped. */
export class CommandGate {
  readonly pending = new PendingHold()
  readonly #pipeline: PipelineState
  readonly #parts: DraftParts
  #skipping = false

  constructor(parts: DraftParts) {
    this.#pipeline = parts.pipeline
    this.#parts = parts
  }

  /** Prepares the slow part of its record, before its facts are determined under the current definitions; undefined if no part is slow. */
  *ahead(sql: string, parameters: Command['parameters'], types?: readonly number[]): Steps<Ahead | undefined> {
    const { pipeline, analyzer, recorder } = this.#parts
    if (!isLong(sql, parameters)) return undefined
    const facts = yield* settledValue(analyzer.of(sql, types))
    const searching = recorder.ahead({ sql, parameters, session: pipeline.session, context: undefined }, facts)
    return searching === undefined ? undefined : yield* settledValue(searching)
  }

  /**
   * Whether an error, of the gateway or the server, causes everything up to the next Sync to be skipped; it may occur while a message is
   * being evaluated.
   */
  get isSkipped(): boolean {
    return this.#skipping || this.#pipeline.serverSkips
  }

  /** A Sync ends the skipping. */
  endSkip(): void {
    this.#skipping = false
    this.#pipeline.serverSkips = false
  }

  /** The reason for which a command would be refused, asked before any part of it runs. */
  preview(command: Command): PamError | undefined {
    return this.#pipeline.session.preview(this.#draft(command))
  }

  /** The decision that holds for a command whatever its parameters are; undefined if it must be made each time. */
  repeated(command: Command): RepeatedCommand | undefined {
    return this.#pipeline.session.repeated(this.#draft({ ...command, parameters: [], ahead: undefined }))
  }

  /** Asks the session; if it holds the command, tells the client, then waits for a person. `unheld`: the error that replaces a hold. */
  *decide(command: Command, unheld?: PamError): Steps<Verdict & { readonly wasHeld?: true }> {
    const pipeline = this.#pipeline
    const decision = pipeline.session.decide(this.#draft(command))
    if (decision.type !== 'hold') return decision
    if (unheld !== undefined) {
      decision.withdraw()
      yield decision.verdict
      return { type: 'refuse', id: decision.id, error: unheld }
    }
    pipeline.sendCollected()
    const hint = pipeline.status === 'T' ? 'a transaction is open: its locks are held while this waits' : undefined
    // While a person decides, other sessions need not wait for an announced change.
    pipeline.changes.endAnnouncement()
    const verdict = yield* this.pending.verdict(decision, () => pipeline.reply(() => toNotice(decision.notice, hint)))
    return { ...verdict, wasHeld: true }
  }

  /** Refuses a message; everything after it up to the Sync is skipped. */
  refuseExtended(error: PamError): void {
    this.#skipping = true
    this.#pipeline.sendCollected()
    const pipeline = this.#pipeline
    pipeline.reply(() => toRefusal(error, isInTransaction(pipeline)))
  }

  #draft(command: Command): CommandDraft {
    return draftCommand(this.#parts, command)
  }
}

/** Whether a transaction block is open and has not failed. The server reports one that a batch has ended only at the Sync. */
export const isInTransaction = ({ status, isInBlock }: PipelineState): boolean => status === 'T' && isInBlock
