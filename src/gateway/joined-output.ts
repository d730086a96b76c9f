import type { Channel } from '../shared/channel.ts'

/** Output for a client. Adjacent pieces of one buffer are joined again without a copy, and small pieces are written together. */
export class JoinedOutput {
  readonly #client: Pick<Channel, 'write'>
  #pieces: Buffer[] = []
  /** The last piece, which the next may extend, and where it ends in its buffer. */
  #last: Buffer | undefined
  #lastEnd = 0

  constructor(client: Pick<Channel, 'write'>) {
    this.#client = client
  }

  /** Adds bytes; their buffer must not change until they are flushed. */
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

  /** Sends what was added. False: the client does not keep up. */
  flush(): boolean {
    this.#endPiece()
    const pieces = this.#pieces
    if (pieces.length === 0) return true
    this.#pieces = []
    if (pieces.length === 1) return this.#client.write(pieces[0] as Buffer)
    if (pieces.reduce((sum, { length }) => sum + length, 0) < MAX_JOINED_BYTES)
      return this.#client.write(Buffer.concat(pieces))
    // Large output is written in pieces: concatenating it would copy bytes that pass unchanged.
    let isReady = true
    for (const piece of pieces) isReady = this.#client.write(piece) && isReady
    return isReady
  }
}

/** Output of at most this many bytes is concatenated. */
const MAX_JOINED_BYTES = 16_384
