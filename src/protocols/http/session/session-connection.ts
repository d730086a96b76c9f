import { clientLeft } from '../../../gateway/early-input.ts'
import type { Session } from '../../../gateway/engine.ts'
import type { PamError } from '../../../shared/errors.ts'
import type { Exchange, HttpConnection, HttpHandler } from '../server/exchange.ts'
import type { PlainAnswer } from '../wire/http2-frames.ts'

/** What serves the requests of one connection within a session. Each is told by it why the session ends. */
export interface RequestHandler {
  serve(exchange: Exchange): Promise<void>
  refusal(error: PamError): PlainAnswer
}

/** One connection of a client from its first request to its end. */
export class SessionConnection implements HttpHandler {
  readonly #session: Pick<Session, 'ended' | 'end'>
  readonly #handler: RequestHandler
  readonly #open = new Set<Promise<void>>()

  constructor(session: Pick<Session, 'ended' | 'end'>, handler: RequestHandler) {
    this.#session = session
    this.#handler = handler
  }

  /** Resolves when the client is gone and everything that it asked for is on record. */
  async run(serve: (handler: HttpHandler) => HttpConnection): Promise<void> {
    const { ended } = this.#session
    const connection = serve(this)
    let linger: NodeJS.Timeout | undefined
    const onEnded = (): void => {
      linger = setTimeout(() => connection.destroy(), MAX_LINGER_MS)
      // Each request is told first, by whatever serves it.
      void this.#whenIdle().then(() => connection.close())
    }
    ended.addEventListener('abort', onEnded, { once: true })
    if (ended.aborted) onEnded()
    await connection.closed
    clearTimeout(linger)
    ended.removeEventListener('abort', onEnded)
    this.#session.end(clientLeft())
    await this.#whenIdle()
  }

  serve(exchange: Exchange): Promise<void> {
    const work = this.#handler.serve(exchange).finally(() => this.#open.delete(work))
    this.#open.add(work)
    return work
  }

  refusal(error: PamError): PlainAnswer {
    return this.#handler.refusal(error)
  }

  async #whenIdle(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open)
  }
}

const MAX_LINGER_MS = 2000
