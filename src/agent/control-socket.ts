import { rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { asPamError, toErrorBody } from '../shared/errors.ts'
import type { AgentEvent, ControlMethod, ControlMethods, ControlReply, ControlRequest } from './control-messages.ts'

/** One command line that is connected. */
export interface ControlPeer {
  send(event: AgentEvent): void
  onClose(listener: () => void): void
}

export type ControlHandlers = {
  readonly [M in ControlMethod]: (
    params: ControlMethods[M]['params'],
    peer: ControlPeer,
  ) => Promise<ControlMethods[M]['result']>
}

/** Serves the agent's control socket. It stands in a directory that only the user can enter. */
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
      onClose: (listener) => void (socket.destroyed ? listener() : closed.push(listener)),
    }
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const listener of closed) listener()
      onPeers(--peers)
    })
    createInterface({ input: socket }).on('line', (line) => {
      const { id, method, params } = JSON.parse(line) as ControlRequest
      const handler = handlers[method] as (params: unknown, peer: ControlPeer) => Promise<unknown>
      Promise.resolve()
        .then(() => handler(params, peer))
        .then(
          (result) => reply({ id, result }),
          (error: unknown) => reply({ id, error: toErrorBody(asPamError(error)) }),
        )
    })
  })
  await listenOnce(server, path)
  return server
}

/** Takes the path, also from an agent that died; another one that lives keeps it. */
async function listenOnce(server: Server, path: string): Promise<void> {
  try {
    await listen(server, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    if (await answers(path)) throw error
    rmSync(path, { force: true })
    await listen(server, path)
  }
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
