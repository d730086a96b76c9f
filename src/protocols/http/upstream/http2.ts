import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { PamError, reasonOf } from '../../../shared/errors.ts'
import { fromRawHeaders, toNodeHeaders, type Headers } from '../wire/headers.ts'
import { isStreamed, lengthOf, type UpstreamAnswer, type UpstreamRequest } from './answer.ts'
import { fewInterimAnswers } from './few-interim-answers.ts'
import { sendBody } from './send-body.ts'

/** One connection of HTTP/2 to a server: what is asked at the same time shares it. */
export class Http2Upstream {
  readonly #session: ClientHttp2Session
  readonly #host: string
  readonly #scheme: 'http' | 'https'

  /** `scheme`: `http` where there is no TLS. */
  constructor(host: string, stream: Duplex, scheme: 'http' | 'https' = 'https') {
    this.#host = host
    this.#scheme = scheme
    this.#session = connect(`${scheme}://${host}`, {
      createConnection: () => stream,
      maxHeaderListPairs: MAX_HEADERS,
      maxSessionMemory: MAX_SESSION_MEGABYTES,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
    })
    // A stream that nobody reads takes no more than its own window: the others go on.
    this.#session.on('connect', () => this.#session.setLocalWindowSize(CONNECTION_WINDOW))
    this.#session.on('error', () => this.#session.destroy())
    this.#session.on('frameError', () => this.#session.destroy())
  }

  /** The server wants no more requests on it, or it is over. */
  get isClosed(): boolean {
    return this.#session.closed || this.#session.destroyed
  }

  send(sent: UpstreamRequest): Promise<UpstreamAnswer> {
    const { method, target, headers, body, signal } = sent
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(reasonOf(signal))
      const mayTrail = isStreamed(body) || (sent.trailers ?? []).length > 0
      const stream = this.#session.request(
        {
          ...toNodeHeaders(headers),
          ...(lengthOf(body) === undefined ? {} : { 'content-length': String(lengthOf(body)) }),
          ':method': method,
          ':path': target,
          ':scheme': this.#scheme,
          ':authority': this.#host,
        },
        { endStream: body === undefined && !mayTrail, waitForTrailers: mayTrail },
      )
      let toSend: Headers = []
      stream.once('wantTrailers', () => stream.sendTrailers(toNodeHeaders(toSend)))
      let received: Headers = []
      stream.once('trailers', (_trailers, _flags, raw?: string[]) => (received = fromRawHeaders(raw ?? [])))
      const abort = (): void => stream.close(constants.NGHTTP2_CANCEL)
      signal.addEventListener('abort', abort, { once: true })
      stream.once('close', () => {
        signal.removeEventListener('abort', abort)
        reject(failureOf(stream, signal))
      })
      stream.on('error', (error) =>
        reject(
          signal.aborted
            ? reasonOf(signal)
            : stream.rstCode === 0 || error instanceof PamError
              ? error
              : failureOf(stream, signal),
        ),
      )
      const cutOff = (): Error | undefined =>
        signal.aborted || stream.rstCode !== constants.NGHTTP2_NO_ERROR ? failureOf(stream, signal) : undefined
      stream.on(
        'headers',
        fewInterimAnswers((error) => stream.destroy(error)),
      )
      stream.once('response', (_head, flags, raw?: string[]) => {
        const all = raw === undefined ? [] : fromRawHeaders(raw)
        const status = Number(all.find(([name]) => name === ':status')?.[1] ?? 0)
        const isWhole = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0
        const others = all.filter(([name]) => !name.startsWith(':'))
        resolve({ status, headers: others, body: stream, cutOff, isWhole, trailers: () => received })
      })
      if (body !== undefined || mayTrail) sendBody(sent, stream, (trailers) => (toSend = trailers))
    })
  }

  /** Takes no more requests, and ends with the last one that runs. */
  retire(): void {
    this.#session.close()
  }

  close(): void {
    this.#session.destroy()
  }
}

function failureOf(stream: ClientHttp2Stream, signal: AbortSignal): PamError {
  if (signal.aborted) return reasonOf(signal)
  if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) return new NotProcessed()
  return new PamError('TARGET_LEFT', 'the target reset the request', { side: 'upstream' })
}

/** The server says that it has not looked at the request: it can be sent again. */
export class NotProcessed extends PamError {
  constructor() {
    super('TARGET_LEFT', 'the target accepted no more requests on this connection', { side: 'upstream' })
  }
}

const MAX_HEADERS = 256
const MAX_SESSION_MEGABYTES = 64
const STREAM_WINDOW = 256 * 1024
/** Of as many streams as one connection has. */
const CONNECTION_WINDOW = 128 * STREAM_WINDOW
