import { Agent, request as startRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { asError, reasonOf } from '../../../shared/errors.ts'
import { errorCode } from '../../../shared/file-problem.ts'
import { fromRawHeaders, toNodeHeaders, valuesOf, type Headers } from '../wire/headers.ts'
import {
  IDEMPOTENT,
  isStreamed,
  lengthOf,
  targetLeft,
  type SwitchedProtocols,
  type UpstreamAnswer,
  type UpstreamRequest,
} from './answer.ts'
import { fewInterimAnswers } from './few-interim-answers.ts'
import { goesAlone } from './goes-alone.ts'
import { outliveWriteErrors } from './outlive-write-errors.ts'
import { PlainConnections } from './plain-connections.ts'
import { plainRequest } from './plain-messages.ts'
import type { ReplayedConnection } from './replayed-connection.ts'
import { sendBody } from './send-body.ts'

/** Connections of HTTP/1.1 to one server, for one client: each is used again by the next request. */
export class Http1Upstream {
  readonly #agent: ConnectingAgent
  /** Its connections serve one request each. */
  readonly #single: ConnectingAgent
  readonly #host: string
  readonly #plain: PlainConnections
  readonly #connecting: Connecting

  /** `spare`: a connection that is open already. */
  constructor(host: string, connect: () => Promise<Duplex>, spare?: Duplex) {
    this.#host = host
    this.#connecting = new Connecting(connect, spare)
    const first = (): Promise<Duplex> => this.#connecting.next()
    this.#agent = new ConnectingAgent(first)
    this.#single = new ConnectingAgent(connect)
    this.#single.retire()
    this.#plain = new PlainConnections({
      connect: async () => outliveWriteErrors(await first()),
      handOver: (request, stream) => this.#takeOver(request, stream),
    })
  }

  async send(request: UpstreamRequest): Promise<UpstreamAnswer> {
    const head = this.#plain.isOn ? plainRequest(request, this.#host) : undefined
    if (head !== undefined) return this.#plain.send(request, head)
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
    this.#connecting.dropSpare()
    this.#agent.retire()
    this.#plain.retire()
  }

  close(): void {
    this.#connecting.dropSpare()
    this.#agent.destroy()
    this.#single.destroy()
    this.#plain.close()
  }

  /** On a connection that the request was sent on already. It is used again like any other. */
  #takeOver(sent: UpstreamRequest, stream: ReplayedConnection): Promise<UpstreamAnswer> {
    const agent = this.#agent.takes(stream) ? this.#agent : agentOf(stream)
    const request = this.#start(sent, agent)
    request.once('finish', () => stream.passWrites())
    return answerTo(request, sent)
  }

  #start(sent: UpstreamRequest, agent = goesAlone(sent) ? this.#single : this.#agent): ClientRequest {
    const { method, target, signal } = sent
    const headers = agent === this.#single ? ending(sent.headers) : sent.headers
    const request = startRequest({
      agent,
      method,
      path: target,
      headers: {
        ...toNodeHeaders(withTe(headers)),
        host: this.#host,
        ...lengthHeader(sent),
      },
      setHost: false,
      maxHeaderSize: MAX_HEAD_BYTES,
      insecureHTTPParser: false,
    })
    giveUpWith(request, signal)
    sendBody(sent, request, (trailers) =>
      request.addTrailers(trailers.map(([name, value]): [string, string] => [name, value])),
    )
    return request
  }
}

/** As Node's option `signal` does, which costs a tenth of a request. */
function giveUpWith(request: ClientRequest, signal: AbortSignal): void {
  const giveUp = (): void => void request.destroy(asError(signal.reason))
  if (signal.aborted) return giveUp()
  signal.addEventListener('abort', giveUp, { once: true })
  request.once('close', () => signal.removeEventListener('abort', giveUp))
}

/** Says that the connection ends with the request, unless it is to be another protocol's. */
const ending = (headers: Headers): Headers =>
  headers.some(([name]) => name === 'connection') ? headers : [...headers, ['connection', 'close']]

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
    let hasAnswered = false
    request.once('response', (answer: IncomingMessage) => {
      hasAnswered = true
      resolve({
        status: answer.statusCode ?? 0,
        headers: fromRawHeaders(answer.rawHeaders),
        body: answer,
        trailers: () => fromRawHeaders(answer.rawTrailers),
        cutOff: () => (signal.aborted ? reasonOf(signal) : answer.complete ? undefined : targetLeft()),
      })
    })
    // Of an answer that changes the protocol unasked Node tells neither that it came nor that it failed.
    request.once('close', () => {
      if (!hasAnswered) reject(signal.aborted ? reasonOf(signal) : targetLeft())
    })
    // It stays: an error that comes behind the answer is one of its body.
    request.on('error', (error) => reject(signal.aborted ? reasonOf(signal) : error))
  })
}

/** A connection that is open already is used before another one is opened. */
class Connecting {
  readonly #connect: () => Promise<Duplex>
  #spare: Duplex | undefined

  constructor(connect: () => Promise<Duplex>, spare: Duplex | undefined) {
    this.#connect = connect
    this.#spare = spare
  }

  next(): Promise<Duplex> {
    const spare = this.#spare
    this.#spare = undefined
    return spare === undefined || spare.destroyed ? this.#connect() : Promise.resolve(spare)
  }

  dropSpare(): void {
    this.#spare?.destroy()
    this.#spare = undefined
  }
}

/** Opens connections as it is told; Node's own knows addresses alone. */
class ConnectingAgent extends Agent {
  readonly #connect: () => Promise<Duplex>
  #offered: Duplex | undefined

  constructor(connect: () => Promise<Duplex>) {
    super({ keepAlive: true, maxFreeSockets: 4 })
    this.#connect = connect
  }

  /** The next request runs on this connection. False where it would run on another one that is free. */
  takes(stream: Duplex): boolean {
    if (Object.keys(this.freeSockets).length > 0) return false
    this.#offered = stream
    return true
  }

  createConnection(_options: unknown, done: (error: Error | null, stream: Duplex) => void): undefined {
    const offered = this.#offered
    this.#offered = undefined
    const connected = offered === undefined ? this.#connect() : Promise.resolve(offered)
    connected.then(
      (stream) => done(null, outliveWriteErrors(stream)),
      (error: unknown) => done(asError(error), undefined as never),
    )
  }

  retire(): void {
    this.maxFreeSockets = 0
    for (const sockets of Object.values(this.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
  }
}

/** For one request on a connection that is there. */
function agentOf(stream: Duplex): ConnectingAgent {
  const agent = new ConnectingAgent(() => Promise.resolve(stream))
  agent.retire()
  return agent
}

const MAX_HEAD_BYTES = 64 * 1024
