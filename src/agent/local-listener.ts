import { createHash, randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { PamError } from '../shared/errors.ts'
import { socketChannel } from '../shared/socket-channel.ts'
import type { Channel } from '../shared/channel.ts'
import { PasswordChallenge } from '../wire/postgres/challenge.ts'
import type { ListenerInfo } from './control-messages.ts'
import { privateDirectory } from './paths.ts'
import { peerOwner, type PeerOwner } from './peer-owner.ts'

export interface ListenerOptions {
  /** What makes the port the same each time: gateway and target. */
  readonly name: string
  readonly port: number | undefined
  readonly protocol: string
  /** No port: a Unix socket only. */
  readonly private: boolean
  readonly runtime: string
  /** The user whose connections are taken. */
  readonly uid: number
  readonly ownerOf?: (peerPort: number, ownPort: number) => PeerOwner
  /** A connection that belongs to the user. */
  accept(client: Channel): void
  turnedAway(reason: string): void
}

export interface LocalListener {
  readonly info: ListenerInfo
  close(): void
}

/**
 * Listens on a port of 127.0.0.1 and, where the system has them, on a Unix socket in a private directory. A TCP
 * connection must belong to the user; where the system does not tell, it must know the secret.
 */
export async function listenLocally(options: ListenerOptions): Promise<LocalListener> {
  if (options.private) return listenPrivately(options)
  const ownerOf = options.ownerOf ?? peerOwner
  const needsSecret = ownerOf(0, 0) === 'unknown'
  if (needsSecret && options.protocol !== 'postgres') {
    throw new PamError('FEATURE_REFUSED', 'this system does not tell who connects to a port', {
      hint: 'use "pamctl ssh-config", or "pamctl connect TARGET -- ssh"',
    })
  }
  const secret = needsSecret ? randomBytes(18).toString('base64url') : undefined
  const usual = usualPort(options.name)
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    if (secret !== undefined) return demandSecret(socket, secret, options)
    const owner = ownerOf(socket.remotePort ?? 0, (server.address() as AddressInfo).port)
    if (owner === options.uid) return options.accept(socketChannel(socket))
    options.turnedAway(owner === 'gone' ? 'a connection that left at once' : `a connection of user ${owner}`)
    socket.destroy()
  })
  const port = await listenOnPort(server, options.port, usual)
  const socketDirectory = process.platform === 'win32' ? undefined : join(options.runtime, shortHash(options.name))
  // The name that libpq looks for in PGHOST=directory.
  const local =
    socketDirectory === undefined
      ? undefined
      : await listenOnSocket(socketDirectory, options.protocol === 'postgres' ? `.s.PGSQL.${port}` : 'socket', options)
  return {
    info: {
      host: '127.0.0.1',
      port,
      ...(port !== usual && options.port === undefined ? { usualPort: usual } : {}),
      ...(socketDirectory === undefined ? {} : { socketDirectory }),
      ...(secret === undefined ? {} : { secret }),
    },
    close() {
      server.close()
      local?.close()
      if (socketDirectory !== undefined) rmSync(socketDirectory, { recursive: true, force: true })
    },
  }
}

/** For a program that hands bytes over: nothing of it can be reached by anybody else. */
async function listenPrivately(options: ListenerOptions): Promise<LocalListener> {
  const directory = join(options.runtime, shortHash(`${options.name} private`))
  const server = await listenOnSocket(directory, 'socket', options)
  return {
    info: { host: '', port: 0, socketDirectory: directory, socketPath: join(directory, 'socket') },
    close() {
      server.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function listenOnSocket(directory: string, name: string, options: ListenerOptions): Promise<Server> {
  privateDirectory(directory)
  const path = join(directory, name)
  rmSync(path, { force: true })
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
    options.accept(socketChannel(socket)),
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  return server
}

async function listenOnPort(server: Server, wanted: number | undefined, usual: number): Promise<number> {
  const candidates =
    wanted === undefined ? [usual, ...Array.from({ length: 20 }, (_, i) => nextPort(usual + i)), 0] : [wanted]
  for (const candidate of candidates) {
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host: '127.0.0.1', port: candidate, exclusive: true }, () => {
          server.removeListener('error', reject)
          resolve()
        })
      })
      return (server.address() as AddressInfo).port
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error
    }
  }
  throw new PamError('PORT_TAKEN', `port ${wanted} is in use by somebody else`, {
    hint: 'give another --port, or none',
  })
}

function demandSecret(socket: Socket, secret: string, options: ListenerOptions): void {
  const channel = socketChannel(socket)
  const challenge = new PasswordChallenge(secret)
  const timer = setTimeout(() => channel.destroy(), LONGEST_CHALLENGE)
  channel.handler = {
    data(chunk) {
      try {
        const step = challenge.push(chunk)
        if (step.type === 'reply') channel.write(step.bytes)
        if (step.type === 'refused') {
          options.turnedAway('a connection without the right password')
          channel.write(step.bytes)
          channel.end()
        }
        if (step.type !== 'passed') return
        clearTimeout(timer)
        channel.pause()
        options.accept(replaying(channel, step.bytes))
      } catch {
        channel.destroy()
      }
    },
    drained() {},
    ended: () => channel.destroy(),
    closed: () => clearTimeout(timer),
  }
  channel.resume()
}

/** A channel that gives these bytes first. */
function replaying(channel: Channel, bytes: Buffer): Channel {
  let pending: Buffer | undefined = bytes
  return {
    get handler() {
      return channel.handler
    },
    set handler(handler) {
      channel.handler = handler
    },
    write: (out) => channel.write(out),
    pause: () => channel.pause(),
    end: () => channel.end(),
    destroy: () => channel.destroy(),
    resume() {
      const first = pending
      pending = undefined
      if (first !== undefined) channel.handler.data(first)
      channel.resume()
    },
  }
}

const shortHash = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 8)

/** 20000 to 39999, below the range that systems hand out for outgoing connections. */
function usualPort(name: string): number {
  return 20_000 + (createHash('sha256').update(name).digest().readUInt32BE() % 12_000)
}

const nextPort = (port: number): number => (port >= 31_999 ? 20_000 : port + 1)
const LONGEST_CHALLENGE = 30_000
