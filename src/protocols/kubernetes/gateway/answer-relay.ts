import type { Session } from '../../../gateway/engine.ts'
import { PamError, reasonOf } from '../../../shared/errors.ts'
import type { Exchange } from '../../http/server/exchange.ts'
import type { UpstreamAnswer } from '../../http/upstream/answer.ts'
import { statusOf } from '../status.ts'
import type { KubernetesTarget } from '../target.ts'
import { AnswerBody } from '../../http/session/answer-body.ts'
import { answerRecord, type AnswerRecord } from '../record/answer-record.ts'
import { passesWarnings } from '../masking/response-masker.ts'
import { passedAnswerHeaders } from './answer-headers.ts'
import { answerMasking } from './answer-masking.ts'
import type { KubernetesCommand } from './read-command.ts'
import { reasonFor } from '../../http/session/reason-for.ts'

/** A request that may go on, by a decision that is on record. */
export interface AllowedRequest {
  readonly command: KubernetesCommand
  readonly decision: string
  /** What a client that has waited for it is told beside the answer. */
  readonly warning: string | undefined
}

/** The API server's answer to one request, on its way to the client. */
export class AnswerRelay {
  readonly #allowed: AllowedRequest
  readonly #exchange: Exchange
  readonly #session: Session<KubernetesTarget>
  #status: number | undefined
  #body: AnswerBody | undefined
  #kept: AnswerRecord | undefined

  constructor(allowed: AllowedRequest, exchange: Exchange, session: Session<KubernetesTarget>) {
    this.#allowed = allowed
    this.#exchange = exchange
    this.#session = session
  }

  /** As it comes, with what rules want hidden. */
  async pass(answer: UpstreamAnswer): Promise<void> {
    this.#status = answer.status
    if (answer.status === 401) throw this.#credentialRefused(answer)
    const { command, warning } = this.#allowed
    const masking = answerMasking(command, answer, this.#session)
    const { request } = command
    const warns = request === undefined || passesWarnings(request, this.#session.masking)
    const headers = passedAnswerHeaders(answer.headers, masking !== undefined).filter(
      ([name]) => warns || name !== 'warning',
    )
    // Shown to people by kubectl (RFC 7234, section 5.5).
    if (warning !== undefined) headers.push(['warning', `299 pamctl ${JSON.stringify(warning)}`])
    this.#kept =
      request === undefined
        ? undefined
        : answerRecord({
            session: this.#session,
            request,
            decision: this.#allowed.decision,
            headers: answer.headers,
            limit: this.#session.config.recordAnswers,
          })
    const out = this.#exchange.answer({ status: answer.status, headers })
    const body = new AnswerBody(out, this.#exchange.left, this.#kept)
    this.#body = body
    const through = masking?.(body) ?? body
    for await (const chunk of answer.body as AsyncIterable<Buffer>) await through.write(chunk)
    const cut = answer.cutOff?.()
    if (cut !== undefined) throw cut
    if (through !== body) await through.end()
    body.end()
  }

  /** The client of a watch is told why it ends by an event, where it has read nothing half. False where it cannot be. */
  tellWatcher(): boolean {
    const { ended } = this.#session
    const body = this.#body
    if (!ended.aborted || this.#allowed.command.request?.verb !== 'watch' || body?.endsLine !== true) return false
    body.end(`${JSON.stringify({ type: 'ERROR', object: statusOf(reasonFor(reasonOf(ended))) })}\n`)
    return true
  }

  /** What has become of it. */
  record(durationMs: number): void {
    const status = this.#status
    this.#kept?.end()
    this.#session.recorder.outcome({
      type: 'result',
      command: this.#allowed.decision,
      tag: status === undefined ? undefined : String(status),
      rows: 0,
      bytes: this.#body?.bytes ?? 0,
      durationMs: Math.round(durationMs),
      error: status === undefined ? 'no answer' : status >= 400 ? String(status) : undefined,
    })
  }

  /** It is not the client who has to sign in. */
  #credentialRefused({ body }: UpstreamAnswer): PamError {
    const { config, logger } = this.#session
    body.destroy()
    logger.warn({ target: config.name }, 'target.credential_refused')
    return new PamError('TARGET_CREDENTIAL', `${config.name} did not accept the gateway's credential`, {
      side: 'upstream',
      hint: 'contact your administrator',
    })
  }
}
