import type { Session } from '../../../gateway/engine.ts'
import { isEmptyPlan } from '../../../masking/plan.ts'
import { PamError } from '../../../shared/errors.ts'
import { inSlices } from '../../../shared/slices.ts'
import { maskedMessage } from '../masking/answer-masker.ts'
import type { WebSocketClose } from '../wire/websocket-close.ts'
import type { CheckedMessage } from './peer.ts'

/** All but pings and pongs. */
export type SaidMessage = Exclude<CheckedMessage, { readonly type: 'ping' | 'pong' }>

export interface ShownMessageParts {
  readonly session: Pick<Session, 'masking' | 'hashKeys'>
  /** Puts stars in the place of what the gateway signs in with. */
  readonly scrub: (bytes: Buffer) => Buffer
}

/**
 * A message of the target as the client may have it: without what the gateway signs in with, and with what rules want hidden. Each message is looked
 * at by itself. Throws where values are masked and what is in it cannot be read.
 */
export async function shownMessage(message: SaidMessage, { session, scrub }: ShownMessageParts): Promise<SaidMessage> {
  if (message.type === 'close') return shownClose(message, { session, scrub })
  const payload = scrub(message.payload)
  if (isEmptyPlan(session.masking)) return { type: message.type, payload }
  if (message.type === 'text')
    return { type: 'text', payload: Buffer.from(await masked(payload.toString('utf8'), session)) }
  throw new PamError('MASKING_REFUSED', 'values are masked here, which is not supported in binary messages', {
    side: 'upstream',
  })
}

async function shownClose({ code, reason }: WebSocketClose, parts: ShownMessageParts): Promise<SaidMessage> {
  const { session, scrub } = parts
  const clean = scrub(Buffer.from(reason)).toString('utf8')
  return { type: 'close', code, reason: isEmptyPlan(session.masking) ? clean : await masked(clean, session) }
}

/** Whatever path it was opened for: fields of every route and operation are looked for. */
const masked = (text: string, session: ShownMessageParts['session']): Promise<string> =>
  inSlices(maskedMessage(text, ANY_REQUEST, session), 1)
const ANY_REQUEST = { segments: undefined, described: undefined }
