import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { Session } from '../../../gateway/engine.ts'
import { PamError } from '../../../shared/errors.ts'
import { answerMasker, maskHeader, type AnswerMasker } from '../masking/answer-masker.ts'
import { AnswerLog } from '../record/answer-log.ts'
import type { Exchange } from '../server/exchange.ts'
import { AnswerBody } from '../session/answer-body.ts'
import type { HttpTarget } from '../target.ts'
import type { UpstreamAnswer } from '../upstream/answer.ts'
import { isBodiless, valueOf, type Header } from '../wire/headers.ts'
import { passedAnswerTrailers } from './answer-headers.ts'
import { originOf } from './connect-upstream.ts'
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
    const headers = this.#headersOf(answer, encoding !== undefined || masker !== undefined)
    this.#log.head(answer.status, headers)
    const body = new AnswerBody(exchange.answer({ status: answer.status, headers }), exchange.left, this.#log)
    this.#body = body
    const scrubber = new SecretScrubber(identity.needles)
    for await (const chunk of decoded(answer.body, encoding)) {
      const clean = scrubber.push(chunk)
      await body.write(masker === undefined ? clean : masker.mask(clean))
    }
    const cut = answer.cutOff?.()
    if (cut !== undefined) throw cut
    const rest = scrubber.end()
    await body.write(masker === undefined ? rest : Buffer.concat([masker.mask(rest), masker.end()]))
    const trailers = passedAnswerTrailers(answer.trailers?.() ?? [], identity).map(([name, value]): Header => [
      name,
      maskHeader(value, this.#parts.session),
    ])
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
    const masker = answerMasker(valueOf(answer.headers, 'content-type'), this.#parts.session)
    if (masker === 'as it is') return undefined
    if ('refuse' in masker) {
      answer.body.destroy()
      throw new PamError('MASKING_REFUSED', masker.refuse, { side: 'upstream' })
    }
    return masker
  }

  #headersOf(answer: UpstreamAnswer, isChanged: boolean): Header[] {
    const { allowed, exchange, identity, session, way } = this.#parts
    const { target } = exchange.request
    const place = { origin: originOf(session.config), target, needles: identity.needles, isChanged }
    try {
      const passed = way.answerHeaders(answer, place)
      const shown = passed.map(([name, value]): Header => [name, maskHeader(value, session)])
      return allowed.approval === undefined ? shown : [...shown, ['x-pam-approval', allowed.approval]]
    } catch (error) {
      answer.body.destroy()
      throw error
    }
  }
}

/** How a body is compressed although nobody has asked for that; undefined where it is not. */
function encodingOf({ headers, body }: UpstreamAnswer): Encoding | undefined {
  const encoding = (valueOf(headers, 'content-encoding') ?? 'identity').toLowerCase()
  if (encoding === 'identity' || encoding === '') return undefined
  if (Object.hasOwn(DECODERS, encoding)) return encoding as Encoding
  body.destroy()
  throw new PamError('FEATURE_REFUSED', 'the target answered in an encoding that was not asked for', {
    side: 'upstream',
  })
}

function decoded(body: Readable, encoding: Encoding | undefined): AsyncIterable<Buffer> {
  if (encoding === undefined) return body as AsyncIterable<Buffer>
  const decoder = DECODERS[encoding]()
  body.once('error', (error) => decoder.destroy(error))
  return body.pipe(decoder) as AsyncIterable<Buffer>
}

const DECODERS = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  br: () => createBrotliDecompress(),
  deflate: () => createInflate(),
} as const
type Encoding = keyof typeof DECODERS
