import type { Duplex } from 'node:stream'
import { errorCode } from '../../../shared/file-problem.ts'
import { asError, reasonOf } from '../../../shared/errors.ts'
import { IDEMPOTENT, type UpstreamAnswer, type UpstreamRequest } from './answer.ts'
import { PlainConnection } from './plain-connection.ts'
import type { ReplayedConnection } from './replayed-connection.ts'

export interface PlainConnectionsParts {
  readonly connect: () => Promise<Duplex>
  /** An answer that is not plain, for Node's client. */
  readonly handOver: (request: UpstreamRequest, stream: ReplayedConnection) => Promise<UpstreamAnswer>
}

/**
 * Connections to one server, for one client, on which plain requests and answers are written and read without Node's client. It decides nothing: what it
 * does not know in full, Node's client reads, from the same bytes. Once a server has given an answer that is not plain it is used no more.
 */
export class PlainConnections {
  readonly #parts: PlainConnectionsParts
  readonly #all = new Set<PlainConnection>()
  #idle: PlainConnection[] = []
  #isOn = true

  constructor(parts: PlainConnectionsParts) {
    this.#parts = parts
  }

  /** Whether plain requests are to be sent here. */
  get isOn(): boolean {
    return this.#isOn
  }

  /** `head`: of `plainRequest`. */
  async send(request: UpstreamRequest, head: string): Promise<UpstreamAnswer> {
    const known = this.#take()
    if (known === undefined) return this.#overNew(request, head)
    try {
      return await known.ask(request, head)
    } catch (error) {
      // The server closed a connection that it took for idle: nothing of the request was read.
      const isStale = known.isReused && errorCode(error) === 'ECONNRESET' && !request.signal.aborted
      if (!isStale || !IDEMPOTENT.has(request.method)) throw error
      return this.#overNew(request, head)
    }
  }

  /** Every connection ends with the request that runs on it. */
  retire(): void {
    this.#isOn = false
    for (const connection of this.#idle) connection.destroy()
  }

  close(): void {
    this.#isOn = false
    for (const connection of this.#all) connection.destroy()
  }

  #take(): PlainConnection | undefined {
    for (let known = this.#idle.pop(); known !== undefined; known = this.#idle.pop()) {
      if (known.isUsable) return known
      known.destroy()
    }
    return undefined
  }

  async #overNew(request: UpstreamRequest, head: string): Promise<UpstreamAnswer> {
    const connection = await this.#opened(request.signal)
    return connection.ask(request, head)
  }

  /** Whoever gives up does not wait for it; it is there for the next request then. */
  #opened(signal: AbortSignal): Promise<PlainConnection> {
    if (signal.aborted) return Promise.reject(reasonOf(signal))
    return new Promise((resolve, reject) => {
      const giveUp = (): void => reject(reasonOf(signal))
      signal.addEventListener('abort', giveUp, { once: true })
      this.#parts.connect().then(
        (socket) => {
          signal.removeEventListener('abort', giveUp)
          const connection = this.#made(socket)
          if (signal.aborted) this.#keep(connection)
          else resolve(connection)
        },
        (error: unknown) => {
          signal.removeEventListener('abort', giveUp)
          reject(asError(error))
        },
      )
    })
  }

  #made(socket: Duplex): PlainConnection {
    const connection = new PlainConnection(socket, {
      handOver: (request, stream) => {
        this.#isOn = false
        for (const idle of this.#idle) idle.destroy()
        return this.#parts.handOver(request, stream)
      },
      idle: (one) => this.#keep(one),
      over: (one) => {
        this.#all.delete(one)
        this.#idle = this.#idle.filter((other) => other !== one)
      },
    })
    this.#all.add(connection)
    return connection
  }

  #keep(connection: PlainConnection): void {
    if (this.#isOn && this.#idle.length < MAX_IDLE) this.#idle.push(connection)
    else connection.destroy()
  }
}

const MAX_IDLE = 4
