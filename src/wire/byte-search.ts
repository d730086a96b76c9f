/** Where one byte stands in a chunk, looked for four bytes at a time. */
export class ByteSearch {
  readonly #chunk: Buffer
  readonly #byte: number
  readonly #pattern: number
  readonly #words: Int32Array
  /** Offset in the chunk at which the first word begins. */
  readonly #lead: number

  constructor(chunk: Buffer, byte: number) {
    this.#chunk = chunk
    this.#byte = byte
    this.#pattern = Math.imul(byte, 0x01_01_01_01)
    this.#lead = -chunk.byteOffset & 3
    const count = Math.max(0, (chunk.length - this.#lead) >> 2)
    this.#words = new Int32Array(
      count === 0 ? new ArrayBuffer(0) : chunk.buffer,
      count && chunk.byteOffset + this.#lead,
      count,
    )
  }

  /** For each match in [from, to), stores the offset after it in `found`, starting at `index`; returns the next free index. */
  offsetsAfter(from: number, to: number, found: Int32Array, index: number): number {
    const chunk = this.#chunk
    const byte = this.#byte
    const words = this.#words
    const lead = this.#lead
    const pattern = this.#pattern
    let count = index
    let at = from
    for (; at < to && ((at - lead) & 3) !== 0; at++) if (chunk[at] === byte) found[count++] = at + 1
    for (; at + 4 <= to; at += 4) {
      // A byte of the word is zero where it is the one. Source: Hacker's Delight, 6-1.
      const word = (words[(at - lead) >> 2] as number) ^ pattern
      if (((word - 0x01_01_01_01) & ~word & HIGH_BITS) === 0) continue
      // Which one is asked of the word: loading the bytes again takes longer than all the rest.
      if ((word & FIRST) === 0) found[count++] = at + 1
      if ((word & SECOND) === 0) found[count++] = at + 2
      if ((word & THIRD) === 0) found[count++] = at + 3
      if ((word & FOURTH) === 0) found[count++] = at + 4
    }
    for (; at < to; at++) if (chunk[at] === byte) found[count++] = at + 1
    return count
  }
}

const HIGH_BITS = 0x80_80_80_80 | 0
/** The bytes of a word as they stand in memory. */
const [FIRST, SECOND, THIRD, FOURTH] = new Int32Array(
  new Uint8Array([0xff, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0xff]).buffer,
) as unknown as readonly [number, number, number, number]
