import type { Session } from '../../../gateway/engine.ts'
import type { StaggeredClose } from '../../../gateway/staggered-close.ts'
import { withTimeout } from '../../../shared/with-timeout.ts'
import { TERMINATE } from '../wire/client-message.ts'
import type { Upstream } from './login/connect-upstream.ts'

/** Resolves when the target has closed the connection. From here on nothing of what it sends is looked at. */
export function upstreamGone({ channel }: Pick<Upstream, 'channel'>): Promise<true> {
  return new Promise((resolve) => {
    channel.handler = { data() {}, drained() {}, ended: () => resolve(true), closed: () => resolve(true) }
  })
}

/**
 * Ends the backend: by a Terminate where it is idle, by a cancel where it works, and from another connection where neither
 * helps. What could not be confirmed is put on record.
 */
export async function endUpstream(
  session: Pick<Session, 'id' | 'recorder' | 'logger' | 'target'>,
  upstream: Pick<Upstream, 'channel' | 'cancel' | 'terminate'>,
  { gone, isIdle, staggeredClose }: { gone: Promise<true>; isIdle: boolean; staggeredClose: StaggeredClose },
): Promise<void> {
  const goodbye = (): void => {
    upstream.channel.resume()
    // A Terminate that waits behind a running query is read once the cancel has ended that.
    upstream.channel.write(TERMINATE)
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

/** Milliseconds that a cancelled backend has to leave by itself before it is terminated. */
const CANCEL_WAIT = 2000
