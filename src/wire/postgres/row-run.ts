import { WireError } from '../wire-error.ts'
import type { Rewrite } from './data-row.ts'

/**
 * Whole rows that stand behind each other in one chunk. Results are most of what passes, so they are not taken apart: lengths are
 * walked, what is hidden is written over, all else stays the bytes that came.
 */
export interface RowRun {
  /** Offset behind the last row that was taken. */
  readonly end: number
  readonly rows: number
  /** What goes on: a view of the chunk where nothing was changed. */
  readonly bytes: Buffer
}

/** Rows that pass as they are; none that is longer than `longest`. */
export function passRows(chunk: Buffer, from: number, tag: number, longest: number): RowRun {
  let at = from
  let rows = 0
  for (let end; (end = rowEnd(chunk, at, tag, longest)) > 0; at = end) rows++
  return { end: at, rows, bytes: chunk.subarray(from, at) }
}

/** DataRows with the named columns rewritten. Throws WireError where one is not made of so many columns. */
export function rewriteRows(
  chunk: Buffer,
  from: number,
  rewrites: readonly (Rewrite | undefined)[],
  { tag, longest }: { readonly tag: number; readonly longest: number },
): RowRun {
  const out = new Patch(chunk, from)
  let at = from
  let rows = 0
  for (let end; (end = rowEnd(chunk, at, tag, longest)) > 0; at = end) {
    rows++
    const count = end - at < 7 ? -1 : ((chunk[at + 5] as number) << 8) | (chunk[at + 6] as number)
    if (count !== rewrites.length) throw new WireError(`DataRow: ${count} values for ${rewrites.length} columns`)
    out.begin(at)
    let field = at + 7
    for (let column = 0; column < count; column++) {
      const start = field + 4
      if (start > end) throw new WireError('DataRow: shorter than its fields')
      const length = int32(chunk, field)
      field = length === -1 ? start : start + length
      if (length < -1 || field > end) throw new WireError('DataRow: shorter than its fields')
      const rewrite = rewrites[column]
      if (rewrite !== undefined) out.value(start, length, rewrite)
    }
    if (field !== end) throw new WireError('DataRow: bytes too many')
    out.finish()
  }
  return { end: at, rows, bytes: out.done(at) }
}

/** What to do with each field of a row of COPY. */
export type CopyFields = readonly (Rewrite | undefined)[]

/**
 * CopyData of COPY TO in text format, a row in each. `fieldsOf` says what to do with each of so many fields; `slow` rewrites a
 * row (without tag and length) with whatever cannot be done on its bytes: escapes, NULL written otherwise.
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
  const out = new Patch(chunk, from)
  let fields: CopyFields = []
  let starts = new Int32Array(64)
  let backslash = next(chunk, BACKSLASH, from)
  let at = from
  let rows = 0
  for (let end; (end = rowEnd(chunk, at, tag, longest)) > 0; at = end) {
    rows++
    out.begin(at)
    if (backslash < at) backslash = next(chunk, BACKSLASH, at)
    // A backslash says that somebody must look closely, unless it is \N, which is NULL and stays.
    const isPlain = chunk[end - 1] === NEWLINE && (backslash >= end || onlyNulls(chunk, backslash, end))
    let count = 0
    if (isPlain) {
      if (end - at > starts.length) starts = new Int32Array(2 * (end - at))
      starts[count++] = at + 5
      for (let i = at + 5; i < end; i++) if (chunk[i] === format.delimiter) starts[count++] = i + 1
      starts[count] = end
      if (count !== fields.length) fields = format.fieldsOf(count)
    }
    if (isPlain && patchFields(starts, fields, chunk, out)) {
      out.finish()
      continue
    }
    const row = chunk.subarray(at + 5, end)
    const replaced = format.slow(row)
    out.undo()
    if (replaced !== row) out.body(at, end, replaced)
  }
  return { end: at, rows, bytes: out.done(at) }
}

/** Where the byte stands next; behind the end where it does not. */
function next(chunk: Buffer, byte: number, from: number): number {
  const at = chunk.indexOf(byte, from)
  return at < 0 ? chunk.length : at
}

function onlyNulls(chunk: Buffer, backslash: number, end: number): boolean {
  for (let i = backslash; i < end; i++)
    if (chunk[i] === BACKSLASH && (chunk[i - 1] === BACKSLASH || chunk[i + 1] !== CAPITAL_N)) return false
  return true
}

/** `starts`: where each field begins, and behind them the end. */
function patchFields(starts: Int32Array, fields: CopyFields, chunk: Buffer, out: Patch): boolean {
  for (let column = 0; column < fields.length; column++) {
    const rewrite = fields[column]
    if (rewrite === undefined) continue
    const start = starts[column] as number
    if (!out.text(start, (starts[column + 1] as number) - 1, rewrite, chunk[start] === BACKSLASH)) return false
  }
  return true
}

/** A copy of a part of a chunk that is made as far as something in it changes. */
class Patch {
  readonly #chunk: Buffer
  readonly #start: number
  #out: Buffer | undefined
  /** Written so far, and up to where of the chunk. */
  #length = 0
  #from: number
  #row = 0
  /** Where the row at work began, in `out`; -1 while nothing of it was changed. */
  #header = -1
  #delta = 0
  #before = { length: 0, from: 0 }

  constructor(chunk: Buffer, start: number) {
    this.#chunk = chunk
    this.#start = start
    this.#from = start
  }

  begin(row: number): void {
    this.#row = row
    this.#header = -1
    this.#delta = 0
    this.#before.length = this.#length
    this.#before.from = this.#from
  }

  /** A value with its int32 length before it; -1 is NULL. */
  value(start: number, length: number, rewrite: Rewrite): void {
    const end = length === -1 ? start : start + length
    if (length >= 0 && rewrite.direct !== undefined) {
      const at = this.#copyTo(start, end - start + MOST_DIRECT)
      const out = this.#out as Buffer
      const written = rewrite.direct(this.#chunk, start, end, out, at)
      if (written >= 0) {
        writeInt32(out, at - 4, written - at)
        this.#replaced(end, written, end - start)
        return
      }
    }
    const replaced = rewrite(length === -1 ? null : this.#chunk.subarray(start, end))
    if (replaced === undefined || (replaced === null && length === -1)) return
    const size = replaced?.length ?? 0
    const at = this.#copyTo(start, size + MOST_DIRECT)
    const out = this.#out as Buffer
    writeInt32(out, at - 4, replaced === null ? -1 : size)
    replaced?.copy(out, at)
    this.#replaced(end, at + size, end - start)
  }

  /** A field without length; false where it cannot be done on bytes. What is done on bytes leaves NULL as it is. */
  text(start: number, end: number, rewrite: Rewrite, isNull: boolean): boolean {
    if (rewrite.direct === undefined || (isNull && end - start !== 2)) return false
    if (isNull) return true
    const at = this.#copyTo(start, end - start + MOST_DIRECT)
    const written = rewrite.direct(this.#chunk, start, end, this.#out as Buffer, at)
    if (written < 0) return false
    this.#replaced(end, written, end - start)
    return true
  }

  /** The length of the row at work, where that has changed. */
  finish(): void {
    if (this.#header < 0 || this.#delta === 0) return
    writeInt32(this.#out as Buffer, this.#header + 1, int32(this.#chunk, this.#row + 1) + this.#delta)
  }

  /** Nothing of the row at work was changed after all. */
  undo(): void {
    this.#length = this.#before.length
    this.#from = this.#before.from
    this.#header = -1
  }

  /** The whole body of the row at work. */
  body(row: number, end: number, body: Buffer): void {
    const at = this.#copyTo(row + 5, body.length)
    const out = this.#out as Buffer
    writeInt32(out, at - 4, body.length + 4)
    body.copy(out, at)
    this.#from = end
    this.#length = at + body.length
  }

  done(end: number): Buffer {
    if (this.#out === undefined || (this.#from === this.#start && this.#length === 0))
      return this.#chunk.subarray(this.#start, end)
    const at = this.#copyTo(end, 0)
    return this.#out.subarray(0, at)
  }

  #replaced(from: number, length: number, before: number): void {
    const start = this.#length
    this.#from = from
    this.#length = length
    this.#delta += length - start - before
  }

  /** Everything of the chunk before `end`; there is room for so much more behind it. Where that is, in `out`. */
  #copyTo(end: number, room: number): number {
    const more = end - this.#from
    this.#make(this.#length + more + room)
    const out = this.#out as Buffer
    if (this.#header < 0) this.#header = this.#length + (this.#row - this.#from)
    if (more > 0) this.#chunk.copy(out, this.#length, this.#from, end)
    this.#length += more
    this.#from = end
    return this.#length
  }

  #make(size: number): void {
    if (this.#out !== undefined && this.#out.length >= size) return
    const bigger = Buffer.allocUnsafe(Math.max(size * 2, this.#chunk.length - this.#start + SPARE))
    this.#out?.copy(bigger, 0, 0, this.#length)
    this.#out = bigger
  }
}

/** Where the row at this offset ends; 0 where there is no whole row of this kind that may be taken. */
function rowEnd(chunk: Buffer, at: number, tag: number, longest: number): number {
  if (at + 5 > chunk.length || chunk[at] !== tag) return 0
  const length = int32(chunk, at + 1)
  const end = at + 1 + length
  return length < 4 || length >= longest || end > chunk.length ? 0 : end
}

const int32 = (bytes: Buffer, at: number): number =>
  ((bytes[at] as number) << 24) |
  ((bytes[at + 1] as number) << 16) |
  ((bytes[at + 2] as number) << 8) |
  (bytes[at + 3] as number)

function writeInt32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** Bytes that a direct rewrite may need beyond the length of the value. */
const MOST_DIRECT = 32
const SPARE = 4096
const BACKSLASH = 0x5c
const CAPITAL_N = 0x4e
const NEWLINE = 0x0a
