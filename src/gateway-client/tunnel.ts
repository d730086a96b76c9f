import WebSocket from 'ws'
import { PamError } from '../shared/errors.ts'
import { LONGEST_FRAME, TUNNEL_PROTOCOL, webSocketChannel, type TunnelChannel } from '../shared/web-socket-channel.ts'
import { parseProblem } from './api-client.ts'
import { connectionError } from './connection-error.ts'

/** Opens one tunnel to a target. Rejects with what the gateway, or the way there, said. */
export function openTunnel(
  gateway: string,
  target: string,
  options: { headers: Readonly<Record<string, string>>; ca: string | undefined },
): Promise<TunnelChannel> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(tunnelUrl(gateway, target).replace(/^http/, 'ws'), TUNNEL_PROTOCOL, {
      headers: options.headers,
      perMessageDeflate: false,
      maxPayload: 2 * LONGEST_FRAME,
      handshakeTimeout: HANDSHAKE_TIME,
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
    socket.on('open', () => {
      socket.removeAllListeners('error')
      resolve(webSocketChannel(socket))
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
    hint: 'does something between here and the gateway block WebSockets?',
  })
}

const HANDSHAKE_TIME = 10_000
