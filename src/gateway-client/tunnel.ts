import type { Duplex } from 'node:stream'
import WebSocket from 'ws'
import { PamError } from '../shared/errors.ts'
import { closeWhenSilent } from '../tunnel/keep-alive.ts'
import {
  MAX_FRAME_LENGTH,
  TUNNEL_PROTOCOL,
  webSocketChannel,
  type TunnelChannel,
} from '../tunnel/web-socket-channel.ts'
import { parseProblem } from './api-calls.ts'
import { connectionError } from './connection-error.ts'

export interface TunnelOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly ca: string | undefined
}

/** Opens one tunnel to a target, on a connection of its own. Rejects with what the gateway, or the way there, said. */
export const openTunnel = (gateway: string, target: string, options: TunnelOptions): Promise<TunnelChannel> =>
  openWebSocket(gateway, tunnelUrl(gateway, target), [TUNNEL_PROTOCOL], options, webSocketChannel)

/**
 * An authenticated WebSocket to the gateway; rejects with what the gateway, or the way there, said. `use` takes it in the
 * moment it is open, with the connection below it: what comes right behind the handshake must find its listener.
 */
export function openWebSocket<T>(
  gateway: string,
  url: string,
  protocols: string[],
  options: TunnelOptions,
  use: (socket: WebSocket, connection: Duplex) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), protocols, {
      headers: options.headers,
      perMessageDeflate: false,
      maxPayload: 2 * MAX_FRAME_LENGTH,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      followRedirects: false,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    })
    socket.on('unexpected-response', (_request, response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += body.length < 10_000 ? chunk : ''))
      response.on('end', () => reject(refusalOf(body, response.statusCode ?? 0, gateway)))
      response.on('error', (error) => reject(connectionError(gateway, error)))
    })
    socket.on('error', (error) => reject(connectionError(gateway, error)))
    let connection: Duplex & { readonly bytesRead: number }
    socket.on('upgrade', (response) => (connection = response.socket))
    socket.on('open', () => {
      socket.removeAllListeners('error')
      closeWhenSilent(socket, connection)
      resolve(use(socket, connection))
    })
  })
}

/** The URL that the proof names. */
export const tunnelUrl = (gateway: string, target: string): string =>
  `${gateway}/v1/tunnel?target=${encodeURIComponent(target)}`

/** Where it is not the gateway that answered, a proxy in between did. */
function refusalOf(body: string, status: number, gateway: string): PamError {
  const problem = parseProblem(body)
  if (problem !== undefined) return problem
  return new PamError('GATEWAY_UNREACHABLE', `${gateway} refused the tunnel (HTTP ${status})`, {
    hint: 'check that no proxy or firewall between here and the gateway blocks WebSockets',
  })
}

const HANDSHAKE_TIMEOUT_MS = 10_000
