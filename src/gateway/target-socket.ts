import { readFileSync } from 'node:fs'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { checkServerIdentity, connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { PamError, reasonOf } from '../shared/errors.ts'
import { isLoopback } from '../shared/loopback.ts'

/** The address of a target, and how its certificate is verified. */
export interface TargetAddress {
  readonly host: string
  readonly port: number
  readonly tls: 'verify-full' | 'verify-ca' | 'require' | 'disable'
  /** A file with the authority that signed its certificate. */
  readonly ca?: string | undefined
  /** The name in its certificate, where that is another one than `host`. */
  readonly serverName?: string | undefined
}

/** A client certificate, and the protocols to negotiate, in order of preference (ALPN, RFC 7301). */
export interface TlsExtras {
  readonly certificate?: { readonly certificate: string; readonly key: string } | undefined
  readonly alpn?: readonly string[]
}

/** Connects. Once the signal aborts the socket is closed, and its reason thrown. */
export async function connectTarget({ host, port }: TargetAddress, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted()
  const socket = connectTcp({ host, port, noDelay: true, keepAlive: true })
  await opened(socket, 'connect', signal)
  return socket
}

/** That a target, asked for TLS in its own protocol, has none. */
export const noTlsOffered = ({ host }: Pick<TargetAddress, 'host'>): PamError =>
  new PamError('TARGET_CERTIFICATE', 'the target does not offer TLS, which its configuration asks for', {
    side: 'upstream',
    hint: isLoopback(host)
      ? 'enable TLS on the server; or, since it is on this machine, set tls: disable for the target (pam-gateway init: ?sslmode=disable in its URL)'
      : 'enable TLS on the server; on a network that you trust, set tls: disable for the target',
  })

/** Starts TLS as configured, once both sides have agreed to it; undefined where the configuration disables it. */
export type BeginTls = (socket: Socket, signal: AbortSignal) => Promise<TLSSocket>

export function targetTls(
  address: TargetAddress,
  baseDirectory: string,
  { certificate, alpn }: TlsExtras = {},
): BeginTls | undefined {
  const options = tlsOptions(address, baseDirectory)
  if (options === undefined) return undefined
  const { serverName: name = address.host } = address
  return async (socket, signal) => {
    const secure = connectTls({
      socket,
      ...(isIP(name) === 0 ? { servername: name } : {}),
      ...(certificate === undefined ? {} : { cert: certificate.certificate, key: certificate.key }),
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
      ...options,
    })
    await opened(secure, 'secureConnect', signal)
    return secure
  }
}

function tlsOptions(config: TargetAddress, baseDirectory: string): ConnectionOptions | undefined {
  const ca = config.ca === undefined ? {} : { ca: readFileSync(resolve(baseDirectory, config.ca)) }
  switch (config.tls) {
    case 'disable':
      return undefined
    case 'require':
      return { rejectUnauthorized: false }
    case 'verify-ca':
      return { ...ca, rejectUnauthorized: true, checkServerIdentity: () => undefined }
    case 'verify-full':
      return {
        ...ca,
        rejectUnauthorized: true,
        checkServerIdentity: (_host, certificate) => checkServerIdentity(config.serverName ?? config.host, certificate),
      }
  }
}

const opened = (socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> =>
  settledSocket(socket, signal, (resolve) => {
    const onOpen = (): void => resolve()
    socket.once(event, onOpen)
    return () => socket.removeListener(event, onOpen)
  })

/** Waits for an event of a socket; closes the socket where that fails or the signal aborts. */
export function settledSocket<T>(
  socket: Socket,
  signal: AbortSignal,
  listen: (resolve: (value: T) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      stopListening()
      signal.removeEventListener('abort', onAbort)
      socket.removeListener('close', onClose)
      // The listener stays, so that a late error is never unhandled.
      socket.on('error', () => {})
      socket.removeListener('error', onError)
    }
    const fail = (error: Error): void => {
      done()
      socket.destroy()
      reject(error)
    }
    const onAbort = (): void => fail(reasonOf(signal))
    const onError = (error: Error): void => fail(error)
    const onClose = (): void =>
      fail(new PamError('TARGET_UNREACHABLE', 'the target closed the connection', { side: 'upstream' }))
    const stopListening = listen((value) => {
      done()
      resolve(value)
    })
    signal.addEventListener('abort', onAbort, { once: true })
    socket.on('error', onError)
    socket.on('close', onClose)
    if (signal.aborted) onAbort()
  })
}
