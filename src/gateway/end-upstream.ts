import type { Channel } from '../shared/channel.ts'
import { withTimeout } from '../shared/with-timeout.ts'
import type { Session } from './engine.ts'
import type { StaggeredClose } from './staggered-close.ts'

/** A connection to a target, and how to end it from another one. */
export interface UpstreamConnection {
  readonly channel: Channel
  /** Cancels what runs; resolves when the server has accepted that, or does not answer. */
  cancel(): Promise<void>
  /** Terminates the connection; true when the server confirms that it is gone. */
  terminate(): Promise<boolean>
}

/** Resolves when the target has closed the connection. What it still sends is ignored. */
export function upstreamGone({ channel }: Pick<UpstreamConnection, 'channel'>): Promise<true> {
  return new Promise((resolve) => {
    channel.handler = { data() {}, drained() {}, ended: () => resolve(true), closed: () => resolve(true) }
  })
}

/** The state of a connection that must end. */
export interface UpstreamEnd {
  readonly gone: Promise<true>
  readonly isIdle: boolean
  /** Asks the server to close the connection. It reads that only after a running command has ended. */
  readonly goodbye: () => void
  readonly staggeredClose: StaggeredClose
}

/**
 * Ends a connection: with a farewell where it is idle, with a cancel where a command runs, and from another connection where neither helps.
 * An end that could not be confirmed is recorded.
 */
export async function endUpstream(
  session: Pick<Session, 'id' | 'recorder' | 'logger' | 'target'>,
  upstream: UpstreamConnection,
  { gone, isIdle, goodbye, staggeredClose }: UpstreamEnd,
): Promise<void> {
  const leave = (): void => {
    upstream.channel.resume()
    goodbye()
  }
  if (isIdle) await staggeredClose.say(leave, gone)
  else {
    leave()
    await upstream.cancel()
  }
  if (await withTimeout(gone, CANCEL_WAIT_MS)) return
  if (await upstream.terminate()) return
  session.recorder.outcome({
    type: 'notice',
    message: 'outcome unknown: it could not be confirmed that the target ended the last command',
  })
  session.logger.warn({ session: session.id, target: session.target.name }, 'session.outcome_unknown')
}

/** Milliseconds that a connection whose command was cancelled has to close by itself before it is terminated. */
const CANCEL_WAIT_MS = 2000
