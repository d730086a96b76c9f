import { WireError } from '../../../wire/wire-error.ts'

/** Computes the replacement of one value (null: SQL NULL): undefined leaves the value as it is, null makes it SQL NULL. */
export interface Rewrite {
  (value: Buffer | null): Buffer | null | undefined
  readonly direct?: DirectRewrite
}

/**
 * The same without copying the value: writes the replacement of the bytes of `source` from `start` to `end` into `out` at `at`, and returns
 * the offset of its end, or -1 if this value needs the function above. Only for rewrites that leave NULL as it is. The replacement has at
 * most 32 bytes more than the value.
 */
export type DirectRewrite = (source: Buffer, start: number, end: number, out: Buffer, at: number) => number

/**
 * DataRow ('D'), sent by the server: values with int32 lengths, -1 for NULL. Spec: Message Formats, DataRow. Walks the lengths and calls a
 * rewrite only for the columns that have one. Returns the same buffer if nothing changed.
 */
export function rewriteDataRow(frame: Buffer, rewrites: readonly (Rewrite | undefined)[]): Buffer {
  const count = frame.length < 7 ? -1 : frame.readUInt16BE(5)
  if (count !== rewrites.length) throw new WireError(`DataRow: ${count} values for ${rewrites.length} columns`)
  let pieces: Buffer[] | undefined
  let copied = 0 // everything before this offset is in pieces
  let at = 7
  for (let column = 0; column < count; column++) {
    if (at + 4 > frame.length) throw new WireError('DataRow: shorter than its fields')
    const length = frame.readInt32BE(at)
    const start = at + 4
    const end = length === -1 ? start : start + length
    if (length < -1 || end > frame.length) throw new WireError('DataRow: shorter than its fields')
    const rewrite = rewrites[column]
    if (rewrite !== undefined) {
      const value = rewrite(length === -1 ? null : frame.subarray(start, end))
      if (value !== undefined && !(value === null && length === -1)) {
        pieces ??= []
        const header = Buffer.allocUnsafe(4)
        header.writeInt32BE(value === null ? -1 : value.length, 0)
        pieces.push(frame.subarray(copied, at), header)
        if (value !== null) pieces.push(value)
        copied = end
      }
    }
    at = end
  }
  if (at !== frame.length) throw new WireError('DataRow: bytes too many')
  if (pieces === undefined) return frame
  pieces.push(frame.subarray(copied))
  const row = Buffer.concat(pieces)
  row.writeUInt32BE(row.length - 1, 1)
  return row
}
