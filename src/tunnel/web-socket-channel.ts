import type { WebSocket, RawData } from 'ws'
import { idleHandler, type Channel } from '../shared/channel.ts'

/** What travels beside the bytes, as JSON text frames. */
export interface TunnelFrame {
  readonly v: 1
  readonly type: 'opened' | 'notice' | 'eof' | 'ended'
  readonly code?: string
  readonly message?: string
  readonly hint?: string
  readonly id?: string
  /** Of `HOLD_FILED` and `HOLD_SETTLED`: the approval that a command of this connection waits for, or waited for. */
  readonly approval?: string
}

export interface TunnelChannel extends Channel {
  /** Sends a text frame; `eof` is sent by `end`. */
  send(frame: TunnelFrame): void
  /** Called with every text frame but `eof`. */
  onFrame: (frame: TunnelFrame) => void
}

/** One side of a tunnel: binary frames are the bytes, an `eof` frame half-closes. */
export function webSocketChannel(socket: WebSocket): TunnelChannel {
  let failure: Error | undefined
  let full = false
  let dropping = false
  const sent = (): void => {
    if (!full || socket.bufferedAmount > LOW_WATER) return
    full = false
    channel.handler.drained()
  }
  const channel: TunnelChannel = {
    handler: idleHandler,
    onFrame: () => {},
    write(bytes) {
      if (socket.readyState !== socket.OPEN) return true
      for (let at = 0; at < bytes.length; at += MAX_FRAME_LENGTH) {
        socket.send(bytes.subarray(at, at + MAX_FRAME_LENGTH), BINARY, sent)
      }
      if (socket.bufferedAmount > HIGH_WATER) full = true
      return !full
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: () => channel.send({ v: 1, type: 'eof' }),
    destroy() {
      dropping = true
      if (socket.readyState !== socket.OPEN) return socket.terminate()
      // A paused socket would never read the peer's half of the closing handshake.
      socket.resume()
      socket.close(1000)
    },
    send(frame) {
      if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(frame))
    },
  }
  socket.pause()
  socket.on('message', (data: RawData, isBinary: boolean) => {
    if (dropping) return
    if (isBinary) return channel.handler.data(data as Buffer)
    const frame = parseTunnelFrame((data as Buffer).toString('utf8'))
    if (frame === undefined) return socket.close(1002, 'malformed text frame')
    if (frame.type === 'eof') return channel.handler.ended()
    channel.onFrame(frame)
  })
  socket.on('error', (error) => (failure = error))
  socket.on('close', () => channel.handler.closed(failure))
  return channel
}

/** Undefined where it is none. */
export function parseTunnelFrame(text: string): TunnelFrame | undefined {
  try {
    const frame: unknown = JSON.parse(text)
    return isTunnelFrame(frame) ? frame : undefined
  } catch {
    return undefined
  }
}

/** Fields that another version adds are left alone; those that are read are what they are read as. */
const isTunnelFrame = (value: unknown): value is TunnelFrame =>
  typeof value === 'object' &&
  value !== null &&
  Reflect.get(value, 'v') === 1 &&
  FRAME_TYPES.includes(Reflect.get(value, 'type')) &&
  TEXTS.every((field) => ['string', 'undefined'].includes(typeof Reflect.get(value, field)))

const TEXTS = ['code', 'message', 'hint', 'id', 'approval'] satisfies readonly (keyof TunnelFrame)[]
const FRAME_TYPES: readonly unknown[] = ['opened', 'notice', 'eof', 'ended'] satisfies readonly TunnelFrame['type'][]
const BINARY = { binary: true } as const
/** Bytes waiting in the socket at which the other side is paused, and at which it is let go again. */
const HIGH_WATER = 256 * 1024
const LOW_WATER = 64 * 1024
/** The WebSocket subprotocol of a tunnel, and the longest frame either side takes. */
export const TUNNEL_PROTOCOL = 'pamctl.tunnel.v1'
export const MAX_FRAME_LENGTH = 4 * 1024 * 1024
