import type { PamError } from '../../../shared/errors.ts'
import type { Exchange } from '../../http/server/exchange.ts'
import { statusAnswer, textAnswer, wantsText } from '../status.ts'
import { reasonFor } from '../../http/session/reason-for.ts'

/** Answers with a Status. Where something was answered before, the client sees that it is not whole. */
export function refuseExchange(exchange: Exchange, error: PamError): void {
  if (exchange.left.aborted) return
  if (exchange.hasAnswered) return exchange.abandon()
  const { status, contentType, body } = (wantsText(exchange.request.target) ? textAnswer : statusAnswer)(
    reasonFor(error),
  )
  exchange
    .answer({
      status,
      headers: [
        ['content-type', contentType],
        ['content-length', String(body.length)],
        ['cache-control', 'no-cache, private'],
      ],
    })
    .end(body)
}
