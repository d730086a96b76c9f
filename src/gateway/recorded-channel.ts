import type { Recorder } from '../recording/recorder.ts'
import type { Channel, ChannelHandler } from '../shared/channel.ts'

/**
 * A channel to a target that sends bytes only once everything recorded before them is on record: what an engine writes after an intent
 * waits for that intent, in order. When the session ends, waiting bytes are dropped.
 */
export class RecordedChannel implements Channel {
  readonly #channel: Channel
  readonly #recorder: Pick<Recorder, 'isWritten' | 'whenWritten'>
  readonly #ended: AbortSignal
  /** Waiting chunks, in order; undefined is the end. One callback per chunk takes the oldest, so none needs a closure. */
  #waiting: (Uint8Array | undefined)[] = []
  #waitingBytes = 0
  #isFull = false

  constructor(channel: Channel, { recorder, ended }: { readonly recorder: Recorder; readonly ended: AbortSignal }) {
    this.#channel = channel
    this.#recorder = recorder
    this.#ended = ended
  }

  get handler(): ChannelHandler {
    return this.#channel.handler
  }

  set handler(handler: ChannelHandler) {
    this.#channel.handler = handler
  }

  write(bytes: Uint8Array): boolean {
    if (this.#waiting.length === 0 && this.#recorder.isWritten) return this.#channel.write(bytes)
    this.#waitingBytes += bytes.length
    this.#wait(bytes)
    this.#isFull ||= this.#waitingBytes > MAX_WAITING
    return !this.#isFull
  }

  end(): void {
    if (this.#waiting.length === 0 && this.#recorder.isWritten) this.#channel.end()
    else this.#wait(undefined)
  }

  pause(): void {
    this.#channel.pause()
  }

  resume(): void {
    this.#channel.resume()
  }

  destroy(): void {
    this.#channel.destroy()
  }

  #wait(bytes: Uint8Array | undefined): void {
    this.#waiting.push(bytes)
    this.#recorder.whenWritten(this.#goOn)
  }

  /** Sends the oldest waiting chunk. */
  readonly #goOn = (): void => {
    const bytes = this.#waiting.shift()
    if (this.#ended.aborted) return
    if (bytes === undefined) return this.#channel.end()
    this.#waitingBytes -= bytes.length
    const ready = this.#channel.write(bytes)
    if (!this.#isFull || this.#waitingBytes > 0) return
    this.#isFull = false
    if (ready) this.#channel.handler.drained()
  }
}

/** Bytes that may wait for the disk before the client is paused. */
const MAX_WAITING = 256 * 1024
