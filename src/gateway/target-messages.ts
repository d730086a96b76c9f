import type { Channel } from '../shared/channel.ts'
import { PamError, reasonOf } from '../shared/errors.ts'
import { sessionEndReason } from './session-end-reason.ts'

/** How much a target may send before a step, such as its login, is complete. */
export interface Allowance {
  readonly bytes: number
  readonly messages: number
}

/** Cuts what a target sends into the messages of its protocol. */
interface MessageFramer<Frame> {
  /** Bytes of an unfinished message. */
  readonly held: number
  push(chunk: Buffer, take: (frame: Frame) => void): void
}

/**
 * Messages of a target while the gateway itself is its client, read one at a time and within a limit. When the signal aborts, the
 * connection is closed and a pending read rejects with its reason.
 */
export class TargetMessages<Frame> {
  readonly channel: Channel
  /** Aborts when the caller gives up. */
  readonly signal: AbortSignal
  readonly #framer: MessageFramer<Frame>
  readonly #queue: Frame[] = []
  readonly #onAbort: () => void
  #left: { bytes: number; messages: number } = { bytes: 0, messages: 0 }
  #what = ''
  #hasEnded = false
  #failure: PamError | undefined
  #waiting: { resolve: (frame: Frame) => void; reject: (error: PamError) => void } | undefined

  constructor(channel: Channel, signal: AbortSignal, framer: MessageFramer<Frame>) {
    this.channel = channel
    this.signal = signal
    this.#framer = framer
    this.#onAbort = () => this.#fail(reasonOf(signal))
    signal.addEventListener('abort', this.#onAbort, { once: true })
    channel.handler = {
      data: (bytes) => this.#push(bytes),
      drained() {},
      ended: () => this.#end(),
      closed: () => this.#end(),
    }
    if (signal.aborted) this.#onAbort()
  }

  /** Starts a new limit for all that the target sends from here on; errors call it `what`. */
  allow(what: string, { bytes, messages }: Allowance): void {
    this.#what = what
    this.#left = { bytes, messages }
  }

  send(bytes: Buffer): void {
    this.channel.write(bytes)
  }

  /** The next message. The socket is read only while a call is pending. */
  next(): Promise<Frame> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (--this.#left.messages < 0) return Promise.reject(this.#fail(this.#tooMuch()))
    const frame = this.#queue.shift()
    if (frame !== undefined) return Promise.resolve(frame)
    if (this.#hasEnded) return Promise.reject(this.#fail(left()))
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.channel.resume()
    })
  }

  /** Hands the socket over. No request is pending, so bytes that have arrived already are an error. */
  release(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#hasEnded) throw this.#fail(left())
    this.signal.removeEventListener('abort', this.#onAbort)
    if (this.#queue.length > 0 || this.#framer.held > 0)
      throw this.#fail(violation('the target sent more than was asked for'))
  }

  /** Sends a farewell and closes. */
  close(goodbye: Buffer): void {
    this.signal.removeEventListener('abort', this.#onAbort)
    this.#failure ??= left()
    this.channel.write(goodbye)
    this.channel.end()
    // It need not answer, and might keep the connection open.
    setTimeout(() => this.channel.destroy(), LINGER_MS).unref()
  }

  #push(bytes: Buffer): void {
    if (this.#failure !== undefined) return
    this.#left.bytes -= bytes.length
    if (this.#left.bytes < 0) return void this.#fail(this.#tooMuch())
    try {
      this.#framer.push(bytes, (frame) => void this.#queue.push(frame))
    } catch (error) {
      return void this.#fail(sessionEndReason(error))
    }
    const [first] = this.#queue
    if (first === undefined) return
    this.channel.pause()
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    this.#queue.shift()
    waiting.resolve(first)
  }

  /** Messages that arrived before the end, most likely an error, are still delivered. */
  #end(): void {
    this.#hasEnded = true
    if (this.#queue.length === 0) this.#fail(left())
  }

  #fail(reason: PamError): PamError {
    this.signal.removeEventListener('abort', this.#onAbort)
    this.#failure ??= reason
    this.channel.destroy()
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.reject(this.#failure)
    return this.#failure
  }

  #tooMuch(): PamError {
    return new PamError('MESSAGE_TOO_LARGE', `the target sent more during ${this.#what} than is allowed`, {
      side: 'upstream',
    })
  }
}

export const violation = (message: string): PamError =>
  new PamError('PROTOCOL_VIOLATION', message, { side: 'upstream' })

const left = (): PamError =>
  new PamError('TARGET_UNREACHABLE', 'the target closed the connection', { side: 'upstream' })

/** Bytes of one message: those of a login are short, but a definition in the catalogs may be long. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024
/** Milliseconds. */
const LINGER_MS = 1000
