import type { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import { atEndOfTurn } from '../shared/end-of-turn.ts'
import { MessageWriter } from './message-writer.ts'
import { decodeFrames, encodeFrame, frameTypes, MuxError, type FrameType } from './mux-frame.ts'
import { MuxChannel, WINDOW } from './mux-channel.ts'
import { parseTunnelFrame, type TunnelFrame } from './web-socket-channel.ts'

/** What an agent sends to open a channel: each is proven by itself, as each tunnel of its own is. */
export interface OpenRequest {
  readonly target: string
  readonly authorization: string
  readonly dpop: string
}

export interface MultiplexerParts {
  /** Below the WebSocket: its messages are written there. */
  readonly connection: Duplex
  /** An agent masks what it sends (RFC 6455, section 5.3). */
  readonly isAgent: boolean
  /** The peer opens a channel. Until it is accepted it gets no credit, so that it sends nothing. */
  readonly asked?: (channel: MuxChannel, request: OpenRequest) => void
  /** The number of open channels has changed. */
  readonly changed?: (open: number) => void
}

/**
 * Many channels over one WebSocket. Each direction of a channel has a credit of bytes that the receiver gives, so that one
 * that stalls holds up nothing but itself; channels take turns; what all of them write in one turn of the event loop is
 * one message and one write. A mistake of the peer ends the connection, an error of a channel that channel. Format: docs/tunnel.md.
 */
export class Multiplexer {
  readonly #socket: WebSocket
  readonly #parts: MultiplexerParts
  readonly #channels = new Map<number, MuxChannel>()
  /** Frames that wait for nothing: credit, answers. */
  #urgent: Buffer[] = []
  /** Channels with something to send, in the order of their turns. */
  readonly #ready = new Set<MuxChannel>()
  #lastId = 0
  /** Channels that are closed by the next message, where the peer takes them together. */
  #closing: number[] = []
  readonly #writer: MessageWriter
  #isDue = false
  #failure: Error | undefined
  #over = false

  constructor(socket: WebSocket, parts: MultiplexerParts) {
    this.#socket = socket
    this.#parts = parts
    this.#writer = new MessageWriter(parts.connection, { isMasked: parts.isAgent, written: this.#sent })
    const take = this.#take.bind(this)
    socket.on('message', (data: RawData, isBinary: boolean) => {
      try {
        if (!isBinary) throw new MuxError('a text message')
        decodeFrames(data as Buffer, take)
      } catch (error) {
        this.#failure ??= error as Error
        socket.close(1008, (error as Error).message.slice(0, 100))
      }
    })
    socket.on('error', (error) => (this.#failure ??= error))
    socket.on('close', () => this.#end())
  }

  /** Open channels. */
  get size(): number {
    return this.#channels.size
  }

  get isClosed(): boolean {
    return this.#over || this.#socket.readyState !== this.#socket.OPEN
  }

  /** Both sides know the frame that closes many channels. */
  get #closesTogether(): boolean {
    return this.#socket.protocol === MUX_PROTOCOL
  }

  /** Resolves once the peer has accepted; rejects with its refusal (problem+json), or an error of the connection. */
  open(request: OpenRequest): Promise<MuxChannel> {
    if (this.isClosed || this.#lastId >= LAST_ID) return Promise.reject(new MuxError('the connection has ended'))
    const channel = this.#add(++this.#lastId, 0)
    this.#say(encodeFrame(frameTypes.open, channel.id, Buffer.from(JSON.stringify(request))))
    return new Promise((resolve, reject) => {
      channel.answered = (refusal) => {
        if (refusal === undefined) resolve(channel)
        else reject(refusal)
      }
    })
  }

  /** The peer may send on this channel. */
  accept(channel: MuxChannel): void {
    this.#say(encodeFrame(frameTypes.accepted, channel.id, credit(WINDOW)))
  }

  /** `problem` is what an HTTP response would have as its body. */
  refuse(channel: MuxChannel, problem: string): void {
    this.#say(encodeFrame(frameTypes.refused, channel.id, Buffer.from(problem)))
    this.#forget(channel)
  }

  close(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.close(1000)
    else this.#socket.terminate()
  }

  #add(id: number, window: number): MuxChannel {
    const channel = new MuxChannel(id, window, {
      ready: () => {
        this.#ready.add(channel)
        this.#schedule()
      },
      grant: (bytes) => this.#say(encodeFrame(frameTypes.credit, id, credit(bytes))),
      blocked: () => this.#say(encodeFrame(frameTypes.blocked, id, NOTHING)),
      close: () => void this.#closing.push(id),
      done: () => this.#forget(channel),
    })
    this.#channels.set(id, channel)
    this.#parts.changed?.(this.#channels.size)
    return channel
  }

  #forget(channel: MuxChannel): void {
    this.#ready.delete(channel)
    if (this.#channels.delete(channel.id)) this.#parts.changed?.(this.#channels.size)
  }

  #take(type: FrameType, id: number, payload: Buffer): void {
    if (type === frameTypes.open) return this.#asked(id, payload)
    if (type === frameTypes.closeAll) return this.#closeAll(payload)
    const channel = this.#channels.get(id)
    if (channel === undefined) {
      // What was on its way when the channel ended is late, not wrong.
      if (id > this.#lastId) throw new MuxError(`channel ${id} was never opened`)
      return
    }
    switch (type) {
      case frameTypes.data:
        return channel.received(payload)
      case frameTypes.credit:
        return channel.credited(creditOf(payload))
      case frameTypes.text:
        return channel.told(textOf(payload), payload.length)
      case frameTypes.close:
        return channel.closedByPeer()
      case frameTypes.accepted:
        needAsked(channel)
        channel.credited(creditOf(payload))
        return channel.answer(undefined)
      case frameTypes.blocked:
        return channel.blockedByUs()
      case frameTypes.refused:
        needAsked(channel)
        this.#forget(channel)
        return channel.answer(new MuxRefusal(payload.toString('utf8')))
    }
  }

  /** One frame instead of one for each of these channels. */
  #closeAll(payload: Buffer): void {
    if (!this.#closesTogether) throw new MuxError(`a frame of type ${frameTypes.closeAll}`)
    if (payload.length === 0 || payload.length % 4 !== 0) throw new MuxError('a list of channels of another length')
    for (let at = 0; at < payload.length; at += 4) this.#take(frameTypes.close, payload.readUInt32BE(at), NOTHING)
  }

  #asked(id: number, payload: Buffer): void {
    const { asked } = this.#parts
    if (asked === undefined || id !== this.#lastId + 1) throw new MuxError(`channel ${id} is opened out of order`)
    this.#lastId = id
    const request = requestOf(payload)
    const channel = this.#add(id, WINDOW)
    if (this.#channels.size > MAX_CHANNELS) throw new MuxError(`more than ${MAX_CHANNELS} channels`)
    asked(channel, request)
  }

  #say(frame: Buffer): void {
    if (this.isClosed) return
    this.#urgent.push(frame)
    this.#schedule()
    // Frames that wait for nothing answer what the peer sent: one that sends on and on without reading would fill the memory.
    if (this.#writer.waiting <= MAX_UNREAD_BYTES) return
    this.#failure ??= new MuxError('the answers are not read')
    this.#socket.terminate()
  }

  #schedule(): void {
    if (this.#isDue) return
    this.#isDue = true
    atEndOfTurn(this.#flush)
  }

  /** Everybody's turn, until nothing is left or the connection holds enough. */
  readonly #flush = (): void => {
    this.#isDue = false
    if (this.isClosed) return
    const out = this.#writer
    const urgent = this.#urgent
    if (urgent.length > 0) this.#urgent = []
    for (const frame of urgent) {
      out.add(frame)
      if (out.length >= MAX_MESSAGE_BYTES) out.send()
    }
    for (const channel of this.#ready) {
      if (out.waiting >= HIGH_WATER) break
      this.#ready.delete(channel)
      channel.take(TURN_BYTES, out)
      // To the end of the queue: the next turn is another's.
      if (channel.hasMore) this.#ready.add(channel)
      if (out.length >= MAX_MESSAGE_BYTES) out.send()
    }
    this.#close(out)
    out.send()
  }

  /** What is closed in one turn is said in one frame, where the peer knows that frame. */
  #close(out: MessageWriter): void {
    const ids = this.#closing
    if (ids.length === 0) return
    this.#closing = []
    if (ids.length === 1 || !this.#closesTogether) {
      for (const id of ids) out.add(encodeFrame(frameTypes.close, id, NOTHING))
      return
    }
    const payload = Buffer.allocUnsafe(4 * ids.length)
    ids.forEach((id, index) => payload.writeUInt32BE(id, 4 * index))
    out.add(encodeFrame(frameTypes.closeAll, 0, payload))
  }

  readonly #sent = (): void => {
    if (this.#ready.size > 0 && this.#writer.waiting < LOW_WATER) this.#schedule()
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    const channels = [...this.#channels.values()]
    this.#channels.clear()
    this.#ready.clear()
    for (const channel of channels) {
      channel.answer(this.#failure ?? new MuxError('the connection closed'))
      channel.lost(this.#failure)
    }
    this.#parts.changed?.(0)
  }
}

/** Only whoever opened a channel is answered, and once: a channel that carries something is not forgotten, but closed. */
function needAsked({ id, answered }: MuxChannel): void {
  if (answered === undefined) throw new MuxError(`an answer for channel ${id}, which was not asked for`)
}

/** The peer does not open this channel; `problem` is its problem+json. */
export class MuxRefusal extends Error {
  readonly problem: string

  constructor(problem: string) {
    super('the channel was refused')
    this.problem = problem
  }
}

const credit = (bytes: number): Buffer => {
  const out = Buffer.allocUnsafe(4)
  out.writeUInt32BE(bytes)
  return out
}

function creditOf(payload: Buffer): number {
  if (payload.length !== 4) throw new MuxError('a credit of another length')
  return payload.readUInt32BE()
}

function textOf(payload: Buffer): TunnelFrame {
  const frame = parseTunnelFrame(payload.toString('utf8'))
  if (frame === undefined) throw new MuxError('an invalid text frame')
  return frame
}

function requestOf(payload: Buffer): OpenRequest {
  if (payload.length > MAX_REQUEST_BYTES) throw new MuxError('an open request that is too long')
  const { target, authorization, dpop } = objectOf(payload)
  if (typeof target !== 'string' || typeof authorization !== 'string' || typeof dpop !== 'string')
    throw new MuxError('an open request without target, authorization and dpop')
  return { target, authorization, dpop }
}

function objectOf(payload: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'))
    if (value !== null && typeof value === 'object') return value as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw new MuxError('a frame that is not a JSON object')
}

/** The WebSocket subprotocols of a shared tunnel: the first knows the frame that closes many channels, the second does not. */
export const MUX_PROTOCOL = 'pamctl.tunnels.v2'
export const OLDER_MUX_PROTOCOL = 'pamctl.tunnels.v1'
const NOTHING = Buffer.alloc(0)
/** As much as the headers of a request that opens a tunnel of its own may have. */
const MAX_REQUEST_BYTES = 16 * 1024
/** Bytes of one channel before the next has its turn. */
const TURN_BYTES = 64 * 1024
/** Bytes after which a message is sent and the next begun. */
const MAX_MESSAGE_BYTES = 128 * 1024
/** Bytes waiting in the socket at which channels are not asked for more, and at which they are again. */
const HIGH_WATER = 256 * 1024
const LOW_WATER = 64 * 1024
/** Bytes waiting in the socket at which the peer does not read. What channels send stops long before. */
const MAX_UNREAD_BYTES = 8 * 1024 * 1024
const MAX_CHANNELS = 10_000
const LAST_ID = 0xff_ff_ff_ff
