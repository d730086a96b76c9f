import { run } from '../lib/processes.js'
import { startPeers } from '../lib/contenders.js'
import { against, cpuSeconds, fixed, medianOf, memoryKB, ratioText, rounds, table } from '../lib/measure.js'

/** pgbench select-only, beside everything that could stand in its place. */
export const oltp = (context) =>
  selectOnly(context, [['prepared', 8], ['simple', 8], ...context.pick({ full: [['prepared', 1]], other: [] })])

/** The same with many clients at once. */
export const many = (context) => selectOnly(context, [['prepared', 64]])

async function selectOnly(context, cases) {
  const { stack, quick, only } = context
  const peers = await startPeers(
    stack,
    context.pick({
      quick: ['direct', 'stunnel', 'bare WebSocket', 'bare WebSocket, TLS'],
      measures: ['direct', 'pgbouncer', 'ssh -L', 'stunnel', 'bare WebSocket, TLS'],
      full: ['direct', 'pgbouncer', 'haproxy', 'ssh -L', 'stunnel', 'splice', 'bare WebSocket', 'bare WebSocket, TLS'],
    }),
  )
  const contenders = [
    ...peers.peers,
    ...(await context.gatewayContenders(
      context.pick({
        quick: ['checks', 'checks-tls'],
        measures: ['checks-tls'],
        full: ['plain', 'checks', 'checks-tls', 'checks-tls-own'],
      }),
    )),
  ]
  const results = []
  for (const [mode, clients] of cases) {
    if (only !== undefined && only !== `${mode}-${clients}`) continue
    // Code that has not run yet is slow: what people use has run for days. So much of it is compiled after so many statements, however long they take.
    const isNode = ({ name, pids }) => name === 'splice' || pids.gateway !== undefined
    for (const contender of contenders)
      await pgbench(stack, contender, {
        mode,
        clients,
        ...statements(!isNode(contender) ? 8000 : quick ? 24_000 : 64_000, clients),
      })
    const samples = await rounds(context.rounds, contenders, (contender) =>
      // Connections are opened within the time: many take longer.
      pgbench(stack, contender, { mode, clients, seconds: clients > 8 ? 6 : 3 }),
    )
    results.push({ mode, clients, samples: Object.fromEntries(samples) })
  }
  return {
    results,
    missing: peers.missing,
    text: results
      .map(({ mode, clients, samples }) => printed(mode, clients, new Map(Object.entries(samples))))
      .join('\n\n'),
  }
}

function printed(mode, clients, samples) {
  const memory = (name, field) => Math.max(...samples.get(name).map((sample) => sample[field] ?? 0)) / 1024
  return `### pgbench -S -M ${mode}, ${clients} ${clients === 1 ? 'client' : 'clients'}\n\n${table(
    [
      '',
      'tps',
      'of direct',
      'of stunnel',
      'of the bare tunnel',
      'latency µs',
      'CPU µs: gateway or proxy',
      'of the bare tunnel’s',
      'CPU µs: agent or entry',
      'peak MB',
    ],
    [...samples.keys()].map((name) => [
      name,
      fixed(medianOf(samples, name, 'tps'), 0),
      name === 'direct' ? '1' : ratioText(against(samples, name, 'direct', 'tps')),
      ratioText(against(samples, name, 'stunnel', 'tps')),
      ratioText(against(samples, name, bareFor(name), 'tps')),
      fixed(medianOf(samples, name, 'latencyUs'), 0),
      fixed(medianOf(samples, name, 'gatewayUs')),
      name === 'direct' ? '' : ratioText(against(samples, name, bareFor(name), 'gatewayUs')),
      fixed(medianOf(samples, name, 'agentUs')),
      name === 'direct' ? '' : `${fixed(memory(name, 'gatewayKB'), 0)} / ${fixed(memory(name, 'agentKB'), 0)}`,
    ]),
  )}`
}

/** The limit of our design, with the same encryption. */
const bareFor = (name) => (name.includes('TLS') ? 'bare WebSocket, TLS' : 'bare WebSocket')

/** As many of them, over all clients, instead of so many seconds. */
export const statements = (count, clients) => ({ timed: false, more: ['-t', String(Math.ceil(count / clients))] })

/** CPU is that of the time from pgbench's first report, after a second, to its last: connections are open by then. */
export async function pgbench(stack, { port, pids }, { mode, clients, seconds, more = [], timed = true }) {
  const near = pids.agent ?? pids.entry ?? []
  const far = pids.gateway ?? pids.exit ?? pids.proxy ?? []
  const cpu = () => ({ near: cpuSeconds(near), far: cpuSeconds(far) })
  const start = { at: 0, ...cpu() }
  const reports = []
  const { stdout, stderr } = await run(
    'pgbench',
    [
      '-n',
      '-S',
      '-M',
      mode,
      '-c',
      String(clients),
      '-j',
      clients > 1 ? '2' : '1',
      ...(timed ? ['-T', String(seconds), '-P', '1'] : []),
      ...more,
      'app_dev',
    ],
    {
      env: stack.env(port),
      onError(text) {
        const [, at, tps] = /progress: ([\d.]+) s, ([\d.]+) tps/.exec(text) ?? []
        if (at !== undefined) reports.push({ at: Number(at), tps: Number(tps), ...cpu() })
      },
    },
  )
  const end = cpu()
  const all = Number(/actually processed: (\d+)/.exec(stdout)?.[1])
  const tps = Number(/tps = ([\d.]+)/.exec(stdout)?.[1])
  if (!(tps > 0)) throw new Error(`pgbench: ${stdout}${stderr}`)
  const reconnects = more.includes('-C')
  const isSteady = !reconnects && reports.length > 1
  const [from, to] = isSteady ? [reports[0], reports.at(-1)] : [start, end]
  const transactions = isSteady
    ? reports.slice(1).reduce((total, { at, tps: rate }, i) => total + rate * (at - reports[i].at), 0)
    : all
  return {
    tps,
    latencyUs: (clients * 1e6) / tps,
    agentUs: ((to.near - from.near) * 1e6) / transactions,
    gatewayUs: ((to.far - from.far) * 1e6) / transactions,
    gatewayKB: sum(far.map((pid) => memoryKB(pid, 'VmHWM'))),
    agentKB: sum(near.map((pid) => memoryKB(pid, 'VmHWM'))),
  }
}

const sum = (values) => values.reduce((total, value) => total + value, 0)
