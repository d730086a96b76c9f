import { connect } from 'node:net'
import { memoryKB, fixed, table } from '../lib/measure.js'
import { pause } from '../lib/processes.js'
import { startSession } from '../lib/session.js'

/**
 * What stays in memory for connections that do nothing: tunnels that are open and have not said who they are on the target, and
 * sessions on a database. `own`: a WebSocket for each.
 */
export async function idle(context) {
  const { stack, quick } = context
  const rows = []
  const count = quick ? 300 : 5000
  const sessions = quick ? 50 : 200
  for (const [id, label] of [
    ['checks-tls', 'shared, TLS'],
    ['checks-tls-own', 'a WebSocket each, TLS'],
  ]) {
    const gateway = await stack.gateway(`idle-${id}`, { ...context.settings(id), limits: ', handshake: 10m' })
    const port = await gateway.port('db')
    const agent = await gateway.agentPid()
    // The first ones bring code and buffers that stay.
    const open = [...(await tunnels(port, 100)), ...(await liveSessions(stack, port, 10))]
    await pause(2000)
    const before = { gateway: memoryKB(gateway.pid), agent: memoryKB(agent) }
    const opened = performance.now()
    open.push(...(await tunnels(port, count)))
    await pause(3000)
    const after = { gateway: memoryKB(gateway.pid), agent: memoryKB(agent) }
    const more = await liveSessions(stack, port, sessions)
    await pause(2000)
    const live = { gateway: memoryKB(gateway.pid), agent: memoryKB(agent) }
    rows.push({
      label,
      count,
      gatewayKB: (after.gateway - before.gateway) / count,
      agentKB: (after.agent - before.agent) / count,
      perSecond: count / ((performance.now() - opened - 5000) / 1000),
      sessions,
      sessionKB: (live.gateway - after.gateway) / sessions,
      gatewayMB: live.gateway / 1024,
    })
    for (const socket of [...open, ...more]) socket.destroy()
    await gateway.stop()
  }
  return {
    results: rows,
    text: `Resident memory before and after; what was garbage before, and is none after, makes it less.\n\n${table(
      [
        '',
        'idle tunnels',
        'gateway KB each',
        'agent KB each',
        'PostgreSQL sessions',
        'gateway KB each',
        'gateway MB with all of them',
      ],
      rows.map((row) => [
        row.label,
        String(row.count),
        fixed(row.gatewayKB),
        fixed(row.agentKB),
        String(row.sessions),
        fixed(row.sessionKB, 0),
        fixed(row.gatewayMB, 0),
      ]),
    )}`,
  }
}

/** Connections that stay silent; opened some at a time, as people come. */
async function tunnels(port, count) {
  const sockets = []
  while (sockets.length < count) {
    const some = Math.min(20, count - sockets.length)
    sockets.push(
      ...(await Promise.all(
        Array.from(
          { length: some },
          () =>
            new Promise((resolve, reject) => {
              const socket = connect({ port, host: '127.0.0.1' }, () => resolve(socket))
              socket.on('error', reject)
            }),
        ),
      )),
    )
    await pause(20)
  }
  return sockets
}

async function liveSessions(stack, port, count) {
  const open = []
  while (open.length < count)
    open.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(10, count - open.length) }, () => startSession(stack, port)),
      )),
    )
  return open.map(({ socket }) => socket)
}
