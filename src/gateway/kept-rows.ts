import type { Session } from './engine.ts'

type Values = readonly (string | null)[]

/** The rows of one result as the client received them, collected for the record up to a limit in bytes. */
export class KeptRows {
  readonly #command: string
  readonly #recorder: Pick<Session['recorder'], 'outcome'>
  readonly #columns: readonly string[] | undefined
  #left: number
  #rows: Values[] = []
  #bytes = 0
  #cut = false
  #begun = false

  constructor(
    command: string,
    recorder: Pick<Session['recorder'], 'outcome'>,
    { limit, columns }: { readonly limit: number; readonly columns: readonly string[] | undefined },
  ) {
    this.#command = command
    this.#recorder = recorder
    this.#columns = columns
    this.#left = limit
  }

  /** Adds a row of `bytes`. Its values are only computed where there is room for them. */
  keep(bytes: number, values: () => Values): void {
    if (this.#cut || bytes > this.#left) {
      this.#cut = true
      return
    }
    this.#left -= bytes
    this.#bytes += bytes
    this.#rows.push(values())
    if (this.#bytes > BATCH_BYTES) this.flush()
  }

  /** Records what has been collected: the result is complete, or the session has ended. */
  flush(): void {
    if (this.#rows.length === 0 && !this.#cut) return
    this.#recorder.outcome({
      type: 'rows',
      command: this.#command,
      ...(this.#columns === undefined || this.#begun ? {} : { columns: this.#columns }),
      rows: this.#rows,
      ...(this.#cut ? { cut: true } : {}),
    })
    this.#begun = true
    this.#rows = []
    this.#bytes = 0
  }
}

/** Bytes of rows that go into one event. */
const BATCH_BYTES = 32 * 1024
