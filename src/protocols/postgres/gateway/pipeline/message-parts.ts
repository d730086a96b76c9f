import type { KnownStatements } from '../lane/known-statements.ts'
import type { StatementAnalyzer } from './analyze-statement.ts'
import type { CommandGate } from './command-gate.ts'
import type { PipelineState } from './pipeline-state.ts'

/** What the handling of a client's messages needs. */
export interface MessageParts {
  /** Its `collect` forwards bytes, in order; they may stay collected until `sendCollected`. */
  readonly pipeline: PipelineState
  readonly analyzer: StatementAnalyzer
  readonly gate: CommandGate
  readonly known: KnownStatements
}
