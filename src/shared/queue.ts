/** First in, first out. Taking one costs the same however many are left; `shift` of an array may move all of them. */
export class Queue<T> {
  #items: T[] = []
  #taken = 0

  get length(): number {
    return this.#items.length - this.#taken
  }

  /** The next that is taken; undefined where there is none. */
  get first(): T | undefined {
    return this.#items[this.#taken]
  }

  replaceFirst(item: T): void {
    if (this.length > 0) this.#items[this.#taken] = item
  }

  push(item: T): void {
    this.#items.push(item)
  }

  take(): T | undefined {
    if (this.length === 0) return undefined
    const item = this.#items[this.#taken++]
    // Half of them moves at most once for as many that were taken.
    if (this.#taken * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#taken)
      this.#taken = 0
    }
    return item
  }

  /** Replaces each of the last so many. */
  replaceLast(count: number, by: (item: T) => T): void {
    for (let at = Math.max(this.#taken, this.#items.length - count); at < this.#items.length; at++)
      this.#items[at] = by(this.#items[at] as T)
  }
}
