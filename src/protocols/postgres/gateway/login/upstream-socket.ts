import { readFileSync } from 'node:fs'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { checkServerIdentity, connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { PamError, reasonOf } from '../../../../shared/errors.ts'
import { encodeStartupPacket } from '../../wire/startup.ts'
import type { PostgresTarget } from '../../target.ts'
import { serverEndPoint } from './channel-binding.ts'
import type { TlsBinding } from './scram.ts'
import { violation } from './target-messages.ts'

/** A connection to a target, before anything but the request for TLS was said. */
export interface UpstreamSocket {
  readonly socket: Socket
  /** What a login can be bound to; undefined without TLS. */
  readonly tls: TlsBinding | undefined
}

/** Connects, with TLS where the configuration says so. Once the signal aborts the socket is closed, and its reason thrown. */
export async function openSocket(
  config: PostgresTarget,
  baseDirectory: string,
  signal: AbortSignal,
): Promise<UpstreamSocket> {
  signal.throwIfAborted()
  const options = tlsOptions(config, baseDirectory)
  const socket = connectTcp({ host: config.host, port: config.port, noDelay: true, keepAlive: true })
  await opened(socket, 'connect', signal)
  if (options === undefined) return { socket, tls: undefined }
  await askForTls(socket, signal)
  const secure = connectTls({
    socket,
    ...(isIP(config.host) === 0 ? { servername: config.host } : {}),
    ...options,
  })
  await opened(secure, 'secureConnect', signal)
  return { socket: secure, tls: { endPoint: endPointOf(secure), verified: config.tls === 'verify-full' } }
}

const endPointOf = (secure: TLSSocket): Buffer | undefined => {
  const certificate = secure.getPeerX509Certificate()
  return certificate && serverEndPoint(certificate.raw)
}

function tlsOptions(config: PostgresTarget, baseDirectory: string): ConnectionOptions | undefined {
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
        checkServerIdentity: (_host, certificate) => checkServerIdentity(config.host, certificate),
      }
  }
}

/** SSLRequest, and the one byte that answers it. Bytes after that one would be taken for encrypted: they were put in between. */
async function askForTls(socket: Socket, signal: AbortSignal): Promise<void> {
  socket.write(encodeStartupPacket({ type: 'ssl-request' }))
  const answer = await firstBytes(socket, signal)
  if (answer.length === 1 && answer[0] === YES) return
  socket.destroy()
  if (answer.length > 1 && answer[0] === YES) throw violation('the target sent bytes before the TLS handshake')
  throw new PamError('TARGET_CERTIFICATE', 'the target does not offer TLS, which its configuration asks for', {
    side: 'upstream',
  })
}

const firstBytes = (socket: Socket, signal: AbortSignal): Promise<Buffer> =>
  settled(socket, signal, (resolve) => {
    const onData = (bytes: Buffer): void => {
      socket.pause()
      resolve(bytes)
    }
    socket.on('data', onData)
    return () => socket.removeListener('data', onData)
  })

const opened = (socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> =>
  settled(socket, signal, (resolve) => {
    const onOpen = (): void => resolve()
    socket.once(event, onOpen)
    return () => socket.removeListener(event, onOpen)
  })

/** Waits for something of a socket; where that fails, or the signal aborts, the socket is closed. */
function settled<T>(
  socket: Socket,
  signal: AbortSignal,
  listen: (resolve: (value: T) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      stopListening()
      signal.removeEventListener('abort', onAbort)
      socket.removeListener('close', onClose)
      // It stays, so that a late error never is one that nobody takes.
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

const YES = 0x53 // 'S'
