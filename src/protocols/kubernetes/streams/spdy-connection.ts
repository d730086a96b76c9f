import { WireError } from '../../../wire/wire-error.ts'
import type { Link } from '../../http/upgrade/link.ts'
import {
  encodeSpdyFrame,
  SPDY_CANCEL,
  SPDY_REFUSED_STREAM,
  SpdyReader,
  type SentSpdyFrame,
  type SpdyFrame,
} from '../wire/spdy-frame.ts'
import { encodeSpdyHeaders, StoredBlocks, type SpdyHeaders } from '../wire/spdy-headers.ts'
import { HeaderBlocks } from './header-blocks.ts'

/** What the other side does, in order: the next is read when this is done. */
export interface SpdyHandler {
  /** It has opened a stream, which waits for `reply` or `reset`. */
  opened(stream: number, headers: SpdyHeaders): void | Promise<void>
  /** It has taken a stream that was opened here. */
  replied(stream: number): void
  data(stream: number, bytes: Buffer): void | Promise<void>
  /** It sends nothing more on this stream. */
  ended(stream: number): void | Promise<void>
  /** The stream is no more, in either direction. */
  reset(stream: number): void | Promise<void>
}

interface StreamState {
  hasEnded: boolean
  isEndedByPeer: boolean
}

/** One connection of SPDY/3.1 on a link. Streams are opened by clients alone, as API servers have it. */
export class SpdyConnection {
  readonly #link: Link
  /** Who is at the other end. */
  readonly #peer: 'client' | 'server'
  readonly #blocks = new StoredBlocks()
  readonly #streams = new Map<number, StreamState>()
  #lastFromPeer = 0
  #nextOwn = 1
  #isClosed = false

  constructor(link: Link, peer: 'client' | 'server') {
    this.#link = link
    this.#peer = peer
  }

  /** Resolves when the other side is gone; rejects where it sends what SPDY does not have. */
  async read(handler: SpdyHandler): Promise<void> {
    const reader = new SpdyReader()
    const blocks = new HeaderBlocks()
    try {
      for await (const piece of this.#link.pieces)
        for (const frame of reader.push(piece)) await this.#take(frame, handler, blocks)
    } finally {
      blocks.close()
    }
  }

  /** Opens a stream, and says which. */
  open(headers: SpdyHeaders): number {
    const stream = this.#nextOwn
    this.#nextOwn += 2
    this.#streams.set(stream, { hasEnded: false, isEndedByPeer: false })
    const block = this.#blocks.encode(encodeSpdyHeaders(headers))
    this.#send({ type: 'syn-stream', stream, isLast: false, block })
    return stream
  }

  reply(stream: number): void {
    const block = this.#blocks.encode(encodeSpdyHeaders(new Map()))
    this.#send({ type: 'syn-reply', stream, isLast: false, block })
  }

  /** False where the other side does not keep up. */
  data(stream: number, bytes: Buffer): boolean {
    const state = this.#streams.get(stream)
    if (state === undefined || state.hasEnded || bytes.length === 0) return true
    return this.#send({ type: 'data', stream, isLast: false, bytes })
  }

  drained(): Promise<void> {
    return this.#link.drained()
  }

  end(stream: number): void {
    const state = this.#streams.get(stream)
    if (state === undefined || state.hasEnded) return
    state.hasEnded = true
    this.#send({ type: 'data', stream, isLast: true, bytes: NOTHING })
    this.#forgetIfOver(stream, state)
  }

  reset(stream: number, status = SPDY_CANCEL): void {
    if (this.#streams.delete(stream)) this.#send({ type: 'rst-stream', stream, status })
  }

  close(): void {
    if (this.#isClosed) return
    this.#send({ type: 'go-away', lastStream: this.#lastFromPeer, status: 0 })
    this.#isClosed = true
    this.#link.close()
  }

  destroy(): void {
    this.#isClosed = true
    this.#link.destroy()
  }

  #send(frame: SentSpdyFrame): boolean {
    return this.#isClosed || this.#link.write(encodeSpdyFrame(frame))
  }

  async #take(frame: SpdyFrame, handler: SpdyHandler, blocks: HeaderBlocks): Promise<void> {
    switch (frame.type) {
      case 'syn-stream': {
        const headers = await blocks.decode(frame.block)
        return this.#opened(frame.stream, headers, frame.isLast, handler)
      }
      case 'syn-reply': {
        await blocks.decode(frame.block)
        if (this.#known(frame.stream) === undefined) return
        handler.replied(frame.stream)
        if (frame.isLast) await this.#ended(frame.stream, handler)
        return
      }
      case 'headers':
        throw new WireError('headers in the middle of a stream are not supported')
      case 'data': {
        const state = this.#known(frame.stream)
        if (state === undefined) return
        if (state.isEndedByPeer) throw new WireError('data after the end of a stream')
        if (frame.bytes.length > 0) await handler.data(frame.stream, frame.bytes)
        if (frame.isLast) await this.#ended(frame.stream, handler)
        return
      }
      case 'rst-stream':
        if (this.#known(frame.stream) === undefined) return
        this.#streams.delete(frame.stream)
        return handler.reset(frame.stream)
      case 'ping':
        // What this side would ask for has an odd number at a client's, and it asks for nothing.
        if ((frame.id % 2 === 1) === (this.#peer === 'client')) this.#send(frame)
        return
      case 'settings':
      case 'go-away':
      case 'window-update':
        return
    }
  }

  async #opened(stream: number, headers: SpdyHeaders, isLast: boolean, handler: SpdyHandler): Promise<void> {
    if (this.#peer === 'server') throw new WireError('a server opens a stream')
    if (stream % 2 === 0 || stream <= this.#lastFromPeer)
      throw new WireError('the streams of a client are not in order')
    this.#lastFromPeer = stream
    if (this.#streams.size >= MAX_STREAMS) {
      this.#send({ type: 'rst-stream', stream, status: SPDY_REFUSED_STREAM })
      return
    }
    this.#streams.set(stream, { hasEnded: false, isEndedByPeer: false })
    await handler.opened(stream, headers)
    if (isLast) await this.#ended(stream, handler)
  }

  async #ended(stream: number, handler: SpdyHandler): Promise<void> {
    const state = this.#streams.get(stream)
    if (state === undefined || state.isEndedByPeer) return
    state.isEndedByPeer = true
    await handler.ended(stream)
    this.#forgetIfOver(stream, state)
  }

  #forgetIfOver(stream: number, { hasEnded, isEndedByPeer }: StreamState): void {
    if (hasEnded && isEndedByPeer) this.#streams.delete(stream)
  }

  /** Undefined for one that is over: what was on its way is nothing to anybody. */
  #known(stream: number): StreamState | undefined {
    const state = this.#streams.get(stream)
    const last = this.#peer === 'client' ? this.#lastFromPeer : this.#nextOwn - 2
    if (state === undefined && (stream > last || stream % 2 === 0)) throw new WireError('there is no such stream')
    return state
  }
}

/** Each connection that is forwarded has two. */
const MAX_STREAMS = 512
const NOTHING = Buffer.alloc(0)
