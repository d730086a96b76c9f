import { setMaxListeners } from 'node:events'
import type { Duplex } from 'node:stream'
import type { HttpConnection, HttpHandler } from './exchange.ts'
import { PlainExchange } from './plain-exchange.ts'
import { PlainRequests } from './plain-request.ts'

/** Has Node's server read the connection from here on, behind the answer to what was asked before, if there is anything. */
export type HandOver = (stream: Duplex, before: Promise<void> | undefined) => HttpConnection

/**
 * A connection of HTTP/1.1 as long as nothing comes but plain requests, each after the answer to the last one. It decides nothing: the first bytes that it
 * does not know in full, Node's server reads, with all that follows.
 */
export class PlainServerConnection implements HttpConnection {
  readonly closed: Promise<void>
  readonly #stream: Duplex
  readonly #handler: HttpHandler
  readonly #handOver: HandOver
  readonly #requests = new PlainRequests()
  readonly #left = new AbortController()
  #exchange: PlainExchange | undefined
  /** Resolves once that is answered. */
  #current: Promise<void> | undefined
  #isClosing = false
  #successor: HttpConnection | undefined

  constructor(stream: Duplex, handler: HttpHandler, handOver: HandOver) {
    this.#stream = stream
    this.#handler = handler
    this.#handOver = handOver
    this.closed = new Promise((resolve) => {
      if (stream.destroyed) resolve()
      else stream.once('close', resolve)
    })
    // Everything that is asked here waits for it.
    setMaxListeners(0, this.#left.signal)
    stream.once('close', () => {
      this.#left.abort()
      this.#exchange?.close()
    })
    stream.on('data', this.#onData)
  }

  close(): void {
    this.#isClosing = true
    if (this.#successor !== undefined) this.#successor.close()
    else if (this.#current === undefined) this.#stream.end()
  }

  destroy(): void {
    this.#stream.destroy()
  }

  readonly #onData = (chunk: Buffer): void => {
    const head = this.#current === undefined && !this.#isClosing ? this.#requests.read(chunk) : undefined
    if (head !== undefined) {
      this.#serve(new PlainExchange(head, this.#stream, this.#left.signal))
      return
    }
    this.#stream.off('data', this.#onData)
    this.#stream.pause()
    this.#stream.unshift(chunk)
    this.#successor = this.#handOver(this.#stream, this.#current)
    this.#stream.resume()
    if (this.#isClosing) this.#successor.close()
  }

  #serve(exchange: PlainExchange): void {
    this.#exchange = exchange
    const served = this.#handler.serve(exchange).then(() => exchange.over)
    this.#current = served.then(() => {
      this.#current = this.#exchange = undefined
      if (this.#isClosing && this.#successor === undefined) this.#stream.end()
    })
  }
}
