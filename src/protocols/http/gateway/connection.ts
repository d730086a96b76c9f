import { setMaxListeners } from 'node:events'
import type { CommandDraft, Hold, Session, Verdict } from '../../../gateway/engine.ts'
import { sessionEndReason } from '../../../gateway/session-end-reason.ts'
import { targetFailure } from '../../../gateway/target-failure.ts'
import { whileHeld } from '../../../gateway/when-filed.ts'
import { anySignal } from '../../../shared/any-signal.ts'
import { PamError, reasonOf } from '../../../shared/errors.ts'
import { isGrpcCall } from '../grpc/call.ts'
import { problemAnswer } from '../problem.ts'
import type { Exchange } from '../server/exchange.ts'
import type { BodyRoom } from '../server/body-room.ts'
import { HeadTooLarge } from '../server/check-head.ts'
import { readBodyIfShort, type BodyLimits } from '../server/read-body.ts'
import type { RequestHandler } from '../session/session-connection.ts'
import { verdictOn } from '../session/verdict-on.ts'
import { whenWritten } from '../session/when-written.ts'
import type { HttpTarget } from '../target.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { PlainAnswer } from '../wire/http2-frames.ts'
import { forward } from './forward.ts'
import { forwardCall } from './forward-call.ts'
import { answerAccepted, isReserved, type AsyncRequests } from './async-requests.ts'
import { upstreamOf } from './connect-upstream.ts'
import { decideAsync, outliving, type Deferred } from './decide-async.ts'
import { KeptExchange } from './kept-exchange.ts'
import { asyncWaitOf } from './prefer-async.ts'
import { heldMessages } from './held-messages.ts'
import type { HttpCommand } from './read-command.ts'
import { RequestReader } from './request-reader.ts'
import { reasonFor } from '../session/reason-for.ts'
import type { WayIn } from './way-in.ts'

export interface ConnectionParts {
  readonly session: Session<HttpTarget>
  readonly upstream: Upstream
  /** For bodies that are read before the decision, of all sessions. */
  readonly bodies: BodyRoom
  readonly way: WayIn
  /** Requests that go on without their clients; undefined where clients always wait. */
  readonly asyncRequests?: AsyncRequests
  /** Tells the person, beside the client, of a request that is held. */
  readonly tell: (hold: Hold, isAwaited: boolean) => void
  /** Where relative paths of the configuration start. */
  readonly baseDirectory: string
}

/** The requests of one connection: each is read, decided on, put on record, forwarded and answered. */
export class HttpRequests implements RequestHandler {
  readonly #parts: ConnectionParts
  readonly #reader: RequestReader
  #lastLeft: AbortSignal | undefined
  #shared: (Waiting & { readonly left: AbortSignal }) | undefined

  constructor(parts: ConnectionParts) {
    this.#parts = parts
    this.#reader = new RequestReader(parts)
  }

  refusal(error: PamError): PlainAnswer {
    return error instanceof HeadTooLarge ? problemAnswer(reasonFor(error), 431) : problemAnswer(reasonFor(error))
  }

  async serve(exchange: Exchange): Promise<void> {
    const { session, way, asyncRequests } = this.#parts
    const { signal, release } = this.#untilNobodyWaits(exchange.left)
    const room = this.#parts.bodies.for(session.person.id)
    let isDeferred = false
    try {
      signal.throwIfAborted()
      const stranger = way.refusal(exchange)
      if (stranger !== undefined) return way.refuse(exchange, stranger)
      if (asyncRequests !== undefined && isReserved(exchange.request.target))
        return await asyncRequests.serve(exchange, session)
      const { maxBody } = session.configNow()
      const bytes = await this.#bytesOf(exchange, { left: signal, take: room.take, maxBytes: maxBody })
      const { command, draft } = this.#reader.read(exchange, bytes)
      const decided = await this.#decide(draft, exchange, command)
      if ('hold' in decided) {
        isDeferred = true
        this.#defer(decided, command, exchange, room)
        return answerAccepted(exchange, decided.hold.approval, 'pending')
      }
      const { verdict, approval } = decided
      // What is held when the session ends is withdrawn for that.
      if (verdict.type === 'refuse') return way.refuse(exchange, this.#failure(verdict.error))
      await whenWritten(session.recorder, signal)
      const allowed = { command, decision: verdict.id, approval }
      if (command.request?.grpc === undefined) await forward(allowed, exchange, signal, this.#parts)
      else await forwardCall(allowed, exchange, signal, { ...this.#parts, failure: (error) => this.#failure(error) })
    } catch (error) {
      way.refuse(exchange, this.#failure(error))
    } finally {
      if (!isDeferred) room.release()
      release()
    }
  }

  /** Until the session ends or the client has left. Where requests share a signal of their connection, so they do this one. */
  #untilNobodyWaits(left: AbortSignal): Waiting {
    if (this.#shared?.left === left) return this.#shared
    const made = anySignal([this.#parts.session.ended, left])
    if (this.#lastLeft !== left) {
      this.#lastLeft = left
      return made
    }
    setMaxListeners(0, made.signal)
    this.#shared = { left, signal: made.signal, release() {} }
    return this.#shared
  }

  /** What of a body is read before the decision; undefined where it is sent on as it comes. */
  #bytesOf(exchange: Exchange, limits: Omit<BodyLimits, 'maxMs'>): Promise<Buffer | undefined> {
    if (!isGrpcCall(exchange.request)) return readBodyIfShort(exchange, { ...limits, maxMs: BODY_TIMEOUT_MS })
    return heldMessages(exchange, this.#reader.read(exchange, undefined).draft, this.#parts.session, limits)
  }

  async #decide(
    draft: CommandDraft,
    exchange: Exchange,
    { bytes, request, handshake }: HttpCommand,
  ): Promise<{ readonly verdict: Verdict; readonly approval: string | undefined } | Deferred> {
    const { session, tell, asyncRequests } = this.#parts
    const canGoOn = bytes !== undefined && handshake === undefined && request?.grpc === undefined
    const waitMs = canGoOn ? asyncWaitOf(exchange.request.headers) : undefined
    const giveBack = waitMs === undefined ? undefined : asyncRequests?.take(session.person.id)
    if (waitMs !== undefined && asyncRequests !== undefined && giveBack !== undefined) {
      const outlived = outliving(session, giveBack)
      if (outlived !== undefined)
        return decideAsync(draft, outlived, exchange, { asyncRequests, waitMs, ended: session.ended, tell })
    }
    const decision = session.decide(draft)
    if (decision.type !== 'hold') return { verdict: decision, approval: undefined }
    const verdict = await whileHeld(decision, () => tell(decision, true), verdictOn(decision, exchange.left))
    return { verdict, approval: decision.approval }
  }

  /** What was held is sent by the session as such once people agree, and its answer kept. */
  #defer(
    { hold, outlived: { session, release }, asyncRequests }: Deferred,
    command: HttpCommand,
    { request }: Exchange,
    room: { readonly release: () => void },
  ): void {
    const { bodies, way, baseDirectory } = this.#parts
    const { config, lease, limits, ended, recorder } = session
    const { approval } = hold
    asyncRequests.add({
      approval,
      session,
      withdraw: () => hold.withdraw(),
      async run(sent) {
        const verdict = await hold.verdict
        if (verdict.type === 'refuse') throw verdict.error
        sent()
        const upstream = upstreamOf({ config, lease, limits, baseDirectory, ended })
        const kept = new KeptExchange(request, ended, MAX_KEPT)
        try {
          await whenWritten(recorder, ended)
          const parts = { session, upstream, bodies, way }
          await forward({ command, decision: verdict.id, approval }, kept, ended, parts)
          return kept.answered()
        } catch (error) {
          throw failureOf(error, session)
        } finally {
          upstream.close()
        }
      },
      release() {
        room.release()
        release()
      },
    })
  }

  #failure(error: unknown): PamError {
    return failureOf(error, this.#parts.session)
  }
}

interface Waiting {
  readonly signal: AbortSignal
  readonly release: () => void
}

/** Why a request could not be served: what the session ended for comes first. */
function failureOf(error: unknown, { ended, config }: Pick<Session<HttpTarget>, 'ended' | 'config'>): PamError {
  if (ended.aborted) return reasonOf(ended)
  if (error instanceof PamError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  // Behind a connection that was made: what is in front of it, `connectUpstream` has named.
  if (code === 'ECONNRESET' || code === 'EPIPE') return targetLeft('the target closed the connection', error)
  if (code.startsWith('HPE_')) return targetLeft('the target answered with something that is not HTTP', error)
  return code === '' ? sessionEndReason(error) : targetFailure(config.name, error)
}

const targetLeft = (message: string, cause: unknown): PamError =>
  new PamError('TARGET_LEFT', message, { side: 'upstream', cause })

/** Of an answer that nobody waits for. */
const MAX_KEPT = 1024 * 1024
const BODY_TIMEOUT_MS = 60_000
