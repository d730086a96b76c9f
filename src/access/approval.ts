import type { Review } from './review.ts'

/** A held command that waits for people. Bound to one digest, for one use. */
export interface Approval extends Review {
  readonly sessionId: string
  readonly target: string
  readonly rule: string
  /** As it may be kept for ever: secrets are replaced. Exactly what would run is in the memory of its session. */
  readonly text: string
  readonly parameters: readonly (string | null)[]
  /** What it does, as parsed, for people to read. */
  readonly effect: string
  /** Which of its statements are held, by name: `DROP TABLE`. Not kept of approvals that an earlier version filed. */
  readonly statement?: string
  /** Digest of everything the approval covers. */
  readonly digest: string
  readonly createdAt: number
}
