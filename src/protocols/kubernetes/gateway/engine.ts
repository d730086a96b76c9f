import { sessionFor, type Engine } from '../../../gateway/engine.ts'
import { createCommandReader, inOrder } from '../../../host/command/command-reader.ts'
import type { Channel } from '../../../shared/channel.ts'
import type { PamError } from '../../../shared/errors.ts'
import { readAnnouncement } from '../../http/local/announcement.ts'
import { BodyRoom } from '../../http/server/body-room.ts'
import { HttpServers, type HttpClient } from '../../http/server/serve-http.ts'
import { refuseClient } from '../../http/session/refuse-client.ts'
import { SessionConnection } from '../../http/session/session-connection.ts'
import { statusAnswer } from '../status.ts'
import type { KubernetesTarget } from '../target.ts'
import { SecondAttempts } from '../streams/second-attempts.ts'
import { upstreamOf } from './connect-upstream.ts'
import { probeKubernetes } from './probe.ts'
import { readText } from './read-text.ts'
import { KubernetesConnection } from './connection.ts'
import { reasonFor } from '../../http/session/reason-for.ts'
import { refuseExchange } from './refuse.ts'

/** A client that has begun to speak, and the port of the agent that it came through. */
interface PortClient {
  readonly client: HttpClient
  /** `pamctl tunnel` has none. */
  readonly port: number | undefined
}

/** Of one person's requests at any time: some ten of the largest. */
const MAX_BODIES = 32 * 1024 * 1024

/** Sessions of Kubernetes: one for each `connect`, of as many connections as the client opens. */
export function kubernetesEngine(baseDirectory: string): Engine<PortClient, KubernetesTarget> {
  const servers = new HttpServers()
  const reader = createCommandReader()
  const attempts = new SecondAttempts()
  const bodies = new BodyRoom(MAX_BODIES)
  const clients = new WeakMap<Channel, HttpClient>()
  return {
    protocol: 'kubernetes',
    sessions: 'per-connect',
    async greet(channel, _caller, { handshake }) {
      let port: number | undefined
      const client = await servers.greet(channel, handshake, (bytes) => {
        const read = readAnnouncement(bytes)
        if (read === undefined) return undefined
        // No agent's port is in front of it, or HTTP begins at once.
        if (read === 'none') return 0
        port = read.announcement.port
        return read.taken
      })
      clients.set(channel, client)
      return { hello: { client, port } }
    },
    async serve(_channel, { client, port }, anySession, tell) {
      const session = sessionFor<KubernetesTarget>('kubernetes', anySession)
      const { config, lease, limits, ended } = session
      const upstream = upstreamOf({ config, lease, limits, baseDirectory, ended })
      try {
        const requests = new KubernetesConnection({
          session,
          upstream,
          tell,
          attempts,
          bodies,
          port,
          reader: inOrder(reader),
        })
        await new SessionConnection(session, requests).run((handler) => servers.serve(client, handler))
      } finally {
        upstream.close()
      }
    },
    read: (text) => readText(text, reader),
    probe: (target, lease, limits) =>
      probeKubernetes({ config: target, lease, limits, baseDirectory, ended: undefined }),
    async refuse(channel: Channel, error: PamError) {
      const client = clients.get(channel)
      if (client === undefined) return
      await refuseClient(
        (handler) => servers.serve(client, handler),
        (exchange) => refuseExchange(exchange, error),
        () => statusAnswer(reasonFor(error)),
      )
    },
    facts: () => ({}),
    close() {
      servers.close()
      return Promise.resolve()
    },
  }
}
