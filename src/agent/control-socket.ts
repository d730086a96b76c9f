import { randomUUID } from 'node:crypto'
import { linkSync, lstatSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { localError, PamError, toErrorBody } from '../shared/errors.ts'
import type {
  AgentEvent,
  ControlMethod,
  ControlMethods,
  ControlReply,
  ControlRequest,
  HoldEvent,
} from './control-messages.ts'
import { readJsonLines } from './json-lines.ts'

/** One command line that is connected. */
export interface ControlPeer {
  send(event: AgentEvent): void
  sendHold(hold: HoldEvent): void
  onClose(listener: () => void): void
}

export type ControlHandlers = {
  readonly [M in ControlMethod]: (
    params: ControlMethods[M]['params'],
    peer: ControlPeer,
  ) => Promise<ControlMethods[M]['result']>
}

/** Serves the agent's control socket, in a directory that only the user can enter. */
export async function serveControl(
  path: string,
  handlers: ControlHandlers,
  { onPeers }: { onPeers: (count: number) => void },
): Promise<Server> {
  let peers = 0
  const server = createServer((socket) => {
    onPeers(++peers)
    const closed: (() => void)[] = []
    const reply = (message: ControlReply): void => void socket.write(`${JSON.stringify(message)}\n`)
    const peer: ControlPeer = {
      send: (event) => reply({ event }),
      sendHold: (hold) => reply({ hold }),
      onClose: (listener) => void (socket.destroyed ? listener() : closed.push(listener)),
    }
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const listener of closed) listener()
      onPeers(--peers)
    })
    readJsonLines(socket, (value) => {
      const { id, method, params } = (value ?? {}) as Partial<ControlRequest>
      if (typeof id !== 'number' || method === undefined) return void socket.destroy()
      Promise.resolve()
        .then(() => {
          if (!Object.hasOwn(handlers, method)) throw new PamError('USAGE', 'the agent does not know this call')
          const handler = handlers[method] as (params: unknown, peer: ControlPeer) => Promise<unknown>
          return handler(params, peer)
        })
        .then(
          (result) => reply({ id, result }),
          (error: unknown) => reply({ id, error: toErrorBody(localError(error, 'the local agent')) }),
        )
    })
  })
  await listenOnce(server, path)
  return server
}

/**
 * Takes the path, unless a live agent has it; a dead agent's socket is replaced. The socket first listens under a name of its own and is
 * then linked to the path, so that a path on which nobody listens is certainly a dead one, however many agents start at once.
 */
async function listenOnce(server: Server, path: string): Promise<void> {
  const own = `${path}.${randomUUID().slice(0, 8)}`
  await listen(server, own)
  try {
    while (!linked(own, path)) {
      const found = inodeOf(path)
      if (found === undefined) continue
      if (await answers(path)) throw Object.assign(new Error(`${path} is in use`), { code: 'EADDRINUSE' })
      if (inodeOf(path) === found) rmSync(path, { force: true })
    }
  } catch (error) {
    server.close()
    throw error
  } finally {
    rmSync(own, { force: true })
  }
}

/** False where the name exists. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket: Socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
