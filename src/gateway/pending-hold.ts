import type { Hold, Verdict } from './engine.ts'
import { settledValue, type Steps } from './steps.ts'
import { whileHeld } from './when-filed.ts'

/** The command of a connection that waits for a person, and whether its client still waits for the answer. */
export class PendingHold {
  #hold: Hold | undefined
  #hasLeft = false

  /** The client said goodbye, or its side is closed. */
  get hasLeft(): boolean {
    return this.#hasLeft
  }

  /** The client has left: what is held for it is withdrawn, and so is whatever is held from now on. */
  leave(): void {
    this.#hasLeft = true
    this.#hold?.withdraw()
  }

  /** The client cancelled the command. False where none waits. */
  withdraw(): boolean {
    if (this.#hold === undefined) return false
    this.#hold.withdraw()
    return true
  }

  /** Waits for the decision; `tell` says to the client that the command waits, once people have been asked. */
  *verdict(hold: Hold, tell: () => void): Steps<Verdict> {
    this.#hold = hold
    if (this.#hasLeft) hold.withdraw()
    try {
      return yield* settledValue(whileHeld(hold, tell, hold.verdict))
    } finally {
      this.#hold = undefined
    }
  }
}
