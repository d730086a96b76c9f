import type { Channel } from '../shared/channel.ts'

/** What goes to a client: neighbouring pieces that pass untouched become one again, and what is little becomes one write. */
export class JoinedOutput {
  readonly #client: Pick<Channel, 'write'>
  #pieces: Buffer[] = []
  /** The piece that may go on, and where it ends in its memory. */
  #last: Buffer | undefined
  #lastEnd = 0

  constructor(client: Pick<Channel, 'write'>) {
    this.#client = client
  }

  /** The memory of what is added must stay as it is until it is flushed. */
  readonly add = (bytes: Buffer): void => {
    const last = this.#last
    if (last !== undefined && last.buffer === bytes.buffer && this.#lastEnd === bytes.byteOffset) {
      this.#lastEnd += bytes.length
      return
    }
    this.#endPiece()
    this.#last = bytes
    this.#lastEnd = bytes.byteOffset + bytes.length
  }

  #endPiece(): void {
    const last = this.#last
    if (last === undefined) return
    const length = this.#lastEnd - last.byteOffset
    this.#pieces.push(length === last.length ? last : Buffer.from(last.buffer as ArrayBuffer, last.byteOffset, length))
    this.#last = undefined
  }

  /** Sends what was added; false where the client does not keep up. */
  flush(): boolean {
    this.#endPiece()
    const pieces = this.#pieces
    if (pieces.length === 0) return true
    this.#pieces = []
    if (pieces.length === 1) return this.#client.write(pieces[0] as Buffer)
    if (pieces.reduce((sum, { length }) => sum + length, 0) < MAX_JOINED_BYTES)
      return this.#client.write(Buffer.concat(pieces))
    // Of much, each piece goes by itself: putting it together would copy what passes untouched.
    let isReady = true
    for (const piece of pieces) isReady = this.#client.write(piece) && isReady
    return isReady
  }
}

/** Bytes up to which what goes out is put together. */
const MAX_JOINED_BYTES = 16_384
