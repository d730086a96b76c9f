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

/** What the last long text says, for as long as somebody works with that: it is too much to be kept. */
export class LatestText<Parsed extends object> {
  #sql: string | undefined
  #how = ''
  #parsed: WeakRef<Parsed> | undefined

  /** `how`: by what else a text is read. */
  get(sql: string, how = ''): Parsed | undefined {
    return this.#sql === sql && this.#how === how ? this.#parsed?.deref() : undefined
  }

  set(parsed: Parsed, sql: string, how = ''): Parsed {
    this.#sql = sql
    this.#how = how
    this.#parsed = new WeakRef(parsed)
    return parsed
  }
}
