import { startPeers } from '../lib/contenders.js'
import { against, fixed, medianOf, ratioText, rounds, table } from '../lib/measure.js'
import { pgbench, statements } from './oltp.js'

/** A new connection for every statement: identity, grant, recording and audit are in it. */
export async function connect(context) {
  const { stack, quick } = context
  // Not pgbouncer: it opens none at the server, thousands a second at its own side, and leaves the kernel with a list of
  // closed ones that every contender after it has to be found in.
  const peers = await startPeers(
    stack,
    context.pick({
      quick: ['direct'],
      measures: ['direct', 'ssh -L', 'stunnel', 'bare WebSocket, TLS'],
      full: ['direct', 'stunnel', 'bare WebSocket', 'bare WebSocket, TLS'],
    }),
  )
  const contenders = [
    ...peers.peers,
    ...(await context.gatewayContenders(
      context.pick({ quick: ['checks'], measures: ['checks-tls'], full: ['checks', 'checks-tls', 'checks-tls-own'] }),
    )),
  ]
  const results = []
  for (const clients of [4]) {
    // Code that has not run yet is slow, and a connection runs through much of it: what people use has run for days.
    for (const contender of contenders)
      if (contender.gateway !== undefined) {
        const { timed, more } = statements(quick ? 200 : 1500, clients)
        await pgbench(stack, contender, { mode: 'simple', clients, timed, more: ['-C', ...more] })
      }
    const samples = await rounds(context.rounds, contenders, (contender) =>
      pgbench(stack, contender, { mode: 'simple', clients, seconds: 2, more: ['-C'] }),
    )
    results.push({ clients, samples: Object.fromEntries(samples) })
  }
  return {
    results,
    missing: peers.missing,
    text: results
      .map(({ clients, samples: found }) => {
        const samples = new Map(Object.entries(found))
        return `### pgbench -C, ${clients} ${clients === 1 ? 'client' : 'clients'}\n\n${table(
          ['', 'connections/s', 'of direct', 'CPU ms: gateway or proxy', 'CPU ms: agent or entry'],
          [...samples.keys()].map((name) => [
            name,
            fixed(medianOf(samples, name, 'tps')),
            name === 'direct' ? '1' : ratioText(against(samples, name, 'direct', 'tps')),
            fixed(medianOf(samples, name, 'gatewayUs') / 1000),
            fixed(medianOf(samples, name, 'agentUs') / 1000),
          ]),
        )}`
      })
      .join('\n\n'),
  }
}
