import type { Verdict } from '../../../../gateway/engine.ts'
import { PendingHold } from '../../../../gateway/pending-hold.ts'
import type { PamError } from '../../../../shared/errors.ts'
import { draftCommand, recordedText, type Command, type DraftParts } from './command-draft.ts'
import type { Pipeline } from './pipeline.ts'
import { settledValue, type Steps } from '../../../../gateway/steps.ts'

/** Where a command waits for its decision, and for a person where rules want one. */
export class CommandGate {
  readonly pending = new PendingHold()
  readonly #pipeline: Pipeline
  readonly #parts: DraftParts
  readonly #tell: (notice: string) => void

  /** `tell`: the protocol has no message for somebody who waits. */
  constructor(parts: DraftParts, tell: (notice: string) => void) {
    this.#pipeline = parts.pipeline
    this.#parts = parts
    this.#tell = tell
  }

  /** A command with what it does. What takes long of its record is done before it is looked at with the definitions of now. */
  *analysed(command: Omit<Command, 'facts' | 'ahead'>): Steps<Command> {
    const { pipeline, analyzer, recorder } = this.#parts
    const { sql, context } = command
    let facts = yield* settledValue(analyzer.of(sql, context))
    const searching = recorder.ahead(recordedText(pipeline, command), facts)
    if (searching === undefined) return { ...command, facts, ahead: undefined }
    const ahead = yield* settledValue(searching)
    facts = yield* settledValue(analyzer.of(sql, context))
    return { ...command, facts, ahead }
  }

  /** Why a command would be refused, asked when nothing of it runs yet. */
  preview(command: Command): PamError | undefined {
    return this.#pipeline.session.preview(draftCommand(this.#parts, command))
  }

  /** Asks the session; a hold tells the person, then waits. */
  *decide(command: Command): Steps<Verdict> {
    const decision = this.#pipeline.session.decide(draftCommand(this.#parts, command))
    if (decision.type !== 'hold') return decision
    const locks = this.#pipeline.isInTransaction ? '; a transaction is open: its locks are held while this waits' : ''
    return yield* this.pending.verdict(decision, () => this.#tell(`${decision.notice}${locks}`))
  }
}
