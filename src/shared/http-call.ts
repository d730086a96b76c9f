import { Agent, request as requestPlain, type ClientRequest, type IncomingMessage } from 'node:http'
import { Agent as TlsAgent, request as requestTls } from 'node:https'
import { Readable } from 'node:stream'

/** What the client of the gateway asks for; `fetch` takes it, too. */
export interface HttpCallRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal
  readonly redirect: 'error'
  /** Milliseconds without a byte after which it fails (default: 300 s). `fetch` has no such limit. */
  readonly silenceMs?: number
}

/** What it reads of the answer, which is read once; the answer of `fetch` is one. */
export interface HttpAnswer {
  readonly ok: boolean
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly body: ReadableStream<Uint8Array> | null
  text(): Promise<string>
  json(): Promise<unknown>
}

export type HttpCall = (url: string, request: HttpCallRequest) => Promise<HttpAnswer>

/**
 * Calls as `fetch` makes them, with Node's own client of HTTP, which is loaded in a fifth of the time: most commands make one call. Trusts a
 * private authority (PEM) where there is one; follows no redirects.
 */
export function httpCall(ca: string | undefined): HttpCall {
  const plain = new Agent(KEEPING)
  const tls = new TlsAgent({ ...KEEPING, ...(ca === undefined ? {} : { ca }) })
  return (url, { method, headers, body, signal, silenceMs = MAX_SILENCE_MS }) =>
    new Promise((resolve, reject) => {
      const isTls = new URL(url).protocol === 'https:'
      const options = {
        method,
        headers: { accept: '*/*', ...headers },
        timeout: silenceMs,
        agent: isTls ? tls : plain,
        ...(signal === undefined ? {} : { signal }),
      }
      const request = (isTls ? requestTls : requestPlain)(url, options, (message) =>
        resolve(new Answer(message, signal)),
      )
      request.on('error', (error) => reject(signal?.aborted === true ? signal.reason : error))
      request.on('timeout', () => request.destroy(silent()))
      endLateConnect(request, isTls ? 'secureConnect' : 'connect')
      // Without an answer, as where it was an upgrade that nobody asked for.
      request.on('close', () => reject(new TypeError('the server closed the connection before it had answered')))
      request.end(body)
    })
}

/** Silence counts from the last byte; a connection that is not there yet has less time. */
function endLateConnect(request: ClientRequest, isThere: 'connect' | 'secureConnect'): void {
  request.on('socket', (socket) => {
    if (request.reusedSocket) return
    const timer = setTimeout(() => request.destroy(noAnswer()), MAX_CONNECT_MS)
    const stop = (): void => clearTimeout(timer)
    socket.once(isThere, stop)
    request.once('close', stop)
  })
}

/** An answer whose body is read once, as text, as JSON or as a stream. */
class Answer implements HttpAnswer {
  readonly ok: boolean
  readonly status: number
  readonly headers: HttpAnswer['headers']
  readonly #message: IncomingMessage
  readonly #signal: AbortSignal | undefined
  readonly #isEmpty: boolean

  constructor(message: IncomingMessage, signal: AbortSignal | undefined) {
    this.status = message.statusCode ?? 500
    this.ok = this.status >= 200 && this.status < 300
    this.headers = {
      get(name) {
        const value = message.headers[name.toLowerCase()]
        return value === undefined ? null : [value].flat().join(', ')
      },
    }
    this.#message = message
    this.#signal = signal
    this.#isEmpty = this.status === 204 || this.status === 304
    if (this.#isEmpty) message.resume()
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#isEmpty ? null : (Readable.toWeb(this.#message) as ReadableStream<Uint8Array>)
  }

  async text(): Promise<string> {
    if (this.#isEmpty) return ''
    const chunks: Buffer[] = []
    try {
      for await (const chunk of this.#message) chunks.push(chunk as Buffer)
    } catch (error) {
      throw this.#signal?.aborted === true ? this.#signal.reason : error
    }
    return new TextDecoder().decode(Buffer.concat(chunks))
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }
}

const noAnswer = (): Error => Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })

/** The code is that of `fetch` (undici): it was connected, and nothing came. */
const silent = (): Error => Object.assign(new Error('no answer in time'), { code: 'UND_ERR_HEADERS_TIMEOUT' })

/** Milliseconds, as `fetch` has them: for a connection, and without a byte. */
const MAX_CONNECT_MS = 10_000
const MAX_SILENCE_MS = 300_000
/** A connection that is not in use is kept for four seconds, sooner than servers close it. */
const KEEPING = { keepAlive: true, timeout: 4000 }
