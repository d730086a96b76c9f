import type { PamError } from '../../../shared/errors.ts'
import type { Exchange, HttpConnection, HttpHandler } from '../server/exchange.ts'
import type { RequestHandler } from './session-connection.ts'

/** Says no to a client that is not let in, as the answer to its first request; resolves when it has had time to read that. */
export async function refuseClient(
  serve: (handler: HttpHandler) => HttpConnection,
  refuse: (exchange: Exchange) => void,
  refusal: RequestHandler['refusal'],
): Promise<void> {
  const connection = serve({
    serve(exchange) {
      refuse(exchange)
      connection.close()
      return Promise.resolve()
    },
    refusal: (error: PamError) => refusal(error),
  })
  const timer = setTimeout(() => connection.destroy(), MAX_LINGER_MS)
  await connection.closed
  clearTimeout(timer)
}

const MAX_LINGER_MS = 5000
