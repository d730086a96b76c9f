import type { Work } from '../../../shared/slices.ts'

/** A body on its way to the client; what may be part of a value is held back. Both throw where something cannot be read. */
export interface AnswerMasker {
  mask(chunk: Buffer): Buffer
  end(): Buffer
  /** As `mask`, in steps: where one can take as long as what was held before does, and not only as long as the chunk. */
  maskInSteps?(chunk: Buffer): Work<Buffer>
  /** Whether what it gives may differ from what it is given. */
  readonly changes: boolean
  /** The client waits for the head of the answer, although nothing of the body may come for a long time. */
  readonly isLive: boolean
}

/** What `mask` gives, in steps that take some milliseconds at most, whatever the bytes are: others are served in between. */
export function* masking(masker: AnswerMasker, chunk: Buffer): Work<Buffer> {
  if (chunk.length <= STEP_BYTES) return yield* maskedPiece(masker, chunk)
  const out: Buffer[] = []
  for (let at = 0; at < chunk.length; at += STEP_BYTES) {
    if (at > 0) yield
    out.push(yield* maskedPiece(masker, chunk.subarray(at, at + STEP_BYTES)))
  }
  return Buffer.concat(out)
}

function* maskedPiece(masker: AnswerMasker, piece: Buffer): Work<Buffer> {
  return masker.maskInSteps === undefined ? masker.mask(piece) : yield* masker.maskInSteps(piece)
}

/** Full of values, these take about five milliseconds. */
export const STEP_BYTES = 8 * 1024
