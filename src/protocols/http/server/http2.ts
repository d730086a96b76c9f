import {
  performServerHandshake,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Duplex, Writable } from 'node:stream'
import { PamError } from '../../../shared/errors.ts'
import { fromRawHeaders, isBodiless, toNodeHeaders, valueOf, withoutHopByHop, type Headers } from '../wire/headers.ts'
import { GoawayWatch } from '../wire/goaway-watch.ts'
import { checkHead, checkTrailers } from './check-head.ts'
import type { AnswerHead, Exchange, HttpConnection, HttpHandler, RequestHead } from './exchange.ts'

/** HTTP/2 over a connection that has begun with its preface. Its streams are served side by side. */
export function serveHttp2(stream: Duplex, handler: HttpHandler): HttpConnection {
  const session: ServerHttp2Session = performServerHandshake(stream, {
    maxHeaderListPairs: MAX_HEADERS,
    maxSendHeaderBlockLength: MAX_HEAD_BYTES,
    maxSessionMemory: MAX_SESSION_MEGABYTES,
    settings: {
      enablePush: false,
      enableConnectProtocol: false,
      maxConcurrentStreams: MAX_STREAMS,
      maxHeaderListSize: MAX_HEAD_BYTES,
      initialWindowSize: WINDOW,
    },
  })
  session.on('stream', (incoming: ServerHttp2Stream, _headers: IncomingHttpHeaders, _flags: number, raw: string[]) => {
    // A stream that fails fails alone; what has become of it is seen at its end.
    incoming.on('error', () => {})
    void serveStream(incoming, fromRawHeaders(raw), handler)
  })
  // A stream whose body nobody reads yet takes no more than its own window: the others go on.
  session.setLocalWindowSize(CONNECTION_WINDOW)
  session.on('error', () => session.destroy())
  session.on('frameError', () => session.destroy())
  const destroy = (): void => {
    session.destroy()
    stream.destroy()
  }
  afterGoaway(stream, destroy)
  return {
    closed: new Promise((resolve) => {
      if (stream.destroyed) resolve()
      else stream.once('close', resolve)
    }),
    close: () => session.close(() => stream.end()),
    destroy,
  }
}

/** The library says that it has had enough, as of streams that are reset at once; Node then neither reads the connection any more nor closes it. */
function afterGoaway(stream: Duplex, over: () => void): void {
  const watch = new GoawayWatch()
  const write = stream._write.bind(stream)
  stream._write = (chunk: Buffer, encoding, done) => {
    const isLast = watch.push(chunk)
    write(chunk, encoding, (error) => {
      done(error)
      if (isLast) over()
    })
  }
}

async function serveStream(stream: ServerHttp2Stream, headers: Headers, handler: HttpHandler): Promise<void> {
  const head = checkHead({
    version: '2',
    method: valueOf(headers, ':method') ?? '',
    target: valueOf(headers, ':path') ?? '',
    headers,
  })
  if (head instanceof PamError) {
    const { status, contentType, body } = handler.refusal(head)
    if (stream.destroyed) return
    stream.respond({ ':status': status, 'content-type': contentType, 'content-length': body.length })
    stream.end(body)
    return
  }
  await handler.serve(new Http2Exchange(head, stream))
}

class Http2Exchange implements Exchange {
  readonly request: RequestHead
  readonly body: ServerHttp2Stream
  readonly left: AbortSignal
  readonly upgrade = undefined
  readonly #stream: ServerHttp2Stream
  #received: Headers = []
  #toSend: Headers = []
  #mayTrail = false

  constructor(head: RequestHead, stream: ServerHttp2Stream) {
    this.request = head
    this.body = stream
    this.#stream = stream
    const left = new AbortController()
    this.left = left.signal
    const onClose = (): void => {
      if (!stream.writableFinished) left.abort()
    }
    stream.once('close', onClose)
    stream.once('aborted', () => left.abort())
    stream.once('trailers', (_trailers: IncomingHttpHeaders, _flags: number, raw: string[]) => {
      this.#received = fromRawHeaders(raw)
    })
    if (stream.destroyed) onClose()
  }

  get trailers(): Headers | PamError {
    return checkTrailers(this.#received)
  }

  get hasAnswered(): boolean {
    return this.#stream.headersSent
  }

  answer({ status, headers, isWhole = false }: AnswerHead): Writable {
    const stream = this.#stream
    // One that has gone takes nothing: what is written to it is dropped.
    if (stream.destroyed || stream.closed) return stream
    this.#mayTrail = !isWhole && !isBodiless(this.request.method, status)
    // Without any, an empty frame ends the answer.
    stream.once('wantTrailers', () => stream.sendTrailers(toNodeHeaders(this.#toSend)))
    stream.respond(
      { ...toNodeHeaders(withoutHopByHop(headers)), ':status': status },
      { endStream: isWhole, waitForTrailers: this.#mayTrail },
    )
    return stream
  }

  trail(trailers: Headers): boolean {
    this.#toSend = trailers
    return this.#mayTrail
  }

  switchProtocols(): never {
    throw new Error('HTTP/2 cannot change to another protocol')
  }

  abandon(): void {
    // To close it would end the answer first, as if it were whole.
    this.#stream.destroy(new Error('the answer is incomplete'))
  }
}

const MAX_HEADERS = 128
const MAX_HEAD_BYTES = 64 * 1024
const MAX_STREAMS = 100
const MAX_SESSION_MEGABYTES = 16
/** Of each stream: bodies of requests are small, and are read into memory. */
const WINDOW = 256 * 1024
/** Of as many streams as one client has at work, as a rule. */
const CONNECTION_WINDOW = 32 * WINDOW
