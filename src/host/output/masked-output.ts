import { PamError } from '../../shared/errors.ts'
import { ARCHIVE_HEAD_BYTES, isArchiveHead } from './archive-head.ts'
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
  /** Where programs read it: an archive is damaged by hiding a value in it. */
  readonly archives?: {
    /** The command writes one, whatever it begins with. */
    readonly isOne: boolean
    /** Called once, in place of what would have gone out; nothing more does. */
    readonly refuse: (error: PamError) => void
  }
}

/** One output with values hidden; what is held back goes out after a while, or with the end. */
export class MaskedOutput {
  readonly #parts: MaskedOutputParts
  #timer: NodeJS.Timeout | undefined
  #head: Buffer = Buffer.alloc(0)
  #isArchive: boolean | undefined
  #isRefused = false

  constructor(parts: MaskedOutputParts) {
    this.#parts = parts
    if (parts.archives?.isOne === true) this.#isArchive = true
  }

  push(bytes: Buffer): boolean {
    const { masking, typed, delay, write } = this.#parts
    if (masking === undefined) return write(bytes)
    if (this.#isRefused) return true
    clearTimeout(this.#timer)
    this.#lookAtHead(bytes)
    // Of what came before nothing goes sooner because somebody typed what follows it.
    const isTyped = typed?.echoes(bytes) === true && !masking.isHolding
    const isReady = this.#write(masking.push(bytes))
    if (!masking.isHolding) return isReady
    if (isTyped) return this.#write(masking.flush())
    this.#timer = setTimeout(() => this.end(), delay)
    return isReady
  }

  end(): void {
    const { masking } = this.#parts
    clearTimeout(this.#timer)
    if (masking?.isHolding !== true || this.#isRefused) return
    try {
      this.#write(masking.flush())
    } catch {
      // The record has failed: the session is ending for that.
    }
  }

  #lookAtHead(bytes: Buffer): void {
    if (this.#parts.archives === undefined || this.#isArchive !== undefined) return
    this.#head = Buffer.concat([this.#head, bytes.subarray(0, ARCHIVE_HEAD_BYTES - this.#head.length)])
    this.#isArchive = isArchiveHead(this.#head)
  }

  #write(bytes: Buffer): boolean {
    const { masking, archives, write } = this.#parts
    if (archives === undefined || this.#isArchive !== true || masking?.hasHidden !== true) return write(bytes)
    this.#isRefused = true
    archives.refuse(
      new PamError('MASKING_REFUSED', 'the archive contains masked values, and masking them would damage it', {
        hint: 'copy files without masked values, or read them as text',
      }),
    )
    return true
  }
}

/** Milliseconds that what may be the beginning of a value waits for more. */
export const TERMINAL_DELAY_MS = 12
export const PIPE_DELAY_MS = 150
