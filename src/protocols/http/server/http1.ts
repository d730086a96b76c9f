import { createServer, ServerResponse, type IncomingMessage, type Server } from 'node:http'
import type { Duplex, Writable } from 'node:stream'
import { PamError } from '../../../shared/errors.ts'
import { fromRawHeaders, isBodiless, toNodeHeaders, valueOf, type Headers } from '../wire/headers.ts'
import { checkHead, checkTrailers, HeadTooLarge } from './check-head.ts'
import type { AnswerHead, Exchange, HttpConnection, HttpHandler, RequestHead } from './exchange.ts'
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
    const connection = new Http1Connection(stream, handler)
    this.#connections.set(stream, connection)
    this.#server.emit('connection', stream)
    return connection
  }

  close(): void {
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

  constructor(stream: Duplex, handler: HttpHandler) {
    this.#stream = stream
    this.#handler = handler
    this.closed = new Promise((resolve) => {
      if (stream.destroyed) resolve()
      else stream.once('close', resolve)
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
    if (head.length > 0) stream.unshift(head)
    this.#last = this.#last.then(() => {
      if (stream.destroyed) return
      // Until now the stream was that of the answers to what came before.
      const response = new ServerResponse(request)
      response.shouldKeepAlive = false
      response.assignSocket(stream as never)
      response.once('finish', () => stream.end())
      return this.#serve(request, response, stream)
    })
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
    const head = headOf(request)
    const error = head instanceof PamError ? head : upgraded === undefined ? undefined : wrongUpgrade(head, upgraded)
    if (head instanceof PamError || error !== undefined) return this.#refuse(response, error as PamError)
    const exchange = new Http1Exchange(head, request, response, upgraded)
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

/** What follows is another protocol once that is agreed on, and a request for some until then: nothing may follow (RFC 9110, section 7.8). */
function wrongUpgrade({ headers }: RequestHead, { readableLength }: Duplex): PamError | undefined {
  const hasBody =
    (valueOf(headers, 'content-length') ?? '0') !== '0' || valueOf(headers, 'transfer-encoding') !== undefined
  if (hasBody) return new PamError('PROTOCOL_VIOLATION', 'a body beside a change of the protocol')
  return readableLength === 0
    ? undefined
    : new PamError('PROTOCOL_VIOLATION', 'something was sent before the answer to a change of the protocol')
}

/** A request that came to another server of Node's, as it is served here; why not, where two servers may read it in two ways. */
export function exchangeOf(request: IncomingMessage, response: ServerResponse): Exchange | PamError {
  const head = headOf(request)
  return head instanceof PamError ? head : new Http1Exchange(head, request, response, undefined)
}

const headOf = (request: IncomingMessage): RequestHead | PamError =>
  checkHead({
    version: '1.1',
    minorVersion: request.httpVersionMajor === 1 ? request.httpVersionMinor : 0,
    method: request.method ?? '',
    target: request.url ?? '',
    headers: fromRawHeaders(request.rawHeaders),
  })

class Http1Exchange implements Exchange {
  readonly request: RequestHead
  readonly left: AbortSignal
  /** Resolves once the answer is sent, or given up, or the connection somebody else's. */
  readonly over: Promise<void>
  readonly #incoming: IncomingMessage
  readonly #response: ServerResponse
  #isAwaited: boolean
  readonly #upgraded: Duplex | undefined
  #isSwitched = false
  #isInChunks = false
  #hasSwitched = (): void => {}

  constructor(head: RequestHead, request: IncomingMessage, response: ServerResponse, upgraded: Duplex | undefined) {
    this.request = head
    this.#incoming = request
    this.#isAwaited = valueOf(head.headers, 'expect') !== undefined
    this.#response = response
    this.#upgraded = upgraded
    const left = new AbortController()
    this.left = left.signal
    this.over = new Promise((resolve) => {
      this.#hasSwitched = resolve
      response.once('finish', resolve)
      response.once('close', resolve)
    })
    const { socket } = request
    const onClose = (): void => {
      if (!response.writableFinished) left.abort()
      this.#hasSwitched()
    }
    socket.once('close', onClose)
    void this.over.then(() => socket.off('close', onClose))
    if (socket.destroyed) onClose()
    upgraded?.on('readable', this.#onReadable)
  }

  /** Nobody reads what has asked for another protocol: that it leaves is seen so. One that does not wait for the answer has no use for it. */
  readonly #onReadable = (): void => {
    const stream = this.#upgraded
    if (stream === undefined) return
    if (stream.readableLength > 0) stream.destroy()
    else stream.read(0)
  }

  /** A client that asks first sends it once somebody wants it. */
  get body(): IncomingMessage {
    if (this.#isAwaited && !this.#response.headersSent) this.#response.writeContinue()
    this.#isAwaited = false
    return this.#incoming
  }

  get upgrade(): string | undefined {
    return this.#upgraded === undefined ? undefined : valueOf(this.request.headers, 'upgrade')
  }

  get trailers(): Headers | PamError {
    return checkTrailers(fromRawHeaders(this.#incoming.rawTrailers))
  }

  get hasAnswered(): boolean {
    return this.#response.headersSent || this.#isSwitched
  }

  answer({ status, headers }: AnswerHead): Writable {
    const response = this.#response
    response.sendDate = false
    // What has not been read of the request is not read any more.
    if (!this.#incoming.complete) response.shouldKeepAlive = false
    response.writeHead(status, toNodeHeaders(headers))
    // At once, and as bytes: flushHeaders would encode letters beyond ASCII a second time.
    response.write('', 'latin1')
    this.#isInChunks = !isBodiless(this.request.method, status) && !headers.some(([name]) => name === 'content-length')
    return response
  }

  /** They follow an answer in chunks alone (RFC 9112, section 7.1.2). */
  trail(trailers: Headers): boolean {
    if (!this.#isInChunks) return false
    this.#response.addTrailers(trailers.map(([name, value]) => [name, value] as const))
    return true
  }

  switchProtocols(headers: Headers): Duplex {
    const stream = this.#upgraded
    if (stream === undefined) throw new Error('the client asks for no other protocol')
    this.#isSwitched = true
    stream.off('readable', this.#onReadable)
    this.#response.detachSocket(stream as never)
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    stream.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`)
    this.#hasSwitched()
    return stream
  }

  abandon(): void {
    this.#response.destroy()
    this.#incoming.socket.destroy()
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
