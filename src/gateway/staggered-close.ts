import { Semaphore } from '../shared/semaphore.ts'
import { withTimeout } from '../shared/with-timeout.ts'

/**
 * Closes idle backends a few at a time. Each costs its server a millisecond or more, so a thousand that close at once would delay the
 * messages to their clients. Where many clients are told, backends close after those have disconnected.
 */
export class StaggeredClose {
  readonly #turns = new Semaphore(AT_ONCE)
  readonly #waiting = new Set<() => void>()
  #leaving = 0

  /** Notes that a client was told that its session has ended. Call the returned function when it has disconnected. */
  told(): () => void {
    let hasGone = false
    const gone = (): void => {
      if (hasGone) return
      hasGone = true
      clearTimeout(timer)
      if (--this.#leaving === AT_ONCE) for (const goOn of this.#waiting) goOn()
    }
    const timer = setTimeout(gone, MAX_LEAVE_MS).unref()
    this.#leaving++
    return gone
  }

  /** Closes one backend when it is its turn. Resolves when that is done, or the turn is over. */
  async say(goodbye: () => void, gone: Promise<true>): Promise<void> {
    if (this.#leaving > AT_ONCE) await this.#clientsGone()
    // A turn is limited, so that a target that hangs does not delay the others.
    await this.#turns.take(() => {
      goodbye()
      return withTimeout(gone, MAX_TURN_MS)
    })
  }

  /** Waits for the clients to disconnect, but no longer than MAX_LEAVE_MS. */
  #clientsGone(): Promise<void> {
    return new Promise((resolve) => {
      const goOn = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(goOn)
        resolve()
      }
      const timer = setTimeout(goOn, MAX_LEAVE_MS).unref()
      this.#waiting.add(goOn)
    })
  }
}

/** Backends that close at the same time; up to this many clients are not waited for. */
const AT_ONCE = 16
/** Milliseconds that a turn takes at most. */
const MAX_TURN_MS = 50
/** Milliseconds that backends wait for clients to disconnect. */
const MAX_LEAVE_MS = 500
