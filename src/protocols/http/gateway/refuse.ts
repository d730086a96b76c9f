import type { PamError } from '../../../shared/errors.ts'
import { problemAnswer } from '../problem.ts'
import type { Exchange } from '../server/exchange.ts'
import type { Header } from '../wire/headers.ts'
import { SecretMissing } from './local-access.ts'
import { reasonFor } from '../session/reason-for.ts'

/** Answers with a problem. Where something was answered before, the client sees that it is not whole. */
export function refuseExchange(exchange: Exchange, error: PamError): void {
  if (exchange.left.aborted) return
  if (exchange.hasAnswered) return exchange.abandon()
  const { status, contentType, body } = problemAnswer(reasonFor(error))
  const asks = error instanceof SecretMissing
  const headers: Header[] = [
    ['content-type', contentType],
    ['content-length', String(body.length)],
    ['cache-control', 'no-store'],
    ...(asks ? [['www-authenticate', 'Basic realm="pamctl"'] as const] : []),
  ]
  exchange.answer({ status: asks ? 401 : status, headers }).end(body)
}
