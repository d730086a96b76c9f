import { WireError } from '../wire-error.ts'

/** One whole message: its tag and the bytes from the tag to the end. A view into what was pushed. */
export interface Frame {
  readonly tag: number
  readonly bytes: Buffer
}

/**
 * Cuts a byte stream into messages (tag, int32 length that counts itself, body). Spec: Message Formats.
 * Only the unfinished last message is held back, and copied, so that chunks are never kept alive by a few bytes.
 */
export class Framer {
  readonly #longest: number
  readonly #what: string
  #held: Buffer[] = []
  #heldBytes = 0
  #wanted = 0

  /** `longest` is the limit for one message in bytes, `what` names the peer in errors. */
  constructor(longest: number, what: string) {
    this.#longest = longest
    this.#what = what
  }

  /** Bytes of an unfinished message. */
  get held(): number {
    return this.#heldBytes
  }

  /** The messages that are whole now, in order. */
  *push(chunk: Buffer): Generator<Frame, void, undefined> {
    let bytes = chunk
    if (this.#heldBytes > 0) {
      // A large message arrives in many chunks: they are joined once, when it is whole.
      if (this.#wanted > 0 && this.#heldBytes + chunk.length < this.#wanted) return this.#hold(Buffer.from(chunk))
      bytes = Buffer.concat([...this.#held, chunk])
      this.#held = []
      this.#heldBytes = 0
      this.#wanted = 0
    }
    let at = 0
    while (bytes.length - at >= HEADER) {
      const length = this.#lengthAt(bytes, at)
      if (bytes.length - at < length) {
        this.#wanted = length
        break
      }
      yield { tag: bytes[at] as number, bytes: bytes.subarray(at, at + length) }
      at += length
    }
    if (at < bytes.length) this.#hold(Buffer.from(bytes.subarray(at)))
  }

  #lengthAt(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at + 1)
    const tag = String.fromCharCode(bytes[at] as number)
    if (length < 4) throw new WireError(`${this.#what}: message '${tag}' claims a length of ${length}`)
    if (length + 1 > this.#longest) {
      throw new WireError(
        `${this.#what}: message '${tag}' of ${length} bytes is longer than ${this.#longest}`,
        'too-large',
      )
    }
    return length + 1
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
  }
}

/** The body of a frame, without tag and length. */
export function bodyOf(frame: Frame): Buffer {
  return frame.bytes.subarray(HEADER)
}

const HEADER = 5
