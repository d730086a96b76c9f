import { byteAt } from '../../../wire/byte-at.ts'
/** The beginning of a completely received payload; of its first packet if there are several. */
export interface PacketHead {
  readonly sequence: number
  /** Bytes of the whole payload. */
  readonly length: number
  readonly start: Buffer
}

/** Follows packets in one direction, and keeps only their beginnings. Spec: MySQL Packets. */
export class PacketHeads {
  readonly #take: (head: PacketHead) => void
  readonly #header = Buffer.alloc(HEADER)
  #headerLength = 0
  #left = 0
  #length = 0
  #isContinued = false
  #start: Buffer = Buffer.alloc(0)

  /** `take` is called for each payload when its last byte has arrived. */
  constructor(take: (head: PacketHead) => void) {
    this.#take = take
  }

  /** Whether the next byte begins a payload. */
  get isBetween(): boolean {
    return this.#headerLength === 0 && !this.#isContinued
  }

  push(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#headerLength < HEADER) {
        this.#header[this.#headerLength++] = bytes.readUInt8(at++)
        if (this.#headerLength < HEADER) continue
        this.#left = this.#header.readUIntLE(0, 3)
        this.#length = (this.#isContinued ? this.#length : 0) + this.#left
        if (!this.#isContinued) this.#start = Buffer.alloc(0)
        this.#isContinued = this.#left === MAX_PACKET
      } else {
        const taken = bytes.subarray(at, at + this.#left)
        const missing = KEPT - this.#start.length
        if (missing > 0) this.#start = Buffer.concat([this.#start, taken.subarray(0, missing)])
        this.#left -= taken.length
        at += taken.length
      }
      if (this.#left > 0) continue
      this.#headerLength = 0
      if (this.#isContinued) continue
      this.#take({ sequence: byteAt(this.#header, 3), length: this.#length, start: this.#start })
    }
  }
}

const HEADER = 4
const MAX_PACKET = 0xff_ff_ff
/** An OK packet up to its status: its first byte, two numbers, two bytes. */
const KEPT = 24
