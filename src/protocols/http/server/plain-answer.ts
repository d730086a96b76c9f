import { Writable, type Duplex } from 'node:stream'

/** How the end of a body is told: by its length, in chunks (RFC 9112, section 7.1), or not at all where there is none. */
export type Framing = number | 'chunked' | 'none'

/** The body of an answer, behind its head. One that is not as long as it should be ends the connection. */
export class PlainAnswer extends Writable {
  readonly #stream: Duplex
  readonly #framing: Framing
  readonly #finish: () => void
  #left: number
  #trailers = ''

  constructor(stream: Duplex, framing: Framing, finish: () => void) {
    super({ highWaterMark: stream.writableHighWaterMark })
    this.#stream = stream
    this.#framing = framing
    this.#left = typeof framing === 'number' ? framing : 0
    this.#finish = finish
    this.on('error', () => {})
  }

  /** Lines behind the body. False where they can stand behind none. */
  trail(fields: string): boolean {
    if (this.#framing !== 'chunked') return false
    this.#trailers = fields
    return true
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#framing === 'none' || chunk.length === 0) return done()
    // Where the connection is gone nobody waits for the rest.
    const written = (): void => done()
    if (this.#framing === 'chunked') {
      this.#stream.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
      this.#stream.write(chunk)
      this.#stream.write('\r\n', 'latin1', written)
      return
    }
    this.#left -= chunk.length
    if (this.#left < 0) return this.#fail(done)
    this.#stream.write(chunk, written)
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#left > 0) return this.#fail(done)
    if (this.#framing === 'chunked') this.#stream.write(`0\r\n${this.#trailers}\r\n`, 'latin1')
    this.#finish()
    done()
  }

  #fail(done: () => void): void {
    this.#stream.destroy()
    done()
  }
}
