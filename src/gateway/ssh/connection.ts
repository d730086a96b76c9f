import type { Client, Connection } from 'ssh2'
import { PamError } from '../../shared/errors.ts'
import type { Session } from '../engine.ts'
import type { SshTarget } from '../target.ts'
import { wireFailure } from '../wire-failure.ts'
import type { CommandReader } from './command/command-reader.ts'
import type { LoginShell } from './command/host-statement.ts'
import { serveForwarding } from './forwarding.ts'
import { createPathResolver, type PathResolver } from './path-resolver.ts'
import { serveSessionChannel, type OpenChannel } from './session-channel.ts'

/** One client's SSH connection and the one to the target that belongs to it. */
export interface HostConnection {
  readonly session: Session<SshTarget>
  readonly client: Connection
  readonly upstream: Client
  readonly channels: Set<OpenChannel>
  readonly paths: PathResolver
  readonly commands: CommandLines
  /** Runs what may find that the record has failed. */
  guard(work: () => void): void
  /** What goes wrong with one channel is logged; what was the session's own end, ends it. */
  readonly failed: (error: unknown) => void
}

/** How command lines of a connection are read. */
export interface CommandLines {
  readonly shell: LoginShell
  readonly reader: CommandReader
}

/** Serves the client's channels until one side leaves or the session must end. */
export async function serveConnection(
  client: Connection,
  upstream: Client,
  session: Session<SshTarget>,
  commands: CommandLines,
): Promise<void> {
  let finish!: () => void
  const over = new Promise<void>((resolve) => (finish = resolve))
  const host: HostConnection = {
    session,
    client,
    upstream,
    channels: new Set(),
    paths: createPathResolver(upstream),
    commands,
    guard(work) {
      try {
        work()
      } catch (error) {
        session.end(wireFailure(error))
      }
    },
    failed(error) {
      session.logger.warn({ cause: (error as Error).message }, 'channel.failed')
    },
  }
  let count = 0
  let open = 0
  client.on('session', (accept, reject) => {
    if (session.ended.aborted || open >= MOST_CHANNELS || count > MOST_EVER) return reject()
    const ssh = accept()
    open++
    ssh.once('close', () => open--)
    serveSessionChannel(ssh, host, String(++count))
  })
  serveForwarding(host)
  client.on('error', () => {})
  let clientLeft = false
  client.on('close', () => {
    clientLeft = true
    session.end(new PamError('CLIENT_LEFT', 'the client closed the connection'))
  })
  upstream.on('error', (error) => session.end(targetLeft(session, error)))
  upstream.on('close', () => session.end(targetLeft(session, undefined)))
  session.ended.addEventListener('abort', () => finish(), { once: true })
  if (session.ended.aborted) finish()
  await over
  await endConnection(host, clientLeft)
}

function targetLeft({ target }: Session, cause: Error | undefined): PamError {
  return new PamError('TARGET_LEFT', `${target.name} closed the connection`, { side: 'upstream', cause })
}

/** The client is told, what runs on the target is ended, and that it is gone made sure of or recorded as unknown. */
async function endConnection(
  { session, client, upstream, channels }: HostConnection,
  clientLeft: boolean,
): Promise<void> {
  const reason = session.ended.reason as PamError | undefined
  if (reason !== undefined && reason.code !== 'TARGET_LEFT') {
    const ended = await Promise.all([...channels].map((channel) => channel.end(reason)))
    if (ended.includes(false)) {
      try {
        session.recorder.outcome({
          type: 'notice',
          message: 'outcome unknown: that the target ended what was running could not be confirmed',
        })
      } catch {
        // The record has failed: that is why the session ends.
      }
      session.logger.warn({ session: session.id, target: session.target.name }, 'session.outcome_unknown')
    }
  }
  upstream.end()
  // A client drops what it has not shown yet when it is disconnected: it may leave by itself first.
  if (!clientLeft) await closedWithin(client, LINGER)
  client.end()
  if (!clientLeft) await closedWithin(client, LINGER)
  upstream.destroy()
}

function closedWithin(client: Connection, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    client.once('close', () => resolve())
    setTimeout(resolve, milliseconds).unref()
  })
}

/** Session channels open at once. */
const MOST_CHANNELS = 64
/** Channels of one connection, all told. */
const MOST_EVER = 100_000
const LINGER = 500
