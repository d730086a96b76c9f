/** What texts say, by a key that holds the text; the oldest go when it holds too much. */
export class TextCache<Parsed> {
  readonly #entries = new Map<string, Parsed>()
  readonly #room: number
  #characters = 0

  /** `room`: characters of all keys. What is kept of a text may take some fifty times as many bytes. */
  constructor(room: number) {
    this.#room = room
  }

  get(key: string): Parsed | undefined {
    return this.#entries.get(key)
  }

  set(key: string, parsed: Parsed): Parsed {
    while (this.#characters > this.#room) {
      const [oldest] = this.#entries.keys()
      if (oldest === undefined) break
      this.#characters -= oldest.length
      this.#entries.delete(oldest)
    }
    if (!this.#entries.has(key)) this.#characters += key.length
    this.#entries.set(key, parsed)
    return parsed
  }
}
