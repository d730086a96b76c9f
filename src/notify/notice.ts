import type { Approval } from '../access/approval.ts'
import type { BreakGlass } from '../access/break-glass.ts'
import type { AccessRequest } from '../access/request.ts'

/** Something that happened, for places outside: an entry of the audit chain, and the review it is about. */
export interface Notice {
  readonly seq: number
  /** As the audit chain calls it: `approval.filed`, `request.denied`. */
  readonly type: string
  readonly at: string
  readonly actor: string
  readonly subject: string
  readonly target: string | undefined
  readonly reason: string | undefined
  readonly review: AccessRequest | Approval | undefined
  /** Access in an emergency: every channel is told, whatever it is configured to hear. */
  readonly breakGlass?: BreakGlass | undefined
  /** A passkey that somebody has registered, or that was removed. */
  readonly passkey?: { readonly person: string; readonly name: string } | undefined
}

/** What has happened, in order. */
export interface NoticeSource {
  /** What comes after an entry. */
  after(seq: number, limit: number): Promise<readonly Notice[]>
  /** The last entry that there is. */
  head(): Promise<number>
  /** How far somebody has read; undefined where they never did. */
  cursor(name: string): Promise<number | undefined>
  /** Calls back when something has happened. */
  onNews(listener: () => void): void
}
