import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { CredentialLease } from '../../../../credentials/credential.ts'
import { violation } from '../../../../gateway/target-messages.ts'
import { connectTarget, noTlsOffered, settledSocket, targetTls } from '../../../../gateway/target-socket.ts'
import { encodeStartupPacket } from '../../wire/startup.ts'
import type { PostgresTarget } from '../../target.ts'
import { serverEndPoint } from './channel-binding.ts'
import type { TlsBinding } from './scram.ts'

/** A connection to a target on which nothing but the TLS request has been sent. */
export interface UpstreamSocket {
  readonly socket: Socket
  /** Channel binding data for the login; undefined without TLS. */
  readonly tls: TlsBinding | undefined
}

/** Connects, with TLS if configured. If the signal aborts, closes the socket and throws the reason. */
export async function openSocket(
  config: PostgresTarget,
  { lease, baseDirectory }: { readonly lease: CredentialLease; readonly baseDirectory: string },
  signal: AbortSignal,
): Promise<UpstreamSocket> {
  const beginTls = targetTls(config, baseDirectory, { certificate: lease.clientCertificate })
  const socket = await connectTarget(config, signal)
  if (beginTls === undefined) return { socket, tls: undefined }
  await askForTls(socket, config, signal)
  const secure = await beginTls(socket, signal)
  return { socket: secure, tls: { endPoint: endPointOf(secure), verified: config.tls === 'verify-full' } }
}

const endPointOf = (secure: TLSSocket): Buffer | undefined => {
  const certificate = secure.getPeerX509Certificate()
  return certificate && serverEndPoint(certificate.raw)
}

/** Sends SSLRequest and reads the one byte of the answer. Any further bytes were injected in plain text, and are refused. */
async function askForTls(socket: Socket, config: PostgresTarget, signal: AbortSignal): Promise<void> {
  socket.write(encodeStartupPacket({ type: 'ssl-request' }))
  const answer = await firstBytes(socket, signal)
  if (answer.length === 1 && answer[0] === YES) return
  socket.destroy()
  if (answer.length > 1 && answer[0] === YES) throw violation('the target sent bytes before the TLS handshake')
  throw noTlsOffered(config)
}

const firstBytes = (socket: Socket, signal: AbortSignal): Promise<Buffer> =>
  settledSocket(socket, signal, (resolve) => {
    const onData = (bytes: Buffer): void => {
      socket.pause()
      resolve(bytes)
    }
    socket.on('data', onData)
    return () => socket.removeListener('data', onData)
  })

const YES = 0x53 // 'S'
