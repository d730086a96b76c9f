/**
 * Composite values in binary. As in value-text.ts, each part is passed on, with the object id of its type, and the value is written again
 * with new lengths if a part changed. Undefined: the value does not have this form.
 */

/** Rewrites a part; returns undefined to leave it as it is, null to make it NULL. */
export type BinaryPart = (part: Buffer, typeOid: number) => Buffer | null | undefined

export type RewrittenBytes = Buffer | 'same' | undefined

/**
 * The number of dimensions, a flag for NULLs, and the element type; then length and lower bound of each dimension; then the elements.
 * Source: array_send.
 */
export function rewriteArray(value: Buffer, rewrite: BinaryPart): RewrittenBytes {
  if (value.length < 12) return undefined
  const dimensions = value.readInt32BE(0)
  const flags = value.readInt32BE(4)
  const typeOid = value.readUInt32BE(8)
  if (dimensions < 0 || dimensions > MAX_DIMENSIONS || (flags !== 0 && flags !== 1)) return undefined
  const start = 12 + 8 * dimensions
  if (value.length < start) return undefined
  let count = dimensions === 0 ? 0 : 1
  for (let dimension = 0; dimension < dimensions; dimension++) count *= value.readInt32BE(12 + 8 * dimension)
  const parts = new Parts(value, start)
  let hasNull = flags === 1
  for (let element = 0; element < count; element++) {
    const replaced = parts.next(typeOid, rewrite)
    if (replaced === false) return undefined
    if (replaced === null) hasNull = true
  }
  const out = parts.finish()
  if (Buffer.isBuffer(out) && hasNull) out.writeInt32BE(1, 4)
  return out
}

/** A count; then type and value of each field. Source: record_send in rowtypes.c. */
export function rewriteRow(value: Buffer, rewrite: BinaryPart): RewrittenBytes {
  if (value.length < 4) return undefined
  const count = value.readInt32BE(0)
  const parts = new Parts(value, 4)
  for (let field = 0; field < count; field++) {
    const typeOid = parts.uint32()
    if (typeOid === undefined || parts.next(typeOid, rewrite) === false) return undefined
  }
  return count < 0 ? undefined : parts.finish()
}

/** A count; then key and value of each pair. Source: hstore_send in hstore_io.c. */
export function rewriteHstore(value: Buffer, rewrite: BinaryPart): RewrittenBytes {
  if (value.length < 4) return undefined
  const count = value.readInt32BE(0)
  const parts = new Parts(value, 4)
  for (let pair = 0; pair < count; pair++) {
    // A key cannot be NULL.
    if (parts.next(0, (key) => (rewrite(key, 0) === null ? Buffer.alloc(0) : rewrite(key, 0))) === false)
      return undefined
    if (parts.next(0, rewrite) === false) return undefined
  }
  return count < 0 ? undefined : parts.finish()
}

/** The bounds of a range: flags, then each finite bound. Source: range_send in rangetypes.c. */
export function boundsOf(value: Buffer): Buffer[] | undefined {
  const [flags] = value
  if (flags === undefined) return undefined
  const has = (flags & EMPTY) !== 0 ? 0 : Number((flags & NO_LOWER) === 0) + Number((flags & NO_UPPER) === 0)
  const bounds: Buffer[] = []
  const parts = new Parts(value, 1)
  for (let bound = 0; bound < has; bound++) {
    const taken = parts.next(0, (part) => {
      bounds.push(part)
      return undefined
    })
    if (taken === false) return undefined
  }
  return parts.finish() === 'same' ? bounds : undefined
}

/** The ranges of a multirange. Source: multirange_send in multirangetypes.c. */
export function rangesOf(value: Buffer): Buffer[] | undefined {
  if (value.length < 4) return undefined
  const count = value.readInt32BE(0)
  const ranges: Buffer[] = []
  const parts = new Parts(value, 4)
  for (let range = 0; range < count; range++) {
    const taken = parts.next(0, (part) => {
      ranges.push(part)
      return undefined
    })
    if (taken === false) return undefined
  }
  return count >= 0 && parts.finish() === 'same' ? ranges : undefined
}

/** The words of a tsvector: a count, then each with its positions. Source: tsvectorsend in tsvector.c. */
export function lexemesOf(value: Buffer): string[] | undefined {
  if (value.length < 4) return undefined
  const count = value.readInt32BE(0)
  const lexemes: string[] = []
  let at = 4
  for (let lexeme = 0; lexeme < count; lexeme++) {
    const end = value.indexOf(0, at)
    if (end < 0 || end + 3 > value.length) return undefined
    lexemes.push(value.toString('utf8', at, end))
    at = end + 3 + 2 * value.readUInt16BE(end + 1)
  }
  return count >= 0 && at === value.length ? lexemes : undefined
}

/** Parts, each with its int32 length before it; -1 is NULL. */
class Parts {
  readonly #value: Buffer
  readonly #pieces: Buffer[] = []
  #copied = 0
  #at: number

  constructor(value: Buffer, start: number) {
    this.#value = value
    this.#at = start
  }

  uint32(): number | undefined {
    if (this.#at + 4 > this.#value.length) return undefined
    this.#at += 4
    return this.#value.readUInt32BE(this.#at - 4)
  }

  /** Rewrites the next part and returns what `rewrite` returned; false if there is no next part. */
  next(typeOid: number, rewrite: BinaryPart): Buffer | null | undefined | false {
    const value = this.#value
    if (this.#at + 4 > value.length) return false
    const length = value.readInt32BE(this.#at)
    const start = this.#at + 4
    const end = start + Math.max(length, 0)
    if (length < -1 || end > value.length) return false
    const header = this.#at
    this.#at = end
    if (length === -1) return undefined
    const replaced = rewrite(value.subarray(start, end), typeOid)
    if (replaced === undefined) return undefined
    const size = Buffer.allocUnsafe(4)
    size.writeInt32BE(replaced === null ? -1 : replaced.length)
    this.#pieces.push(value.subarray(this.#copied, header), size, ...(replaced === null ? [] : [replaced]))
    this.#copied = end
    return replaced
  }

  finish(): RewrittenBytes {
    if (this.#at !== this.#value.length) return undefined
    if (this.#pieces.length === 0) return 'same'
    return Buffer.concat([...this.#pieces, this.#value.subarray(this.#copied)])
  }
}

/** MAXDIM in the server's array.h. */
const MAX_DIMENSIONS = 6
/** RANGE_EMPTY, RANGE_LB_INF and RANGE_LB_NULL, RANGE_UB_INF and RANGE_UB_NULL in rangetypes.h. */
const EMPTY = 0x01
const NO_LOWER = 0x08 | 0x20
const NO_UPPER = 0x10 | 0x40
