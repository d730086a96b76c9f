import type { PamError } from '../../../shared/errors.ts'
import { isGrpcCall } from '../grpc/call.ts'
import { statusHeaders } from '../grpc/status.ts'
import { problemAnswer } from '../problem.ts'
import type { Exchange } from '../server/exchange.ts'
import { reasonFor } from '../session/reason-for.ts'
import { refuseWith } from '../session/refuse-with.ts'
import type { Header } from '../wire/headers.ts'

/**
 * Refuses a request with a problem, or a call of gRPC with a status; where the secret of the local port is missing, asks for it, and where WebSockets of
 * another version are asked for, says which there are (RFC 6455, section 4.4).
 */
export function refuseExchange(exchange: Exchange, error: PamError): void {
  if (isGrpcCall(exchange.request)) return refuseCall(exchange, error)
  const answer = problemAnswer(reasonFor(error))
  const headers: Header[] = [['cache-control', 'no-store']]
  // RFC 9110, section 11.6.1: as for any password.
  if (error.code === 'PORT_SECRET') headers.push(['www-authenticate', 'Basic realm="pamctl"'])
  if (error.code === 'VERSION_MISMATCH' && exchange.upgrade !== undefined) headers.push(['sec-websocket-version', '13'])
  refuseWith(exchange, answer, headers)
}

/** `Trailers-Only` (PROTOCOL-HTTP2.md, Responses). */
function refuseCall(exchange: Exchange, error: PamError): void {
  if (exchange.left.aborted) return
  if (exchange.hasAnswered) return exchange.abandon()
  const headers: Header[] = [['content-type', 'application/grpc'], ...statusHeaders(reasonFor(error))]
  exchange.answer({ status: 200, headers, isWhole: true }).end()
}
