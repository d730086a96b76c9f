/** Bytes that do not go out as they are: `put` goes out in their place. */
export interface Edit {
  readonly from: number
  readonly to: number
  readonly put: Buffer | undefined
}

/**
 * A copy of the bytes with all edits made. Several readings of the same bytes may edit them: every byte that any of them covers is hidden, and of what
 * they put in the same place, the longest is put there once.
 */
export function applyEdits(bytes: Buffer, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return Buffer.from(bytes)
  const out: Buffer[] = []
  let at = 0
  let lastPut = -1
  for (const { from, to, put } of edits.toSorted(inOrder)) {
    // One that begins within another has its say where that begins.
    if (from >= at) {
      out.push(bytes.subarray(at, from))
      if (put !== undefined && from !== lastPut) out.push(put)
      if (put !== undefined) lastPut = from
    }
    at = Math.max(at, to, from)
  }
  out.push(bytes.subarray(at))
  return Buffer.concat(out)
}

const inOrder = (one: Edit, other: Edit): number =>
  one.from - other.from || (other.put?.length ?? 0) - (one.put?.length ?? 0)
