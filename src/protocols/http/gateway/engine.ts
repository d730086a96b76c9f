import type { BrowserEngine } from '../../../gateway/browser-host.ts'
import { sessionFor } from '../../../gateway/engine.ts'
import type { Channel } from '../../../shared/channel.ts'
import { PamError } from '../../../shared/errors.ts'
import type { AssertionKey } from '../assertion-key.ts'
import { readAnnouncement, type Announcement } from '../local/announcement.ts'
import { problemAnswer } from '../problem.ts'
import { BodyRoom } from '../server/body-room.ts'
import { HttpServers, type HttpClient } from '../server/serve-http.ts'
import { refuseClient } from '../session/refuse-client.ts'
import { SessionConnection } from '../session/session-connection.ts'
import type { HttpTarget } from '../target.ts'
import { AsyncRequests } from './async-requests.ts'
import { withAssertions } from './assertions.ts'
import { BrowserSite } from './browsers/browser-site.ts'
import { upstreamOf } from './connect-upstream.ts'
import { HttpRequests } from './connection.ts'
import { localRefusal } from './local-access.ts'
import { probeHttp } from './probe.ts'
import { readText } from './read-text.ts'
import { reasonFor } from '../session/reason-for.ts'
import { refuseExchange } from './refuse.ts'
import { portWay } from './way-in.ts'

/** A client that has begun to speak, and the port that it came through. */
export interface LocalClient {
  readonly client: HttpClient
  readonly announcement: Announcement
}

/** Of one person's requests at any time. */
const MAX_BODIES = 32 * 1024 * 1024

/**
 * Sessions of HTTP: one for each `connect`, of as many connections as clients open. `assertionKey`: what assertions are signed with; undefined where
 * nobody connects.
 */
export function httpEngine(baseDirectory: string, assertionKey?: AssertionKey): BrowserEngine<LocalClient, HttpTarget> {
  // Bodies of any length come at their own pace: who reads them looks at that.
  const servers = new HttpServers({ requestMs: 0 })
  const bodies = new BodyRoom(MAX_BODIES)
  const asyncRequests = new AsyncRequests()
  const clients = new WeakMap<Channel, LocalClient>()
  return {
    protocol: 'http',
    sessions: 'per-connect',
    browsers: new BrowserSite({ bodies, baseDirectory, assertionKey }),
    async greet(channel, _caller, { handshake }) {
      let announcement: Announcement | undefined
      const client = await servers.greet(channel, handshake, (bytes) => {
        const read = readAnnouncement(bytes)
        if (read === undefined) return undefined
        if (read === 'none')
          throw new PamError('VERSION_MISMATCH', 'the connection does not say which local port it comes from', {
            hint: 'update pamctl, and connect with "pamctl connect"',
          })
        announcement = read.announcement
        return read.taken
      })
      if (announcement === undefined) throw new Error('a client without a port')
      const hello = { client, announcement }
      clients.set(channel, hello)
      return { hello }
    },
    async serve(_channel, { client, announcement }, anySession, tell) {
      const session = withAssertions(sessionFor<HttpTarget>('http', anySession), assertionKey)
      const { config, lease, limits, ended } = session
      const upstream = upstreamOf({ config, lease, limits, baseDirectory, ended })
      try {
        const requests = new HttpRequests({
          session,
          upstream,
          bodies,
          way: portWay(announcement),
          asyncRequests,
          tell: (hold, isAwaited) => tell(isAwaited ? hold.notice : hold.waitsFor),
          baseDirectory,
        })
        await new SessionConnection(session, requests).run((handler) => servers.serve(client, handler))
      } finally {
        upstream.close()
      }
    },
    read: (text, target) => Promise.resolve(readText(text, target, baseDirectory)),
    probe: (target, lease, limits) => probeHttp({ config: target, lease, limits, baseDirectory, ended: undefined }),
    async refuse(channel, error) {
      const hello = clients.get(channel)
      if (hello === undefined) return
      await refuseClient(
        (handler) => servers.serve(hello.client, handler),
        // A stranger is told nothing of whose port it is.
        (exchange) => refuseExchange(exchange, localRefusal(exchange.request, hello.announcement) ?? error),
        (wrong) => problemAnswer(reasonFor(wrong)),
      )
    },
    facts: () => ({}),
    close() {
      servers.close()
      return Promise.resolve()
    },
  }
}
