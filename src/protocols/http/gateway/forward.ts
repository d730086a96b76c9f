import type { Session } from '../../../gateway/engine.ts'
import { isEmptyPlan } from '../../../masking/plan.ts'
import { anySignal } from '../../../shared/any-signal.ts'
import { withCookie } from '../browser/cookies.ts'
import type { BodyRoom } from '../server/body-room.ts'
import type { Exchange } from '../server/exchange.ts'
import type { HttpTarget } from '../target.ts'
import type { UpstreamRequest } from '../upstream/answer.ts'
import { withFinalStatus } from '../upstream/final-status.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { passedTrailers } from '../request/read-headers.ts'
import { announcedTrailers, valueOf, valuesOf, type Header } from '../wire/headers.ts'
import type { AllowedRequest } from './allowed-request.ts'
import { AnswerRelay } from './answer-relay.ts'
import { identityOf, type Identity } from './credential-headers.ts'
import { forwardWebSocket } from './forward-websocket.ts'
import { tellsByNoMatch } from './preconditions.ts'
import type { HttpCommand } from './read-command.ts'
import { watchedBody } from './watched-body.ts'
import type { WayIn } from './way-in.ts'

export interface ForwardParts {
  readonly session: Session<HttpTarget>
  readonly upstream: Upstream
  readonly bodies: BodyRoom
  readonly way: WayIn
}

/** Sends an allowed request with the gateway's credential, and gives its answer to the client as it comes. */
export async function forward(
  allowed: AllowedRequest,
  exchange: Exchange,
  signal: AbortSignal,
  { session, upstream, bodies, way }: ForwardParts,
): Promise<void> {
  const { config, lease } = session
  const identity = identityOf(config.credential, lease)
  const relay = new AnswerRelay({ allowed, identity, exchange, session, way })
  const start = performance.now()
  const { signal: given, release, giveUp } = untilGivenUp(allowed.command, signal)
  const { handshake } = allowed.command
  let isWebSocket = false
  try {
    const { command } = allowed
    if (handshake !== undefined) {
      const answer = await forwardWebSocket({
        allowed,
        handshake,
        identity,
        exchange,
        session,
        upstream,
        bodies,
        signal,
      })
      isWebSocket = answer === undefined
      return answer === undefined ? undefined : await relay.pass(withFinalStatus(answer))
    }
    const body = bodyOf(command, exchange, config.headers, giveUp)
    const { trailers } = command
    const once = allowed.approval !== undefined
    const { method, target, headers } = requestOf(allowed, identity, session)
    const answer = await upstream.send({
      method,
      target,
      headers: [...headers, ...trailerHeader(command)],
      body,
      trailers,
      once,
      signal: given,
    })
    await relay.pass(withFinalStatus(answer))
  } finally {
    release()
    // One that was served has put its own end on record.
    if (!isWebSocket) relay.record(performance.now() - start)
  }
}

interface Patience {
  readonly signal: AbortSignal
  readonly release: () => void
  readonly giveUp: (error: Error) => void
}

/** Of a body that is sent on as it comes somebody may say that it comes too slowly; all others are there. */
function untilGivenUp({ bytes }: HttpCommand, signal: AbortSignal): Patience {
  if (bytes !== undefined) return { signal, release() {}, giveUp() {} }
  const slow = new AbortController()
  return { ...anySignal([signal, slow.signal]), giveUp: (error) => slow.abort(error) }
}

/** Exactly the bytes that were decided on; of a long body, what the client goes on sending. */
function bodyOf(
  { head, bytes }: HttpCommand,
  exchange: Exchange,
  ownHeaders: readonly string[],
  fail: (error: Error) => void,
): UpstreamRequest['body'] {
  if (bytes === undefined) {
    const length = valueOf(head.headers, 'content-length')
    return {
      stream: watchedBody(exchange.body, fail),
      length: length === undefined ? undefined : Number(length),
      trailers: () => passedTrailers(exchange.trailers, ownHeaders),
    }
  }
  const hasBody = bytes.length > 0 || valueOf(head.headers, 'content-length') !== undefined
  return hasBody || /^(?:POST|PUT|PATCH)$/.test(head.method) ? bytes : undefined
}

/** `Trailer`, of what follows the body: that it does is known, or announced for one that comes in chunks. Names that do not pass have been refused. */
function trailerHeader({ head, bytes, trailers }: HttpCommand): Header[] {
  const isInChunks = bytes === undefined && valueOf(head.headers, 'content-length') === undefined
  const names = isInChunks ? announcedTrailers(head.headers) : trailers.map(([name]) => name)
  return names.length === 0 ? [] : [['trailer', [...new Set(names)].join(', ')]]
}

export function requestOf(
  { command: { head, headers } }: AllowedRequest,
  identity: Identity,
  { masking }: Pick<Session, 'masking'>,
): Pick<UpstreamRequest, 'method' | 'target' | 'headers'> {
  const masks = !isEmptyPlan(masking)
  // A part of a secret, or of a value, is not found where it is looked for.
  const isSearched = identity.needles.length > 0 || masks
  const kept = headers.filter(
    (header) => !(isSearched && PARTS.has(header[0])) && !(masks && tellsByNoMatch(head.method, header)),
  )
  const takesTrailers = /\btrailers\b/i.test(valuesOf(head.headers, 'te').join())
  const own: Header[] = [
    ...identity.headers,
    ['accept-encoding', 'identity'],
    ...(takesTrailers ? [['te', 'trailers'] as const] : []),
  ]
  const names = new Set(own.map(([name]) => name))
  // Beside those that the target has given a browser.
  const cookie = valueOf(kept, 'cookie')
  const sent = own.map(([name, value]): Header => [name, name === 'cookie' ? withCookie(cookie, value) : value])
  return { method: head.method, target: head.target, headers: [...kept.filter(([name]) => !names.has(name)), ...sent] }
}

const PARTS = new Set(['range', 'if-range'])
