import { sessionFor, type Engine } from '../../../gateway/engine.ts'
import { createCommandReader, inOrder } from '../../../host/command/command-reader.ts'
import type { Channel } from '../../../shared/channel.ts'
import type { PamError } from '../../../shared/errors.ts'
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
import { reasonFor, refuseExchange } from './refuse.ts'

/** Of one person's requests at any time: some ten of the largest. */
const MAX_BODIES = 32 * 1024 * 1024

/** Sessions of Kubernetes: one for each `connect`, of as many connections as the client opens. */
export function kubernetesEngine(baseDirectory: string): Engine<HttpClient> {
  const servers = new HttpServers()
  const reader = createCommandReader()
  const attempts = new SecondAttempts()
  const bodies = new BodyRoom(MAX_BODIES)
  const clients = new WeakMap<Channel, HttpClient>()
  return {
    protocol: 'kubernetes',
    sessions: 'per-connect',
    async greet(channel, _caller, { handshake }) {
      const client = await servers.greet(channel, handshake)
      clients.set(channel, client)
      return { hello: client }
    },
    async serve(_channel, client, anySession, tell) {
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
          reader: inOrder(reader),
        })
        await new SessionConnection(session, requests).run((handler) => servers.serve(client, handler))
      } finally {
        upstream.close()
      }
    },
    read: (text) => readText(text, reader),
    probe: (target, lease, limits) =>
      probeKubernetes({ config: target as KubernetesTarget, lease, limits, baseDirectory, ended: undefined }),
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
