/** So many at once and no more; the others wait for their turn, in order. */
export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(atOnce: number) {
    this.#free = atOnce
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}

/** One at a time. Whoever waits belongs to somebody, and each of these has a turn before one of them has a second. */
export class FairSemaphore {
  #isTaken = false
  /** In the order of their next turns. */
  readonly #waiting = new Map<string, (() => void)[]>()

  /** Once the signal aborts, whoever still waits is told its reason. */
  async take<T>(whose: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    if (this.#isTaken) await this.#turn(whose, signal)
    this.#isTaken = true
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  #turn(whose: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onTurn = (): void => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      const onAbort = (): void => {
        const waiting = (this.#waiting.get(whose) ?? []).filter((other) => other !== onTurn)
        if (waiting.length > 0) this.#waiting.set(whose, waiting)
        else this.#waiting.delete(whose)
        reject(signal?.reason as Error)
      }
      this.#waiting.set(whose, [...(this.#waiting.get(whose) ?? []), onTurn])
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  #next(): void {
    const [first] = this.#waiting
    if (first === undefined) {
      this.#isTaken = false
      return
    }
    const [whose, [onTurn, ...others]] = first
    this.#waiting.delete(whose)
    if (others.length > 0) this.#waiting.set(whose, others)
    onTurn?.()
  }
}
