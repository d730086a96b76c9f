import { WireError } from '../../../../wire/wire-error.ts'
import { byteAt } from '../../../../wire/byte-at.ts'
import { columnTypes as types, type ColumnDefinition } from '../../wire/column-definition.ts'
import type { Rewrite } from './hidden-values.ts'

/**
 * A text row with the values of some columns replaced; the same buffer if nothing changes. Spec: Text Resultset Row: values with
 * length-encoded lengths, 0xfb for NULL.
 */
export function rewriteTextRow(payload: Buffer, rewrites: readonly (Rewrite | undefined)[]): Buffer {
  const row = new RowPieces(payload)
  let at = 0
  for (const rewrite of rewrites) {
    const isNull = payload[at] === NULL
    const [start, end] = isNull ? [at + 1, at + 1] : stringAt(payload, at)
    if (rewrite !== undefined) {
      const masked = rewrite(isNull ? null : payload.subarray(start, end))
      if (masked === null && !isNull) row.replace(at, end, NULL_VALUE)
      else if (masked !== undefined && masked !== null) row.replace(at, end, lengthOf(masked), masked)
    }
    at = end
  }
  if (at !== payload.length) throw new WireError('row: trailing bytes')
  return row.finish()
}

/**
 * The same for a binary row: a zero, a bit for each NULL, and the values in the formats of their types. Spec: Binary Protocol Resultset
 * Row.
 */
export function rewriteBinaryRow(
  payload: Buffer,
  columns: readonly ColumnDefinition[],
  rewrites: readonly (Rewrite | undefined)[],
): Buffer {
  const begin = 1 + ((columns.length + 7 + NULL_OFFSET) >> 3)
  if (payload[0] !== 0 || payload.length < begin) throw new WireError('binary row: shorter than its fields')
  const row = new RowPieces(payload)
  let nulls: Buffer | undefined
  let at = begin
  for (const [index, column] of columns.entries()) {
    const place = index + NULL_OFFSET
    const [byte, bit] = [1 + (place >> 3), 1 << (place & 7)]
    const isNull = (byteAt(payload, byte) & bit) !== 0
    const [start, end] = isNull ? [at, at] : valueAt(payload, at, column.type)
    const masked = rewrites[index]?.(isNull ? null : payload.subarray(start, end))
    if (masked !== undefined && !(masked === null && isNull)) {
      nulls ??= Buffer.from(payload.subarray(0, begin))
      if (masked === null) {
        nulls[byte] = byteAt(nulls, byte) | bit
        row.replace(at, end)
      } else {
        if (!isString(column.type)) throw new WireError('binary row: text in place of a number')
        nulls[byte] = byteAt(nulls, byte) & ~bit
        row.replace(at, end, lengthOf(masked), masked)
      }
    }
    at = end
  }
  if (at !== payload.length) throw new WireError('binary row: trailing bytes')
  return nulls === undefined ? payload : row.finish(nulls)
}

/** Whether values of a type have a length-encoded length in binary rows, and may be anything. */
export const isString = (type: number): boolean => !SIZES.has(type) && !TIMES.has(type)

/** The start and end of a value that is not NULL, without the length in front of it. Spec: Binary Protocol Value. */
function valueAt(bytes: Buffer, at: number, type: number): readonly [start: number, end: number] {
  const size = SIZES.get(type)
  const [start, end] =
    size !== undefined ? [at, at + size] : TIMES.has(type) ? [at + 1, at + 1 + (bytes[at] ?? 0)] : stringAt(bytes, at)
  if (end > bytes.length || (size === undefined && !KNOWN.has(type)))
    throw new WireError('binary row: shorter than its fields, or a type that is not known')
  return [start, end]
}

/** The start and end of a length-encoded string. */
function stringAt(bytes: Buffer, at: number): readonly [start: number, end: number] {
  const first = bytes[at] ?? INVALID
  const size = first < 0xfb ? 0 : first === 0xfc ? 2 : first === 0xfd ? 3 : first === 0xfe ? 8 : INVALID
  const start = at + 1 + size
  if (size === INVALID || start > bytes.length) throw new WireError('row: shorter than its fields')
  const length =
    size === 0 ? first : size === 8 ? Number(bytes.readBigUInt64LE(at + 1)) : bytes.readUIntLE(at + 1, size)
  if (start + length > bytes.length) throw new WireError('row: shorter than its fields')
  return [start, start + length]
}

function lengthOf({ length }: Buffer): Buffer {
  if (length < 0xfb) return Buffer.of(length)
  const size = length < 0x1_00_00 ? 2 : length < 0x1_00_00_00 ? 3 : 8
  const bytes = Buffer.alloc(1 + size)
  bytes[0] = size === 2 ? 0xfc : size === 3 ? 0xfd : 0xfe
  if (size === 8) bytes.writeBigUInt64LE(BigInt(length), 1)
  else bytes.writeUIntLE(length, 1, size)
  return bytes
}

/** The pieces that a row is assembled from: unchanged bytes, and replacements. */
class RowPieces {
  readonly #payload: Buffer
  #pieces: Buffer[] = []
  #copied = 0

  constructor(payload: Buffer) {
    this.#payload = payload
  }

  replace(from: number, to: number, ...by: readonly Buffer[]): void {
    this.#pieces.push(this.#payload.subarray(this.#copied, from), ...by)
    this.#copied = to
  }

  /** `head` replaces as many bytes at the beginning. */
  finish(head?: Buffer): Buffer {
    if (this.#pieces.length === 0) return this.#payload
    const row = Buffer.concat([...this.#pieces, this.#payload.subarray(this.#copied)])
    if (head !== undefined) row.set(head)
    return row
  }
}

const NULL = 0xfb
const NULL_VALUE = Buffer.of(NULL)
/** The number of bits in the bitmap before that of the first column. */
const NULL_OFFSET = 2
const INVALID = -1
/** Bytes of values without a length. A column of the type NULL has no values. */
const SIZES: ReadonlyMap<number, number> = new Map<number, number>([
  [types.tiny, 1],
  [types.short, 2],
  [types.year, 2],
  [types.int24, 4],
  [types.long, 4],
  [types.float, 4],
  [types.longlong, 8],
  [types.double, 8],
])
const TIMES = new Set<number>([types.date, types.datetime, types.timestamp, types.time])
const KNOWN = new Set<number>(Object.values(types).filter((type) => type !== types.null))
