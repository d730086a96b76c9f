import type { Session } from '../../../gateway/engine.ts'
import { AnswerLog } from '../record/answer-log.ts'
import type { BodyRoom } from '../server/body-room.ts'
import type { Exchange } from '../server/exchange.ts'
import type { HttpTarget } from '../target.ts'
import type { UpstreamAnswer } from '../upstream/answer.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Handshake } from '../websocket/handshake.ts'
import { serveWebSocket } from '../websocket/serve-websocket.ts'
import type { Header } from '../wire/headers.ts'
import type { AllowedRequest } from './allowed-request.ts'
import type { Identity } from './credential-headers.ts'
import { SecretScrubber } from './secret-scrubber.ts'

export interface WebSocketForwarding {
  readonly allowed: AllowedRequest
  readonly handshake: Handshake
  readonly identity: Identity
  readonly exchange: Exchange
  readonly session: Session<HttpTarget>
  readonly upstream: Upstream
  readonly bodies: BodyRoom
  readonly signal: AbortSignal
}

/** An allowed WebSocket to its end. Where the target wants none, its answer is returned. */
export async function forwardWebSocket(parts: WebSocketForwarding): Promise<UpstreamAnswer | undefined> {
  const { allowed, handshake, identity, exchange, session, upstream, bodies, signal } = parts
  const { head, headers } = allowed.command
  const [fromClient, fromTarget] = [bodies.for(session.person.id), bodies.for(session.person.id)]
  const own = new Set(identity.headers.map(([name]) => name))
  try {
    return await serveWebSocket({
      session,
      handshake,
      decision: allowed.decision,
      keep: session.config.recordBodies,
      scrub: (bytes) => scrubbed(bytes, identity),
      held: { client: (bytes) => hold(fromClient, bytes), target: (bytes) => hold(fromTarget, bytes) },
      upgrade: (handshakeHeaders) =>
        upstream.switchProtocols(
          {
            method: head.method,
            target: head.target,
            headers: [...headers.filter(([name]) => !own.has(name)), ...identity.headers, ...handshakeHeaders],
            body: undefined,
            signal,
          },
          'websocket',
        ),
      switchProtocols(agreed) {
        const answer: Header[] =
          allowed.approval === undefined ? [...agreed] : [...agreed, ['x-pam-approval', allowed.approval]]
        new AnswerLog(session, allowed.decision, 0).head(101, answer)
        return exchange.switchProtocols(answer)
      },
      ended: signal,
    })
  } finally {
    fromClient.release()
    fromTarget.release()
  }
}

/** All that is held now, in place of what was. */
function hold(room: ReturnType<BodyRoom['for']>, bytes: number): void {
  room.release()
  room.take(bytes)
}

function scrubbed(bytes: Buffer, { needles }: Identity): Buffer {
  if (needles.length === 0) return bytes
  const scrubber = new SecretScrubber(needles)
  return Buffer.concat([scrubber.push(bytes), scrubber.end()])
}
