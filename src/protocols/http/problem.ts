import { errorCodes, type ErrorCode } from '../../shared/error-codes.ts'
import type { PlainAnswer } from './wire/http2-frames.ts'
import { mapValues } from '../../shared/records.ts'

/** Why something is refused, in texts that move no cursor. */
export interface ProblemReason {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string | undefined
  readonly id?: string | undefined
}

/** As RFC 9457 has it and the gateway's own API answers: with its code, what to do next, and the id to ask about. */
export function problemAnswer(
  { code, message, hint, id }: ProblemReason,
  status: number = problemStatuses[code],
): PlainAnswer {
  const title = titles[code] ?? errorCodes[code].summary
  const problem = { type: 'about:blank', title, status, detail: message, code, hint, id }
  return { status, contentType: 'application/problem+json', body: Buffer.from(`${JSON.stringify(problem)}\n`) }
}

/** Where the words of the other protocols do not suit requests. */
const titles: Readonly<Partial<Record<ErrorCode, string>>> = {
  SYNTAX_ERROR: 'The request cannot be read unambiguously; it was not sent.',
}

/**
 * Those of the API, but for what clients take a status to say of themselves: a 401 asks for another credential, which only the local port
 * does for its own secret, many send a request again that got a 408, and a client that has left gets none.
 */
export const problemStatuses = mapValues(errorCodes, ({ status }: { readonly status: number }, code) =>
  status === 401 && code !== 'PORT_SECRET' ? 403 : status === 408 || status < 400 ? 400 : status,
)
