import type { Client } from 'ssh2'
import { asError, PamError, reasonOf } from '../../../shared/errors.ts'
import type { Session } from '../../../gateway/engine.ts'
import type { SshTarget } from '../target.ts'
import { sessionEndReason } from '../../../gateway/session-end-reason.ts'
import { serveForwarding } from './forwarding.ts'
import type { SshHello } from './admit.ts'
import { createPathResolver } from '../transfer/path-resolver.ts'
import type { CommandLines, HostConnection } from './host-connection.ts'
import { serveSessionChannel } from './session-channel.ts'
import { OPEN_FAILURE, openFailureOf, refuseOpening } from './ssh2-internals.ts'
import { TWO_SESSIONS } from './probe.ts'
import { TargetChannel } from './target-channel.ts'

/** Serves the client's channels until one side leaves or the session must end. */
export async function serveConnection(
  { connection: client, left }: SshHello,
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
    notices: [],
    guard(work) {
      try {
        work()
      } catch (error) {
        session.end(sessionEndReason(error))
      }
    },
    failed(error) {
      session.logger.warn({ cause: asError(error).message }, 'channel.failed')
    },
  }
  let count = 0
  let open = 0
  client.on('session', (accept, reject) => {
    if (session.ended.aborted || open >= MAX_CHANNELS || count > MAX_EVER) {
      const [reason, text] = session.ended.aborted
        ? [OPEN_FAILURE.prohibited, reasonOf(session.ended).message]
        : [
            OPEN_FAILURE.resourceShortage,
            `a connection may have ${MAX_CHANNELS} sessions at once, ${MAX_EVER} in total`,
          ]
      return refuseOpening(client, reject, { reason, text: `pam: ${text}` })
    }
    open++
    // The gateway's own channel, by which it looks where paths lead, comes before the client's: they cannot take its place.
    void host.paths.home()
    // A channel that the target refuses is refused here, as if the client had asked the target itself.
    TargetChannel.open(upstream).then(
      (target) => {
        try {
          const ssh = accept()
          ssh.once('close', () => open--)
          serveSessionChannel(ssh, host, { name: String(++count), target })
        } catch (error) {
          // It has gone meanwhile.
          host.failed(error)
        }
      },
      (error: unknown) => {
        open--
        host.failed(error)
        if (left.aborted) return
        const failure = openFailureOf(asError(error))
        // The first one: nothing of the client's is in its way.
        refuseOpening(
          client,
          reject,
          count === 0 && open === 0 ? { ...failure, text: `pam: ${TWO_SESSIONS}` } : failure,
        )
      },
    )
  })
  serveForwarding(host)
  upstream.on('error', (error) => session.end(targetLeft(session, error)))
  upstream.on('close', () => session.end(targetLeft(session, undefined)))
  session.ended.addEventListener('abort', () => finish(), { once: true })
  if (session.ended.aborted) finish()
  await over
  await endConnection(host, left)
}

function targetLeft({ target }: Session, cause: Error | undefined): PamError {
  return new PamError('TARGET_LEFT', `${target.name} closed the connection`, { side: 'upstream', cause })
}

/**
 * The client is told, what runs on the target is ended, and that it is gone made sure of or recorded as unknown. Where the
 * client itself has left, the target is treated as if it had been connected directly: it finds the connection closed.
 */
async function endConnection(
  { session, client, upstream, channels }: HostConnection,
  left: AbortSignal,
): Promise<void> {
  const reason = session.ended.aborted ? reasonOf(session.ended) : undefined
  if (reason !== undefined && reason.code !== 'TARGET_LEFT') {
    const ended = await Promise.all([...channels].map((channel) => channel.end(reason)))
    if (ended.includes(false)) {
      try {
        session.recorder.outcome({
          type: 'notice',
          message:
            reason.code === 'CLIENT_LEFT'
              ? 'outcome unknown: the client left, and what was running may go on'
              : 'outcome unknown: it could not be confirmed that the target ended what was running',
        })
      } catch {
        // The record has failed: that is why the session ends.
      }
      session.logger.warn({ session: session.id, target: session.target.name }, 'session.outcome_unknown')
    }
  }
  upstream.end()
  // A client drops what it has not shown yet when it is disconnected: it may leave by itself first.
  if (!left.aborted) await leftWithin(left, READING_MS)
  client.end()
  if (!left.aborted) await leftWithin(left, LINGER)
  upstream.destroy()
}

function leftWithin(left: AbortSignal, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    left.addEventListener('abort', () => resolve(), { once: true })
    setTimeout(resolve, milliseconds).unref()
  })
}

/** Session channels open at once. */
const MAX_CHANNELS = 200
/** Channels of one connection, all told. */
const MAX_EVER = 100_000
/** Milliseconds that a client has to read why the session ended, over however long a way. */
const READING_MS = 2000
/** Milliseconds that a client has to leave once it was disconnected. */
const LINGER = 500
