import type { QueryColumn, QueryPart, ResultEnd } from '../../protocols/query-client.ts'

/** One result of a text, as far as it is kept. */
export interface ResultSet extends ResultEnd {
  /** None for a statement that returns no rows. */
  readonly columns: readonly QueryColumn[]
  /** Texts, as the server wrote them; null is NULL. */
  readonly rows: readonly (readonly (string | null)[])[]
  /** What is left out was too large to keep, however many rows were wanted. */
  readonly isCutBySize?: boolean
}

/** Keeps what a text is answered with, up to so many bytes of values in all. What does not fit is said of each result (`hasMore`). */
export class ResultCollector {
  readonly results: ResultSet[] = []
  #columns: readonly QueryColumn[] = []
  #rows: (readonly (string | null)[])[] = []
  #left: number
  #isFull = false

  constructor(maxBytes = MAX_RESULT_BYTES) {
    this.#left = maxBytes
  }

  hear(part: QueryPart): void {
    switch (part.type) {
      case 'columns':
        this.#columns = part.columns
        return
      case 'row':
        return this.#row(part.values)
      case 'end':
        this.results.push({
          ...part.end,
          columns: this.#columns,
          rows: this.#rows,
          hasMore: part.end.hasMore || this.#isFull,
          ...(this.#isFull ? { isCutBySize: true } : {}),
        })
        this.#columns = []
        this.#rows = []
        this.#isFull = false
        return
      case 'notice':
        return
    }
  }

  #row(values: readonly (string | null)[]): void {
    this.#left -= values.reduce((sum, value) => sum + (value?.length ?? 0) + VALUE_BYTES, 0)
    if (this.#left < 0) this.#isFull = true
    else this.#rows.push(values)
  }
}

/** Characters of all values that are kept. */
export const MAX_RESULT_BYTES = 32 * 1024 * 1024
/** What a value costs besides its characters. */
const VALUE_BYTES = 8
