import type { Session } from '../../../gateway/engine.ts'
import { PamError } from '../../../shared/errors.ts'
import { inSlices } from '../../../shared/slices.ts'
import { answerMasker, type AnswerKind } from '../masking/answer-masker.ts'
import { masking, STEP_BYTES, type AnswerMasker } from '../masking/masker.ts'
import { AnswerLog } from '../record/answer-log.ts'
import type { Exchange } from '../server/exchange.ts'
import { AnswerBody } from '../session/answer-body.ts'
import { readPieces } from '../session/read-pieces.ts'
import type { HttpTarget } from '../target.ts'
import type { UpstreamAnswer } from '../upstream/answer.ts'
import { announcedTrailers, isBodiless, valueOf, valuesOf, type Header } from '../wire/headers.ts'
import { maskHeaders, passedAnswerTrailers } from './answer-headers.ts'
import { originOf } from './connect-upstream.ts'
import { decoded, encodingOf } from './decoded-body.ts'
import type { Identity } from './credential-headers.ts'
import { credentialRefused } from './credential-refused.ts'
import type { AllowedRequest } from './allowed-request.ts'
import { SecretScrubber } from './secret-scrubber.ts'
import type { WayIn } from './way-in.ts'

export interface RelayParts {
  readonly allowed: AllowedRequest
  readonly identity: Identity
  readonly exchange: Exchange
  readonly session: Session<HttpTarget>
  readonly way: Pick<WayIn, 'answerHeaders'>
}

/** The target's answer to one request, on its way to the client. */
export class AnswerRelay {
  readonly #parts: RelayParts
  readonly #log: AnswerLog
  #status: number | undefined
  #body: AnswerBody | undefined

  constructor(parts: RelayParts) {
    const { allowed, session } = parts
    this.#parts = parts
    this.#log = new AnswerLog(session, allowed.decision, session.config.recordBodies)
  }

  /** As it comes, without what the gateway signs in with, and with what rules want hidden. */
  async pass(answer: UpstreamAnswer): Promise<void> {
    const { exchange, identity } = this.#parts
    this.#status = answer.status
    if (answer.status === 401) throw credentialRefused(answer, this.#parts.session)
    const hasBody =
      !isBodiless(exchange.request.method, answer.status) && valueOf(answer.headers, 'content-length') !== '0'
    const encoding = hasBody ? encodingOf(answer) : undefined
    const masker = hasBody ? this.#maskerOf(answer) : undefined
    const isChanged = hasBody ? encoding !== undefined || masker?.changes === true : this.#wouldChange(answer)
    const passed = this.#headersOf(answer, isChanged)
    const mayTrail = hasBody && !passed.some(([name]) => name === 'content-length')
    const headers = mayTrail ? [...passed, ...this.#trailerHeader(answer)] : passed
    /** Not before something of the body can be shown: until then the client can be told why it is not. */
    const start = (): AnswerBody => {
      if (this.#body !== undefined) return this.#body
      this.#log.head(answer.status, headers)
      const out = exchange.answer({ status: answer.status, headers })
      this.#body = new AnswerBody(out, exchange.left, this.#log)
      return this.#body
    }
    if (masker === undefined || masker.isLive) start()
    const scrubber = new SecretScrubber(identity.needles)
    const passOn = (shown: Buffer): Promise<void> | undefined =>
      shown.length === 0 || start().push(shown) ? undefined : start().drained()
    await readPieces(decoded(answer.body, encoding), (chunk) => {
      const clean = scrubber.push(chunk)
      // A short piece may end a long event.
      if (masker !== undefined && (clean.length > STEP_BYTES || masker.maskInSteps !== undefined))
        return inSlices(masking(masker, clean), 1).then((masked) => passOn(masked))
      return passOn(masker === undefined ? clean : masker.mask(clean))
    })
    const cut = answer.cutOff?.()
    if (cut !== undefined) throw cut
    const rest = scrubber.end()
    const last = masker === undefined ? rest : Buffer.concat([masker.mask(rest), masker.end()])
    const body = start()
    if (!body.push(last)) await body.drained()
    const trailers = maskHeaders(passedAnswerTrailers(answer.trailers?.() ?? [], identity), this.#parts.session)
    if (exchange.trail(trailers)) this.#log.trailers(trailers)
    body.end()
  }

  /** What has become of it. */
  record(durationMs: number): void {
    const status = this.#status
    this.#log.end()
    this.#parts.session.recorder.outcome({
      type: 'result',
      command: this.#parts.allowed.decision,
      tag: status === undefined ? undefined : String(status),
      rows: 0,
      bytes: this.#body?.bytes ?? 0,
      durationMs: Math.round(durationMs),
      error: status === undefined ? 'no answer' : status >= 400 ? String(status) : undefined,
    })
  }

  #maskerOf(answer: UpstreamAnswer): AnswerMasker | undefined {
    const { session } = this.#parts
    const masker = answerMasker(this.#kindOf(answer), session)
    if (masker === 'as it is') return undefined
    if ('refuse' in masker) {
      answer.body.destroy()
      throw new PamError('MASKING_REFUSED', masker.refuse, { side: 'upstream' })
    }
    return masker
  }

  /** What is said of a body that is not there, as to HEAD, must not tell more than the body would. */
  #wouldChange(answer: UpstreamAnswer): boolean {
    const masker = answerMasker(this.#kindOf(answer), this.#parts.session)
    if (valuesOf(answer.headers, 'content-encoding').some((value) => value.toLowerCase() !== 'identity')) return true
    return masker !== 'as it is' && ('refuse' in masker || masker.changes)
  }

  #kindOf({ status, headers }: UpstreamAnswer): AnswerKind {
    const { request, facts } = this.#parts.allowed.command
    const [{ described }] = facts.statements
    return {
      status,
      contentTypes: valuesOf(headers, 'content-type'),
      request: { segments: request?.segments, described },
    }
  }

  /** `Trailer`, of those that the client may have. */
  #trailerHeader({ headers }: UpstreamAnswer): Header[] {
    const announced = announcedTrailers(headers).map((name): Header => [name, ''])
    const names = maskHeaders(passedAnswerTrailers(announced, this.#parts.identity), this.#parts.session)
    return names.length === 0 ? [] : [['trailer', names.map(([name]) => name).join(', ')]]
  }

  #headersOf(answer: UpstreamAnswer, isChanged: boolean): Header[] {
    const { allowed, exchange, identity, session, way } = this.#parts
    const { target } = exchange.request
    const place = { origin: originOf(session.config), target, needles: identity.needles, isChanged }
    try {
      const passed = way.answerHeaders(answer, place)
      const shown = maskHeaders(passed, session)
      return allowed.approval === undefined ? shown : [...shown, ['x-pam-approval', allowed.approval]]
    } catch (error) {
      answer.body.destroy()
      throw error
    }
  }
}
