import type { Duplex } from 'node:stream'
import { asError, reasonOf } from '../../../shared/errors.ts'
import { targetLeft, type UpstreamAnswer, type UpstreamRequest } from './answer.ts'
import { PlainBody } from './plain-body.ts'
import { readPlainHead, type PlainHead } from './plain-messages.ts'
import { ReplayedConnection } from './replayed-connection.ts'

export interface PlainConnectionParts {
  /** The answer is not plain: Node's client reads it. */
  readonly handOver: (request: UpstreamRequest, stream: ReplayedConnection) => Promise<UpstreamAnswer>
  /** It can be asked something else. */
  readonly idle: (connection: PlainConnection) => void
  readonly over: (connection: PlainConnection) => void
}

/** One request that waits for its answer, or for the rest of it. */
interface Asked {
  readonly request: UpstreamRequest
  readonly resolve: (answer: UpstreamAnswer | Promise<UpstreamAnswer>) => void
  readonly reject: (error: Error) => void
  readonly giveUp: () => void
  body: PlainBody | undefined
}

/**
 * A connection of HTTP/1.1 on which one plain request follows another, each once the answer to the last one has come in full. It reads what it knows in
 * full, and hands over the connection with everything else. A server that says something unasked, or more than its answer, is asked nothing more.
 */
export class PlainConnection {
  readonly #socket: Duplex
  readonly #parts: PlainConnectionParts
  /** What has come of a head. */
  #start: Buffer | undefined
  #asked: Asked | undefined
  /** Until when the server keeps it open, by its own word. */
  #keptUntil = Infinity
  #requests = 0
  #hasLeft = false

  constructor(socket: Duplex, parts: PlainConnectionParts) {
    this.#socket = socket
    this.#parts = parts
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('close', this.#onEnd)
    socket.on('error', this.#onEnd)
  }

  /** It may be asked something, for all that is known. */
  get isUsable(): boolean {
    return !this.#hasLeft && !this.#socket.destroyed && Date.now() < this.#keptUntil
  }

  /** `head`: of `plainRequest`. Rejects with the code ECONNRESET where the server closes before it has answered. */
  ask(request: UpstreamRequest, head: string): Promise<UpstreamAnswer> {
    const { body, signal } = request
    this.#requests++
    return new Promise((resolve, reject) => {
      const giveUp = (): void => this.#giveUp(asError(signal.reason))
      this.#asked = { request, resolve, reject, giveUp, body: undefined }
      if (this.#hasLeft || this.#socket.destroyed) return this.#onEnd()
      signal.addEventListener('abort', giveUp, { once: true })
      if (Buffer.isBuffer(body)) this.#socket.cork()
      this.#socket.write(head, 'latin1')
      if (!Buffer.isBuffer(body)) return
      this.#socket.write(body)
      this.#socket.uncork()
    })
  }

  /** Whether the request that was asked last came behind another one. */
  get isReused(): boolean {
    return this.#requests > 1
  }

  destroy(): void {
    this.#socket.destroy()
    this.#onEnd()
  }

  readonly #onData = (chunk: Buffer): void => {
    const asked = this.#asked
    if (asked === undefined) return this.destroy()
    if (asked.body !== undefined) return this.#takeBody(asked, asked.body, chunk)
    const bytes = this.#start === undefined ? chunk : Buffer.concat([this.#start, chunk])
    const head = readPlainHead(bytes)
    if (head === 'more') this.#start = bytes
    else if (head === 'other') this.#handOver(asked, bytes)
    else this.#begin(asked, head, bytes.subarray(head.end))
  }

  #begin(asked: Asked, { status, headers, length, keptSeconds }: PlainHead, rest: Buffer): void {
    const { signal } = asked.request
    this.#start = undefined
    if (keptSeconds !== undefined) this.#keptUntil = Date.now() + 1000 * (keptSeconds - 1)
    const body = new PlainBody({
      length,
      wanted: () => this.#socket.resume(),
      givenUp: () => this.#giveUp(undefined),
    })
    asked.body = body
    asked.resolve({
      status,
      headers,
      body,
      trailers: () => [],
      cutOff: () => (signal.aborted ? reasonOf(signal) : body.isWhole ? undefined : targetLeft()),
    })
    this.#takeBody(asked, body, rest)
  }

  #takeBody(asked: Asked, body: PlainBody, bytes: Buffer): void {
    const { rest, hasRoom } = body.receive(bytes)
    if (!body.isWhole) {
      if (!hasRoom) this.#socket.pause()
      return
    }
    this.#done(asked)
    // Whoever sends more than it says would have that taken for the answer to somebody else.
    if (rest.length > 0) return this.destroy()
    this.#socket.resume()
    this.#parts.idle(this)
  }

  #handOver(asked: Asked, bytes: Buffer): void {
    this.#done(asked)
    this.#leave()
    asked.resolve(this.#parts.handOver(asked.request, new ReplayedConnection(this.#socket, bytes)))
  }

  /** `reason`: undefined where nobody is to be told. */
  #giveUp(reason: Error | undefined): void {
    const asked = this.#asked
    if (asked === undefined) return
    this.#done(asked)
    if (asked.body === undefined) asked.reject(reasonOf(asked.request.signal))
    else if (reason !== undefined) asked.body.destroy(reason)
    this.destroy()
  }

  /** The server has closed, or the connection has broken. */
  readonly #onEnd = (): void => {
    const asked = this.#asked
    // Node's client says what is wrong with the half of a head.
    if (asked !== undefined && this.#start !== undefined) return this.#handOver(asked, this.#start)
    if (asked !== undefined) {
      this.#done(asked)
      if (asked.body === undefined) asked.reject(hungUp('socket hang up'))
      else asked.body.destroy(hungUp('aborted'))
    }
    if (this.#hasLeft) return
    this.#leave()
    this.#socket.on('error', () => {})
    this.#socket.destroy()
  }

  #done({ request, giveUp }: Asked): void {
    this.#asked = undefined
    request.signal.removeEventListener('abort', giveUp)
  }

  /** The connection is nobody's, or somebody else's. */
  #leave(): void {
    this.#hasLeft = true
    const socket = this.#socket
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('close', this.#onEnd)
    socket.off('error', this.#onEnd)
    this.#parts.over(this)
  }
}

/** As Node's client has it. */
const hungUp = (message: string): Error => Object.assign(new Error(message), { code: 'ECONNRESET' })
