import type { ApiClient } from '../../gateway-client/api-client.ts'
import type { Review } from '../../api/schemas/review.ts'
import { pause } from '../../shared/pause.ts'

/** What follows the commands of one connection that wait for a person. */
export interface HoldWatchParts {
  readonly reviews: Pick<ApiClient['reviews'], 'get'>
  readonly target: string
  readonly held: (review: Review) => void
  /** The held command was decided on, or nobody knows: it may run now. */
  readonly decided: () => void
  readonly signal: AbortSignal
}

/**
 * Finds the approval that a command waits for in what the gateway says to its client. A target can say the same words, so the
 * gateway is asked whether there is such an approval of this person.
 */
export class HoldWatch {
  readonly #parts: HoldWatchParts
  readonly #seen = new Set<string>()

  constructor(parts: HoldWatchParts) {
    this.#parts = parts
  }

  hear(text: string): void {
    const id = /\brequest (apr_[0-9a-hjkmnp-tv-z]{13}) sent\b/.exec(text)?.[1]
    if (id === undefined || this.#seen.has(id) || this.#seen.size >= MAX_HOLDS) return
    this.#seen.add(id)
    void this.#follow(id)
  }

  async #follow(id: string): Promise<void> {
    const { reviews, target, held, decided, signal } = this.#parts
    let isKnown = false
    for (let failures = 0; !signal.aborted && failures < MAX_FAILURES;) {
      try {
        const review = await reviews.get(id)
        failures = 0
        if (review.kind !== 'command' || review.target !== target) return
        if (review.state !== 'pending') break
        if (!isKnown) held(review)
        isKnown = true
      } catch {
        failures++
      }
      await pause(POLL_MS)
    }
    if (isKnown && !signal.aborted) decided()
  }
}

const POLL_MS = 2000
const MAX_FAILURES = 5
/** Of one connection: more are not followed. */
const MAX_HOLDS = 100
