import { hideInText, hideNumber, hideWhole, type KindSearch } from '../../../../masking/hidden-text.ts'
import { isHiddenElsewhere } from '../../../../masking/other-encodings.ts'
import { columnFlags, columnTypes as types, type ColumnDefinition } from '../../wire/column-definition.ts'
import { coordinatesOf } from '../../wire/geometry.ts'
import { decodeBytes, decodeValue, valueCharset } from '../../wire/value-charsets.ts'

/** Text or binary rows. Spec: Text Resultset Row, Binary Protocol Resultset Row. */
export type RowForm = 'text' | 'binary'

/** Computes the replacement of a value: undefined leaves it as it is, null (for the value as well) is NULL. */
export type Rewrite = (value: Buffer | null) => Buffer | null | undefined

/** How to search the values of one column for kinds of data; undefined if they cannot contain any. */
export function hiddenValues(column: ColumnDefinition, form: RowForm, search: KindSearch): Rewrite | undefined {
  if (search.kinds.length === 0 || FIXED.has(column.type)) return undefined
  const hide = searchFor(column, form, search)
  return (value) => (value === null ? undefined : hide(value))
}

function searchFor(
  column: ColumnDefinition,
  form: RowForm,
  search: KindSearch,
): (value: Buffer) => Buffer | null | undefined {
  switch (column.type) {
    case types.longlong:
      return form === 'text'
        ? (value) => hideWhole(value.toString('latin1'), search)
        : (value) => hideWhole(wholeNumber(value, column), search)
    case types.double:
      return (value) => hideNumber(form === 'text' ? Number(value.toString('latin1')) : value.readDoubleLE(), search)
    case types.decimal:
    case types.newdecimal:
      return (value) => hideWhole(value.toString('latin1'), search)
    case types.json:
      return (value) => inJson(value, search)
    case types.bit:
      return (value) =>
        value.length <= 8 && hideWhole(BigInt(`0x0${value.toString('hex')}`).toString(), search) === null
          ? null
          : inOpaque(value, search)
    case types.geometry:
      return (value) => (hasHiddenCoordinate(value, search) ? null : inOpaque(value, search))
    case types.varchar:
    case types.varString:
    case types.string:
    case types.tinyBlob:
    case types.mediumBlob:
    case types.longBlob:
    case types.blob:
      // ENUM and SET can only have words of their list.
      if ((column.flags & (columnFlags.enum | columnFlags.set)) !== 0) return (value) => inOpaque(value, search)
      return (value) => inString(value, column.collation, search)
    default:
      return (value) => inOpaque(value, search)
  }
}

const wholeNumber = (value: Buffer, { flags }: ColumnDefinition): string =>
  String((flags & columnFlags.unsigned) === 0 ? value.readBigInt64LE() : value.readBigUInt64LE())

/** Searches text in its character set; bytes without one are read as they appear. */
function inString(value: Buffer, collation: number, search: KindSearch): Buffer | null | undefined {
  const charset = valueCharset(collation)
  const decoded = (charset && decodeValue(value, charset)) ?? bytesAsText(value)
  const masked = hideInText(decoded.text, search)
  if (masked === null) return null
  const encoded = masked === undefined ? undefined : (decoded.encode(masked) ?? null)
  if (encoded === null || hasSpaced(encoded ?? value, search)) return null
  // The bytes may be text in another character set, or only the ASCII in them was read.
  if (masked === undefined && (charset === undefined || charset === 'bytes') && isHiddenElsewhere(value, search))
    return null
  return encoded
}

const bytesAsText = (value: Buffer) => decodeValue(value, 'utf8') ?? decodeBytes(value)

/** Text with two or four bytes per character, as bytes or as text of another character set: it has zeros between its characters. */
const hasSpaced = (value: Buffer, search: KindSearch): boolean =>
  value.includes(0) && hideInText(value.toString('latin1').replaceAll('\0', ''), search) !== undefined

/** Hides a value that cannot be shown in part. */
const inOpaque = (value: Buffer, search: KindSearch): null | undefined =>
  inString(value, BINARY, search) === undefined ? undefined : null

/** A JSON document stays one, or becomes NULL. Numbers may have an exponent. */
function inJson(value: Buffer, search: KindSearch): Buffer | null | undefined {
  const text = value.toString('utf8')
  for (const [number] of text.matchAll(WITH_EXPONENT)) if (hideNumber(Number(number), search) === null) return null
  const masked = hideInText(text, search)
  if (masked === undefined || masked === null) return masked
  try {
    JSON.parse(masked)
    return Buffer.from(masked, 'utf8')
  } catch {
    return null
  }
}

/** Coordinates are numbers. A value that is not a valid shape may be anything. */
function hasHiddenCoordinate(value: Buffer, search: KindSearch): boolean {
  const coordinates = coordinatesOf(value)
  return coordinates === undefined || coordinates.some((coordinate) => hideNumber(coordinate, search) === null)
}

/** From the first of its digits: from each of a million, those behind it would be read anew. */
const WITH_EXPONENT = /-?(?<!\d)\d+(?:\.\d+)?[eE][+-]?\d+/g
const BINARY = 63
/** No kind of data is as short as an integer of up to four bytes, a float, or a time. */
const FIXED = new Set<number>([
  types.tiny,
  types.short,
  types.int24,
  types.long,
  types.float,
  types.null,
  types.timestamp,
  types.date,
  types.time,
  types.datetime,
  types.year,
])
