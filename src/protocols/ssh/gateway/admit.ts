import type { Algorithms, AuthContext, Connection } from 'ssh2'
import { channelStream } from '../../../shared/channel-stream.ts'
import type { Channel } from '../../../shared/channel.ts'
import { PamError, reasonOf } from '../../../shared/errors.ts'
import type { Greeting, HandshakeLimits } from '../../../gateway/engine.ts'
import { hostKeysOf, type HostIdentity } from './host-identity.ts'
import { guardPeer } from './peer-guard.ts'
import { hasOverrun, readRequests } from './ssh2-internals.ts'
import { ssh2 } from './ssh2-library.ts'

/** A client that has shown a login name, and waits for whether it may come in. */
export interface SshHello {
  readonly connection: Connection
  /** Aborts once the client has left, or broken the protocol; the reason is a PamError. */
  readonly left: AbortSignal
  /** Lets it in; resolves once it is. */
  readonly admit: () => Promise<void>
}

/**
 * The SSH server's side of the handshake up to the first authentication request (RFC 4252). The tunnel has
 * authenticated the person already: the request is taken for the login name that it names, and nothing in it is believed.
 */
export function greetClient(
  channel: Channel,
  identity: HostIdentity,
  { handshake }: HandshakeLimits,
): Promise<Greeting<SshHello>> {
  return new Promise((resolve, reject) => {
    let connection: Connection | undefined
    let isSettled = false
    const left = new AbortController()
    const fail = (reason: PamError): void => {
      left.abort(reason)
      if (isSettled) return
      isSettled = true
      clearTimeout(timer)
      connection?.end()
      reject(reason)
    }
    const timer = setTimeout(
      () => fail(new PamError('PROTOCOL_VIOLATION', 'the client did not finish the SSH handshake in time')),
      handshake,
    )
    const server = new ssh2.Server(
      {
        hostKeys: hostKeysOf(identity),
        ident: IDENT,
        algorithms: ALGORITHMS,
        keepaliveInterval: KEEP_ALIVE,
        keepaliveCountMax: 4,
      },
      (client) => {
        connection = client
        readRequests(client)
        guardPeer(client, { handshake }, (error) => void client.emit('error', error))
        client.on('error', (error) => fail(clientFailure(error)))
        client.on('close', () => fail(clientLeft()))
        client.once('authentication', (context: AuthContext) => {
          if (isSettled) return
          isSettled = true
          clearTimeout(timer)
          resolve({
            account: context.username,
            hello: { connection: client, left: left.signal, admit: () => letIn(client, context, left.signal) },
          })
        })
      },
    )
    server.on('error', () => {})
    const stream = channelStream(channel, () => {
      if (connection !== undefined && hasOverrun(connection))
        connection.emit('error', new Error('more was sent than the window allows'))
    })
    stream.on('close', () => fail(clientLeft()))
    server.injectSocket(stream)
  })
}

/** Accepts whatever is asked. Of a key that is only offered (RFC 4252, section 7) the signature is asked for, and accepted unseen. */
function letIn(client: Connection, first: AuthContext, left: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('ready', resolve)
    if (left.aborted) return reject(reasonOf(left))
    left.addEventListener('abort', () => reject(reasonOf(left)), { once: true })
    client.on('authentication', (context: AuthContext) => context.accept())
    first.accept()
  })
}

const clientLeft = (): PamError => new PamError('CLIENT_LEFT', 'the client closed the connection')

/** Every error of the library's server is the end of its connection, whether or not the client closes its side. */
function clientFailure(error: Error & { level?: string; code?: unknown }): PamError {
  if (error.level === 'client-timeout') return new PamError('CLIENT_LEFT', 'the client no longer answers')
  // Its own goodbye with another reason than that it is done, or its socket.
  if (typeof error.code === 'number' || error.level === 'socket') return clientLeft()
  return new PamError('PROTOCOL_VIOLATION', `what the client sent cannot be read as SSH: ${error.message}`)
}

/**
 * Clients ask servers of OpenSSH's for what is carried here, and no others: to end the output that nobody reads any more
 * (`eow@openssh.com`), and symbolic links over SFTP in the order of names that OpenSSH takes.
 */
const IDENT = 'OpenSSH_9.0 pamctl'
const KEEP_ALIVE = 30_000
/**
 * Without SHA-1, CBC and compression; both sides of the gateway. Nor with a group of the peer's choice: one of 10,000 bits
 * keeps everybody waiting for a second, before anybody has proven who they are.
 */
export const ALGORITHMS: Algorithms = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group14-sha256',
    'diffie-hellman-group16-sha512',
  ],
  cipher: [
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
    'aes128-ctr',
    'aes192-ctr',
    'aes256-ctr',
  ],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
}
