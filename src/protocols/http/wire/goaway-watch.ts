import { frameTypes, readFrameHead } from './http2-frames.ts'

/** Follows the frames that one side of HTTP/2 sends, in whatever pieces: whether it has said that the connection is over for an error (RFC 9113, section 6.8). */
export class GoawayWatch {
  /** The head of a frame, and of GOAWAY its payload, as far as it has come. */
  #kept: Buffer = NOTHING
  /** Of a frame whose head has come. */
  #left = 0

  /** True once with these bytes a GOAWAY is whole that has another code than NO_ERROR. */
  push(chunk: Buffer): boolean {
    let isFailure = false
    for (let rest = chunk; rest.length > 0;) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, rest.length)
        this.#left -= skipped
        rest = rest.subarray(skipped)
        continue
      }
      const before = this.#kept.length
      const bytes = Buffer.concat([this.#kept, rest.subarray(0, MOST - before)])
      const head = readFrameHead(bytes)
      const wanted = head === undefined ? HEAD : head.type === frameTypes.goaway ? MOST : HEAD
      rest = rest.subarray(Math.max(0, Math.min(wanted, bytes.length) - before))
      this.#kept = bytes.subarray(0, wanted)
      if (head === undefined || this.#kept.length < wanted) continue
      if (head.type === frameTypes.goaway && this.#kept.readUInt32BE(HEAD + 4) !== 0) isFailure = true
      this.#left = head.bytes - wanted
      this.#kept = NOTHING
    }
    return isFailure
  }
}

const HEAD = 9
/** Of GOAWAY, up to its code. */
const MOST = HEAD + 8
const NOTHING: Buffer = Buffer.alloc(0)
