import type { Review } from '../api/schemas/review.ts'

/** Asks about one review after the other. What is printed meanwhile comes behind the question that is on the screen. */
export class ReviewPrompts {
  readonly #ask: (review: Review) => Promise<void>
  readonly #failed: (error: unknown) => void
  readonly #reviews: Review[] = []
  readonly #prints: (() => void)[] = []
  #isAsking = false

  /** `failed`: a question could not be asked, or was interrupted; no more are asked. */
  constructor(ask: (review: Review) => Promise<void>, failed: (error: unknown) => void) {
    this.#ask = ask
    this.#failed = failed
  }

  print(write: () => void): void {
    if (this.#isAsking) this.#prints.push(write)
    else write()
  }

  add(review: Review): void {
    this.#reviews.push(review)
    if (!this.#isAsking) void this.#askAll()
  }

  async #askAll(): Promise<void> {
    this.#isAsking = true
    try {
      for (let next = this.#reviews.shift(); next !== undefined; next = this.#reviews.shift()) {
        await this.#ask(next)
        for (const write of this.#prints.splice(0)) write()
      }
    } catch (error) {
      return this.#failed(error)
    }
    this.#isAsking = false
  }
}
