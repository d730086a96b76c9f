import type { Session } from '../../../gateway/engine.ts'
import { MaskedOutput, PIPE_DELAY_MS } from '../../../host/output/masked-output.ts'
import { StreamMasking } from '../../../host/output/stream-masking.ts'
import { isEmptyPlan } from '../../../masking/plan.ts'
import { PamError } from '../../../shared/errors.ts'
import type { UpstreamAnswer } from '../../http/upstream/answer.ts'
import { valueOf, type Header, type Headers } from '../../http/wire/headers.ts'
import { responseMasker, UnmaskableAnswer, type ResponseMasker } from '../masking/response-masker.ts'
import { refusedByMasking } from '../masking/write-guard.ts'
import { acceptJson } from '../request/accept.ts'
import type { AnswerBody } from '../../http/session/answer-body.ts'
import type { KubernetesCommand } from './read-command.ts'

type Masking = Pick<Session, 'masking' | 'hashKeys'>

/** Why a request is refused for what is masked, before anything of it runs. */
export function maskingRefusal(
  { request, body, head }: KubernetesCommand,
  { masking, hashKeys }: Masking,
): PamError | undefined {
  if (request === undefined || isEmptyPlan(masking)) return undefined
  const reason = refusedByMasking(request, body, masking)
  if (reason !== undefined) return new PamError('MASKING_REFUSED', reason)
  const masker = responseMasker(request, masking, hashKeys, 'application/json')
  if (typeof masker === 'object' && 'refuse' in masker) return new PamError('MASKING_REFUSED', masker.refuse)
  if (masker === 'as it is' || request.subresource === 'log' || acceptJson(acceptOf(head.headers)) !== undefined)
    return undefined
  return new PamError('MASKING_REFUSED', 'values are masked here, which is supported only in JSON', {
    hint: 'ask for application/json',
  })
}

/** What a client accepts, where the answer is masked: nothing that is not read here, and nothing compressed. */
export function maskableHeaders(headers: Headers, { request }: KubernetesCommand, masking: Masking): Header[] {
  if (request === undefined || isEmptyPlan(masking.masking)) return [...headers]
  if (responseMasker(request, masking.masking, masking.hashKeys, 'application/json') === 'as it is') return [...headers]
  const accept = acceptOf(headers)
  const kept = headers.filter(([name]) => !CHANGED.has(name))
  const wanted = request.subresource === 'log' ? accept : acceptJson(accept)
  return [...kept, ...(wanted === undefined ? [] : [['accept', wanted] as const]), ['accept-encoding', 'identity']]
}

const acceptOf = (headers: Headers): string | undefined =>
  headers
    .filter(([name]) => name === 'accept')
    .map(([, value]) => value)
    .join(', ') || undefined

/** How the body of an answer is masked; undefined where it passes as it is. Throws where that cannot be done. */
export function answerMasking(
  command: KubernetesCommand,
  answer: UpstreamAnswer,
  { masking, hashKeys }: Masking,
): ((body: AnswerBody) => MaskedBody) | undefined {
  const { request } = command
  if (request === undefined || isEmptyPlan(masking)) return undefined
  const contentType = valueOf(answer.headers, 'content-type')
  const isLog = request.subresource === 'log' && (contentType ?? '').startsWith('text/plain')
  if (isLog && masking.kinds.length === 0) return undefined
  if (isLog) return (body) => new MaskedLog(body, { masking, hashKeys })
  const masker = responseMasker(request, masking, hashKeys, contentType)
  if (masker === 'as it is') return undefined
  const encoding = valueOf(answer.headers, 'content-encoding')
  if (encoding !== undefined && encoding !== 'identity')
    throw new PamError('MASKING_REFUSED', 'the target sent a compressed body', { side: 'upstream' })
  if ('refuse' in masker) throw new PamError('MASKING_REFUSED', masker.refuse, { side: 'upstream' })
  return (body) => new MaskedObjects(body, masker)
}

/** A body on its way through masking. */
export interface MaskedBody {
  write(chunk: Buffer): Promise<void>
  /** What was held back for more goes out. */
  end(): Promise<void>
}

class MaskedObjects implements MaskedBody {
  readonly #body: AnswerBody
  readonly #masker: ResponseMasker

  constructor(body: AnswerBody, masker: ResponseMasker) {
    this.#body = body
    this.#masker = masker
  }

  async write(chunk: Buffer): Promise<void> {
    await this.#body.write(readable(() => this.#masker.mask(chunk)))
  }

  async end(): Promise<void> {
    await this.#body.write(readable(() => this.#masker.end()))
  }
}

function readable(mask: () => Buffer): Buffer {
  try {
    return mask()
  } catch (error) {
    if (error instanceof UnmaskableAnswer) throw new PamError('MASKING_REFUSED', error.message, { side: 'upstream' })
    throw error
  }
}

/** What a container has written, which comes when it comes: what may be the beginning of a value does not wait for ever. */
class MaskedLog implements MaskedBody {
  readonly #body: AnswerBody
  readonly #output: MaskedOutput

  constructor(body: AnswerBody, { masking, hashKeys }: Masking) {
    this.#body = body
    this.#output = new MaskedOutput({
      masking: new StreamMasking({ kinds: masking.kinds, keys: hashKeys, keepWidth: false }),
      typed: undefined,
      delay: PIPE_DELAY_MS,
      write: (bytes) => body.push(bytes),
    })
  }

  async write(chunk: Buffer): Promise<void> {
    if (!this.#output.push(chunk)) await this.#body.drained()
  }

  end(): Promise<void> {
    this.#output.end()
    return Promise.resolve()
  }
}

const CHANGED = new Set(['accept', 'accept-encoding', 'if-none-match', 'if-modified-since'])
