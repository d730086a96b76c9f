import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createSqlParser } from '../../dist/protocols/postgres/dialect/sql-parser.js'
import { makeBulkTable } from './bulk.js'
import { fixed, memoryKB, table } from '../lib/measure.js'
import { pause, run } from '../lib/processes.js'

const SLOW = fileURLToPath(new URL('../relays/slow-client.js', import.meta.url))

/**
 * What must hold whatever the figures are: every byte arrives at a client that reads slowly and in odd pieces, on each way through,
 * masked or not; nobody who stops reading makes a process grow; no text breaks the parser for others. A gate that does not hold fails the run.
 */
export async function gates(context) {
  const { stack } = context
  await makeBulkTable(stack, 60_000)
  const failures = []
  const rows = []
  const expected = {
    false: await slowly(stack, stack.postgres.port, 'select id, a, b, c, d, e, f, g, h, secret from bulk order by id'),
    true: await slowly(
      stack,
      stack.postgres.port,
      `select id, a, b, c, d, e, f, g, h, 'p***@***.com'::text as secret from bulk order by id`,
    ),
  }
  for (const id of context.quick ? ['checks', 'checks-tls-own'] : ALL) {
    const [{ name, port }] = await context.gatewayContenders([id])
    const found = await slowly(stack, port, 'select id, a, b, c, d, e, f, g, h, secret from bulk order by id')
    const same = found === expected[id.startsWith('checks')]
    rows.push([name, same ? 'the same' : 'OTHER BYTES'])
    if (!same) failures.push(`gates: ${name}: a slow client got other bytes`)
  }
  await makeBulkTable(stack, context.quick ? 500_000 : 7_000_000)
  const memory = []
  for (const id of context.quick ? ['checks'] : ['checks-tls', 'checks-tls-own']) {
    const [{ name, port, pids }] = await context.gatewayContenders([id])
    const processes = { gateway: pids.gateway[0], agent: pids.agent[0] }
    const before = Object.fromEntries(Object.entries(processes).map(([role, pid]) => [role, memoryKB(pid)]))
    const client = spawn(process.execPath, [SLOW, String(port), 'select * from bulk', 'stall'], {
      env: { ...process.env, ...stack.env(port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise((resolve) => client.stdout.once('data', resolve))
    const most = { gateway: 0, agent: 0 }
    for (let time = 0; time < (context.quick ? 20 : 80); time++) {
      for (const [role, pid] of Object.entries(processes))
        most[role] = Math.max(most[role], (memoryKB(pid) - before[role]) / 1024)
      await pause(100)
    }
    client.kill('SIGKILL')
    memory.push([name, fixed(most.gateway), fixed(most.agent)])
    for (const [role, grown] of Object.entries(most))
      if (grown > MAX_GROWN)
        failures.push(`gates: ${name}: the ${role} grew by ${fixed(grown)} MB for a client that does not read`)
  }
  const parser = await createSqlParser()
  const texts = [
    `select 1${'+1'.repeat(50_000)}`,
    `select ${'not '.repeat(20_000)}true`,
    `select ${'('.repeat(30_000)}1`,
  ]
  for (let time = 0; time < 40; time++) await parser.parse(`${texts[time % texts.length]} -- ${time}`)
  const after = await parser.parse(`select a from t ${' '.repeat(6000)}`)
  const survives = !('failure' in after) && !('failure' in (await parser.parse('select b from t')))
  if (!survives) failures.push('gates: the parser does not survive texts that are too deep')
  await parser.close()
  return {
    results: { rows, memory, survives },
    failures,
    text: [
      table(['a slow client, 16 MB in odd pieces', 'compared with direct'], rows),
      table(['a client that does not read', 'gateway grew by MB', 'agent grew by MB'], memory),
      `The parser after forty texts that are too deep: ${survives ? 'reads on' : 'BROKEN'}.`,
    ].join('\n\n'),
  }
}

/** SHA-256 of all rows as a client gets them that reads in odd pieces with pauses. */
const slowly = async (stack, port, sql) =>
  (await run(process.execPath, [SLOW, String(port), sql], { env: stack.env(port) })).stdout.trim()

/** Each way through, masked or not. */
const ALL = ['plain', 'checks', 'plain-own', 'checks-own', 'plain-tls', 'checks-tls', 'plain-tls-own', 'checks-tls-own']
/** MB that a process may grow by while gigabytes wait behind a client that does not read. */
const MAX_GROWN = 32
