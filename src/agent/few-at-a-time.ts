/** Runs work in order, a limited number of items per turn of the event loop, so that other events are served in between. */
export class FewAtATime {
  readonly #most: number
  #waiting: (() => void)[] = []
  #isDue = false

  constructor(most: number) {
    this.#most = most
  }

  add(work: () => void): void {
    this.#waiting.push(work)
    this.#goOn()
  }

  #goOn(): void {
    if (this.#isDue || this.#waiting.length === 0) return
    this.#isDue = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#isDue = false
    const due = this.#waiting.splice(0, this.#most)
    let done = 0
    try {
      while (done < due.length) due[done++]?.()
    } finally {
      // An item that throws does not stop the others.
      this.#waiting = [...due.slice(done), ...this.#waiting]
      this.#goOn()
    }
  }
}
