import { Readable } from 'node:stream'

export interface PlainBodyParts {
  /** Bytes that are to come. */
  readonly length: number
  /** There is room for more. */
  readonly wanted: () => void
  /** Somebody has given it up before its end. */
  readonly givenUp: () => void
}

/** A body whose length is known, as it comes. */
export class PlainBody extends Readable {
  readonly #parts: PlainBodyParts
  #left: number

  constructor(parts: PlainBodyParts) {
    super({ highWaterMark: HIGH_WATER })
    this.#parts = parts
    this.#left = parts.length
    if (parts.length === 0) this.push(null)
  }

  /** Every byte of it has come. */
  get isWhole(): boolean {
    return this.#left === 0
  }

  /** Takes what belongs to it, and gives back what does not. */
  receive(bytes: Buffer): { readonly rest: Buffer; readonly hasRoom: boolean } {
    const own = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes
    this.#left -= own.length
    const hasRoom = own.length === 0 || this.push(own)
    if (own.length > 0 && this.#left === 0) this.push(null)
    return { rest: bytes.subarray(own.length), hasRoom }
  }

  override _read(): void {
    this.#parts.wanted()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.isWhole) this.#parts.givenUp()
    // As a body that Node's client reads: a failure is for whoever listens, and an answer that nobody reads any more may fail unheard.
    process.nextTick(() => done(this.listenerCount('error') === 0 ? null : error))
  }
}

/** As sockets have it. */
const HIGH_WATER = 64 * 1024
