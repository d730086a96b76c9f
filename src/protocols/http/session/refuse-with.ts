import type { Exchange } from '../server/exchange.ts'
import type { Header } from '../wire/headers.ts'
import type { PlainAnswer } from '../wire/http2-frames.ts'

/** Answers a request with an error. Where something was answered before, the client sees that it is not whole. */
export function refuseWith(
  exchange: Exchange,
  { status, contentType, body }: PlainAnswer,
  more: readonly Header[],
): void {
  if (exchange.left.aborted) return
  if (exchange.hasAnswered) return exchange.abandon()
  const headers: Header[] = [['content-type', contentType], ['content-length', String(body.length)], ...more]
  exchange.answer({ status, headers }).end(body)
}
