import { HeldBytes } from '../../../wire/held-bytes.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { byteAt } from '../../../wire/byte-at.ts'

/** One payload with the headers of its packets, or a piece of one. A view of the bytes that were pushed. */
export interface Frame {
  readonly bytes: Buffer
  /** Its first byte; undefined if it is empty, and for later pieces. */
  readonly head: number | undefined
  /** Bytes of the payload; for a first piece, those of the packets that have begun. */
  readonly length: number
  /** Sequence id of its first packet, and the id after its last, as far as they are known. */
  readonly sequence: number
  readonly next: number
  /** Set for a piece of a payload that is too long to be held in full: `first` begins with its header. */
  readonly piece?: 'first' | 'later'
  /** Whether it is a complete payload or the last piece of one. */
  readonly isEnd: boolean
}

type Take = (frame: Frame) => boolean | void

/**
 * Cuts a byte stream into payloads: packets of up to 16 MB − 1, with a length of three bytes and a sequence id; one of that length is
 * continued by the next. Only an incomplete payload is held, as a copy. Spec: MySQL Packets.
 */
export class Framer {
  /** The size in bytes from which a payload is passed on in pieces as it arrives; if Infinity, `longest` is the limit. */
  streamsFrom = Infinity
  readonly #longest: number
  readonly #what: string
  /** For a payload in pieces: the bytes still to come of its packet, and whether another packet continues it. */
  #more = 0
  #isChained = false
  #isStreaming = false
  #next = 0
  readonly #held = new HeldBytes()
  #wanted = 0

  /** `longest` is the limit in bytes for a payload that is not passed on in pieces, `what` names the peer in errors. */
  constructor(longest: number, what: string) {
    this.#longest = longest
    this.#what = what
  }

  /** The number of bytes held of an incomplete payload. */
  get held(): number {
    return this.#held.length
  }

  /** The next byte begins a payload. */
  get isBetween(): boolean {
    return this.#held.length === 0 && !this.#isStreaming
  }

  /** Passes the complete payloads to `take`, in order; `take` returns false to get no more of this connection. */
  push(chunk: Buffer, take: Take): void {
    if (this.#held.length === 0) return void this.#cut(chunk, take)
    // A large payload arrives in many chunks: it is examined again when there are enough bytes.
    if (chunk.length < this.#wanted - this.#held.length) return this.#held.add(chunk)
    this.#cut(this.#held.take(chunk), take)
  }

  #cut(bytes: Buffer, take: Take): void {
    let at = 0
    while (at < bytes.length) {
      const taken = this.#isStreaming ? this.#goOn(bytes, at, take) : this.#whole(bytes, at, take)
      if (taken === undefined) return
      if (taken === at) break
      at = taken
    }
    if (at < bytes.length) this.#held.add(bytes.subarray(at))
  }

  /** The offset after the payload that begins at `at`; `at` if more bytes are needed, undefined if `take` wants no more. */
  #whole(bytes: Buffer, at: number, take: Take): number | undefined {
    const sequence = bytes[at + 3]
    let total = 0
    let end = at
    let next = sequence ?? 0
    for (;;) {
      if (bytes.length - end < HEADER) return this.#want(end - at + HEADER, at)
      const length = bytes.readUIntLE(end, 3)
      next = this.#following(byteAt(bytes, end + 3), next)
      total += length
      const limit = Math.min(this.#longest, this.streamsFrom)
      if (total > limit) {
        if (this.streamsFrom === Infinity)
          throw new WireError(`${this.#what}: a message of more than ${this.#longest} bytes`, 'too-large')
        if (bytes.length - at <= HEADER) return this.#want(HEADER + 1, at)
        this.#next = next
        this.#isChained = length === MAX_PACKET
        const begun = { head: bytes[at + HEADER], length: total, sequence: sequence as number, piece: 'first' } as const
        return this.#piece(bytes, at, end + HEADER, length, begun, take)
      }
      end += HEADER + length
      if (end > bytes.length) return this.#want(end - at, at)
      if (length < MAX_PACKET) break
    }
    const head = total > 0 ? bytes[at + HEADER] : undefined
    const frame = {
      bytes: bytes.subarray(at, end),
      head,
      length: total,
      sequence: sequence as number,
      next,
      isEnd: true,
    }
    return take(frame) === false ? undefined : end
  }

  /** Continues a payload that is passed on in pieces. */
  #goOn(bytes: Buffer, at: number, take: Take): number | undefined {
    const begun = { head: undefined, length: 0, sequence: this.#next, piece: 'later' } as const
    if (this.#more > 0) return this.#piece(bytes, at, at, this.#more, begun, take)
    if (bytes.length - at < HEADER) return this.#want(HEADER, at)
    const length = bytes.readUIntLE(at, 3)
    this.#next = this.#following(byteAt(bytes, at + 3), this.#next)
    this.#isChained = length === MAX_PACKET
    return this.#piece(bytes, at, at + HEADER, length, begun, take)
  }

  /** Passes on the available bytes from `from` of a packet whose payload begins, or continues, at `body`. */
  #piece(
    bytes: Buffer,
    from: number,
    body: number,
    length: number,
    begun: Pick<Frame, 'head' | 'length' | 'sequence'> & { readonly piece: 'first' | 'later' },
    take: Take,
  ): number | undefined {
    const end = Math.min(bytes.length, body + length)
    this.#more = length - (end - body)
    const isEnd = this.#more === 0 && !this.#isChained
    this.#isStreaming = !isEnd
    const frame = { ...begun, bytes: bytes.subarray(from, end), next: this.#next, isEnd }
    return take(frame) === false ? undefined : end
  }

  #following(sequence: number, expected: number): number {
    if (sequence !== expected)
      throw new WireError(`${this.#what}: a packet has sequence id ${sequence}, where ${expected} was due`)
    return (sequence + 1) & 0xff
  }

  #want(bytes: number, at: number): number {
    this.#wanted = bytes
    return at
  }
}

/** The payload of a complete frame. */
export function payloadOf({ bytes, length }: Pick<Frame, 'bytes' | 'length'>): Buffer {
  if (length < MAX_PACKET) return bytes.subarray(HEADER)
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += HEADER + MAX_PACKET)
    parts.push(bytes.subarray(at + HEADER, at + HEADER + MAX_PACKET))
  return Buffer.concat(parts)
}

/** Splits a payload into packets, the first with this sequence id. */
export function encodePackets(payload: Uint8Array, sequence: number): Buffer {
  const packets = Math.floor(payload.length / MAX_PACKET) + 1
  const out = Buffer.allocUnsafe(payload.length + packets * HEADER)
  for (let index = 0; index < packets; index++) {
    const piece = payload.subarray(index * MAX_PACKET, (index + 1) * MAX_PACKET)
    const at = index * (HEADER + MAX_PACKET)
    out.writeUIntLE(piece.length, at, 3)
    out[at + 3] = (sequence + index) & 0xff
    out.set(piece, at + HEADER)
  }
  return out
}

/** The sequence id after those of a payload. */
export const sequenceAfter = (payloadLength: number, sequence: number): number =>
  (sequence + Math.floor(payloadLength / MAX_PACKET) + 1) & 0xff

const HEADER = 4
/** Bytes of payload in a packet that is continued by the next. */
export const MAX_PACKET = 0xff_ff_ff
