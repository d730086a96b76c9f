import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { fromErrorBody, PamError } from '../shared/errors.ts'
import { pause } from '../shared/pause.ts'
import { VERSION } from '../shared/version.ts'
import type { AgentEvent, ControlMethod, ControlMethods, ControlReply, HoldEvent } from './control-messages.ts'
import { readJsonLines } from './json-lines.ts'
import { PAMCTL } from '../shared/own-program.ts'
import type { Paths } from './paths.ts'

/** A connection to the agent. Listeners opened over it close with it. */
export interface AgentConnection {
  readonly warning: string | undefined
  call<M extends ControlMethod>(method: M, params: ControlMethods[M]['params']): Promise<ControlMethods[M]['result']>
  onEvent(listener: (event: AgentEvent) => void): void
  /** Told which approvals the commands of this connection's listeners wait for. */
  onHold(listener: (hold: HoldEvent) => void): void
  /** Called once when the connection to the agent is lost. */
  onClose(listener: () => void): void
  close(): void
}

/** Connects to the user's agent; starts it when there is none, or one of another version that has nothing to do. */
export async function connectAgent(paths: Paths, environment = process.env): Promise<AgentConnection> {
  const running = await tryConnect(paths.control)
  if (running !== undefined) {
    const hello = await running.call('hello', { version: VERSION })
    if (hello.version === VERSION) return withWarning(running, hello.warning)
    const { listeners } = await running.call('status', {})
    if (listeners.length > 0) {
      throw new PamError(
        'VERSION_MISMATCH',
        `agent version ${hello.version} is still serving connections, but this is pamctl ${VERSION}`,
        {
          hint: 'close its connections and run "pamctl agent stop"',
        },
      )
    }
    await running.call('stop', {})
    running.close()
  }
  return startAgent(paths, { args: ['agent', 'run'], control: paths.control, environment })
}

/** An agent of the caller's alone: for services, whose token is never mixed with the user's login. */
export async function startPrivateAgent(paths: Paths, environment: NodeJS.ProcessEnv): Promise<AgentConnection> {
  const control = `${paths.runtime}/private-${process.pid}-${++privateAgents}.sock`
  return startAgent(paths, { args: ['agent', 'run', '--private', control], control, environment })
}

/** The agent that is running, if one is. */
export const runningAgent = (paths: Paths): Promise<AgentConnection | undefined> => tryConnect(paths.control)

/** Several in one process have sockets of their own. */
let privateAgents = 0

async function startAgent(
  paths: Paths,
  {
    args,
    control,
    environment,
  }: { readonly args: readonly string[]; readonly control: string; readonly environment: NodeJS.ProcessEnv },
): Promise<AgentConnection> {
  const log = openSync(paths.log, 'a', 0o600)
  // The agent outlives the command that happens to start it, and must not inherit its secrets.
  const { PAMCTL_TOKEN: _token, ...env } = environment
  const child = spawn(process.execPath, [PAMCTL, ...args], {
    detached: true,
    stdio: ['ignore', log, log],
    env,
    cwd: '/',
  })
  closeSync(log)
  let exited = false
  child.on('exit', () => (exited = true))
  child.on('error', () => (exited = true))
  child.unref()
  for (let waited = 0; waited < MAX_START_MS; waited += 25) {
    const connection = await tryConnect(control)
    if (connection !== undefined) {
      const hello = await connection.call('hello', { version: VERSION })
      return withWarning(connection, hello.warning)
    }
    if (exited && waited > 500) break
    await pause(25)
  }
  throw new PamError('INTERNAL', 'the agent did not start', { hint: `see its log: ${paths.log}` })
}

const withWarning = (connection: AgentConnection, warning: string | undefined): AgentConnection =>
  warning === undefined ? connection : { ...connection, warning }

function tryConnect(control: string): Promise<AgentConnection | undefined> {
  return new Promise((resolve) => {
    const socket = connect(control)
    socket.once('error', () => resolve(undefined))
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(controlConnection(socket))
    })
  })
}

function controlConnection(socket: Socket): AgentConnection {
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  const events: ((event: AgentEvent) => void)[] = []
  const holds: ((hold: HoldEvent) => void)[] = []
  const closed: (() => void)[] = []
  let nextId = 1
  let lostBecause = agentGone
  const silence = new SilenceWatch({
    ask: () =>
      void socket.write(`${JSON.stringify({ id: nextId++, method: 'hello', params: { version: VERSION } })}\n`),
    silent() {
      lostBecause = agentSilent
      socket.destroy()
    },
  })
  /** Lets the program exit while no answer is pending. */
  const release = (): void => {
    if (waiting.size > 0) return
    silence.stop()
    if (events.length === 0 && closed.length === 0) socket.unref()
  }
  socket.on('error', () => {})
  socket.on('close', () => {
    silence.stop()
    for (const { reject } of waiting.values()) reject(lostBecause())
    waiting.clear()
    for (const listener of closed) listener()
  })
  readJsonLines(socket, (value) => {
    const reply = value as ControlReply
    silence.heard()
    if ('event' in reply) {
      for (const listener of events) listener(reply.event)
      return
    }
    if ('hold' in reply) {
      for (const listener of holds) listener(reply.hold)
      return
    }
    const waiter = waiting.get(reply.id)
    waiting.delete(reply.id)
    if (waiter === undefined) return
    if ('error' in reply) waiter.reject(fromErrorBody(reply.error))
    else waiter.resolve(reply.result as never)
    release()
  })
  socket.unref()
  return {
    warning: undefined,
    call(method, params) {
      if (socket.destroyed) return Promise.reject(agentGone())
      return new Promise((resolve, reject) => {
        const id = nextId++
        waiting.set(id, { resolve, reject })
        socket.ref()
        silence.start()
        socket.write(`${JSON.stringify({ id, method, params })}\n`)
      })
    },
    onEvent: (listener) => void events.push(listener),
    onHold: (listener) => void holds.push(listener),
    onClose(listener) {
      if (socket.destroyed) return listener()
      closed.push(listener)
      socket.ref()
    },
    close: () => socket.destroy(),
  }
}

/**
 * While a call waits, asks the agent every ten seconds for its version: one that waits for the gateway still answers that, one that hangs does not.
 * Counts questions and not time, so that a computer that wakes up finds its agent in good health.
 */
class SilenceWatch {
  readonly #parts: { readonly ask: () => void; readonly silent: () => void }
  #timer: NodeJS.Timeout | undefined
  #unanswered = 0

  constructor(parts: { readonly ask: () => void; readonly silent: () => void }) {
    this.#parts = parts
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#check(), ASK_EVERY_MS)
  }

  heard(): void {
    this.#unanswered = 0
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#unanswered = 0
  }

  #check(): void {
    if (this.#unanswered === MAX_UNANSWERED) return this.#parts.silent()
    this.#unanswered++
    this.#parts.ask()
  }
}

const agentSilent = (): PamError =>
  new PamError('INTERNAL', 'the local agent does not answer', {
    hint: 'end the process that agent.log in the directory of pamctl names last; the next command starts a new agent',
  })

export const agentGone = (cause?: unknown): PamError =>
  new PamError('INTERNAL', 'lost the connection to the local agent', {
    hint: 'run it again; agent.log in the directory of pamctl has the cause',
    cause,
  })

/** No time limit: a slow machine takes as long as it takes, and an agent that cannot start exits. */
const MAX_START_MS = 120_000
const ASK_EVERY_MS = 10_000
const MAX_UNANSWERED = 3
