import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { BrowserHost, Visitor } from '../../../../gateway/browser-host.ts'
import { sessionFor } from '../../../../gateway/engine.ts'
import type { AssertionKey } from '../../assertion-key.ts'
import type { BodyRoom } from '../../server/body-room.ts'
import type { Exchange, HttpConnection, HttpHandler } from '../../server/exchange.ts'
import { SessionConnection } from '../../session/session-connection.ts'
import type { HttpTarget } from '../../target.ts'
import { withAssertions } from '../assertions.ts'
import { upstreamOf } from '../connect-upstream.ts'
import { HttpRequests } from '../connection.ts'
import { browserWay } from './browser-way.ts'

export interface VisitParts {
  /** For bodies that are read before the decision, of all sessions. */
  readonly bodies: BodyRoom
  readonly baseDirectory: string
  readonly assertionKey: AssertionKey | undefined
}

/** What one connection of a browser does in one session, with connections to the target of its own. */
export interface Visit {
  /** It takes no more requests. */
  isClosed(): boolean
  serve(exchange: Exchange): Promise<void>
  /** Leaves the session once what it serves is done. */
  leave(): void
}

/** Joins the visitor's session for one connection of theirs. `tell` hears of what is held. Throws why there is no session. */
export async function openVisit(
  visitor: Visitor,
  line: Duplex,
  host: BrowserHost,
  { bodies, baseDirectory, assertionKey }: VisitParts,
  tell: (notice: string) => void = () => {},
): Promise<Visit> {
  const opened = await visitor.join()
  const session = withAssertions(sessionFor<HttpTarget>('http', opened.session), assertionKey)
  const { config, lease, limits, ended, logger } = session
  const upstream = upstreamOf({ config, lease, limits, baseDirectory, ended })
  const way = browserWay(host, config)
  const requests = new HttpRequests({
    session,
    upstream,
    bodies,
    way,
    tell: ({ waitsFor }) => tell(waitsFor),
    baseDirectory,
  })
  const connection = new VisitConnection(line)
  let handler: HttpHandler = requests
  const run = async (): Promise<void> => {
    try {
      await new SessionConnection(session, requests).run((served) => {
        handler = served
        return connection
      })
    } finally {
      upstream.close()
      await opened.close()
    }
  }
  run().catch((error: unknown) => logger.error({ cause: error }, 'session.close_failed'))
  let serving = 0
  let isLeaving = false
  return {
    isClosed: () => ended.aborted || connection.isClosed,
    async serve(exchange) {
      serving++
      await handler.serve(exchange)
      serving--
      if (isLeaving && serving === 0) connection.close()
    },
    leave() {
      isLeaving = true
      if (serving === 0) connection.close()
    },
  }
}

/** The visits of browsers' connections: one at a time for each. */
export class Visits {
  readonly #parts: VisitParts
  readonly #bySocket = new WeakMap<Socket, { readonly key: string; readonly visit: Promise<Visit> }>()

  constructor(parts: VisitParts) {
    this.#parts = parts
  }

  /** The one that goes on for this visitor, or a new one. */
  async of(visitor: Visitor, socket: Socket, host: BrowserHost): Promise<Visit> {
    const key = JSON.stringify([host.origin, visitor.key])
    const known = this.#bySocket.get(socket)
    const current = await known?.visit.catch(() => undefined)
    if (known?.key === key && current !== undefined && !current.isClosed()) return current
    const newest = this.#bySocket.get(socket)
    // Another request of this connection may have waited for the same, and been quicker.
    if (newest !== known && newest?.key === key) return newest.visit
    current?.leave()
    const visit = openVisit(visitor, socket, host, this.#parts)
    this.#bySocket.set(socket, { key, visit })
    return visit
  }
}

/** A browser's connection, as one session has it: it goes on when the session ends, and the next request is told why. */
class VisitConnection implements HttpConnection {
  readonly closed: Promise<void>
  readonly #line: Duplex
  #isClosed = false
  #close = (): void => {}

  constructor(line: Duplex) {
    this.#line = line
    this.closed = new Promise((resolve) => {
      this.#close = () => {
        this.#isClosed = true
        line.off('close', this.#close)
        resolve()
      }
      if (line.destroyed) this.#close()
      else line.once('close', this.#close)
    })
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  close(): void {
    this.#close()
  }

  destroy(): void {
    this.#line.destroy()
  }
}
