import { ByteSearch } from '../../../wire/byte-search.ts'
import { WireError } from '../../../wire/wire-error.ts'
import type { Rewrite } from './data-row.ts'

/**
 * Consecutive complete rows of one chunk. Most of the traffic is results, so rows are not taken apart: the gateway walks the lengths and
 * overwrites masked values; all other bytes stay as they arrived.
 */
export interface RowRun {
  /** The offset after the last row that was taken. */
  readonly end: number
  readonly rows: number
  /** The bytes for the client: a view of the chunk if nothing was changed. */
  readonly bytes: Buffer
}

/** Takes rows that pass unchanged, up to the first of `longest` bytes or more. */
export function passRows(chunk: Buffer, from: number, tag: number, longest: number): RowRun {
  const view = viewOf(chunk)
  let at = from
  let rows = 0
  for (let end; (end = rowEnd(view, at, tag, longest)) > 0; at = end) rows++
  return { end: at, rows, bytes: chunk.subarray(from, at) }
}

/**
 * Takes DataRows and rewrites the columns that have a rewrite, in the chunk itself if there is room: nothing else may use its memory.
 * Throws a WireError for a row with another number of columns.
 */
export function rewriteRows(
  chunk: Buffer,
  from: number,
  rewrites: readonly (Rewrite | undefined)[],
  { tag, longest }: { readonly tag: number; readonly longest: number },
): RowRun {
  const view = viewOf(chunk)
  const out = new Patch(chunk, from)
  let at = from
  let rows = 0
  for (let end; (end = rowEnd(view, at, tag, longest)) > 0; at = end) {
    rows++
    const count = end - at < 7 ? -1 : view.getUint16(at + 5)
    if (count !== rewrites.length) throw new WireError(`DataRow: ${count} values for ${rewrites.length} columns`)
    out.begin(at, end)
    let field = at + 7
    for (let column = 0; column < count; column++) {
      const start = field + 4
      if (start > end) throw new WireError('DataRow: shorter than its fields')
      const length = view.getInt32(field)
      field = length === -1 ? start : start + length
      if (length < -1 || field > end) throw new WireError('DataRow: shorter than its fields')
      const rewrite = rewrites[column]
      if (rewrite !== undefined) rewriteValue(chunk, start, length, rewrite, out)
    }
    if (field !== end) throw new WireError('DataRow: bytes too many')
    out.finish()
  }
  return { end: at, rows, bytes: out.done(at) }
}

/** Rewrites a value and the int32 length before it; -1 is NULL. */
function rewriteValue(chunk: Buffer, start: number, length: number, rewrite: Rewrite, out: Patch): void {
  const isNull = length === -1
  const end = isNull ? start : start + length
  if (!isNull && rewrite.direct !== undefined && length + MAX_DIRECT <= SCRATCH.length) {
    const size = rewrite.direct(chunk, start, end, SCRATCH, 0)
    if (size >= 0) return out.replace(start, end, SCRATCH, 0, size, size)
  }
  const replaced = rewrite(isNull ? null : chunk.subarray(start, end))
  if (replaced === undefined || (replaced === null && isNull)) return
  if (replaced === null) out.replace(start, end, SCRATCH, 0, 0, -1)
  else out.replace(start, end, replaced, 0, replaced.length, replaced.length)
}

/** The rewrite of each field of a row of COPY; undefined for fields that pass unchanged. */
export type CopyFields = readonly (Rewrite | undefined)[]

/**
 * Takes CopyData of COPY TO in text format, one row in each, and rewrites them as DataRows. `fieldsOf` returns the rewrites for a number of
 * fields; `slow` rewrites a row (without tag and length) that cannot be rewritten byte by byte: one with escapes, or with another string
 * for NULL.
 */
export function rewriteCopyRows(
  chunk: Buffer,
  from: number,
  format: {
    readonly delimiter: number
    readonly fieldsOf: (count: number) => CopyFields
    readonly slow: (row: Buffer) => Buffer
  },
  { tag, longest }: { readonly tag: number; readonly longest: number },
): RowRun {
  const view = viewOf(chunk)
  const out = new Patch(chunk, from)
  const delimiters = new ByteSearch(chunk, format.delimiter)
  let fields: CopyFields = []
  let masked: readonly number[] = []
  let starts = new Int32Array(1024)
  let backslash = next(chunk, BACKSLASH, from)
  let at = from
  let rows = 0
  for (let end; (end = rowEnd(view, at, tag, longest)) > 0; at = end) {
    rows++
    out.begin(at, end)
    if (backslash < at) backslash = next(chunk, BACKSLASH, at)
    // A backslash calls for the slow way, unless it is part of \N, which is NULL and stays.
    const isPlain = chunk[end - 1] === NEWLINE && (backslash >= end || onlyNulls(chunk, backslash, end))
    if (isPlain) {
      if (end - at > starts.length) starts = new Int32Array(2 * (end - at))
      starts[0] = at + 5
      const count = delimiters.offsetsAfter(at + 5, end, starts, 1)
      starts[count] = end
      if (count !== fields.length) {
        fields = format.fieldsOf(count)
        masked = fields.flatMap((rewrite, column) => (rewrite === undefined ? [] : [column]))
      }
    }
    if (!isPlain || !rewriteFields(starts, masked, fields, chunk, out)) {
      const row = chunk.subarray(at + 5, end)
      const replaced = format.slow(row)
      if (replaced !== row) out.replace(at + 5, end, replaced, 0, replaced.length)
    }
    out.finish()
  }
  return { end: at, rows, bytes: out.done(at) }
}

/**
 * `starts`: the offset of each field, and after them that of the end. Returns false, without any change, if one of the fields cannot be
 * rewritten byte by byte: all replacements are made before the first is written. Such rewrites leave NULL as it is.
 */
function rewriteFields(
  starts: Int32Array,
  masked: readonly number[],
  fields: CopyFields,
  chunk: Buffer,
  out: Patch,
): boolean {
  let made = 0
  for (let i = 0; i < masked.length; i++) {
    const column = masked[i] as number
    const start = starts[column] as number
    const end = (starts[column + 1] as number) - 1
    const direct = fields[column]?.direct
    if (direct === undefined || made + end - start + MAX_DIRECT > SCRATCH.length || i === MADE.length) return false
    if (chunk[start] === BACKSLASH) {
      if (end - start !== 2) return false
    } else {
      made = direct(chunk, start, end, SCRATCH, made)
      if (made < 0) return false
    }
    MADE[i] = made
  }
  for (let i = 0, from = 0; i < masked.length; from = MADE[i++] as number) {
    const column = masked[i] as number
    const start = starts[column] as number
    if (chunk[start] !== BACKSLASH)
      out.replace(start, (starts[column + 1] as number) - 1, SCRATCH, from, MADE[i] as number)
  }
  return true
}

/** The next offset of the byte; the end of the chunk if there is none. */
function next(chunk: Buffer, byte: number, from: number): number {
  const at = chunk.indexOf(byte, from)
  return at < 0 ? chunk.length : at
}

function onlyNulls(chunk: Buffer, backslash: number, end: number): boolean {
  for (let i = backslash; i < end; i++)
    if (chunk[i] === BACKSLASH && (chunk[i - 1] === BACKSLASH || chunk[i + 1] !== CAPITAL_N)) return false
  return true
}

/**
 * A part of a chunk in which values are replaced. The bytes that follow are moved within the same memory as long as that overwrites nothing
 * unread; a result that needs more room is continued in memory of its own.
 */
class Patch {
  readonly #chunk: Buffer
  readonly #start: number
  #out: Buffer
  /** The end of what is written in `out`, and the offset in the chunk that it corresponds to. */
  #to: number
  #from: number
  #row = 0
  #rowLength = 0
  /** The offset in `out` of the current row; -1 while nothing in it has been changed. */
  #header = -1
  #delta = 0

  constructor(chunk: Buffer, start: number) {
    this.#chunk = chunk
    this.#start = start
    this.#out = chunk
    this.#to = start
    this.#from = start
  }

  begin(row: number, end: number): void {
    this.#row = row
    this.#rowLength = end - row - 1
    this.#header = -1
    this.#delta = 0
  }

  /** Replaces bytes of the chunk by a part of `source`; `length` is written as an int32 before them. */
  replace(start: number, end: number, source: Buffer, from: number, to: number, length?: number): void {
    const size = to - from
    const at = this.#moveTo(start, end, size)
    const out = this.#out
    if (length !== undefined) writeInt32(out, at - 4, length)
    if (size <= SHORT) for (let i = 0; i < size; i++) out[at + i] = source[from + i] as number
    else source.copy(out, at, from, to)
    this.#to = at + size
    this.#from = end
    this.#delta += size - (end - start)
  }

  /** Writes the length of the current row if it has changed. */
  finish(): void {
    if (this.#header >= 0 && this.#delta !== 0) writeInt32(this.#out, this.#header + 1, this.#rowLength + this.#delta)
  }

  done(end: number): Buffer {
    const to = this.#moveTo(end, end, 0)
    return this.#out.subarray(this.#out === this.#chunk ? this.#start : 0, to)
  }

  /**
   * Moves everything before `start` into place and makes room for `size` bytes after it, which may overwrite the chunk up to `end`. Returns
   * the offset of that room.
   */
  #moveTo(start: number, end: number, size: number): number {
    const from = this.#from
    const at = this.#to + start - from
    if (this.#header < 0) this.#header = this.#to + this.#row - from
    if (this.#out === this.#chunk && at + size > end) return this.#moveOut(start, size)
    if (this.#out !== this.#chunk) {
      this.#make(at + size)
      this.#chunk.copy(this.#out, this.#to, from, start)
    } else if (this.#to !== from) this.#chunk.copyWithin(this.#to, from, start)
    return at
  }

  /** The chunk has no more room: copies what is written so far into new memory. */
  #moveOut(start: number, size: number): number {
    const written = this.#to - this.#start
    this.#out = Buffer.allocUnsafe(this.#chunk.length - this.#start + size + SPARE)
    this.#chunk.copy(this.#out, 0, this.#start, this.#to)
    this.#chunk.copy(this.#out, written, this.#from, start)
    this.#header -= this.#start
    return written + start - this.#from
  }

  #make(size: number): void {
    if (this.#out.length >= size) return
    const bigger = Buffer.allocUnsafe(size * 2)
    this.#out.copy(bigger, 0, 0, this.#to)
    this.#out = bigger
  }
}

/** The end of the row at this offset; 0 if there is no complete row with this tag and of less than `longest` bytes. */
function rowEnd(view: DataView, at: number, tag: number, longest: number): number {
  if (at + 5 > view.byteLength || view.getUint8(at) !== tag) return 0
  const length = view.getInt32(at + 1)
  const end = at + 1 + length
  return length < 4 || length >= longest || end > view.byteLength ? 0 : end
}

const viewOf = (chunk: Buffer): DataView => new DataView(chunk.buffer, chunk.byteOffset, chunk.length)

function writeInt32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** Bytes that a direct rewrite may need beyond the length of the value. */
const MAX_DIRECT = 32
/** The output of direct rewrites until it is written into place; for a row of COPY also the end of each field in it. */
const SCRATCH = Buffer.allocUnsafeSlow(16 * 1024)
const MADE = new Int32Array(2048)
/** In bytes: up to this length a loop is faster than a call of copy(). */
const SHORT = 48
const SPARE = 4096
const BACKSLASH = 0x5c
const CAPITAL_N = 0x4e
const NEWLINE = 0x0a
