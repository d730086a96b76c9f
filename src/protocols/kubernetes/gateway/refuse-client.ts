import type { PamError } from '../../../shared/errors.ts'
import type { HttpConnection, HttpHandler } from '../../http/server/exchange.ts'
import { statusAnswer } from '../status.ts'
import { reasonFor, refuseExchange } from './refuse.ts'

/** Says no to a client that is not let in, as the answer to its first request; resolves when it has had time to read that. */
export async function refuseClient(serve: (handler: HttpHandler) => HttpConnection, error: PamError): Promise<void> {
  const connection = serve({
    serve(exchange) {
      refuseExchange(exchange, error)
      connection.close()
      return Promise.resolve()
    },
    refusal: () => statusAnswer(reasonFor(error)),
  })
  const timer = setTimeout(() => connection.destroy(), MAX_LINGER_MS)
  await connection.closed
  clearTimeout(timer)
}

const MAX_LINGER_MS = 5000
