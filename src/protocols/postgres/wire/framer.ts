import { HeldBytes } from '../../../wire/held-bytes.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { byteAt } from '../../../wire/byte-at.ts'

/** One message: its tag and the bytes from the tag to the end. A view of the bytes that were pushed. */
export interface Frame {
  readonly tag: number
  readonly bytes: Buffer
  /** Set for a piece of a message that is too long to be held in full: `first` begins with the tag. */
  readonly piece?: 'first' | 'later' | undefined
}

type Take = (frame: Frame) => boolean | void

/**
 * Cuts a byte stream into messages (tag, int32 length that counts itself, body). Spec: Message Formats. Only an incomplete last message is
 * held, as a copy, so that a few bytes never keep a whole chunk in memory.
 */
export class Framer {
  readonly #longest: number
  readonly #what: string
  readonly #inPieces: ReadonlySet<number>
  readonly #together: (bytes: Buffer, at: number) => number
  /** The tag of a message that arrives in pieces, and the number of its bytes that are still to come. */
  #pieceTag = 0
  #more = 0
  readonly #held = new HeldBytes()
  #wanted = 0

  /**
   * `longest` is the limit for one message in bytes, `what` names the peer in errors. Messages with one of the tags `inPieces` may be
   * longer: they are passed on in pieces as they arrive, the first of at least `FIRST_PIECE` bytes. `together` may process whole messages
   * from an offset on, and returns the offset after them.
   */
  constructor(
    longest: number,
    what: string,
    inPieces: ReadonlySet<number> = new Set(),
    together: (bytes: Buffer, at: number) => number = (_bytes, at) => at,
  ) {
    this.#inPieces = inPieces
    this.#together = together
    this.#longest = longest
    this.#what = what
  }

  /** The number of bytes held of an incomplete message. */
  get held(): number {
    return this.#held.length
  }

  /** The next byte begins a message. */
  get isBetween(): boolean {
    return this.#held.length === 0 && this.#more === 0
  }

  /** Passes the complete messages to `take`, in order; `take` returns false to get no more of this connection. */
  push(chunk: Buffer, take: Take): void {
    if (this.#held.length === 0) return void this.#cut(chunk, take)
    // A large message arrives in many chunks: they are joined once, when it is whole.
    const missing = this.#wanted - this.#held.length
    if (chunk.length < missing) return this.#held.add(chunk)
    // The rest of the chunk is not copied.
    const end = missing > 0 ? missing : chunk.length
    const joined = this.#held.take(chunk.subarray(0, end))
    this.#wanted = 0
    if (this.#cut(joined, take) && end < chunk.length) this.#cut(chunk.subarray(end), take)
  }

  /** Returns false if `take` wants no more. */
  #cut(bytes: Buffer, take: Take): boolean {
    let at = 0
    while (at < bytes.length) {
      if (this.#more > 0) {
        const end = Math.min(bytes.length, at + this.#more)
        this.#more -= end - at
        if (take({ tag: this.#pieceTag, bytes: bytes.subarray(at, end), piece: 'later' }) === false) return false
        at = end
        continue
      }
      const taken = this.#together(bytes, at)
      if (taken > at) {
        at = taken
        continue
      }
      if (bytes.length - at < HEADER) break
      const length = this.#lengthAt(bytes, at)
      const tag = byteAt(bytes, at)
      if (length > this.#longest) {
        if (bytes.length - at < Math.min(FIRST_PIECE, length)) {
          this.#wanted = Math.min(FIRST_PIECE, length)
          break
        }
        this.#pieceTag = tag
        const end = Math.min(bytes.length, at + length)
        this.#more = length - (end - at)
        if (take({ tag, bytes: bytes.subarray(at, end), piece: 'first' }) === false) return false
        at = end
        continue
      }
      if (bytes.length - at < length) {
        this.#wanted = length
        break
      }
      if (take({ tag, bytes: bytes.subarray(at, at + length), piece: undefined }) === false) return false
      at += length
    }
    if (at < bytes.length) this.#held.add(bytes.subarray(at))
    return true
  }

  #lengthAt(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at + 1)
    if (length >= 4 && length < this.#longest) return length + 1
    const tag = String.fromCharCode(byteAt(bytes, at))
    if (length < 4) throw new WireError(`${this.#what}: message '${tag}' claims a length of ${length}`)
    if (!(this.#inPieces.has(byteAt(bytes, at)) && length <= MAX_LENGTH)) {
      throw new WireError(
        `${this.#what}: message '${tag}' of ${length} bytes is longer than ${this.#longest}`,
        'too-large',
      )
    }
    return length + 1
  }
}

/** The body of a frame, without tag and length. */
export function bodyOf(frame: Frame): Buffer {
  return frame.bytes.subarray(HEADER)
}

const HEADER = 5
/** Enough for the names that a Bind begins with. */
const FIRST_PIECE = 1024
/** The longest message that the server itself accepts. Source: PQ_LARGE_MESSAGE_LIMIT in libpq.h, MaxAllocSize in memutils.h. */
const MAX_LENGTH = 0x3f_ff_ff_ff
