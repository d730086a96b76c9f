import type { StreamMasking } from './stream-masking.ts'
import type { TypedText } from './typed-text.ts'

export interface MaskedOutputParts {
  /** Undefined where nothing is hidden. */
  readonly masking: StreamMasking | undefined
  /** What was typed, where this is a terminal. */
  readonly typed: TypedText | undefined
  /** Milliseconds that what may be the beginning of a value waits for more. */
  readonly delay: number
  /** False: the client does not keep up. */
  readonly write: (bytes: Buffer) => boolean
}

/** One output with values hidden; what is held back goes out after a while, or with the end. */
export class MaskedOutput {
  readonly #parts: MaskedOutputParts
  #timer: NodeJS.Timeout | undefined

  constructor(parts: MaskedOutputParts) {
    this.#parts = parts
  }

  push(bytes: Buffer): boolean {
    const { masking, typed, delay, write } = this.#parts
    if (masking === undefined) return write(bytes)
    clearTimeout(this.#timer)
    // Of what came before nothing goes sooner because somebody typed what follows it.
    const isTyped = typed?.echoes(bytes) === true && !masking.isHolding
    const isReady = write(masking.push(bytes))
    if (!masking.isHolding) return isReady
    if (isTyped) return write(masking.flush())
    this.#timer = setTimeout(() => this.end(), delay)
    return isReady
  }

  end(): void {
    const { masking, write } = this.#parts
    clearTimeout(this.#timer)
    if (masking?.isHolding !== true) return
    try {
      write(masking.flush())
    } catch {
      // The record has failed: the session is ending for that.
    }
  }
}

/** Milliseconds that what may be the beginning of a value waits for more. */
export const TERMINAL_DELAY_MS = 12
export const PIPE_DELAY_MS = 150
