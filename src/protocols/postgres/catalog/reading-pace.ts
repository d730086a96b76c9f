/**
 * How often the catalogs of one database are read for the record alone: at most once a second, and so seldom that it takes no more than a twentieth
 * of the time, however large they are and however many sessions there are.
 */
export class ReadingPace {
  #running = 0
  #dueAt = -Infinity

  get isDue(): boolean {
    return this.#running === 0 && performance.now() >= this.#dueAt
  }

  async keep<T>(reading: () => Promise<T>): Promise<T> {
    const began = performance.now()
    this.#running++
    try {
      return await reading()
    } finally {
      this.#running--
      const now = performance.now()
      this.#dueAt = now + Math.max(LEAST, (now - began) * TIMES)
    }
  }
}

/** Milliseconds between the end of one reading and the beginning of the next. */
const LEAST = 1000
/** The same, in relation to the time that a reading takes. */
const TIMES = 19
