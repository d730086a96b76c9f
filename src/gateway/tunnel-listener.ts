import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Login } from '../identity/login.ts'
import { asPamError, PamError, UsageError } from '../shared/errors.ts'
import { repeatedField } from '../shared/repeated-field.ts'
import { keepAlive } from '../tunnel/keep-alive.ts'
import { MUX_PROTOCOL, Multiplexer, OLDER_MUX_PROTOCOL } from '../tunnel/multiplexer.ts'
import {
  MAX_FRAME_LENGTH,
  TUNNEL_PROTOCOL,
  webSocketChannel,
  type TunnelChannel,
} from '../tunnel/web-socket-channel.ts'

export interface TunnelListenerParts {
  authenticate(request: Pick<IncomingMessage, 'url' | 'headers'>): Promise<Login>
  /** The authenticated caller of an upgrade. */
  admitted(socket: Socket): void
  /** The address that an upgrade comes from, also behind a proxy. */
  addressOf(request: IncomingMessage): string
  /** `from` is the address of the caller. */
  serve(channel: TunnelChannel, login: Login, target: string, from: string): Promise<void>
  /** Whether an upgrade is for something else than a tunnel; then it is served there. */
  takeOther(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /** An error as an HTTP response: status and problem+json body. */
  problem(error: PamError): { status: number; body: string }
}

export interface TunnelListener {
  /** Refuses new tunnels; open ones end with their sessions. */
  close(): void
}

/**
 * Accepts tunnels: `GET /v1/tunnel?target=NAME`, upgraded to a WebSocket once the caller is authenticated, and `GET /v1/tunnels`, one
 * WebSocket for many tunnels, each authenticated with its own proof.
 */
export function listenForTunnels(server: Server, parts: TunnelListenerParts): TunnelListener {
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_LENGTH,
    clientTracking: true,
    handleProtocols: (offered, request) => spokenOn(request)?.find((protocol) => offered.has(protocol)) ?? false,
  })
  let closing = false
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const repeated = repeatedField(request.rawHeaders)
    if (repeated !== undefined)
      return refuseUpgrade(socket, parts.problem(new UsageError(`the request has more than one ${repeated} field`)))
    if (parts.takeOther(request, socket, head)) return
    // Also closes a connection that was refused but keeps its side open.
    const timer = setTimeout(() => socket.destroy(), AUTHENTICATION_TIMEOUT_MS)
    socket.once('close', () => clearTimeout(timer))
    admit(request)
      .then(({ login, target }) => {
        clearTimeout(timer)
        parts.admitted(request.socket)
        const from = parts.addressOf(request)
        sockets.handleUpgrade(request, socket, head, (webSocket) => {
          keepAlive(webSocket, request.socket)
          if (target === undefined) serveShared(webSocket, socket, from, parts)
          else void parts.serve(webSocketChannel(webSocket), login, target, from)
        })
      })
      .catch((error: unknown) => refuseUpgrade(socket, parts.problem(asPamError(error))))
  })
  return {
    close() {
      closing = true
      for (const socket of sockets.clients) socket.terminate()
    },
  }

  /** `target` is undefined for a connection that several tunnels share. */
  async function admit(request: IncomingMessage): Promise<{ login: Login; target: string | undefined }> {
    const url = new URL(request.url ?? '/', 'http://gateway')
    if (closing) throw new PamError('SHUTTING_DOWN', 'the gateway is shutting down', { side: 'gateway' })
    const spoken = spokenOn(request)
    if (spoken === undefined) throw new PamError('NOT_FOUND', 'only /v1/tunnel and /v1/tunnels can be upgraded')
    const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim())
    if (!spoken.some((protocol) => protocols.includes(protocol))) {
      throw new PamError('VERSION_MISMATCH', `this gateway speaks ${spoken.join(' and ')}`, {
        hint: 'update pamctl or the gateway',
      })
    }
    const login = await parts.authenticate(request)
    return { login, target: url.pathname === SHARED ? undefined : (url.searchParams.get('target') ?? '') }
  }
}

/** Answers a request for another protocol with a problem, and closes its connection. */
export function refuseUpgrade(
  socket: Duplex,
  { status, body }: { readonly status: number; readonly body: string },
): void {
  socket.end(
    `HTTP/1.1 ${status} Refused\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}

/** Channels of one agent. Each is authenticated as a tunnel of its own, whoever opened the connection. */
function serveShared(webSocket: WebSocket, connection: Duplex, from: string, parts: TunnelListenerParts): void {
  let asking = 0
  let idle: NodeJS.Timeout | undefined
  const rest = (): void => {
    clearTimeout(idle)
    idle = setTimeout(() => shared.close(), MAX_IDLE_MS)
    idle.unref()
  }
  webSocket.on('close', () => clearTimeout(idle))
  const shared = new Multiplexer(webSocket, {
    connection,
    isAgent: false,
    changed: (open) => (open === 0 ? rest() : clearTimeout(idle)),
    asked(channel, { target, authorization, dpop }) {
      asking++
      admitChannel(target, { authorization, dpop })
        .then((login) => {
          if (channel.isClosed) return
          shared.accept(channel)
          void parts.serve(channel, login, target, from)
        })
        .catch((error: unknown) => shared.refuse(channel, parts.problem(asPamError(error)).body))
        .finally(() => asking--)
    },
  })

  rest()

  async function admitChannel(target: string, headers: { authorization: string; dpop: string }): Promise<Login> {
    if (asking > MAX_ASKING)
      throw new PamError('RATE_LIMITED', `${MAX_ASKING} tunnels are being opened already`, {
        hint: 'connect again in a moment',
      })
    return parts.authenticate({ url: `/v1/tunnel?target=${encodeURIComponent(target)}`, headers })
  }
}

const SHARED = '/v1/tunnels'
/** Newest first. */
const PROTOCOLS: Readonly<Record<string, readonly string[]>> = {
  '/v1/tunnel': [TUNNEL_PROTOCOL],
  [SHARED]: [MUX_PROTOCOL, OLDER_MUX_PROTOCOL],
}
const spokenOn = ({ url = '/' }: IncomingMessage): readonly string[] | undefined =>
  PROTOCOLS[new URL(url, 'http://gateway').pathname]
const AUTHENTICATION_TIMEOUT_MS = 10_000
/** A connection that carries no tunnel for this long is closed; agents close theirs sooner. */
const MAX_IDLE_MS = 10 * 60_000
/** Tunnels of one connection whose caller is being authenticated. */
const MAX_ASKING = 200
