import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Login } from '../identity/login.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import { LONGEST_FRAME, TUNNEL_PROTOCOL, webSocketChannel, type TunnelChannel } from '../shared/web-socket-channel.ts'

export interface TunnelListenerParts {
  authenticate(request: IncomingMessage): Promise<Login>
  /** `from` is the address of the caller. */
  serve(channel: TunnelChannel, login: Login, target: string, from: string): Promise<void>
  /** An error as an HTTP response: status and problem+json body. */
  problem(error: PamError): { status: number; body: string }
}

export interface TunnelListener {
  /** Turns new tunnels away; those that are open end with their sessions. */
  close(): void
}

/** Accepts tunnels: `GET /v1/tunnel?target=NAME`, upgraded to WebSocket once the caller is known. */
export function listenForTunnels(server: Server, parts: TunnelListenerParts): TunnelListener {
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: LONGEST_FRAME,
    clientTracking: true,
  })
  let closing = false
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const timer = setTimeout(() => socket.destroy(), AUTHENTICATION_TIME)
    admit(request)
      .then(({ login, target }) => {
        clearTimeout(timer)
        sockets.handleUpgrade(request, socket, head, (webSocket) => {
          keepAlive(webSocket)
          void parts.serve(webSocketChannel(webSocket), login, target, request.socket.remoteAddress ?? '')
        })
      })
      .catch((error: unknown) => {
        clearTimeout(timer)
        const { status, body } = parts.problem(asPamError(error))
        socket.end(
          `HTTP/1.1 ${status} Refused\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
        )
      })
  })
  return {
    close() {
      closing = true
      for (const socket of sockets.clients) socket.terminate()
    },
  }

  async function admit(request: IncomingMessage): Promise<{ login: Login; target: string }> {
    const url = new URL(request.url ?? '/', 'http://gateway')
    if (closing) throw new PamError('SHUTTING_DOWN', 'the gateway is shutting down', { side: 'gateway' })
    if (url.pathname !== '/v1/tunnel') throw new PamError('NOT_FOUND', 'only /v1/tunnel can be upgraded')
    const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim())
    if (!protocols.includes(TUNNEL_PROTOCOL)) {
      throw new PamError('VERSION_MISMATCH', `this gateway speaks ${TUNNEL_PROTOCOL}`, {
        hint: 'update pamctl or the gateway',
      })
    }
    const login = await parts.authenticate(request)
    return { login, target: url.searchParams.get('target') ?? '' }
  }
}

/** Pings, so that a held statement's tunnel stays open through what sits between, and a dead peer is noticed. */
function keepAlive(socket: WebSocket): void {
  let alive = true
  socket.on('pong', () => (alive = true))
  const timer = setInterval(() => {
    if (!alive) return socket.terminate()
    alive = false
    socket.ping()
  }, PING_EVERY)
  socket.on('close', () => clearInterval(timer))
}

const AUTHENTICATION_TIME = 10_000
const PING_EVERY = 30_000
