import type { HoldEvent } from '../../agent/control-messages.ts'
import type { Review } from '../../api/schemas/review.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'
import { pause } from '../../shared/pause.ts'

/** What follows the commands of one connection that wait for a person. */
export interface HoldWatchParts {
  readonly reviews: Pick<ApiClient['reviews'], 'get'>
  readonly target: string
  readonly held: (review: Review) => void
  /** The held command was decided on, or withdrawn: it may run now. */
  readonly decided: () => void
  readonly signal: AbortSignal
  readonly pause?: (milliseconds: number) => Promise<unknown>
}

/**
 * The approvals that the commands of one session wait for, as the gateway tells them beside the connection. Another program of the user may have found the
 * same port: its session is another one, and of no concern here.
 */
export class HoldWatch {
  readonly #parts: HoldWatchParts
  /** By approval. */
  readonly #holds = new Map<string, 'asking' | 'held' | 'settled'>()
  #session: string | undefined

  constructor(parts: HoldWatchParts) {
    this.#parts = parts
  }

  hear({ target, session, approval, state }: HoldEvent): void {
    if (target !== this.#parts.target) return
    this.#session ??= session
    if (session !== this.#session) return
    if (state === 'settled') return this.#settle(approval)
    if (this.#holds.has(approval)) return
    this.#holds.set(approval, 'asking')
    void this.#look(approval)
  }

  #settle(approval: string): void {
    const before = this.#holds.get(approval)
    this.#holds.set(approval, 'settled')
    if (before === 'held' && !this.#parts.signal.aborted) this.#parts.decided()
  }

  /** The gateway has just said that there is one: where it cannot be asked, it is asked again. */
  async #look(approval: string): Promise<void> {
    const { reviews, target, held, signal, pause: wait = pause } = this.#parts
    for (let attempt = 0; attempt < MAX_ATTEMPTS && !signal.aborted; attempt++) {
      try {
        const review = await reviews.get(approval)
        if (this.#holds.get(approval) !== 'asking' || signal.aborted) return
        if (review.kind !== 'command' || review.target !== target || review.state !== 'pending') return
        this.#holds.set(approval, 'held')
        return held(review)
      } catch {
        await wait(RETRY_MS)
      }
    }
  }
}

const RETRY_MS = 2000
const MAX_ATTEMPTS = 5
