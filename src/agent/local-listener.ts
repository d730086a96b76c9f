import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { socketChannel } from '../shared/socket-channel.ts'
import { usualPort } from '../shared/usual-port.ts'
import type { ListenerInfo } from '../protocols/client-half.ts'
import { Admission, type AdmissionOptions } from './admission.ts'
import { listenOnPort } from './listen-on-port.ts'
import { privateDirectory } from './paths.ts'

export interface ListenerOptions extends AdmissionOptions {
  /** What the port is derived from, so that it is the same each time: gateway and target. */
  readonly name: string
  readonly port: number | undefined
  /** A Unix socket only, and no port. */
  readonly private: boolean
  readonly runtime: string
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
  const admission = await Admission.of(options)
  const { secret, tls } = admission
  const usual = usualPort(options.name)
  const { servers, port } = await listenOnPort((socket) => admission.serve(socket), options.port, usual)
  // TLS is only spoken on ports.
  const hasSocket = tls === undefined && process.platform !== 'win32'
  const socketDirectory = hasSocket ? join(options.runtime, shortHash(options.name)) : undefined
  const local =
    socketDirectory === undefined
      ? undefined
      : await listenOnSocket(socketDirectory, options.protocol.socketName(port), options, admission.announcement(port))
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
