import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Duplex, Writable } from 'node:stream'
import { PamError } from '../../../shared/errors.ts'
import { fromRawHeaders, isBodiless, toNodeHeaders, valueOf, type Headers } from '../wire/headers.ts'
import { checkHead, checkTrailers } from './check-head.ts'
import type { AnswerHead, Exchange, RequestHead } from './exchange.ts'

/**
 * A request that a server of Node's has read, as an exchange; why it is refused, where two servers may read it in two ways. `upgraded`: the connection of
 * one that asks for another protocol.
 */
export function exchangeOf(
  request: IncomingMessage,
  response: ServerResponse,
  upgraded?: Duplex,
): Http1Exchange | PamError {
  const head = headOf(request)
  if (head instanceof PamError) return head
  return (
    (upgraded === undefined ? undefined : wrongUpgrade(head, upgraded)) ??
    new Http1Exchange(head, request, response, upgraded)
  )
}

/**
 * The place for the answer to a request for another protocol (Node's event `upgrade`): the connection is the exchange's from here on, and Node reads it no
 * more. `head`: what was sent behind the request. Throws where the answer to a request before it is not complete.
 */
export function upgradeResponse(request: IncomingMessage, stream: Duplex, head: Buffer): ServerResponse {
  if (head.length > 0) stream.unshift(head)
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(stream as never)
  response.once('finish', () => stream.end())
  return response
}

/** What follows is another protocol once that is agreed on, and a request for some until then: nothing may follow (RFC 9110, section 7.8). */
function wrongUpgrade({ headers }: RequestHead, { readableLength }: Duplex): PamError | undefined {
  const hasBody =
    (valueOf(headers, 'content-length') ?? '0') !== '0' || valueOf(headers, 'transfer-encoding') !== undefined
  if (hasBody) return new PamError('PROTOCOL_VIOLATION', 'a body together with a protocol upgrade')
  return readableLength === 0
    ? undefined
    : new PamError('PROTOCOL_VIOLATION', 'data was sent before the protocol upgrade was answered')
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
