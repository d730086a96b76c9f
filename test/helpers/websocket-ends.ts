import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { WebSocketPeer } from '../../src/protocols/http/websocket/peer.ts'
import { relayMessages } from '../../src/protocols/http/websocket/relay.ts'
import type { RelayEnd } from '../../src/protocols/http/websocket/parting.ts'
import { duplexLink } from '../../src/protocols/http/upgrade/link.ts'
import { readClose } from '../../src/protocols/http/wire/websocket-close.ts'
import {
  encodeWebSocketMessage,
  WebSocketReader,
  type WebSocketMessage,
} from '../../src/protocols/http/wire/websocket-frame.ts'

/** One end of a connection whose other end is a relay of WebSockets: it sends whatever bytes it is told to. */
export interface WebSocketEnd {
  readonly socket: Socket
  /** What has come, as `text x`, `close 1000 x`. */
  readonly got: string[]
  send(...messages: readonly (readonly [WebSocketMessage['type'], string | Buffer])[]): void
  readonly closed: Promise<unknown>
}

export interface WebSocketEnds {
  readonly client: WebSocketEnd
  readonly target: WebSocketEnd
  readonly end: Promise<RelayEnd>
  /** What was put on record. */
  readonly log: string[]
  readonly over: AbortController
}

const MASK = Buffer.from([1, 2, 3, 4])

/** A relay between two real connections. */
export async function startRelay(options: Partial<Parameters<typeof relayMessages>[0]> = {}): Promise<WebSocketEnds> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const pair = async (): Promise<readonly [Socket, Socket]> => {
    const near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
    const [far] = (await once(server, 'connection')) as [Socket]
    return [near, far]
  }
  const [clientSocket, clientSide] = await pair()
  const [targetSocket, targetSide] = await pair()
  server.close()
  const log: string[] = []
  const over = new AbortController()
  const end = relayMessages({
    recorder: { isFull: false, whenRoom: (done) => done() },
    log: { add: (by, type, payload) => void log.push(`${by} ${type} ${payload.toString('latin1')}`) },
    client: new WebSocketPeer({ link: duplexLink(clientSide), peer: 'client', maxBytes: 1000, held() {} }),
    target: new WebSocketPeer({ link: duplexLink(targetSide), peer: 'server', maxBytes: 1000, held() {} }),
    pass: (message) => message,
    show: (message) => message,
    ended: over.signal,
    ...options,
  })
  return { client: endOf(clientSocket, 'client'), target: endOf(targetSocket, 'server'), end, log, over }
}

function endOf(socket: Socket, role: 'client' | 'server'): WebSocketEnd {
  const got: string[] = []
  const reader = new WebSocketReader({ from: role === 'client' ? 'server' : 'client', maxBytes: 1e6 })
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    for (const { type, payload } of reader.read(chunk)) {
      const { code = '', reason } = type === 'close' ? readClose(payload) : { reason: payload.toString('latin1') }
      got.push(type === 'close' ? `close ${code} ${reason}`.trimEnd() : `${type} ${reason}`)
    }
  })
  socket.on('end', () => socket.end())
  return {
    socket,
    got,
    send(...messages) {
      const frames = messages.map(([type, payload]) =>
        encodeWebSocketMessage({ type, payload: Buffer.from(payload) }, role === 'client' ? MASK : undefined),
      )
      socket.write(Buffer.concat(frames))
    },
    closed: once(socket, 'close'),
  }
}

/** The payload of a close frame without a reason. */
export const codeBytes = (code: number): Buffer => Buffer.from([code >> 8, code & 255])
