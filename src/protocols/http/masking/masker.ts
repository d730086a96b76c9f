/** A body on its way to the client; what may be part of a value is held back. Both throw where something cannot be read. */
export interface AnswerMasker {
  mask(chunk: Buffer): Buffer
  end(): Buffer
  /** Whether what it gives may differ from what it is given. */
  readonly changes: boolean
  /** The client waits for the head of the answer, although nothing of the body may come for a long time. */
  readonly isLive: boolean
}
