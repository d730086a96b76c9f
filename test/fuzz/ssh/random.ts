/** A stream of choices that a seed fixes (xorshift32 over a hashed seed). */
export class Random {
  #state: number

  constructor(seed: number) {
    let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    this.#state = (mixed ^ (mixed >>> 16)) >>> 0 || 1
  }

  /** An integer from 0 up to but not including `limit`. */
  below(limit: number): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state >>> 0
    return this.#state % limit
  }

  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T
  }

  /** One of the values, each as often as the number before it says. */
  weighted<T>(from: readonly (readonly [number, T])[]): T {
    let at = this.below(from.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, value] of from) {
      at -= weight
      if (at < 0) return value
    }
    throw new Error('nothing to choose from')
  }
}
