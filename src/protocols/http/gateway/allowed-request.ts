import type { HttpCommand } from './read-command.ts'

/** A request that may go on, by a decision that is on record. */
export interface AllowedRequest {
  readonly command: HttpCommand
  readonly decision: string
  /** Where it has waited for somebody: the approval. */
  readonly approval: string | undefined
}
