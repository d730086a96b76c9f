import type { Session } from '../../../gateway/engine.ts'
import type { StaggeredClose } from '../../../gateway/staggered-close.ts'
import { withTimeout } from '../../../shared/with-timeout.ts'
import { QUIT, type Upstream } from './login/connect-upstream.ts'

/** Resolves when the target has closed the connection. From here on nothing of what it sends is looked at. */
export function upstreamGone({ channel }: Pick<Upstream, 'channel'>): Promise<true> {
  return new Promise((resolve) => {
    channel.handler = { data() {}, drained() {}, ended: () => resolve(true), closed: () => resolve(true) }
  })
}

/**
 * Ends the connection: by COM_QUIT where it is idle, by KILL QUERY where it works, and by KILL where neither helps. What could not be
 * confirmed is put on record.
 */
export async function endUpstream(
  session: Pick<Session, 'id' | 'recorder' | 'logger' | 'target'>,
  upstream: Pick<Upstream, 'channel' | 'cancel' | 'terminate'>,
  state: {
    readonly gone: Promise<true>
    readonly isIdle: boolean
    readonly isUploading: boolean
    readonly staggeredClose: StaggeredClose
  },
): Promise<void> {
  const { gone, isIdle, isUploading, staggeredClose } = state
  const goodbye = (): void => {
    upstream.channel.resume()
    // One that waits behind a running statement is read once that has ended. A server that reads a file would take it for a part of that.
    if (isUploading) upstream.channel.end()
    else upstream.channel.write(QUIT)
  }
  if (isIdle) await staggeredClose.say(goodbye, gone)
  else {
    goodbye()
    await upstream.cancel()
  }
  if (await withTimeout(gone, CANCEL_WAIT)) return
  if (await upstream.terminate()) return
  session.recorder.outcome({
    type: 'notice',
    message: 'outcome unknown: that the target ended the last command could not be confirmed',
  })
  session.logger.warn({ session: session.id, target: session.target.name }, 'session.outcome_unknown')
}

/** Milliseconds that a connection whose statement was ended has to leave by itself. */
const CANCEL_WAIT = 2000
