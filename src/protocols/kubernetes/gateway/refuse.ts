import type { PamError } from '../../../shared/errors.ts'
import type { Exchange } from '../../http/server/exchange.ts'
import { reasonFor } from '../../http/session/reason-for.ts'
import { refuseWith } from '../../http/session/refuse-with.ts'
import { statusAnswer, textAnswer, wantsText } from '../status.ts'

/** Refuses a request with a Status, or in text where its answer would be text. */
export function refuseExchange(exchange: Exchange, error: PamError): void {
  const answerOf = wantsText(exchange.request.target) ? textAnswer : statusAnswer
  refuseWith(exchange, answerOf(reasonFor(error)), [['cache-control', 'no-cache, private']])
}
