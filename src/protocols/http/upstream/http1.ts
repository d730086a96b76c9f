import { Agent, request as startRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { asError, PamError, reasonOf } from '../../../shared/errors.ts'
import { errorCode } from '../../../shared/file-problem.ts'
import { fromRawHeaders, toNodeHeaders, valuesOf, type Headers } from '../wire/headers.ts'
import { isStreamed, lengthOf, type SwitchedProtocols, type UpstreamAnswer, type UpstreamRequest } from './answer.ts'
import { fewInterimAnswers } from './few-interim-answers.ts'
import { outliveWriteErrors } from './outlive-write-errors.ts'
import { sendBody } from './send-body.ts'

/** Connections of HTTP/1.1 to one server, for one client: each is used again by the next request. */
export class Http1Upstream {
  readonly #agent: ConnectingAgent
  /** Its connections serve one request each. */
  readonly #single: ConnectingAgent
  readonly #host: string

  /** `spare`: a connection that is open already. */
  constructor(host: string, connect: () => Promise<Duplex>, spare?: Duplex) {
    this.#host = host
    this.#agent = new ConnectingAgent(connect, spare)
    this.#single = new ConnectingAgent(connect, undefined)
    this.#single.retire()
  }

  async send(request: UpstreamRequest): Promise<UpstreamAnswer> {
    const started = this.#start(request)
    try {
      return await answerTo(started, request)
    } catch (error) {
      // The server closed a connection that it took for idle: nothing of the request was read.
      const isStale = started.reusedSocket && errorCode(error) === 'ECONNRESET'
      if (!isStale || isStreamed(request.body) || !IDEMPOTENT.has(request.method) || request.signal.aborted) throw error
      return answerTo(this.#start(request), request)
    }
  }

  /** On a connection of its own. The answer is one of HTTP where the server does not want to. */
  switchProtocols(request: UpstreamRequest, protocol: string): Promise<UpstreamAnswer | SwitchedProtocols> {
    const headers = [...request.headers, ['connection', 'Upgrade'], ['upgrade', protocol]] as const
    const started = this.#start({ ...request, headers })
    return new Promise((resolve, reject) => {
      started.once('upgrade', (answer: IncomingMessage, stream: Duplex, head: Buffer) => {
        if (head.length > 0) stream.unshift(head)
        resolve({ status: 101, headers: fromRawHeaders(answer.rawHeaders), stream })
      })
      answerTo(started, request).then(resolve, reject)
    })
  }

  /** Every connection ends with the request that runs on it. */
  retire(): void {
    this.#agent.retire()
  }

  close(): void {
    this.#agent.destroy()
    this.#single.destroy()
  }

  #start(sent: UpstreamRequest): ClientRequest {
    const { method, target, headers, once, signal } = sent
    const request = startRequest({
      agent: once === true ? this.#single : this.#agent,
      method,
      path: target,
      headers: {
        ...toNodeHeaders(withTe(headers)),
        host: this.#host,
        ...lengthHeader(sent),
      },
      setHost: false,
      signal,
      maxHeaderSize: MAX_HEAD_BYTES,
      insecureHTTPParser: false,
    })
    sendBody(sent, request, (trailers) =>
      request.addTrailers(trailers.map(([name, value]): [string, string] => [name, value])),
    )
    return request
  }
}

/** `TE` is about the connection, and `Connection` says so (RFC 9110, section 10.1.4). */
function withTe(headers: Headers): Headers {
  const isThere = headers.some(([name]) => name === 'te')
  const others = headers.filter(([name]) => name !== 'connection')
  const [connection] = valuesOf(headers, 'connection')
  return isThere ? [...others, ['connection', connection === undefined ? 'TE' : `${connection}, TE`]] : headers
}

const lengthHeader = ({ body, trailers = [] }: UpstreamRequest): Record<string, string> => {
  const length = lengthOf(body)
  // Trailers follow a body in chunks alone.
  if (length !== undefined && trailers.length === 0) return { 'content-length': String(length) }
  return body === undefined && trailers.length === 0 ? {} : { 'transfer-encoding': 'chunked' }
}

function answerTo(request: ClientRequest, { signal }: UpstreamRequest): Promise<UpstreamAnswer> {
  return new Promise((resolve, reject) => {
    request.on(
      'information',
      fewInterimAnswers((error) => request.destroy(error)),
    )
    request.once('response', (answer: IncomingMessage) =>
      resolve({
        status: answer.statusCode ?? 0,
        headers: fromRawHeaders(answer.rawHeaders),
        body: answer,
        trailers: () => fromRawHeaders(answer.rawTrailers),
        cutOff: () => (signal.aborted ? reasonOf(signal) : answer.complete ? undefined : targetLeft()),
      }),
    )
    // Of an answer that changes the protocol unasked Node tells neither that it came nor that it failed.
    request.once('close', () => reject(signal.aborted ? reasonOf(signal) : targetLeft()))
    // It stays: an error that comes behind the answer is one of its body.
    request.on('error', (error) => reject(signal.aborted ? reasonOf(signal) : error))
  })
}

/** Opens connections as it is told; Node's own knows addresses alone. */
class ConnectingAgent extends Agent {
  readonly #connect: () => Promise<Duplex>
  #spare: Duplex | undefined

  constructor(connect: () => Promise<Duplex>, spare: Duplex | undefined) {
    super({ keepAlive: true, maxFreeSockets: 4 })
    this.#connect = connect
    this.#spare = spare
  }

  createConnection(_options: unknown, done: (error: Error | null, stream: Duplex) => void): undefined {
    const spare = this.#spare
    this.#spare = undefined
    if (spare !== undefined && !spare.destroyed) {
      done(null, outliveWriteErrors(spare))
      return
    }
    this.#connect().then(
      (stream) => done(null, outliveWriteErrors(stream)),
      (error: unknown) => done(asError(error), undefined as never),
    )
  }

  retire(): void {
    this.maxFreeSockets = 0
    this.#spare?.destroy()
    for (const sockets of Object.values(this.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
  }

  override destroy(): void {
    this.#spare?.destroy()
    super.destroy()
  }
}

/** Whether a request may be sent again that nobody answered. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS'])
const MAX_HEAD_BYTES = 64 * 1024

const targetLeft = (): PamError => new PamError('TARGET_LEFT', 'the target closed the connection', { side: 'upstream' })
