import type { Writable } from 'node:stream'
import type { PamError } from '../../../shared/errors.ts'
import { isCompressedCall } from '../grpc/call.ts'
import { statusCodes, statusHeaders } from '../grpc/status.ts'
import { AnswerLog } from '../record/answer-log.ts'
import { AnswerBody } from '../session/answer-body.ts'
import { reasonFor } from '../session/reason-for.ts'
import type { UpstreamAnswer } from '../upstream/answer.ts'
import { valueOf, type Header, type Headers } from '../wire/headers.ts'
import { passedAnswerTrailers } from './answer-headers.ts'
import type { RelayParts } from './answer-relay.ts'
import { Tally, type SentMessages } from './call-messages.ts'
import { originOf } from './connect-upstream.ts'
import { credentialRefused } from './credential-refused.ts'
import { ReceivedMessages } from './received-messages.ts'

/** The answer to a call of gRPC, on its way to the client: messages as they come, without the credential, and the status behind them. */
export class CallRelay {
  readonly #parts: RelayParts
  readonly #sent: SentMessages
  readonly #log: AnswerLog
  readonly #received = new Tally()
  #out: Writable | undefined
  /** `grpc-status`, as the client has it. */
  #status: string | undefined

  constructor(parts: RelayParts, sent: SentMessages) {
    this.#parts = parts
    this.#sent = sent
    this.#log = new AnswerLog(parts.session, parts.allowed.decision, 0)
  }

  async pass(answer: UpstreamAnswer): Promise<void> {
    const { exchange, identity } = this.#parts
    const isWhole = answer.isWhole === true
    if (isWhole && Number(valueOf(answer.headers, 'grpc-status')) === statusCodes.UNAUTHENTICATED)
      throw credentialRefused(answer, this.#parts.session)
    const headers = this.#headersOf(answer)
    this.#log.head(answer.status, headers)
    if (isWhole) this.#status = valueOf(headers, 'grpc-status')
    const out = exchange.answer({ status: answer.status, headers, isWhole })
    this.#out = out
    const body = new AnswerBody(out, exchange.left, undefined)
    const messages = new ReceivedMessages(
      isCompressedCall(answer.headers) ? valueOf(answer.headers, 'grpc-encoding') : undefined,
      identity.needles,
    )
    for await (const chunk of answer.body as AsyncIterable<Buffer>)
      for (const bytes of messages.push(chunk)) {
        this.#received.add(bytes)
        this.#received.messages = messages.count
        await body.write(bytes)
      }
    const cut = answer.cutOff?.()
    if (cut !== undefined) throw cut
    messages.end()
    if (!isWhole) this.#trail(passedAnswerTrailers(answer.trailers?.() ?? [], identity))
    body.end()
  }

  /** Ends an answer that has begun with a status; false where it has not. */
  fail(error: PamError): boolean {
    if (this.#out === undefined || this.#parts.exchange.left.aborted) return false
    this.#trail(statusHeaders(reasonFor(error)))
    this.#out.end()
    return true
  }

  /** What has become of it. */
  record(durationMs: number): void {
    const { session, allowed } = this.#parts
    const status = this.#status
    this.#log.messages(this.#sent.tally, this.#received)
    session.recorder.outcome({
      type: 'result',
      command: allowed.decision,
      tag: status === undefined ? undefined : `grpc-status ${status}`,
      rows: 0,
      bytes: this.#received.bytes,
      durationMs: Math.round(durationMs),
      error: status === undefined ? 'no status' : status === '0' ? undefined : `grpc-status ${status}`,
    })
  }

  #trail(trailers: Headers): void {
    this.#status = valueOf(trailers, 'grpc-status')
    if (this.#parts.exchange.trail(trailers)) this.#log.trailers(trailers)
  }

  #headersOf(answer: UpstreamAnswer): Header[] {
    const { allowed, exchange, identity, session, way } = this.#parts
    const place = {
      origin: originOf(session.config),
      target: exchange.request.target,
      needles: identity.needles,
      // A message that comes compressed has other bytes here.
      isChanged: true,
    }
    const passed = way.answerHeaders(answer, place)
    return allowed.approval === undefined ? passed : [...passed, ['x-pam-approval', allowed.approval]]
  }
}
