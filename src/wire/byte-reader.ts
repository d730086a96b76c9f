import { WireError } from './wire-error.ts'

/** Reads fields off one message body: big-endian ones, unless their names say otherwise. Reading past the end is a WireError, never `undefined`. */
export class ByteReader {
  readonly #bytes: Buffer
  readonly #what: string
  #at = 0

  /** `what` names the message in errors. The reader never outlives the buffer's owner. */
  constructor(bytes: Buffer, what: string) {
    this.#bytes = bytes
    this.#what = what
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#take(1))
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#take(2))
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2))
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  uint64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8))
  }

  uint16le(): number {
    return this.#bytes.readUInt16LE(this.#take(2))
  }

  uint24le(): number {
    return this.#bytes.readUIntLE(this.#take(3), 3)
  }

  uint32le(): number {
    return this.#bytes.readUInt32LE(this.#take(4))
  }

  uint64le(): bigint {
    return this.#bytes.readBigUInt64LE(this.#take(8))
  }

  /** The next byte, which stays unread; undefined at the end. */
  get next(): number | undefined {
    return this.#bytes[this.#at]
  }

  /**
   * A length-encoded integer, as MySQL and MariaDB write lengths and counts; one beyond 2^53 is none of either. Spec:
   * Protocol::LengthEncodedInteger.
   */
  lengthEncoded(): number {
    const first = this.uint8()
    switch (first) {
      case 0xfc:
        return this.uint16le()
      case 0xfd:
        return this.uint24le()
      case 0xfe: {
        const value = Number(this.uint64le())
        if (!Number.isSafeInteger(value)) throw new WireError(`${this.#what}: a number is too large`)
        return value
      }
      case 0xfb:
      case 0xff:
        throw new WireError(`${this.#what}: a number begins with ${first}`)
      default:
        return first
    }
  }

  /** The same, of whatever 64 bits hold. */
  lengthEncodedBig(): bigint {
    if (this.next !== 0xfe) return BigInt(this.lengthEncoded())
    this.uint8()
    return this.uint64le()
  }

  /** As many bytes as a length-encoded integer in front of them says. */
  lengthEncodedBytes(): Buffer {
    return this.bytes(this.lengthEncoded())
  }

  /** The bytes before a zero, which is taken too. */
  zeroTerminated(): Buffer {
    const end = this.#bytes.indexOf(0, this.#at)
    if (end < 0) throw new WireError(`${this.#what}: a string does not end`)
    const start = this.#at
    this.#at = end + 1
    return this.#bytes.subarray(start, end)
  }

  /** A view, not a copy. */
  bytes(length: number): Buffer {
    const start = this.#take(length)
    return this.#bytes.subarray(start, start + length)
  }

  /** Everything that is left. */
  rest(): Buffer {
    return this.bytes(this.left)
  }

  /** A zero-terminated string. It must be UTF-8: a text that we would read otherwise than the server is refused. */
  cstring(): string {
    const end = this.#bytes.indexOf(0, this.#at)
    if (end < 0) throw new WireError(`${this.#what}: a string does not end`)
    const start = this.#at
    this.#at = end + 1
    // Most names are none, or short and plain: a decoder for each costs more than all else of its message.
    if (isShortAscii(this.#bytes, start, end)) return this.#bytes.toString('latin1', start, end)
    return decodeUtf8(this.#bytes.subarray(start, end), this.#what)
  }

  list<T>(count: number, item: () => T): T[] {
    const items: T[] = []
    for (let i = 0; i < count; i++) items.push(item())
    return items
  }

  /** Rejects bytes that no field explains. */
  end(): void {
    if (this.left > 0) throw new WireError(`${this.#what}: ${this.left} bytes too many`)
  }

  #take(length: number): number {
    const start = this.#at
    if (length < 0 || length > this.left) throw new WireError(`${this.#what}: shorter than its fields`)
    this.#at += length
    return start
  }
}

/** Decodes strictly: U+FFFD never stands in for a byte that the server would see. */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return strict.decode(bytes)
  } catch {
    throw new WireError(`${what}: text is not UTF-8`)
  }
}

function isShortAscii(bytes: Buffer, start: number, end: number): boolean {
  if (end - start > SHORT) return false
  for (let at = start; at < end; at++) if ((bytes[at] as number) >= 0x80) return false
  return true
}

const SHORT = 32
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
