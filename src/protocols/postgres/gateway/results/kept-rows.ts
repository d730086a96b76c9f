import { KeptRows as AnyKeptRows } from '../../../../gateway/kept-rows.ts'
import type { Session } from '../../../../gateway/engine.ts'
import { ByteReader } from '../../../../wire/byte-reader.ts'
import { formatAt, type Format } from '../../wire/bind.ts'
import { bodyOf, type Frame } from '../../wire/framer.ts'

/** The rows of one result as the client received them, decoded for the record. */
export class KeptRows extends AnyKeptRows {
  readonly #formats: readonly Format[]

  constructor(
    command: string,
    recorder: Pick<Session['recorder'], 'outcome'>,
    result: {
      readonly limit: number
      readonly columns: readonly string[] | undefined
      /** Format codes as in Bind: none means text for all, one applies to all. */
      readonly formats: readonly Format[]
    },
  ) {
    super(command, recorder, result)
    this.#formats = result.formats
  }

  add(row: Frame | Buffer): void {
    const bytes = Buffer.isBuffer(row) ? row.subarray(HEADER) : bodyOf(row)
    this.keep(bytes.length, () => {
      const reader = new ByteReader(bytes, 'DataRow')
      let column = 0
      return reader.list(reader.uint16(), () => {
        const length = reader.int32()
        const format = formatAt(this.#formats, column++)
        if (length === -1) return null
        const value = reader.bytes(length)
        return format === 0 ? value.toString('utf8') : `\\x${value.toString('hex')}`
      })
    })
  }
}

/** Tag and length. */
const HEADER = 5
