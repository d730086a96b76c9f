import type { ByteReader } from '../../../wire/byte-reader.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { decodeText, type Charset } from './charsets.ts'
import { columnTypes as types } from './column-definition.ts'

/**
 * A binary value that is not NULL, as text. Bytes that are not valid in its character set are written as `\x` and hexadecimal digits. Spec:
 * Binary Protocol Value.
 */
export function valueText(
  body: ByteReader,
  { type, isUnsigned }: { readonly type: number; readonly isUnsigned: boolean },
  charset: Charset,
): string {
  switch (type) {
    case types.tiny:
      return String(isUnsigned ? body.uint8() : (body.uint8() << 24) >> 24)
    case types.short:
    case types.year:
      return String(isUnsigned ? body.uint16le() : (body.uint16le() << 16) >> 16)
    case types.long:
    case types.int24:
      return String(isUnsigned ? body.uint32le() : body.uint32le() | 0)
    case types.longlong:
      return String(isUnsigned ? body.uint64le() : BigInt.asIntN(64, body.uint64le()))
    case types.float:
      return String(body.bytes(4).readFloatLE())
    case types.double:
      return String(body.bytes(8).readDoubleLE())
    case types.date:
    case types.datetime:
    case types.timestamp:
      return dateText(body)
    case types.time:
      return timeText(body)
    case types.decimal:
    case types.varchar:
    case types.bit:
    case types.vector:
    case types.json:
    case types.newdecimal:
    case types.enum:
    case types.set:
    case types.tinyBlob:
    case types.mediumBlob:
    case types.longBlob:
    case types.blob:
    case types.varString:
    case types.string:
    case types.geometry:
      return readable(body.lengthEncodedBytes(), charset)
    default:
      throw new WireError(`a value of the unknown type ${type}`)
  }
}

/** Types of parameters that the server treats as texts. */
export const textTypes: ReadonlySet<number> = new Set([
  types.varchar,
  types.varString,
  types.string,
  types.tinyBlob,
  types.mediumBlob,
  types.longBlob,
  types.blob,
])

/** Bytes in readable form. */
export function readable(bytes: Buffer, charset: Charset): string {
  const text = charset === 'binary' ? decodeText(bytes, 'utf8mb4') : decodeText(bytes, charset)
  return text ?? `\\x${bytes.toString('hex')}`
}

/** Spec: MYSQL_TYPE_DATE, MYSQL_TYPE_DATETIME, MYSQL_TYPE_TIMESTAMP: 0, 4, 7 or 11 bytes. */
function dateText(body: ByteReader): string {
  const length = body.uint8()
  if (length === 0) return '0000-00-00'
  if (length !== 4 && length !== 7 && length !== 11) throw new WireError(`a date of ${length} bytes`)
  const date = `${digits(body.uint16le(), 4)}-${digits(body.uint8())}-${digits(body.uint8())}`
  if (length === 4) return date
  return `${date} ${clockText(body)}${length === 11 ? `.${digits(body.uint32le(), 6)}` : ''}`
}

/** Spec: MYSQL_TYPE_TIME: 0, 8 or 12 bytes. */
function timeText(body: ByteReader): string {
  const length = body.uint8()
  if (length === 0) return '00:00:00'
  if (length !== 8 && length !== 12) throw new WireError(`a time of ${length} bytes`)
  const sign = body.uint8() === 0 ? '' : '-'
  const hours = body.uint32le() * 24 + body.uint8()
  const time = `${sign}${digits(hours)}:${digits(body.uint8())}:${digits(body.uint8())}`
  return length === 12 ? `${time}.${digits(body.uint32le(), 6)}` : time
}

const clockText = (body: ByteReader): string =>
  `${digits(body.uint8())}:${digits(body.uint8())}:${digits(body.uint8())}`

const digits = (value: number, count = 2): string => String(value).padStart(count, '0')
