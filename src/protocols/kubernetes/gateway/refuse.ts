import { PamError } from '../../../shared/errors.ts'
import { visible } from '../../../shared/visible.ts'
import type { Exchange } from '../../http/server/exchange.ts'
import { statusAnswer, textAnswer, wantsText, type StatusReason } from '../status.ts'

/** An error as a client may have it. */
export const reasonFor = ({ code, message, hint, id }: PamError): StatusReason => ({
  code,
  message: visible(message),
  hint: hint === undefined ? undefined : visible(hint),
  id,
})

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
