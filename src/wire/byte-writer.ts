import { WireError } from './wire-error.ts'

/** Collects fields into one buffer, which grows by doubling: big-endian ones, unless their names say otherwise. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(256)
  #at = 0

  get length(): number {
    return this.#at
  }

  uint8(value: number): void {
    this.#room(1)
    this.#at = this.#bytes.writeUInt8(value, this.#at)
  }

  uint16(value: number): void {
    this.#room(2)
    this.#at = this.#bytes.writeUInt16BE(value, this.#at)
  }

  int16(value: number): void {
    this.#room(2)
    this.#at = this.#bytes.writeInt16BE(value, this.#at)
  }

  uint32(value: number): void {
    this.#room(4)
    this.#at = this.#bytes.writeUInt32BE(value, this.#at)
  }

  int32(value: number): void {
    this.#room(4)
    this.#at = this.#bytes.writeInt32BE(value, this.#at)
  }

  uint64(value: bigint): void {
    this.#room(8)
    this.#at = this.#bytes.writeBigUInt64BE(value, this.#at)
  }

  uint16le(value: number): void {
    this.#room(2)
    this.#at = this.#bytes.writeUInt16LE(value, this.#at)
  }

  uint24le(value: number): void {
    this.#room(3)
    this.#at = this.#bytes.writeUIntLE(value, this.#at, 3)
  }

  uint32le(value: number): void {
    this.#room(4)
    this.#at = this.#bytes.writeUInt32LE(value, this.#at)
  }

  uint64le(value: bigint): void {
    this.#room(8)
    this.#at = this.#bytes.writeBigUInt64LE(value, this.#at)
  }

  /** In the shortest form. Spec: Protocol::LengthEncodedInteger. */
  lengthEncoded(value: number): void {
    if (value < 0xfb) return this.uint8(value)
    if (value < 0x1_00_00) {
      this.uint8(0xfc)
      return this.uint16le(value)
    }
    if (value < 0x1_00_00_00) {
      this.uint8(0xfd)
      return this.uint24le(value)
    }
    this.uint8(0xfe)
    this.uint64le(BigInt(value))
  }

  lengthEncodedBig(value: bigint): void {
    if (value < 0x1_00_00_00n) return this.lengthEncoded(Number(value))
    this.uint8(0xfe)
    this.uint64le(value)
  }

  lengthEncodedBytes(value: Uint8Array): void {
    this.lengthEncoded(value.length)
    this.bytes(value)
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
  }

  cstring(value: string): void {
    if (value.includes('\0')) throw new WireError('a string contains a zero byte')
    this.bytes(Buffer.from(value, 'utf8'))
    this.uint8(0)
  }

  /** Overwrites four bytes written before, for lengths known only at the end. */
  patchUint32(at: number, value: number): void {
    this.#bytes.writeUInt32BE(value, at)
  }

  /** What was written; the writer must not be used afterwards. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + more))
    this.#bytes.copy(grown, 0, 0, this.#at)
    this.#bytes = grown
  }
}
