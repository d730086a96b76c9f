import { request as requestPlain, type IncomingHttpHeaders } from 'node:http'
import { request as requestTls } from 'node:https'

export interface HttpOptions {
  readonly url: string
  /** Read for each call, so that a secret may change. */
  readonly headers?: (() => Readonly<Record<string, string>>) | undefined
  /** PEM of a private authority. */
  readonly ca?: string | undefined
}

/** The other side answered, and not with a 2xx. */
export class HttpFailure extends Error {
  readonly status: number
  /** Of the answer, in milliseconds; where the other side asks to wait so long. */
  readonly retryAfter: number | undefined

  constructor(status: number, retryAfter: number | undefined) {
    super(`the receiver answers ${status}`)
    this.status = status
    this.retryAfter = retryAfter
  }
}

/** The other side did not answer in time. */
class LateAnswer extends Error {
  constructor() {
    super('the receiver does not answer in time')
  }
}

/**
 * POSTs a body and gives back the answer's: its first megabyte, behind which the connection is closed. Throws unless the answer is 2xx, and where all of it
 * takes longer than `maxMs` milliseconds, although bytes come all the time. Redirects are not followed.
 */
export const post = async (
  options: HttpOptions,
  type: string,
  body: string,
  maxMs = MAX_EXCHANGE_MS,
): Promise<string> => (await postForAnswer(options, type, body, { maxMs, maxLength: MAX_ANSWER_LENGTH })).body

/** The same for an answer whose headers count as well; `maxLength` is of its body, in UTF-16 units. */
export function postForAnswer(
  { url, headers, ca }: HttpOptions,
  type: string,
  body: string,
  { maxMs, maxLength }: { readonly maxMs: number; readonly maxLength: number },
): Promise<{ readonly headers: IncomingHttpHeaders; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const request = new URL(url).protocol === 'https:' ? requestTls : requestPlain
    const sent = request(
      url,
      {
        method: 'POST',
        headers: { 'content-type': type, 'content-length': Buffer.byteLength(body), ...headers?.() },
        timeout: TIMEOUT,
        ...(ca === undefined ? {} : { ca }),
      },
      (response) => {
        const { statusCode = 0 } = response
        let answer = ''
        const answered = (): void => {
          if (statusCode >= 200 && statusCode < 300)
            return resolve({ headers: response.headers, body: answer.slice(0, maxLength) })
          const seconds = Number(response.headers['retry-after'])
          reject(new HttpFailure(statusCode, seconds > 0 ? Math.min(seconds * 1000, MAX_RETRY_MS) : undefined))
        }
        response.setEncoding('utf8')
        response.on('data', (text: string) => {
          answer += text
          if (answer.length < maxLength) return
          answered()
          sent.destroy()
        })
        response.on('end', answered)
        response.on('error', reject)
      },
    )
    const deadline = setTimeout(() => sent.destroy(new LateAnswer()), maxMs)
    sent.on('close', () => {
      clearTimeout(deadline)
      // An upgrade that nobody asked for (RFC 9110, section 15.2.2) ends the connection without an error.
      reject(new Error('the receiver closed the connection before it had answered'))
    })
    sent.on('timeout', () => sent.destroy(new LateAnswer()))
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Milliseconds without a byte. */
const TIMEOUT = 10_000
const MAX_EXCHANGE_MS = 60_000
const MAX_RETRY_MS = 86_400_000
const MAX_ANSWER_LENGTH = 1_048_576
