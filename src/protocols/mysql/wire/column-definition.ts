import type { ByteReader } from '../../../wire/byte-reader.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { decodeText, type Charset } from './charsets.ts'

/**
 * ColumnDefinition41, sent by the server: one column of a result. Through views, derived tables and expressions the names are not those
 * of the column that a value comes from. Spec: Protocol::ColumnDefinition41; MariaDB, "Result Set Packets", Column definition packet.
 */
export interface ColumnDefinition {
  readonly schema: string
  /** The alias of the table. */
  readonly table: string
  readonly originalTable: string
  /** The alias of the column. */
  readonly name: string
  readonly originalName: string
  /** Number of the collation that values are sent in; 63 is binary, also for numbers and dates. */
  readonly collation: number
  readonly length: number
  readonly type: number
  readonly flags: number
  readonly decimals: number
}

/** Source: enum_field_types, field_types.h of MySQL; MariaDB, "Result Set Packets", Field types. */
export const columnTypes = {
  decimal: 0x00,
  tiny: 0x01,
  short: 0x02,
  long: 0x03,
  float: 0x04,
  double: 0x05,
  null: 0x06,
  timestamp: 0x07,
  longlong: 0x08,
  int24: 0x09,
  date: 0x0a,
  time: 0x0b,
  datetime: 0x0c,
  year: 0x0d,
  varchar: 0x0f,
  bit: 0x10,
  vector: 0xf2,
  json: 0xf5,
  newdecimal: 0xf6,
  enum: 0xf7,
  set: 0xf8,
  tinyBlob: 0xf9,
  mediumBlob: 0xfa,
  longBlob: 0xfb,
  blob: 0xfc,
  varString: 0xfd,
  string: 0xfe,
  geometry: 0xff,
} as const

/** Source: Column Definition Flags. */
export const columnFlags = {
  notNull: 0x0001,
  primaryKey: 0x0002,
  unsigned: 0x0020,
  binary: 0x0080,
  enum: 0x0100,
  set: 0x0800,
} as const

/** `charset`: of names in results, `character_set_results`. Data after the fixed fields (defaults, for COM_FIELD_LIST) is ignored. */
export function readColumnDefinition(body: ByteReader, charset: Charset): ColumnDefinition {
  const text = (): string => {
    const decoded = decodeText(body.lengthEncodedBytes(), charset)
    if (decoded === undefined) throw new WireError('column definition: a name is not in its character set')
    return decoded
  }
  if (text() !== CATALOG) throw new WireError('column definition: its catalog is not "def"')
  const names = { schema: text(), table: text(), originalTable: text(), name: text(), originalName: text() }
  if (body.lengthEncoded() !== FIXED_LENGTH) throw new WireError('column definition: fixed fields of the wrong length')
  const [collation, length, type, flags, decimals] = [
    body.uint16le(),
    body.uint32le(),
    body.uint8(),
    body.uint16le(),
    body.uint8(),
  ] as const
  if (body.uint16le() !== 0) throw new WireError('column definition: its filler is not zero')
  return { ...names, collation, length, type, flags, decimals }
}

const CATALOG = 'def'
const FIXED_LENGTH = 12
