import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Channel } from '../shared/channel.ts'
import { PamError } from '../shared/errors.ts'
import { socketChannel } from '../shared/socket-channel.ts'
import type { LocalHalf } from '../protocols/local-half.ts'
import { demandSecret } from './demand-secret.ts'
import { isConnected, PeerOwners, type Endpoint, type PeerOwner } from './peer-owner.ts'
import { refuseLocally } from './refuse-locally.ts'
import { LocalTls } from './tls/local-tls.ts'

export interface AdmissionOptions {
  readonly protocol: LocalHalf
  /** The user whose connections are accepted. */
  readonly uid: number
  readonly ownerOf?: (peer: Endpoint, own: Endpoint) => PeerOwner | Promise<PeerOwner>
  /** Called with each connection of the user. `announcement`: what the gateway is told before its bytes. */
  accept(client: Channel, announcement?: Buffer): void
  turnedAway(reason: string): void
}

/** By what a port knows its user: the system, a secret, or the certificate of TLS. */
interface Proofs {
  readonly ownerOf: NonNullable<AdmissionOptions['ownerOf']>
  readonly secret: string | undefined
  readonly tls: LocalTls | undefined
}

/** Decides on each connection to one port: it is accepted, must know the secret or show the certificate, or is told why it is not. */
export class Admission {
  readonly secret: string | undefined
  readonly tls: LocalTls | undefined
  readonly #options: AdmissionOptions
  readonly #ownerOf: Proofs['ownerOf']
  /** Connections that are being refused, and those whose owner is being looked for. */
  #refusing = 0
  #unknown = 0

  private constructor(options: AdmissionOptions, { ownerOf, secret, tls }: Proofs) {
    this.#options = options
    this.#ownerOf = ownerOf
    this.secret = secret
    this.tls = tls
  }

  /** Throws FEATURE_REFUSED where neither the system nor the protocol can tell the user from others. */
  static async of(options: AdmissionOptions): Promise<Admission> {
    const ownerOf = options.ownerOf ?? ((peer, own) => owners.of(peer, own))
    const { protocol } = options
    const tls = protocol.tls === undefined ? undefined : new LocalTls(protocol.tls)
    const isAnnounced = protocol.announce !== undefined
    const isOwnerUnknown = tls === undefined && (await ownerOf(NO_ENDPOINT, NO_ENDPOINT)) === 'unknown'
    if (isOwnerUnknown && !isAnnounced && protocol.challenge === undefined) {
      throw new PamError('FEATURE_REFUSED', 'cannot verify which user opens a local connection on this system', {
        hint: 'start the client with pamctl: pamctl connect TARGET -- CLIENT',
      })
    }
    const needsSecret = isOwnerUnknown || (tls === undefined && isAnnounced)
    const secret = needsSecret ? randomBytes(18).toString('base64url') : undefined
    return new Admission(options, { ownerOf, secret, tls })
  }

  /** What the gateway is told before the bytes of a connection to a port. */
  announcement(port: number | undefined): Buffer | undefined {
    return port === undefined ? undefined : this.#options.protocol.announce?.(port, this.secret)
  }

  /** A connection, of which nothing has been read. */
  serve(socket: Socket): void {
    const challenge = this.secret === undefined ? undefined : this.#options.protocol.challenge?.(this.secret)
    if (challenge !== undefined) return demandSecret(socketChannel(socket), challenge, this.#options)
    if (this.#unknown >= MAX_UNKNOWN) return void socket.destroy()
    this.#unknown++
    // Nothing is read of it before its owner is known.
    socket.on('error', ignore)
    void Promise.resolve(this.#ownerOfPeer(socket)).then((owner) => {
      this.#unknown--
      socket.off('error', ignore)
      if (!socket.destroyed)
        this.#serveOwned(socket, typeof owner === 'number' && !isConnected(socket) ? 'gone' : owner)
    })
  }

  #ownerOfPeer({ remoteAddress, remotePort, localAddress, localPort }: Socket): PeerOwner | Promise<PeerOwner> {
    return remoteAddress === undefined || localAddress === undefined
      ? 'gone' // it has left already
      : this.#ownerOf(
          { address: remoteAddress, port: remotePort ?? 0 },
          { address: localAddress, port: localPort ?? 0 },
        )
  }

  #serveOwned(socket: Socket, owner: PeerOwner): void {
    const { uid, protocol } = this.#options
    const provesItself = this.tls !== undefined || protocol.announce !== undefined
    const isOwn = owner === uid || (provesItself && owner === 'unknown')
    if (!isOwn)
      this.#options.turnedAway(owner === 'gone' ? 'a connection that left at once' : `a connection of user ${owner}`)
    if (this.tls !== undefined) return this.#secure(this.tls, socket, isOwn ? undefined : owner)
    if (isOwn) return this.#options.accept(socketChannel(socket), this.announcement(socket.localPort))
    this.#refuse(socketChannel(socket), strangerError(owner))
  }

  #secure(tls: LocalTls, socket: Socket, stranger: PeerOwner | undefined): void {
    if (stranger !== undefined && this.#refusing >= MAX_REFUSING) return void socket.destroy()
    const announcement = this.announcement(socket.localPort)
    tls.secure(socket, (within, isKnown) => {
      const channel = socketChannel(within)
      if (stranger !== undefined) return this.#refuse(channel, strangerError(stranger))
      if (isKnown) return this.#options.accept(channel, announcement)
      this.#options.turnedAway('a connection without the certificate of this port')
      this.#refuse(channel, NO_CERTIFICATE)
    })
  }

  #refuse(client: Channel, error: PamError): void {
    // Other users can open any number of connections: only a limited number is kept open until the reason has been read.
    if (this.#refusing >= MAX_REFUSING) return client.destroy()
    this.#refusing++
    const closed = (): void => void this.#refusing--
    refuseLocally(client, this.#options.protocol, error, { limit: STRANGER_LINGER_MS, closed })
  }
}

/** Does not say whose port it is: the reader may be another user. */
const strangerError = (owner: PeerOwner): PamError =>
  typeof owner === 'number'
    ? new PamError('NOT_ALLOWED', 'this local port belongs to another user', {
        hint: 'connect as the user who ran "pamctl connect" (programs under sudo run as another one)',
      })
    : new PamError('NOT_ALLOWED', 'cannot verify which user opened this connection', { hint: 'connect again' })

const NO_CERTIFICATE = new PamError('NOT_ALLOWED', 'this port requires the client certificate that was made for it', {
  hint: 'connect as "pamctl connect" says, or start the client with it',
})

/** Of all ports: one reading of the system's table is for all that wait. */
const owners = new PeerOwners()
const ignore = (): void => {}
const NO_ENDPOINT: Endpoint = { address: '127.0.0.1', port: 0 }
/** Connections of one target whose owner is being looked for: other users can open any number. */
const MAX_UNKNOWN = 1000
/** Connections of other users that are being refused. */
const MAX_REFUSING = 50
const STRANGER_LINGER_MS = 2000
