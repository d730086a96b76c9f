/**
 * Bytes of a unit that is not whole yet. They are joined in a buffer that grows, so that a unit whose bytes come one by one costs about as
 * much time and memory as one that comes in one piece.
 */
export class PartialUnit {
  #buffer: Buffer = NOTHING
  #length = 0
  #wanted = 0

  get isEmpty(): boolean {
    return this.#length === 0
  }

  /** Bytes that are held. */
  get length(): number {
    return this.#length
  }

  /** All that is held, with this behind it; undefined while that is less than is wanted. */
  join(piece: Buffer): Buffer | undefined {
    const length = this.#length + piece.length
    if (this.#length === 0 && length >= this.#wanted) return piece
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#buffer.length, SMALLEST))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    piece.copy(this.#buffer, this.#length)
    this.#length = length
    if (length < this.#wanted) return undefined
    const joined = this.#buffer.subarray(0, length)
    this.keep(NOTHING, 0)
    return joined
  }

  /** Holds what is left of what was joined. `wanted`: how many bytes, these included, it takes to go on. */
  keep(rest: Buffer, wanted: number): void {
    this.#buffer = rest
    this.#length = rest.length
    this.#wanted = wanted
  }
}

const NOTHING = Buffer.alloc(0)
const SMALLEST = 256
