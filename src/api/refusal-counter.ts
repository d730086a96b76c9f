import type { ErrorCode } from '../shared/error-codes.ts'

/**
 * Counts callers who were turned away before anybody knew who they are. They reach the audit chain as sums, so that
 * nobody can fill or stall it from outside.
 */
export class RefusalCounter {
  #counts = new Map<ErrorCode, number>()

  note(code: ErrorCode): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1)
  }

  /** The sums since the last time, or undefined where there were none. */
  take(): Readonly<Record<string, number>> | undefined {
    if (this.#counts.size === 0) return undefined
    const counts = Object.fromEntries(this.#counts)
    this.#counts = new Map()
    return counts
  }
}
