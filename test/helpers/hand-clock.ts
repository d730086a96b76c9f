import type { Clock } from '../../src/shared/clock.ts'

/** Time that is moved by hand. */
export class HandClock implements Clock {
  time = Date.now()
  #waiting: { at: number; callback: () => void }[] = []
  now(): number {
    return this.time
  }
  at(at: number, callback: () => void): () => void {
    const entry = { at, callback }
    this.#waiting.push(entry)
    return () => (this.#waiting = this.#waiting.filter((other) => other !== entry))
  }
  /** Goes on to the next thing that is waited for, and does it. */
  next(): number {
    const [first] = this.#waiting.toSorted((a, b) => a.at - b.at)
    if (first === undefined) throw new Error('nothing is waited for')
    this.#waiting = this.#waiting.filter((other) => other !== first)
    this.time = Math.max(this.time, first.at)
    first.callback()
    return this.time
  }
  get isIdle(): boolean {
    return this.#waiting.length === 0
  }
}
