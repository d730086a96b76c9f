import type { PamError } from '../../../shared/errors.ts'
import { problemAnswer } from '../problem.ts'
import type { Exchange } from '../server/exchange.ts'
import { reasonFor } from '../session/reason-for.ts'
import { refuseWith } from '../session/refuse-with.ts'
import type { Header } from '../wire/headers.ts'
import { SecretMissing } from './local-access.ts'

/**
 * Refuses a request with a problem; where the secret of the local port is missing, asks for it, and where WebSockets of another version are asked
 * for, says which there are (RFC 6455, section 4.4).
 */
export function refuseExchange(exchange: Exchange, error: PamError): void {
  const answer = problemAnswer(reasonFor(error))
  const headers: Header[] = [['cache-control', 'no-store']]
  if (error instanceof SecretMissing)
    return refuseWith(exchange, { ...answer, status: 401 }, [...headers, ['www-authenticate', 'Basic realm="pamctl"']])
  const isVersion = error.code === 'VERSION_MISMATCH' && exchange.upgrade !== undefined
  refuseWith(exchange, answer, isVersion ? [...headers, ['sec-websocket-version', '13']] : headers)
}
