import { isLong, type Ahead } from '../../../../sql/record/text-recorder.ts'
import type { CommandDraft, RepeatedCommand, Verdict } from '../../../../gateway/engine.ts'
import { PendingHold } from '../../../../gateway/pending-hold.ts'
import type { PamError } from '../../../../shared/errors.ts'
import { draftCommand, type Command, type DraftParts } from './command-draft.ts'
import type { PipelineState } from './pipeline-state.ts'
import { toErrorResponse, toNotice } from '../error-response.ts'
import { settledValue, type Steps } from '../../../../gateway/steps.ts'

/** Where a command waits for its decision, and for a person where rules want one; and what is skipped after a refusal. */
export class CommandGate {
  readonly pending = new PendingHold()
  readonly #pipeline: PipelineState
  readonly #parts: DraftParts
  #skipping = false

  constructor(parts: DraftParts) {
    this.#pipeline = parts.pipeline
    this.#parts = parts
  }

  /** What takes long of its record, done before what it does is asked with the definitions of now; undefined where nothing does. */
  *ahead(sql: string, parameters: Command['parameters'], types?: readonly number[]): Steps<Ahead | undefined> {
    const { pipeline, analyzer, recorder } = this.#parts
    if (!isLong(sql, parameters)) return undefined
    const facts = yield* settledValue(analyzer.of(sql, types))
    const searching = recorder.ahead({ sql, parameters, session: pipeline.session, context: undefined }, facts)
    return searching === undefined ? undefined : yield* settledValue(searching)
  }

  /** An error, ours or the server's, skips everything up to the next Sync; it may come while a message is being judged. */
  get isSkipped(): boolean {
    return this.#skipping || this.#pipeline.serverSkips
  }

  /** A Sync ends what is skipped. */
  goOn(): void {
    this.#skipping = false
    this.#pipeline.serverSkips = false
  }

  /** Why a command would be refused, asked when nothing of it runs yet. */
  preview(command: Command): PamError | undefined {
    return this.#pipeline.session.preview(this.#draft(command))
  }

  /** What is decided of a command whatever its parameters are; undefined where it has to be asked each time. */
  repeated(command: Command): RepeatedCommand | undefined {
    return this.#pipeline.session.repeated(this.#draft({ ...command, parameters: [], ahead: undefined }))
  }

  /** Asks the session; a hold tells the client, then waits for a person. `unheld`: what answers in the place of a hold. */
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
    const verdict = yield* this.pending.verdict(decision, () => {
      pipeline.reply(() => toNotice(decision.notice, hint))
      // While a person decides, others need not wait for a change that was announced.
      pipeline.changes.endAnnouncement()
    })
    return { ...verdict, wasHeld: true }
  }

  /** After it everything up to the Sync is skipped. */
  refuseExtended(error: PamError): void {
    this.#skipping = true
    this.#pipeline.sendCollected()
    this.#pipeline.reply(() => toErrorResponse(error))
  }

  #draft(command: Command): CommandDraft {
    return draftCommand(this.#parts, command)
  }
}
