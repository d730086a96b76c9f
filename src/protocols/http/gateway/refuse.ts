import type { PamError } from '../../../shared/errors.ts'
import { problemAnswer } from '../problem.ts'
import type { Exchange } from '../server/exchange.ts'
import { reasonFor } from '../session/reason-for.ts'
import { refuseWith } from '../session/refuse-with.ts'
import { SecretMissing } from './local-access.ts'

/** Refuses a request with a problem; where the secret of the local port is missing, asks for it. */
export function refuseExchange(exchange: Exchange, error: PamError): void {
  const answer = problemAnswer(reasonFor(error))
  if (!(error instanceof SecretMissing)) return refuseWith(exchange, answer, [['cache-control', 'no-store']])
  refuseWith(exchange, { ...answer, status: 401 }, [
    ['cache-control', 'no-store'],
    ['www-authenticate', 'Basic realm="pamctl"'],
  ])
}
