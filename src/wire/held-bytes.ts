/**
 * The beginning of a message whose end has not come, in one piece of memory: a peer that sends it byte by byte would otherwise make it
 * take a hundred times its length.
 */
export class HeldBytes {
  #memory = EMPTY
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Copies what it is given: a chunk's memory belongs to the socket. */
  add(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length)
    this.#memory.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** All that is held with this behind it. Nothing is held then. */
  take(bytes: Uint8Array): Buffer {
    this.#makeRoom(bytes.length)
    this.#memory.set(bytes, this.#length)
    const taken = this.#memory.subarray(0, this.#length + bytes.length)
    this.#memory = EMPTY
    this.#length = 0
    return taken
  }

  copy(): Buffer {
    return Buffer.from(this.#memory.subarray(0, this.#length))
  }

  #makeRoom(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#memory.length) return
    // Most messages come in two chunks.
    const memory = Buffer.allocUnsafe(this.#length === 0 ? needed : Math.max(needed, 2 * this.#memory.length))
    memory.set(this.#memory.subarray(0, this.#length))
    this.#memory = memory
  }
}

const EMPTY = Buffer.alloc(0)
