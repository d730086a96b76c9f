import type { Review } from './review.ts'

/** A held command that waits for people. Bound to one digest, for one use. */
export interface Approval extends Review {
  readonly sessionId: string
  readonly target: string
  readonly rule: string
  /** Exactly what would run; emptied of secrets once it is closed. */
  readonly text: string
  readonly parameters: readonly (string | null)[]
  /** What it does, as parsed, for people to read. */
  readonly effect: string
  /** Digest of everything the approval covers. */
  readonly digest: string
  readonly createdAt: number
}
