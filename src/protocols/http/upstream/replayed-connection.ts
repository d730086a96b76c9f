import { Duplex } from 'node:stream'

/**
 * A connection as it was before some bytes came from it, for Node's client: what that writes of the request that is answered was sent already, and goes
 * nowhere. From `passWrites` on it is the connection.
 */
export class ReplayedConnection extends Duplex {
  readonly #socket: Duplex
  #isSent = true
  #hasEnded = false
  #timer: NodeJS.Timeout | undefined

  constructor(socket: Duplex, bytes: Buffer) {
    super({ allowHalfOpen: false })
    this.#socket = socket
    socket.pause()
    this.push(bytes)
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause()
    })
    socket.on('end', this.#onEnd)
    socket.on('close', this.#onEnd)
    socket.on('error', (error) => this.destroy(error))
    if (socket.readableEnded || socket.destroyed) this.#onEnd()
  }

  /** The request is done with: another one may follow. */
  passWrites(): void {
    this.#isSent = false
  }

  /** What Node's agent asks of a socket: how long it is kept while nobody uses it; it is told by the event `timeout`. */
  setTimeout(milliseconds: number): this {
    clearTimeout(this.#timer)
    if (milliseconds > 0) this.#timer = setTimeout(() => this.emit('timeout'), milliseconds).unref()
    return this
  }

  /** The socket below has what was asked of it when it was opened, and keeps no process. */
  setKeepAlive(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#isSent) done()
    else this.#socket.write(chunk, encoding, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.#isSent) this.#socket.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    // Not before the socket has closed, as with one of Node's: what came before is read until then.
    if (this.#socket.closed) setImmediate(() => done(error))
    else this.#socket.once('close', () => done(error))
    this.#socket.destroy()
  }

  readonly #onEnd = (): void => {
    if (!this.destroyed && !this.#hasEnded) this.push(null)
    this.#hasEnded = true
  }
}
