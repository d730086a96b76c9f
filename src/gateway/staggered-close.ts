import { Semaphore } from '../shared/semaphore.ts'
import { withTimeout } from '../shared/with-timeout.ts'

/**
 * Backends that do nothing can wait with their end. Each costs its server a millisecond or more, so a thousand that leave
 * at once would keep everybody from being told: they leave a few at a time, and where many clients were told, when those have
 * gone.
 */
export class StaggeredClose {
  readonly #turns = new Semaphore(AT_ONCE)
  readonly #waiting = new Set<() => void>()
  #leaving = 0

  /** A client was told that its session is over. The function that is returned says that it has gone. */
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

  /** Ends one backend; resolves when it is gone, and at the latest when its turn is over. */
  async say(goodbye: () => void, gone: Promise<true>): Promise<void> {
    if (this.#leaving > AT_ONCE) await this.#clientsGone()
    // Nobody's turn is long, so that a target that hangs holds up no other's.
    await this.#turns.take(() => {
      goodbye()
      return withTimeout(gone, MAX_TURN_MS)
    })
  }

  /** Clients that take their time, and others that are told meanwhile, hold it up for so long and no longer. */
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

/** Backends that are told to leave at the same time; so many clients are not many. */
const AT_ONCE = 16
/** Milliseconds that one of them keeps its turn. */
const MAX_TURN_MS = 50
/** Milliseconds that clients have to leave before the backends do. */
const MAX_LEAVE_MS = 500
