import { looksLikeId, type IdPrefix } from '../shared/id.ts'
import type { TunnelFrame } from '../tunnel/web-socket-channel.ts'
import type { HoldEvent } from './control-messages.ts'

/** What a frame of the gateway says of a held command; undefined where it says something else. */
export function holdEventOf(frame: TunnelFrame, target: string): HoldEvent | undefined {
  const { type, code, id: session, approval } = frame
  const state = code === 'HOLD_FILED' ? 'filed' : code === 'HOLD_SETTLED' ? 'settled' : undefined
  if (type !== 'notice' || state === undefined) return undefined
  // From another machine: the id becomes the name of a file.
  return isWholeId(session, 'ses') && isWholeId(approval, 'apr') ? { target, session, approval, state } : undefined
}

const isWholeId = (text: unknown, prefix: IdPrefix): text is string =>
  typeof text === 'string' && text.length === ID_LENGTH && looksLikeId(text, [prefix])
const ID_LENGTH = 17
