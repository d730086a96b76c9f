import type { CommandDraft, Hold, Verdict } from '../../../../gateway/engine.ts'
import type { PamError } from '../../../../shared/errors.ts'
import { draftCommand, type Command } from './command-draft.ts'
import type { Pipeline } from './pipeline.ts'
import type { StatementAnalyzer } from './analyze-statement.ts'
import { settledValue, type Steps } from '../../../../gateway/steps.ts'

/** Where a command waits for its decision, and for a person where rules want one. */
export class CommandGate {
  /** The client said goodbye, or its side is closed. */
  left = false
  readonly #pipeline: Pipeline
  readonly #analyzer: StatementAnalyzer
  readonly #tell: (notice: string) => void
  #hold: Hold | undefined

  /** `tell`: the protocol has no message for somebody who waits. */
  constructor(pipeline: Pipeline, analyzer: StatementAnalyzer, tell: (notice: string) => void) {
    this.#pipeline = pipeline
    this.#analyzer = analyzer
    this.#tell = tell
  }

  /** Nobody waits for the answer any more. */
  leave(): void {
    this.left = true
    this.#hold?.withdraw()
  }

  /** True where a held statement was withdrawn. */
  withdraw(): boolean {
    if (this.#hold === undefined) return false
    this.#hold.withdraw()
    return true
  }

  /** Why a command would be refused, asked when nothing of it runs yet. */
  preview(command: Command): PamError | undefined {
    return this.#pipeline.session.preview(this.#draft(command))
  }

  /** Asks the session; a hold tells the person, then waits. */
  *decide(command: Command): Steps<Verdict> {
    const decision = this.#pipeline.session.decide(this.#draft(command))
    if (decision.type !== 'hold') return decision
    this.#hold = decision
    const locks = this.#pipeline.isInTransaction ? '; a transaction is open: its locks are held while this waits' : ''
    this.#tell(`${decision.notice}${locks}`)
    if (this.left) decision.withdraw()
    try {
      return yield* settledValue(decision.verdict)
    } finally {
      this.#hold = undefined
    }
  }

  #draft(command: Command): CommandDraft {
    return draftCommand(this.#pipeline, this.#analyzer, command)
  }
}
