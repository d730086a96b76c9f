import { idleHandler, type ChannelHandler } from '../shared/channel.ts'
import { Queue } from '../shared/queue.ts'
import type { MessageWriter } from './message-writer.ts'
import { encodeFrame, frameTypes, MuxError } from './mux-frame.ts'
import type { TunnelChannel, TunnelFrame } from './web-socket-channel.ts'

export interface MuxChannelParts {
  /** It has something to send and the credit for it. */
  ready(): void
  /** The peer may send so many bytes more. */
  grant(bytes: number): void
  /** It has bytes to send and no credit. */
  blocked(): void
  /** The last that the peer hears of it. */
  close(): void
  /** Both directions are over and everything is said. */
  done(): void
}

/** One channel of a shared tunnel. It never holds more than a window of what the peer sent. */
export class MuxChannel implements TunnelChannel {
  handler: ChannelHandler = idleHandler
  onFrame: (frame: TunnelFrame) => void = () => {}
  /** Told once: the peer has accepted, or why not. */
  answered: ((refusal: Error | undefined) => void) | undefined
  readonly id: number
  readonly #parts: MuxChannelParts
  #paused = true
  /** Came and was not taken yet, in order. */
  #inbound = new Queue<Inbound>()
  #inboundBytes = 0
  /** Bytes of frames of text among it: nobody gives credit for them. */
  #inboundText = 0
  /** Bytes taken for which the peer has no credit yet. */
  #owed = 0
  /** What may be on its way to us. */
  #limit = WINDOW
  /** Waits to be sent, in order: bytes, which need credit, and whole frames, which do not. */
  #outbound = new Queue<Outbound>()
  #outboundBytes = 0
  #window: number
  #full = false
  /** The peer knows that we wait for credit. */
  #saidBlocked = false
  #state: 'open' | 'closing' | 'closed' = 'open'
  #linger: NodeJS.Timeout | undefined
  #delivering = false

  /** `window`: what may be sent before the peer gives credit. */
  constructor(id: number, window: number, parts: MuxChannelParts) {
    this.id = id
    this.#window = window
    this.#parts = parts
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state !== 'open') return true
    if (bytes.length === 0) return !this.#full
    this.#outbound.push({ bytes, frame: undefined })
    this.#outboundBytes += bytes.length
    this.#announce()
    this.#sayBlocked()
    if (this.#outboundBytes > HIGH_WATER) this.#full = true
    return !this.#full
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#deliver()
  }

  end(): void {
    this.send({ v: 1, type: 'eof' })
  }

  /** What was written still arrives, within a time limit; nothing more is accepted. */
  destroy(): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#inbound = new Queue()
    this.#inboundBytes = 0
    this.#outbound.push(CLOSE)
    this.#linger = setTimeout(() => {
      this.#outbound = new Queue()
      this.#outbound.push(CLOSE)
      this.#parts.ready()
    }, MAX_LINGER_MS)
    this.#linger.unref()
    this.#announce()
  }

  send(frame: TunnelFrame): void {
    if (this.#state !== 'open') return
    const payload = Buffer.from(JSON.stringify(frame))
    this.#outbound.push({ bytes: undefined, frame: encodeFrame(frameTypes.text, this.id, payload) })
    this.#announce()
  }

  /** Adds up to so many bytes that may be sent now, as frames. */
  take(most: number, out: MessageWriter): void {
    for (let left = most; left > 0 && this.hasMore;) {
      const next = this.#outbound.first as Outbound
      if (next.bytes !== undefined) {
        left -= this.#takeBytes(left, out)
        continue
      }
      this.#outbound.take()
      if (next.frame !== undefined) {
        out.add(next.frame)
        left -= next.frame.length
        continue
      }
      this.#parts.close()
      this.#finish(undefined)
    }
    this.#sayBlocked()
    if (this.#full && this.#outboundBytes <= LOW_WATER) {
      this.#full = false
      setImmediate(() => this.handler.drained())
    }
  }

  /** What was written piece by piece goes in one frame: the peer writes it on at once. Returns how many bytes. */
  #takeBytes(most: number, out: MessageWriter): number {
    const limit = Math.min(most, this.#window)
    let length = 0
    out.begin()
    for (let next = this.#outbound.first; next?.bytes !== undefined && length < limit; next = this.#outbound.first) {
      const { bytes } = next
      const fits = bytes.length <= limit - length
      const piece = fits ? bytes : bytes.subarray(0, limit - length)
      if (fits) this.#outbound.take()
      else this.#outbound.replaceFirst({ bytes: bytes.subarray(piece.length), frame: undefined })
      out.add(piece)
      length += piece.length
    }
    out.end(frameTypes.data, this.id)
    this.#window -= length
    this.#outboundBytes -= length
    return length
  }

  get isClosed(): boolean {
    return this.#state !== 'open'
  }

  /** Something could be sent now. */
  get hasMore(): boolean {
    const next = this.#outbound.first
    return next !== undefined && (next.bytes === undefined || this.#window > 0)
  }

  received(payload: Buffer): void {
    if (this.#state !== 'open') return
    if (this.#inboundBytes + this.#owed + payload.length > this.#limit)
      throw new MuxError('more than there was credit for')
    if (!this.#paused && !this.#delivering && this.#inbound.length === 0) return this.#hand(payload)
    // What waits must not keep much more than itself in memory.
    this.#arrive({ bytes: 2 * payload.length < payload.buffer.byteLength ? Buffer.from(payload) : payload })
  }

  credited(bytes: number): void {
    this.#window += bytes
    if (this.#window > MAX_CREDIT) throw new MuxError('credit without end')
    this.#saidBlocked = false
    if (this.#outbound.length > 0) this.#announce()
  }

  /** The peer waits for credit. Where we have taken all that came, the way is long, and more may be on it. */
  blockedByUs(): void {
    if (this.#state !== 'open' || this.#paused || this.#inbound.length > 0) return
    const more = Math.min(this.#limit, MAX_WINDOW_BYTES - this.#limit)
    if (more === 0) return
    this.#limit += more
    this.#parts.grant(this.#owed + more)
    this.#owed = 0
  }

  /** `length`: of the frame, in bytes. */
  told(frame: TunnelFrame, length: number): void {
    if (this.#state !== 'open') return
    if (this.#inboundText + length > MAX_WINDOW_BYTES) throw new MuxError('more text than a window holds')
    this.#arrive({ frame, length })
  }

  closedByPeer(): void {
    if (this.#state === 'open') return this.#arrive({ closed: true })
    this.#finish(undefined)
  }

  answer(refusal: Error | undefined): void {
    const { answered } = this
    this.answered = undefined
    answered?.(refusal)
  }

  /** The connection is gone. */
  lost(error: Error | undefined): void {
    this.#finish(error)
  }

  #announce(): void {
    if (this.hasMore) this.#parts.ready()
  }

  #arrive(item: Inbound): void {
    if (this.#state !== 'open') return
    this.#inbound.push(item)
    this.#inboundBytes += item.bytes?.length ?? 0
    this.#inboundText += item.length ?? 0
    if (this.#inbound.length > MAX_WAITING) throw new MuxError('more frames than a window holds')
    this.#deliver()
  }

  #deliver(): void {
    if (this.#delivering) return
    this.#delivering = true
    try {
      while (!this.#paused && this.#inbound.length > 0) {
        const item = this.#inbound.take() as Inbound
        this.#inboundText -= item.length ?? 0
        if (item.bytes !== undefined) {
          this.#inboundBytes -= item.bytes.length
          this.#hand(item.bytes)
        } else if (item.closed === true) this.#finish(undefined)
        else if (item.frame?.type === 'eof') this.handler.ended()
        else if (item.frame !== undefined) this.onFrame(item.frame)
      }
    } finally {
      this.#delivering = false
    }
  }

  #hand(bytes: Buffer): void {
    this.#owed += bytes.length
    this.handler.data(bytes)
    if (this.#owed < this.#limit / 2 || this.#state !== 'open') return
    this.#parts.grant(this.#owed)
    this.#owed = 0
  }

  #sayBlocked(): void {
    if (this.#saidBlocked || this.#window > 0 || this.#outboundBytes === 0) return
    this.#saidBlocked = true
    this.#parts.blocked()
  }

  #finish(error: Error | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    clearTimeout(this.#linger)
    this.#inbound = new Queue()
    this.#outbound = new Queue()
    this.#outboundBytes = 0
    this.#parts.done()
    setImmediate(() => this.handler.closed(error))
  }
}

/** Bytes, a frame, or the end. */
type Outbound =
  | { readonly bytes: Uint8Array; readonly frame: undefined }
  | { readonly bytes: undefined; readonly frame: Buffer }
  | typeof CLOSE
interface Inbound {
  readonly bytes?: Buffer
  readonly frame?: TunnelFrame
  /** Of the frame. */
  readonly length?: number
  readonly closed?: true
}

const CLOSE = { bytes: undefined, frame: undefined } as const
/** Bytes that one side may have on its way to the other without hearing from it. */
export const WINDOW = 256 * 1024
/** The same once it has turned out to be what holds a channel up. */
const MAX_WINDOW_BYTES = 1024 * 1024
const MAX_CREDIT = 4 * MAX_WINDOW_BYTES
/** Bytes that wait for credit at which the writer is told to wait, and at which it may go on. */
const HIGH_WATER = 256 * 1024
const LOW_WATER = 64 * 1024
/** Pieces that one window of bytes comes in at most, and what is said beside them. */
const MAX_WAITING = 20_000
/** Milliseconds that what was written before the end has to go out. */
const MAX_LINGER_MS = 30_000
