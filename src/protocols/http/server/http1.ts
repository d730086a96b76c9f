import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { PamError } from '../../../shared/errors.ts'
import { HeadTooLarge } from './check-head.ts'
import type { HttpConnection, HttpHandler } from './exchange.ts'
import { exchangeOf, upgradeResponse } from './http1-exchange.ts'
import { PlainServerConnection } from './plain-server.ts'
import { plainAnswer } from '../wire/plain-answer.ts'

export interface Http1Limits {
  /** How long the head of a request may take. */
  readonly headMs?: number
  /** How long a whole request may take; 0 where bodies are watched by who reads them. */
  readonly requestMs?: number
}

/**
 * HTTP/1.1 over connections that are handed in. Node's server reads them; it listens nowhere, and is told that it does, since it looks at the time
 * limits of requests only then.
 */
export class Http1Server {
  readonly #server: Server
  readonly #connections = new WeakMap<object, Http1Connection>()
  readonly #streams = new Set<Duplex>()

  constructor({ headMs = HEAD_TIMEOUT_MS, requestMs = REQUEST_TIMEOUT_MS }: Http1Limits = {}) {
    this.#server = createServer({
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: headMs,
      requestTimeout: requestMs,
      // Who closes idle connections in between fails requests that are on their way.
      keepAliveTimeout: 0,
      connectionsCheckingInterval: Math.ceil(headMs / 4),
      requireHostHeader: false,
      insecureHTTPParser: false,
      joinDuplicateHeaders: false,
    })
    // None are left out in silence: they are counted where they are checked.
    this.#server.maxHeadersCount = 0
    this.#server.on('request', (request, response) => this.#of(request)?.take(request, response))
    this.#server.on('checkContinue', (request, response) => this.#of(request)?.take(request, response))
    this.#server.on('checkExpectation', (request, response) => this.#of(request)?.take(request, response))
    this.#server.on('upgrade', (request, socket, head) => this.#of(request)?.takeUpgrade(request, socket, head))
    this.#server.on('connect', (request, socket, head) => this.#of(request)?.takeUpgrade(request, socket, head))
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
      this.#connections.get(socket)?.cannotRead(error),
    )
    this.#server.emit('listening')
  }

  serve(stream: Duplex, handler: HttpHandler): HttpConnection {
    this.#streams.add(stream)
    stream.once('close', () => this.#streams.delete(stream))
    return new PlainServerConnection(stream, handler, (same, before) => this.#read(same, handler, before))
  }

  /** What Node's server reads from here on. `before`: what is being answered. */
  #read(stream: Duplex, handler: HttpHandler, before: Promise<void> | undefined): HttpConnection {
    const connection = new Http1Connection(stream, handler, before)
    this.#connections.set(stream, connection)
    this.#server.emit('connection', stream)
    return connection
  }

  close(): void {
    for (const stream of this.#streams) stream.destroy()
    this.#server.closeAllConnections()
    this.#server.close(() => {})
  }

  #of(request: IncomingMessage): Http1Connection | undefined {
    return this.#connections.get(request.socket)
  }
}

/** Requests are served one after the other, as they would be by a server: one that is sent before the answer to the last one has come waits. */
class Http1Connection implements HttpConnection {
  readonly closed: Promise<void>
  readonly #stream: Duplex
  readonly #handler: HttpHandler
  #last: Promise<void> = Promise.resolve()
  #newest: IncomingMessage | undefined
  #waiting = 0
  /** Of their heads. */
  #waitingBytes = 0
  #isClosing = false
  /** What comes is not read: the answer to what came last is a refusal. */
  #isReadingOver = false
  /** The last answer has been given: what came behind its request is not served. */
  #isServingOver = false

  constructor(stream: Duplex, handler: HttpHandler, before: Promise<void> | undefined) {
    this.#stream = stream
    this.#handler = handler
    this.closed = new Promise((resolve) => {
      if (stream.destroyed) resolve()
      else stream.once('close', resolve)
    })
    if (before !== undefined) this.#after(before)
  }

  /** Something is being answered already: it is as a request that came before the first one here. */
  #after(before: Promise<void>): void {
    this.#waiting = 1
    this.#last = before.then(() => {
      this.#waiting--
      if (this.#isClosing && this.#waiting === 0) this.#stream.end()
    })
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    if (this.#isReadingOver) return
    const headBytes = bytesOf(request)
    const isTooMany =
      this.#waiting >= MAX_WAITING || (this.#waiting > 0 && this.#waitingBytes + headBytes > MAX_WAITING_BYTES)
    if (isTooMany) this.#readNoMore()
    this.#newest = request
    this.#waiting++
    this.#waitingBytes += headBytes
    this.#last = this.#last.then(async () => {
      try {
        if (isTooMany) this.#refuse(response, tooMany())
        else await this.#serve(request, response, undefined)
      } finally {
        this.#waiting--
        this.#waitingBytes -= headBytes
        if (this.#isClosing && this.#waiting === 0) this.#stream.end()
      }
    })
  }

  /** The connection is the exchange's from here on: Node reads it no more. */
  takeUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    if (this.#isReadingOver) return
    // Until then the stream is that of the answers to what came before.
    this.#last = this.#last.then(() =>
      stream.destroyed ? undefined : this.#serve(request, upgradeResponse(request, stream, head), stream),
    )
  }

  /** Node closes a connection that it cannot read; what is wrong with it is said first, behind the answers to what came before. */
  cannotRead(error: NodeJS.ErrnoException): void {
    if (this.#isReadingOver) return
    // Whoever reads a body that breaks off hears of it by the end of the connection.
    const isInBody = this.#waiting > 0 && this.#newest?.complete === false
    if (this.#stream.destroyed || !this.#stream.writable || isInBody) return this.destroy()
    this.#readNoMore()
    const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW'
    const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
    const refusal = this.#handler.refusal(
      isTooLarge
        ? new HeadTooLarge(`the head of the request is larger than ${MAX_HEAD_BYTES} bytes`)
        : isLate
          ? new PamError('HANDSHAKE_TIMEOUT', 'the request did not come in time')
          : new PamError('PROTOCOL_VIOLATION', 'the request cannot be read as HTTP'),
    )
    void this.#last.then(() => {
      if (!this.#isServingOver && this.#stream.writable) this.#stream.end(plainAnswer(refusal))
    })
  }

  close(): void {
    this.#isClosing = true
    if (this.#waiting === 0) this.#stream.end()
  }

  destroy(): void {
    this.#stream.destroy()
  }

  /** What still comes is dropped: left unread it could cost the client the answers before. */
  #readNoMore(): void {
    this.#isReadingOver = true
    this.#stream.removeAllListeners('data').resume()
  }

  async #serve(request: IncomingMessage, response: ServerResponse, upgraded: Duplex | undefined): Promise<void> {
    if (this.#stream.destroyed || this.#isServingOver) return
    const exchange = exchangeOf(request, response, upgraded)
    if (exchange instanceof PamError) return this.#refuse(response, exchange)
    await this.#handler.serve(exchange)
    await exchange.over
  }

  /** The last answer of the connection. */
  #refuse(response: ServerResponse, error: PamError): void {
    this.#isServingOver = true
    const { status, contentType, body } = this.#handler.refusal(error)
    response.writeHead(status, { 'content-type': contentType, 'content-length': body.length, connection: 'close' })
    response.end(body)
  }
}

const MAX_HEAD_BYTES = 64 * 1024
const HEAD_TIMEOUT_MS = 20_000
const REQUEST_TIMEOUT_MS = 120_000
/** Requests that are sent before the answer to the first of them. */
const MAX_WAITING = 64
const MAX_WAITING_BYTES = 256 * 1024
const bytesOf = ({ url = '', rawHeaders }: IncomingMessage): number =>
  rawHeaders.reduce((bytes, text) => bytes + text.length, url.length)
const tooMany = (): PamError =>
  new PamError('RATE_LIMITED', 'too many requests were sent on this connection before an answer', {
    hint: 'wait for answers, or use HTTP/2',
  })
