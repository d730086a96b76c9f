import type { Session } from '../../../gateway/engine.ts'
import type { PamError } from '../../../shared/errors.ts'
import { isCompressedCall, isGrpcType } from '../grpc/call.ts'
import type { Exchange } from '../server/exchange.ts'
import type { HttpTarget } from '../target.ts'
import type { UpstreamRequest } from '../upstream/answer.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { valueOf, type Header } from '../wire/headers.ts'
import type { AllowedRequest } from './allowed-request.ts'
import { AnswerRelay } from './answer-relay.ts'
import { SentMessages } from './call-messages.ts'
import { CallRelay } from './call-relay.ts'
import { identityOf } from './credential-headers.ts'
import { requestOf } from './forward.ts'
import type { WayIn } from './way-in.ts'

export interface CallParts {
  readonly session: Session<HttpTarget>
  readonly upstream: Upstream
  readonly way: WayIn
  /** What a client is told of an error. */
  readonly failure: (error: unknown) => PamError
}

/** An allowed call of gRPC to its end: its messages in both directions as they come, and the status at their end. */
export async function forwardCall(
  allowed: AllowedRequest,
  exchange: Exchange,
  signal: AbortSignal,
  { session, upstream, way, failure }: CallParts,
): Promise<void> {
  const { command } = allowed
  const identity = identityOf(session.config.credential, session.lease)
  const sent = new SentMessages(isCompressedCall(command.head.headers))
  const parts = { allowed, identity, exchange, session, way }
  const call = new CallRelay(parts, sent)
  const start = performance.now()
  let relay: CallRelay | AnswerRelay = call
  try {
    const { method, target, headers } = requestOf(allowed, identity, session)
    const answer = await upstream.send({
      method,
      target,
      headers: [...headers.filter(([name]) => name !== 'te'), ...OWN],
      body: bodyOf(allowed, exchange, sent),
      needsHttp2: true,
      signal,
    })
    // Something in front of the service has answered.
    if (answer.status !== 200 || !isGrpcType(valueOf(answer.headers, 'content-type'))) relay = new AnswerRelay(parts)
    await relay.pass(answer)
  } catch (error) {
    if (relay !== call || !call.fail(failure(error))) throw error
  } finally {
    relay.record(performance.now() - start)
  }
}

/** Exactly the messages that were decided on, where they were; otherwise as the client sends them. */
function bodyOf(
  { command: { bytes } }: AllowedRequest,
  exchange: Exchange,
  sent: SentMessages,
): UpstreamRequest['body'] {
  if (bytes === undefined)
    return { stream: sent.follow(exchange.body), length: undefined, trailers: () => sent.trailers(exchange.trailers) }
  sent.push(bytes)
  return bytes
}

/** Messages of the answer are searched for the gateway's credential, so none is to be compressed. */
const OWN: readonly Header[] = [
  ['te', 'trailers'],
  ['grpc-accept-encoding', 'identity'],
]
