import type { Socket } from 'node:net'
import { PamError } from '../shared/errors.ts'
import { WireError } from '../wire/wire-error.ts'

/** Splits what a server sends into messages. */
interface Framer<Frame> {
  push(chunk: Buffer, take: (frame: Frame) => boolean): void
}

/** Handles the messages of one exchange; true once it is complete. */
export type HearExchange<Frame> = (frame: Frame) => boolean

/**
 * The connection of `pamctl query` to a port of the agent: one exchange at a time. When it ends, the exchange in progress and all
 * later ones fail with the reason that the gateway gave before, or with what ended it.
 */
export class QueryExchange<Frame> {
  readonly #socket: Socket
  readonly #framer: Framer<Frame>
  readonly #onUnexpected: HearExchange<Frame>
  #exchange: { readonly hear: HearExchange<Frame>; resolve(): void; reject(error: unknown): void } | undefined
  #failure: unknown
  /** What the server has said last is why the connection ends, if it ends now. */
  reason: unknown

  /** `onUnexpected` is told of messages between exchanges. */
  constructor(socket: Socket, framer: Framer<Frame>, onUnexpected: (frame: Frame) => void = () => {}) {
    this.#socket = socket
    this.#framer = framer
    this.#onUnexpected = (frame) => {
      onUnexpected(frame)
      return false
    }
    socket.on('data', (chunk: Buffer) => this.#data(chunk))
    socket.on('error', (error) => this.fail(lost(error)))
    socket.on('close', () => this.fail(lost()))
  }

  /** Sends a request and hands over what is answered until the exchange is complete. */
  converse(bytes: Buffer | undefined, hear: HearExchange<Frame>): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure)
      this.#exchange = { hear, resolve, reject }
      if (bytes !== undefined) this.#socket.write(bytes)
    })
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  /** Ends the connection with a farewell; one that is busy is cut off, so that the gateway cancels what runs. */
  close(farewell: Buffer): void {
    if (this.#exchange === undefined) this.#socket.end(farewell)
    else this.#socket.destroy()
  }

  /** The connection has ended, or is about to: nothing more can be asked. */
  fail(error: unknown): void {
    this.#failure ??= this.reason ?? error
    const exchange = this.#exchange
    this.#exchange = undefined
    exchange?.reject(this.#failure)
  }

  #data(chunk: Buffer): void {
    try {
      this.#framer.push(chunk, (frame) => {
        const exchange = this.#exchange
        if (!(exchange?.hear ?? this.#onUnexpected)(frame)) return true
        this.#exchange = undefined
        exchange?.resolve()
        return true
      })
    } catch (error) {
      this.fail(
        error instanceof WireError ? new PamError('PROTOCOL_VIOLATION', error.message, { cause: error }) : error,
      )
      this.#socket.destroy()
    }
  }
}

const lost = (cause?: Error): PamError =>
  new PamError('GATEWAY_LOST', 'the connection was lost before the answer was complete', {
    hint: 'check whether the statement took effect before you run it again',
    cause,
  })
