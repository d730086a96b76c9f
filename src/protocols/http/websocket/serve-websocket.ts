import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Session } from '../../../gateway/engine.ts'
import { isEmptyPlan } from '../../../masking/plan.ts'
import { PamError } from '../../../shared/errors.ts'
import type { SwitchedProtocols, UpstreamAnswer } from '../upstream/answer.ts'
import { duplexLink } from '../upgrade/link.ts'
import type { Header, Headers } from '../wire/headers.ts'
import { ControlFrames, type ControlFrame } from './control-frames.ts'
import { agreedOn, handshakeHeaders, switchingHeaders, type Handshake } from './handshake.ts'
import { MessageLog } from './message-log.ts'
import { WebSocketPeer, type CheckedMessage } from './peer.ts'
import { relayMessages } from './relay.ts'
import { shownMessage } from './shown-message.ts'

export interface WebSocketParts {
  readonly session: Pick<Session, 'masking' | 'hashKeys' | 'recorder' | 'commitment'>
  readonly handshake: Handshake
  /** The decision that it is recorded under. */
  readonly decision: string
  /** Bytes of messages that are kept of each direction. */
  readonly keep: number
  /** Puts stars in the place of what the gateway signs in with. */
  readonly scrub: (bytes: Buffer) => Buffer
  /** Told how many bytes of a message that is not whole each side has in memory. Throw where that are too many. */
  readonly held: { readonly client: (bytes: number) => void; readonly target: (bytes: number) => void }
  /** Sends the request upstream with these headers besides. */
  readonly upgrade: (headers: readonly Header[]) => Promise<UpstreamAnswer | SwitchedProtocols>
  /** Answers the client with status 101. */
  readonly switchProtocols: (headers: Headers) => Duplex
  /** Aborts when the session must end. */
  readonly ended: AbortSignal
}

/**
 * Serves an allowed WebSocket to its end. Where the target does not want to, its answer is returned, which is the client's. Throws where the target
 * agrees to something else, or answers as it would a GET: that is not what was allowed.
 */
export async function serveWebSocket(parts: WebSocketParts): Promise<UpstreamAnswer | undefined> {
  const { handshake, session, scrub, ended, decision, keep, held } = parts
  const started = performance.now()
  const ownKey = randomBytes(16).toString('base64')
  const answer = await parts.upgrade(handshakeHeaders(ownKey))
  if (!('stream' in answer)) {
    if (answer.status >= 300) return answer
    answer.body.destroy()
    throw targetLeft('the target answered the request for a WebSocket as an ordinary HTTP request')
  }
  const agreed = agreedOn(handshake, ownKey, answer.headers)
  if (agreed === undefined || ended.aborted) {
    answer.stream.destroy()
    ended.throwIfAborted()
    throw targetLeft('the target agreed to something other than the requested WebSocket')
  }
  const log = new MessageLog({ session, command: decision, limit: keep })
  const controls = new ControlFrames({ isMasking: !isEmptyPlan(session.masking), scrub })
  const target = duplexLink(answer.stream)
  const client = duplexLink(parts.switchProtocols(switchingHeaders(handshake, agreed.subprotocol)))
  const end = await relayMessages({
    recorder: session.recorder,
    log,
    client: new WebSocketPeer({ link: client, peer: 'client', maxBytes: MAX_MESSAGE, held: held.client }),
    target: new WebSocketPeer({ link: target, peer: 'server', maxBytes: MAX_MESSAGE, held: held.target }),
    pass: (message) => (isControl(message) ? controls.fromClient(message) : message),
    show: (message) => (isControl(message) ? controls.fromTarget(message) : shownMessage(message, { session, scrub })),
    ended,
  })
  try {
    log.end({ ...end, durationMs: performance.now() - started })
  } catch {
    // The record has failed: the session is ending for that.
  }
  return undefined
}

const isControl = (message: CheckedMessage): message is ControlFrame =>
  message.type === 'ping' || message.type === 'pong'

const targetLeft = (message: string): PamError => new PamError('TARGET_LEFT', message, { side: 'upstream' })

/** Messages are looked at as a whole. */
const MAX_MESSAGE = 4 * 1024 * 1024
