import { createHash, randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { PamError } from '../shared/errors.ts'
import { socketChannel } from '../shared/socket-channel.ts'
import type { Channel } from '../shared/channel.ts'
import { usualPort } from '../shared/usual-port.ts'
import type { LocalHalf } from '../protocols/local-half.ts'
import type { ListenerInfo } from '../protocols/client-half.ts'
import { demandSecret } from './demand-secret.ts'
import { listenOnPort } from './listen-on-port.ts'
import { privateDirectory } from './paths.ts'
import { isConnected, PeerOwners, type Endpoint, type PeerOwner } from './peer-owner.ts'
import { refuseLocally } from './refuse-locally.ts'
import { LocalTls } from './tls/local-tls.ts'

export interface ListenerOptions {
  /** What the port is derived from, so that it is the same each time: gateway and target. */
  readonly name: string
  readonly port: number | undefined
  readonly protocol: LocalHalf
  /** A Unix socket only, and no port. */
  readonly private: boolean
  readonly runtime: string
  /** The user whose connections are accepted. */
  readonly uid: number
  readonly ownerOf?: (peer: Endpoint, own: Endpoint) => PeerOwner | Promise<PeerOwner>
  /** Called with each connection of the user. `announcement`: what the gateway is told before its bytes. */
  accept(client: Channel, announcement?: Buffer): void
  turnedAway(reason: string): void
}

export interface LocalListener {
  readonly info: ListenerInfo
  /** Stops listening. Resolves when every accepted connection has ended. */
  close(): Promise<void>
}

/**
 * Listens on a port of 127.0.0.1 and of ::1, and, where the system has them, on a Unix socket in a private directory. A TCP
 * connection must belong to the user; where the system does not tell, it must know the secret. With TLS it must show a certificate, whoever
 * it belongs to; where the protocol asks for the secret with each request, all do.
 *
 * Both addresses, since clients that are given `localhost` may try ::1 first: a port that is free there could be taken by another
 * user, who would be connected to in our place.
 */
export async function listenLocally(options: ListenerOptions): Promise<LocalListener> {
  if (options.private) return listenPrivately(options)
  const ownerOf = options.ownerOf ?? ((peer, own) => owners.of(peer, own))
  const tls = options.protocol.tls === undefined ? undefined : new LocalTls(options.protocol.tls)
  const { announce } = options.protocol
  const isOwnerUnknown = tls === undefined && (await ownerOf(NO_ENDPOINT, NO_ENDPOINT)) === 'unknown'
  const needsSecret = isOwnerUnknown || (tls === undefined && announce !== undefined)
  if (isOwnerUnknown && announce === undefined && options.protocol.challenge === undefined) {
    throw new PamError('FEATURE_REFUSED', 'cannot verify which user opens a local connection on this system', {
      hint: 'start the client with pamctl: pamctl connect TARGET -- CLIENT',
    })
  }
  const secret = needsSecret ? randomBytes(18).toString('base64url') : undefined
  const announced = (to: number | undefined): Buffer | undefined =>
    to === undefined ? undefined : announce?.(to, secret)
  const usual = usualPort(options.name)
  let refusing = 0
  let unknown = 0
  const refuse = (client: Channel, error: PamError): void => {
    // Other users can open any number of connections: only a limited number is kept open until the reason has been read.
    if (refusing >= MAX_REFUSING) return client.destroy()
    refusing++
    refuseLocally(client, options.protocol, error, { limit: STRANGER_LINGER_MS, closed: () => refusing-- })
  }
  const ownerOfPeer = ({
    remoteAddress,
    remotePort,
    localAddress,
    localPort,
  }: Socket): PeerOwner | Promise<PeerOwner> =>
    remoteAddress === undefined || localAddress === undefined
      ? 'gone' // it has left already
      : ownerOf({ address: remoteAddress, port: remotePort ?? 0 }, { address: localAddress, port: localPort ?? 0 })
  const serve = (socket: Socket): void => {
    const challenge = secret === undefined ? undefined : options.protocol.challenge?.(secret)
    if (challenge !== undefined) return demandSecret(socketChannel(socket), challenge, options)
    if (unknown >= MAX_UNKNOWN) return void socket.destroy()
    unknown++
    // Nothing is read of it before its owner is known.
    socket.on('error', ignore)
    void Promise.resolve(ownerOfPeer(socket)).then((owner) => {
      unknown--
      socket.off('error', ignore)
      if (!socket.destroyed) serveOwned(socket, typeof owner === 'number' && !isConnected(socket) ? 'gone' : owner)
    })
  }
  const serveOwned = (socket: Socket, owner: PeerOwner): void => {
    const provesItself = tls !== undefined || announce !== undefined
    const isOwn = owner === options.uid || (provesItself && owner === 'unknown')
    if (!isOwn)
      options.turnedAway(owner === 'gone' ? 'a connection that left at once' : `a connection of user ${owner}`)
    if (tls !== undefined) return secured(tls, socket, isOwn ? undefined : owner)
    if (isOwn) return options.accept(socketChannel(socket), announced(socket.localPort))
    refuse(socketChannel(socket), strangerError(owner))
  }
  const secured = (tls: LocalTls, socket: Socket, stranger: PeerOwner | undefined): void => {
    if (stranger !== undefined && refusing >= MAX_REFUSING) return void socket.destroy()
    const announcement = announced(socket.localPort)
    tls.secure(socket, (within, isKnown) => {
      const channel = socketChannel(within)
      if (stranger !== undefined) return refuse(channel, strangerError(stranger))
      if (isKnown) return options.accept(channel, announcement)
      options.turnedAway('a connection without the certificate of this port')
      refuse(channel, NO_CERTIFICATE)
    })
  }
  const { servers, port } = await listenOnPort(serve, options.port, usual)
  // TLS is only spoken on ports.
  const hasSocket = tls === undefined && process.platform !== 'win32'
  const socketDirectory = hasSocket ? join(options.runtime, shortHash(options.name)) : undefined
  const local =
    socketDirectory === undefined
      ? undefined
      : await listenOnSocket(socketDirectory, options.protocol.socketName(port), options, announced(port))
  return {
    info: {
      host: '127.0.0.1',
      port,
      ...(port !== usual && options.port === undefined ? { usualPort: usual } : {}),
      ...(socketDirectory === undefined ? {} : { socketDirectory }),
      ...(secret === undefined ? {} : { secret }),
      ...(tls === undefined ? {} : { tls: tls.client }),
    },
    async close() {
      const closed = [...servers, ...(local === undefined ? [] : [local])].map(closeServer)
      if (socketDirectory !== undefined) rmSync(socketDirectory, { recursive: true, force: true })
      await Promise.all(closed)
    },
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

/** For a program that hands its bytes over: nobody else can reach it. */
async function listenPrivately(options: ListenerOptions): Promise<LocalListener> {
  const directory = join(options.runtime, shortHash(`${options.name} private`))
  const server = await listenOnSocket(directory, 'socket', options)
  return {
    info: { host: '', port: 0, socketDirectory: directory, socketPath: join(directory, 'socket') },
    async close() {
      const closed = closeServer(server)
      rmSync(directory, { recursive: true, force: true })
      await closed
    },
  }
}

async function listenOnSocket(
  directory: string,
  name: string,
  options: ListenerOptions,
  announcement?: Buffer,
): Promise<Server> {
  privateDirectory(directory)
  const path = join(directory, name)
  rmSync(path, { force: true })
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
    options.accept(socketChannel(socket), announcement),
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  return server
}

const closeServer = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()))

const shortHash = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 8)

/** Of all ports: one reading of the system's table is for all that wait. */
const owners = new PeerOwners()
const ignore = (): void => {}
const NO_ENDPOINT: Endpoint = { address: '127.0.0.1', port: 0 }
/** Connections of one target whose owner is being looked for: other users can open any number. */
const MAX_UNKNOWN = 1000
/** Connections of other users that are being refused. */
const MAX_REFUSING = 50
const STRANGER_LINGER_MS = 2000
