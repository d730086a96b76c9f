import { constants, X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls'
import type { ClientCertificate } from '../../protocols/client-half.ts'
import { makeAuthority, type SubjectName } from './certificates.ts'

/**
 * TLS for one local port, with certificates made for it and kept in memory. The handshake asks for a client certificate, so that the port
 * is useless to other users, and to pages in a browser, before a byte of the protocol is read.
 */
export class LocalTls {
  /** What a client needs to trust the port and to be let in. */
  readonly client: ClientCertificate
  readonly #context: SecureContext
  readonly #alpn: readonly string[]
  /** In DER. */
  readonly #known: Buffer

  /** `alpn`: protocols to negotiate, in order of preference. */
  constructor(alpn: readonly string[]) {
    this.#alpn = alpn
    const validity = validityFrom(new Date())
    const servers = makeAuthority('pamctl port', validity)
    // Not the authority of the port: whoever has the key of that one cannot issue client certificates.
    const clients = makeAuthority('pamctl clients', validity)
    const server = servers.issue('pamctl', 'server', NAMES)
    const { certificate, key } = clients.issue('pamctl', 'client')
    this.client = { authority: servers.certificate, certificate, key }
    this.#known = new X509Certificate(certificate).raw
    this.#context = createSecureContext({
      cert: server.certificate,
      key: server.key,
      ca: clients.certificate,
      minVersion: 'TLSv1.2',
      // No session resumption: what one connection has proven does not count for another.
      secureOptions: constants.SSL_OP_NO_TICKET,
    })
  }

  /**
   * Terminates TLS on a connection. `done` is called once, unless the handshake fails, with the decrypted connection and whether the client
   * has proven that it has the certificate and its key.
   */
  secure(socket: Socket, done: (within: TLSSocket, isKnown: boolean) => void): void {
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: this.#context,
      requestCert: true,
      // A client without a certificate is told so in its own protocol.
      rejectUnauthorized: false,
      ALPNProtocols: [...this.#alpn],
    })
    const timer = setTimeout(() => secured.destroy(), MAX_HANDSHAKE_MS)
    const fail = (): void => void secured.destroy()
    secured.on('error', fail)
    // A client that rejects the port's certificate leaves during the handshake.
    secured.once('end', fail)
    secured.on('close', () => clearTimeout(timer))
    secured.once('secure', () => {
      clearTimeout(timer)
      secured.removeListener('end', fail)
      done(secured, secured.getPeerX509Certificate()?.raw.equals(this.#known) === true)
    })
  }
}

/** Both ends use the same clock; setting it back does no harm. */
const validityFrom = (now: Date): { from: Date; to: Date } => ({
  from: new Date(now.getTime() - DAY_MS),
  to: new Date(now.getTime() + VALID_MS),
})

const NAMES: readonly SubjectName[] = [
  { dns: 'localhost' },
  { address: Buffer.from([127, 0, 0, 1]) },
  { address: Buffer.from([...Array<number>(15).fill(0), 1]) },
]
const DAY_MS = 24 * 3_600_000
const VALID_MS = 365 * DAY_MS
const MAX_HANDSHAKE_MS = 10_000
