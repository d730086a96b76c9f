import { fileURLToPath } from 'node:url'
import { startPeers } from '../lib/contenders.js'
import { against, cpuSeconds, fixed, medianOf, memoryKB, ratioText, rounds, table } from '../lib/measure.js'
import { run } from '../lib/processes.js'

const DRAIN = fileURLToPath(new URL('../relays/drain.js', import.meta.url))

/** A table of eleven columns, the last of them masked where there is masking. */
export async function makeBulkTable(stack, rows) {
  await run(
    'psql',
    [
      '-Xqc',
      `drop table if exists bulk; create table bulk as select i as id, md5(i::text) a, md5((i+1)::text) b, md5((i+2)::text) c, md5((i+3)::text) d, 'some text ' || i e, 'more text ' || i f, 'still more ' || i g, i * 3 h, now() i, 'person' || i || '@example.com' secret from generate_series(1, ${rows}) i`,
      '-c',
      'grant all on bulk to public',
      'app_dev',
    ],
    { env: stack.asOwner },
  )
}

/** Results as large as PostgreSQL makes them, to a client that only reads. */
export async function bulk(context) {
  const { stack, quick } = context
  await makeBulkTable(stack, quick ? 200_000 : 950_000)
  const peers = await startPeers(
    stack,
    context.pick({
      quick: ['direct', 'bare WebSocket'],
      measures: ['direct', 'pgbouncer', 'ssh -L', 'stunnel', 'bare WebSocket, TLS'],
      full: ['direct', 'ssh -L', 'stunnel', 'splice', 'bare WebSocket', 'bare WebSocket, TLS'],
    }),
  )
  const contenders = [
    ...peers.peers,
    ...(await context.gatewayContenders(
      context.pick({
        quick: ['checks'],
        measures: ['checks-tls'],
        full: ['plain', 'checks', 'checks-tls', 'checks-tls-own'],
      }),
    )),
  ]
  const results = []
  for (const sql of ['select * from bulk', 'copy bulk to stdout']) {
    // A few times for each, so that code is compiled and pages are cached.
    for (const contender of contenders)
      for (let time = 0; time < 3; time++)
        await drain(
          stack,
          contender,
          `${sql === 'select * from bulk' ? 'select * from bulk limit 200000' : 'copy (select * from bulk limit 200000) to stdout'}`,
        )
    const samples = await rounds(context.rounds, contenders, (contender) => drain(stack, contender, sql))
    results.push({ sql, samples: Object.fromEntries(samples) })
  }
  return {
    results,
    missing: peers.missing,
    text: results.map(({ sql, samples }) => printed(sql, new Map(Object.entries(samples)))).join('\n\n'),
  }
}

export async function drain(stack, { port, pids }, sql) {
  const near = pids.agent ?? pids.entry ?? []
  const far = pids.gateway ?? pids.exit ?? pids.proxy ?? []
  const before = [cpuSeconds(near), cpuSeconds(far)]
  const { stdout } = await run(process.execPath, [DRAIN, String(port), sql], { env: stack.env(port) })
  const { bytes, ms } = JSON.parse(stdout)
  const megabytes = bytes / 1e6
  return {
    megabytes,
    rate: megabytes / (ms / 1000),
    agentMs: ((cpuSeconds(near) - before[0]) * 1000) / megabytes,
    gatewayMs: ((cpuSeconds(far) - before[1]) * 1000) / megabytes,
    gatewayKB: far.reduce((sum, pid) => sum + memoryKB(pid, 'VmHWM'), 0),
    agentKB: near.reduce((sum, pid) => sum + memoryKB(pid, 'VmHWM'), 0),
  }
}

function printed(sql, samples) {
  const peak = (name, field) => fixed(Math.max(...samples.get(name).map((sample) => sample[field])) / 1024, 0)
  return `### ${sql}, ${fixed(medianOf(samples, 'direct', 'megabytes'), 0)} MB\n\n${table(
    ['', 'MB/s', 'of direct', 'CPU ms/MB: gateway or proxy', 'CPU ms/MB: agent or entry', 'peak MB'],
    [...samples.keys()].map((name) => [
      name,
      fixed(medianOf(samples, name, 'rate'), 0),
      name === 'direct' ? '1' : ratioText(against(samples, name, 'direct', 'rate')),
      fixed(medianOf(samples, name, 'gatewayMs'), 2),
      fixed(medianOf(samples, name, 'agentMs'), 2),
      name === 'direct' ? '' : `${peak(name, 'gatewayKB')} / ${peak(name, 'agentKB')}`,
    ]),
  )}`
}
