import type { Channel } from '../shared/channel.ts'
import { withTimeout } from '../shared/with-timeout.ts'
import type { Session } from './engine.ts'
import type { StaggeredClose } from './staggered-close.ts'

/** A connection to a target, and what can be done about it from another one. */
export interface UpstreamConnection {
  readonly channel: Channel
  /** Ends what runs; resolves when the server has taken it, or does not answer. */
  cancel(): Promise<void>
  /** Ends the connection; true when the server says that it is gone. */
  terminate(): Promise<boolean>
}

/** Resolves when the target has closed the connection. From here on nothing of what it sends is looked at. */
export function upstreamGone({ channel }: Pick<UpstreamConnection, 'channel'>): Promise<true> {
  return new Promise((resolve) => {
    channel.handler = { data() {}, drained() {}, ended: () => resolve(true), closed: () => resolve(true) }
  })
}

/** What is known of a connection that must end. */
export interface UpstreamEnd {
  readonly gone: Promise<true>
  readonly isIdle: boolean
  /** Asks the server to close the connection. One that waits behind a running command is read once that has ended. */
  readonly goodbye: () => void
  readonly staggeredClose: StaggeredClose
}

/**
 * Ends a connection: by a goodbye where it is idle, by a cancel where the server works, and from another connection where neither helps.
 * What could not be confirmed is put on record.
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
    message: 'outcome unknown: that the target ended the last command could not be confirmed',
  })
  session.logger.warn({ session: session.id, target: session.target.name }, 'session.outcome_unknown')
}

/** What a connection whose command was cancelled has to leave by itself before it is terminated. */
const CANCEL_WAIT_MS = 2000
