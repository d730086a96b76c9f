/**
 * Limits how often the catalogs of one database are read only for the record: at most once a second, and for at most a twentieth of the
 * time, however large they are and however many sessions there are.
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
      this.#dueAt = now + Math.max(MIN_PAUSE_MS, (now - began) * PAUSE_FACTOR)
    }
  }
}

/** Milliseconds between the end of one reading and the beginning of the next. */
const MIN_PAUSE_MS = 1000
/** The same, as a multiple of the duration of a reading. */
const PAUSE_FACTOR = 19
