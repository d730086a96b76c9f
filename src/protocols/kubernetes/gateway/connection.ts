import type { CommandDraft, Verdict } from '../../../gateway/engine.ts'
import { sessionEndReason } from '../../../gateway/session-end-reason.ts'
import { targetFailure } from '../../../gateway/target-failure.ts'
import { whileHeld } from '../../../gateway/when-filed.ts'
import { anySignal } from '../../../shared/any-signal.ts'
import { PamError, reasonOf } from '../../../shared/errors.ts'
import type { Exchange } from '../../http/server/exchange.ts'
import { readBody } from '../../http/server/read-body.ts'
import type { RequestHandler } from '../../http/session/session-connection.ts'
import { whenWritten } from '../../http/session/when-written.ts'
import { statusAnswer } from '../status.ts'
import { draftOf, portDraftOf } from './command-draft.ts'
import type { ConnectionParts } from './connection-parts.ts'
import { forward } from './forward.ts'
import { verdictOn } from './hold.ts'
import { withImmutability } from './look-up-immutable.ts'
import { withPlace } from './look-up-place.ts'
import { readCommand, type KubernetesCommand } from './read-command.ts'
import { reasonFor } from '../../http/session/reason-for.ts'
import { refuseExchange } from './refuse.ts'

/** The requests of one connection: each is read, decided on, put on record, forwarded and answered. */
export class KubernetesConnection implements RequestHandler {
  readonly #parts: Omit<ConnectionParts, 'decidePort'>

  constructor(parts: Omit<ConnectionParts, 'decidePort'>) {
    this.#parts = parts
  }

  refusal(error: PamError): ReturnType<typeof statusAnswer> {
    return statusAnswer(reasonFor(error))
  }

  async serve(exchange: Exchange): Promise<void> {
    const { session } = this.#parts
    const { signal, release } = anySignal([session.ended, exchange.left])
    const room = this.#parts.bodies.for(session.person.id)
    try {
      signal.throwIfAborted()
      const body = await readBody(exchange.body, {
        maxBytes: Math.min(session.limits.statementBytes, MAX_BODY),
        maxMs: BODY_TIMEOUT_MS,
        left: signal,
        take: room.take,
      })
      const read = async (): Promise<KubernetesCommand> =>
        withImmutability(
          await withPlace(await readCommand(exchange, body, this.#parts.reader, this.#parts.port), this.#parts, signal),
          this.#parts,
          signal,
        )
      const command = this.#unlessRefused(await read())
      const draft = draftOf(command, session, read)
      const { verdict, warning } = await this.#decide(draft, exchange.left, command.timeoutMs)
      if (verdict.type === 'refuse') {
        this.#remember(command, verdict.error)
        // What is held when the session ends is withdrawn for that.
        return refuseExchange(exchange, this.#failure(verdict.error))
      }
      await whenWritten(session.recorder, signal)
      await forward({ command, decision: verdict.id, warning }, exchange, signal, {
        ...this.#parts,
        decidePort: async (of, port, left) =>
          (await this.#decide(portDraftOf(of, port, session), left, undefined)).verdict,
      })
    } catch (error) {
      refuseExchange(exchange, this.#failure(error))
    } finally {
      room.release()
      release()
    }
  }

  /** What people have refused over a WebSocket is not asked again where the client falls back to SPDY. */
  #remember({ head, transport }: KubernetesCommand, error: PamError): void {
    if (transport?.protocol !== 'websocket' || !/^(HOLD|APPROVAL)_/.test(error.code)) return
    this.#parts.attempts.refused(this.#parts.session.id, head.target, head.headers, error)
  }

  #unlessRefused(command: KubernetesCommand): KubernetesCommand {
    const { head, transport, refusal } = command
    if (transport?.protocol !== 'SPDY/3.1' || refusal !== undefined) return command
    const earlier = this.#parts.attempts.take(this.#parts.session.id, head.target, head.headers)
    return earlier === undefined ? command : { ...command, refusal: earlier }
  }

  /** `warning`: what a client that has waited is told beside the answer. */
  async #decide(
    draft: CommandDraft,
    left: AbortSignal,
    timeoutMs: number | undefined,
  ): Promise<{ readonly verdict: Verdict; readonly warning: string | undefined }> {
    const { session, tell } = this.#parts
    const decision = session.decide(draft)
    if (decision.type !== 'hold') return { verdict: decision, warning: undefined }
    const verdict = await whileHeld(decision, () => tell(decision.notice), verdictOn(decision, left, timeoutMs))
    return { verdict, warning: `approved: ${decision.approval}` }
  }

  /** Why a request could not be served: what the session ended for comes first. */
  #failure(error: unknown): PamError {
    const { ended, config } = this.#parts.session
    if (ended.aborted) return reasonOf(ended)
    if (error instanceof PamError) return error
    const isNetwork = error instanceof Error && 'code' in error && typeof error.code === 'string'
    return isNetwork ? targetFailure(config.name, error) : sessionEndReason(error)
  }
}

/** What the API server takes (MaxRequestBodyBytes). */
const MAX_BODY = 3 * 1024 * 1024
const BODY_TIMEOUT_MS = 60_000
