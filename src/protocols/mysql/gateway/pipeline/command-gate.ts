import type { Verdict } from '../../../../gateway/engine.ts'
import { PendingHold } from '../../../../gateway/pending-hold.ts'
import type { PamError } from '../../../../shared/errors.ts'
import { draftCommand, recordedText, type Command, type DraftParts } from './command-draft.ts'
import type { Pipeline } from './pipeline.ts'
import { settledValue, type Steps } from '../../../../gateway/steps.ts'

/** Where a command waits for its decision, and for a person if a rule holds it. */
export class CommandGate {
  readonly pending = new PendingHold()
  readonly #pipeline: Pipeline
  readonly #parts: DraftParts
  readonly #tell: (notice: string) => void

  /** `tell`: notifies the person who waits, for which the protocol has no message. */
  constructor(parts: DraftParts, tell: (notice: string) => void) {
    this.#pipeline = parts.pipeline
    this.#parts = parts
    this.#tell = tell
  }

  /** A command with its facts. The slow part of its record is done before its facts are determined under the current definitions. */
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

  /** The reason for which a command would be refused, asked before any part of it runs. */
  preview(command: Command): PamError | undefined {
    return this.#pipeline.session.preview(draftCommand(this.#parts, command))
  }

  /** Asks the session; if it holds the command, tells the person, then waits. */
  *decide(command: Command): Steps<Verdict> {
    const decision = this.#pipeline.session.decide(draftCommand(this.#parts, command))
    if (decision.type !== 'hold') return decision
    const locks = this.#pipeline.isInTransaction ? '; a transaction is open: its locks are held while this waits' : ''
    return yield* this.pending.verdict(decision, () => this.#tell(`${decision.notice}${locks}`))
  }
}
