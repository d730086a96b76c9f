import ssh2, { type AuthContext, type Connection } from 'ssh2'
import { channelStream } from '../../shared/channel-stream.ts'
import type { Channel } from '../../shared/channel.ts'
import { PamError } from '../../shared/errors.ts'
import type { Greeting, HandshakeLimits } from '../engine.ts'

/** A client that has shown a login name, and waits for whether it may come in. */
export interface SshHello {
  readonly connection: Connection
  /** Lets it in; resolves once it is. */
  readonly admit: () => Promise<void>
}

/**
 * The SSH server's side of the handshake up to the first authentication request (RFC 4252). The tunnel has
 * authenticated the person already: the request is taken for the login name that it names, and nothing in it is believed.
 */
export function greetClient(
  channel: Channel,
  hostKeys: readonly string[],
  { handshake }: HandshakeLimits,
): Promise<Greeting<SshHello>> {
  return new Promise((resolve, reject) => {
    let connection: Connection | undefined
    let isOver = false
    const fail = (message: string, code: PamError['code'] = 'PROTOCOL_VIOLATION'): void => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      connection?.end()
      reject(new PamError(code, message))
    }
    const timer = setTimeout(() => fail('the client did not finish the SSH handshake in time'), handshake)
    const server = new ssh2.Server(
      {
        hostKeys: [...hostKeys],
        ident: IDENT,
        algorithms: ALGORITHMS,
        keepaliveInterval: KEEP_ALIVE,
        keepaliveCountMax: 4,
      },
      (client) => {
        connection = client
        client.on('error', (error) => fail(`the SSH handshake failed: ${error.message}`))
        client.on('close', () => fail('the client left', 'CLIENT_LEFT'))
        client.once('authentication', (context: AuthContext) => {
          if (isOver) return
          isOver = true
          clearTimeout(timer)
          resolve({
            type: 'session',
            account: context.username,
            hello: { connection: client, admit: () => letIn(client, context) },
          })
        })
      },
    )
    server.on('error', () => {})
    const stream = channelStream(channel, () => {
      if (connection !== undefined && hasOverrun(connection)) connection.end()
    })
    stream.on('close', () => fail('the client left', 'CLIENT_LEFT'))
    server.injectSocket(stream as never)
  })
}

/** Accepts whatever is asked. Of a key that is only offered (RFC 4252, section 7) the signature is asked for, and accepted unseen. */
function letIn(client: Connection, first: AuthContext): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('ready', resolve)
    client.once('close', () => reject(new PamError('CLIENT_LEFT', 'the client left')))
    client.on('authentication', (context: AuthContext) => context.accept())
    first.accept()
  })
}

/**
 * The library takes what comes beyond the window that it has given (RFC 4254, 5.2): somebody who sends on and on would
 * fill the memory.
 */
function hasOverrun(connection: Connection): boolean {
  const { _chanMgr: manager } = connection as unknown as {
    _chanMgr: { _channels: Record<string, OpenChannel | undefined> }
  }
  for (const id in manager._channels) {
    const entry = manager._channels[id]
    if (entry === undefined || entry === null || typeof entry !== 'object') continue
    const channel = entry._channel ?? entry
    if ((channel.incoming?.window ?? 0) < 0) return true
  }
  return false
}

interface OpenChannel {
  readonly _channel?: OpenChannel
  readonly incoming?: { readonly window: number }
}

const IDENT = 'pamctl'
const KEEP_ALIVE = 30_000
/** Without SHA-1, CBC and compression; both sides of the gateway. */
export const ALGORITHMS = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group-exchange-sha256',
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
} as const satisfies Record<string, readonly string[]> as never
