import { fileURLToPath } from 'node:url'
import { printed, withCpu } from '../lib/beside.js'
import { gatewaysBefore, haproxyBefore } from '../lib/contenders.js'
import { DATABASE, mysqlTarget, startBenchMariadb } from '../lib/mariadb.js'
import { fixed, medianOf, rounds } from '../lib/measure.js'
import { run } from '../lib/processes.js'

const DRAIN = fileURLToPath(new URL('../relays/mysql-drain.js', import.meta.url))

/** sysbench's point selects, a large result, and new connections of a MariaDB, beside a direct connection and HAProxy. */
export async function mysql(context) {
  const { stack, quick } = context
  const server = await startBenchMariadb()
  try {
    await prepare(server, quick)
    const contenders = [
      { name: 'direct', port: server.port, pids: {} },
      ...(await proxies(stack, server)),
      ...(await gateways(stack, server, quick)),
    ]
    const measured = { ...stack.account, contenders, rounds: context.rounds }
    const texts = [
      await pointSelects(measured, { prepared: true, threads: 1, quick }),
      await pointSelects(measured, { prepared: true, threads: 8, quick }),
      await pointSelects(measured, { prepared: false, threads: 8, quick }),
      await bulk(measured),
      await connects(measured, quick),
    ]
    return {
      results: texts.map(({ name, samples }) => ({ name, samples: Object.fromEntries(samples) })),
      text: `${server.version}.\n\n${texts.map(({ text }) => text).join('\n\n')}`,
    }
  } finally {
    await server.stop()
  }
}

async function prepare(server, quick) {
  const { user, password } = server.superuser
  await run('sysbench', [...sysbench(server.port, user, password), 'oltp_point_select', 'prepare'])
  const rows = quick ? 200_000 : 900_000
  server.sql(
    `set max_recursive_iterations = ${rows + 1};
     create table bulk as with recursive n as (select 1 as i union all select i + 1 from n where i < ${rows})
       select i as id, md5(i) a, md5(i + 1) b, md5(i + 2) c, md5(i + 3) d, concat('some text ', i) e, concat('more text ', i) f,
              concat('still more ', i) g, i * 3 h, now() as at, concat('person', i, '@example.com') secret from n`,
    DATABASE,
  )
}

async function proxies(stack, server) {
  const haproxy = await haproxyBefore(stack, server.port, 'haproxy-mysql')
  return haproxy === undefined ? [] : [{ name: 'haproxy', ...haproxy }]
}

const gateways = (stack, server, quick) =>
  gatewaysBefore(stack, {
    name: 'mysql',
    targets: mysqlTarget('shop', server.port, 'env: dev'),
    rules: RULES,
    masking: MASKING,
    accessOf: async (gateway) => ({ port: await gateway.port('shop') }),
    quick,
  })

const RULES = `
  - { use: no-blind-writes }
  - { name: a person decides, match: { kinds: [truncate, drop-*, alter-*, grant, grant-role] }, hold: { approvers: { groups: [sre] }, expires: 15m } }
  - { use: everyday }`
const MASKING = `
masking:
  - { name: texts, targets: { labels: { env: dev } }, columns: [sbtest1.pad, bulk.secret], style: partial }
`

// ── point selects ────────────────────────────────────────────────────────────────────────────────────────────────────

async function pointSelects(measured, { prepared, threads, quick }) {
  const mode = prepared ? 'auto' : 'disable'
  const select = (contender, length) =>
    withCpu(contender, async () => {
      const { stdout } = await run('sysbench', [
        ...sysbench(contender.port, measured.user, measured.password),
        `--threads=${threads}`,
        `--db-ps-mode=${mode}`,
        ...length,
        'oltp_point_select',
        'run',
      ])
      const number = (pattern) => Number(pattern.exec(stdout)?.[1])
      return {
        units: number(/total number of events:\s+(\d+)/),
        rate: number(/queries:\s+\d+\s+\(([\d.]+) per sec/),
        latencyUs: number(/avg:\s+([\d.]+)/) * 1000,
        p95Us: number(/95th percentile:\s+([\d.]+)/) * 1000,
      }
    })
  // Code that has not run yet is slow: what people use has run for days.
  for (const contender of measured.contenders)
    await select(contender, ['--time=0', `--events=${quick ? 8000 : 32_000}`])
  const samples = await rounds(measured.rounds, measured.contenders, (contender) => select(contender, ['--time=3']))
  const name = `sysbench oltp_point_select, ${prepared ? 'prepared' : 'as texts'}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`
  return printed(name, samples, {
    unit: 'queries/s',
    digits: 0,
    more: {
      'latency µs': (of) => fixed(medianOf(samples, of, 'latencyUs'), 0),
      'p95 µs': (of) => fixed(medianOf(samples, of, 'p95Us'), 0),
    },
    cpu: { name: 'CPU µs', factor: 1e6, digits: 1 },
  })
}

const sysbench = (port, user, password) => [
  '--db-driver=mysql',
  '--mysql-host=127.0.0.1',
  `--mysql-port=${port}`,
  `--mysql-user=${user}`,
  `--mysql-password=${password}`,
  `--mysql-db=${DATABASE}`,
  '--tables=1',
  '--table-size=100000',
]

// ── a large result ───────────────────────────────────────────────────────────────────────────────────────────────────

async function bulk(measured) {
  const sql = 'select * from bulk'
  const drain = (contender, text) =>
    withCpu(contender, async () => {
      const { stdout } = await run(process.execPath, [
        DRAIN,
        String(contender.port),
        measured.user,
        measured.password,
        DATABASE,
        text,
      ])
      const { bytes, ms } = JSON.parse(stdout)
      return { units: bytes / 1e6, rate: bytes / 1000 / ms }
    })
  for (const contender of measured.contenders)
    for (let time = 0; time < 3; time++) await drain(contender, `${sql} limit 200000`)
  const samples = await rounds(measured.rounds, measured.contenders, (contender) => drain(contender, sql))
  return printed(`${sql}, ${fixed(medianOf(samples, 'direct', 'units'), 0)} MB`, samples, {
    unit: 'MB/s',
    digits: 0,
    cpu: { name: 'CPU ms/MB', factor: 1000, digits: 2 },
  })
}

// ── new connections ──────────────────────────────────────────────────────────────────────────────────────────────────

/** One for each query: identity, grant, record and audit are in it. */
async function connects(measured, quick) {
  const connect = (contender, count) =>
    withCpu(contender, async () => {
      const began = performance.now()
      await run('mariadb-slap', [
        ...['--no-defaults', '--host=127.0.0.1', `--port=${contender.port}`, `--user=${measured.user}`],
        ...[`--password=${measured.password}`, '--skip-ssl', '--delimiter=;', '--query=select 1', '--silent'],
        ...[
          '--concurrency=4',
          `--number-of-queries=${count}`,
          '--detach=1',
          `--create-schema=${DATABASE}`,
          '--no-drop',
        ],
      ])
      return { units: count, rate: (count * 1000) / (performance.now() - began) }
    })
  for (const contender of measured.contenders)
    if (contender.gateway !== undefined) await connect(contender, quick ? 200 : 1000)
  const samples = await rounds(measured.rounds, measured.contenders, (contender) => connect(contender, 200))
  return printed('mariadb-slap --detach=1, 4 clients', samples, {
    unit: 'connections/s',
    digits: 1,
    cpu: { name: 'CPU ms', factor: 1000, digits: 1 },
  })
}
