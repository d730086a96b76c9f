import { formatAt, type Format } from '../../wire/bind.ts'
import { bodyOf, type Frame } from '../../wire/framer.ts'
import { ByteReader } from '../../../../wire/byte-reader.ts'
import type { Session } from '../../../../gateway/engine.ts'

/** The rows of one result as the client got them, up to a limit, on their way into the record. */
export class KeptRows {
  readonly #command: string
  readonly #recorder: Pick<Session['recorder'], 'outcome'>
  readonly #columns: readonly string[] | undefined
  readonly #formats: readonly Format[]
  #left: number
  #rows: (string | null)[][] = []
  #bytes = 0
  #cut = false
  #begun = false

  constructor(
    command: string,
    recorder: Pick<Session['recorder'], 'outcome'>,
    result: {
      readonly limit: number
      readonly columns: readonly string[] | undefined
      /** As in Bind: none is text for all, one is for all. */
      readonly formats: readonly Format[]
    },
  ) {
    this.#command = command
    this.#recorder = recorder
    this.#columns = result.columns
    this.#formats = result.formats
    this.#left = result.limit
  }

  add(row: Frame | Buffer): void {
    const bytes = Buffer.isBuffer(row) ? row.subarray(HEADER) : bodyOf(row)
    if (this.#cut || bytes.length > this.#left) {
      this.#cut = true
      return
    }
    this.#left -= bytes.length
    this.#bytes += bytes.length
    const reader = new ByteReader(bytes, 'DataRow')
    let column = 0
    this.#rows.push(
      reader.list(reader.uint16(), () => {
        const length = reader.int32()
        const format = formatAt(this.#formats, column++)
        if (length === -1) return null
        const value = reader.bytes(length)
        return format === 0 ? value.toString('utf8') : `\\x${value.toString('hex')}`
      }),
    )
    if (this.#bytes > BATCH) this.flush()
  }

  /** What is left goes into the record: the result is whole, or the session over. */
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

/** Tag and length. */
const HEADER = 5
/** Bytes of rows that go into one event. */
const BATCH = 32 * 1024
