import { ByteReader } from '../../../wire/byte-reader.ts'
import { isErrorCode, type ErrorCode } from '../../../shared/error-codes.ts'
import { statementError, type JsonKind, type QueryPart, type StatementError } from '../../query-client.ts'
import { mysqlErrors } from '../error-codes.ts'
import { Answer } from '../wire/answer.ts'
import { readable, valueText } from '../wire/binary-value.ts'
import { charsetOfCollation } from '../wire/charsets.ts'
import {
  columnFlags,
  columnTypes as types,
  readColumnDefinition,
  type ColumnDefinition,
} from '../wire/column-definition.ts'
import type { Err } from '../wire/err.ts'
import { payloadOf, type Frame } from '../wire/framer.ts'
import type { StmtPrepareOk } from '../wire/stmt-prepare-ok.ts'
import { readTextRow } from '../wire/text-row.ts'

/** Reads the packets of one answer in order. */
export class AnswerReader {
  readonly #answer: Answer
  readonly #maxRows: number
  #columns: ColumnDefinition[] = []
  #rows = 0
  prepared: StmtPrepareOk | undefined
  failure: StatementError | undefined

  /** `flags`: the capabilities of the connection. */
  constructor(kind: 'results' | 'prepared' | 'binary-results', flags: number, maxRows: number) {
    this.#answer = new Answer(kind, flags)
    this.#maxRows = maxRows
  }

  get isComplete(): boolean {
    return this.#answer.isComplete
  }

  /**
   * The part of the answer in a packet; `file` if the server requests one. Throws a WireError for a packet that is not part of an answer.
   */
  read(frame: Frame): QueryPart | 'file' | undefined {
    const part = this.#answer.next(frame)
    switch (part.type) {
      case 'columns':
        this.#columns = []
        this.#rows = 0
        return undefined
      case 'column':
        if (part.of === 'statement') return undefined
        this.#columns.push(readColumnDefinition(new ByteReader(payloadOf(frame), 'column definition'), 'utf8mb4'))
        return part.isLast ? { type: 'columns', columns: this.#columns.map(columnOf) } : undefined
      case 'row':
        return ++this.#rows > this.#maxRows ? undefined : { type: 'row', values: this.#values(payloadOf(frame)) }
      case 'rows-end':
        return { type: 'end', end: { hasMore: this.#rows > this.#maxRows } }
      case 'ok':
        return { type: 'end', end: { affected: Number(part.ok.affectedRows), hasMore: false } }
      case 'error':
        this.failure = errorOf(part.error)
        return undefined
      case 'prepared':
        this.prepared = part.prepared
        return undefined
      case 'file':
        return 'file'
      case 'columns-end':
      case 'text':
        return undefined
    }
  }

  #values(payload: Buffer): (string | null)[] {
    return this.#answer.isBinary ? binaryRow(payload, this.#columns) : textRow(payload, this.#columns)
  }
}

const textRow = (payload: Buffer, columns: readonly ColumnDefinition[]): (string | null)[] =>
  readTextRow(payload, columns.length).map((value, at) => {
    const column = columns[at]
    return value === null || column === undefined ? null : textOf(value, column)
  })

/** Spec: Binary Protocol Resultset Row: a zero, the NULL bits from the third on, then the values that are not NULL. */
function binaryRow(payload: Buffer, columns: readonly ColumnDefinition[]): (string | null)[] {
  const body = new ByteReader(payload, 'row')
  body.uint8()
  const nulls = body.bytes((columns.length + 9) >> 3)
  const values = columns.map((column, at) => {
    if ((nulls.readUInt8((at + 2) >> 3) & (1 << ((at + 2) & 7))) !== 0) return null
    const isUnsigned = (column.flags & columnFlags.unsigned) !== 0
    return column.type === types.bit
      ? bits(body.lengthEncodedBytes())
      : valueText(body, { type: column.type, isUnsigned }, charsetOf(column))
  })
  body.end()
  return values
}

const textOf = (value: Buffer, column: ColumnDefinition): string =>
  column.type === types.bit ? bits(value) : readable(value, charsetOf(column))

/** The bits as a number. */
const bits = (value: Buffer): string => (value.length === 0 ? '0' : BigInt(`0x${value.toString('hex')}`).toString())

/** Numbers, dates and JSON are sent as binary, and are ASCII or UTF-8. */
const charsetOf = ({ collation }: ColumnDefinition) => charsetOfCollation(collation) ?? 'utf8mb4'

const columnOf = ({ name, type }: ColumnDefinition): { name: string; type: string; json: JsonKind } => ({
  name,
  type: NAMES.get(type) ?? `type ${type}`,
  json: type === types.json ? 'json' : NUMBERS.has(type) ? 'number' : 'string',
})

/** The names in CREATE TABLE; only the collation distinguishes blobs from texts. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [types.tiny, 'tinyint'],
  [types.short, 'smallint'],
  [types.int24, 'mediumint'],
  [types.long, 'int'],
  [types.longlong, 'bigint'],
  [types.float, 'float'],
  [types.double, 'double'],
  [types.decimal, 'decimal'],
  [types.newdecimal, 'decimal'],
  [types.year, 'year'],
  [types.bit, 'bit'],
  [types.date, 'date'],
  [types.time, 'time'],
  [types.datetime, 'datetime'],
  [types.timestamp, 'timestamp'],
  [types.json, 'json'],
  [types.enum, 'enum'],
  [types.set, 'set'],
  [types.geometry, 'geometry'],
  [types.vector, 'vector'],
  [types.varchar, 'varchar'],
  [types.varString, 'varchar'],
  [types.string, 'char'],
  [types.tinyBlob, 'blob'],
  [types.mediumBlob, 'blob'],
  [types.longBlob, 'blob'],
  [types.blob, 'blob'],
  [types.null, 'null'],
])

const NUMBERS: ReadonlySet<number> = new Set([
  types.tiny,
  types.short,
  types.int24,
  types.long,
  types.longlong,
  types.float,
  types.double,
  types.decimal,
  types.newdecimal,
  types.year,
  types.bit,
])

/** The error of a server, or of the gateway: its code follows from the number, as far as the number determines it. */
export const errorOf = ({ code, sqlstate, message }: Err): StatementError =>
  statementError({ message: readable(message, 'utf8mb4'), sqlstate }, () => CODES.get(code))

/** Codes by number; if several have the same, the one that can occur while a statement runs. */
const CODES: ReadonlyMap<number, ErrorCode> = new Map(
  [
    ...Object.entries(mysqlErrors).toReversed(),
    ...(['COMMAND_REFUSED', 'GRANT_OVER', 'NO_GRANT', 'HOLD_EXPIRED', 'FEATURE_REFUSED'] as const).map(
      (code) => [code, mysqlErrors[code]] as const,
    ),
  ].flatMap(([code, { errno }]) => (isErrorCode(code) ? [[errno, code] as const] : [])),
)
