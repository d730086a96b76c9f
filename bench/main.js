// What pamctl costs, beside what could stand in its place: npm run bench -- [SUBSET…] [--quick | --measures] [--rounds N] [--json FILE]
import { writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir, totalmem, release } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measuresText } from './lib/measures.js'
import { stopAll } from './lib/processes.js'
import { startStack } from './lib/stack.js'
import { storeBaseline } from './lib/baseline.js'
import { writeResults } from './lib/results-file.js'
import { bulk } from './subsets/bulk.js'
import { cli } from './subsets/cli.js'
import { connect } from './subsets/connect.js'
import { control } from './subsets/control.js'
import { ddl } from './subsets/ddl.js'
import { fairness } from './subsets/fairness.js'
import { filters } from './subsets/filters.js'
import { gates } from './subsets/gates.js'
import { http } from './subsets/http.js'
import { idle } from './subsets/idle.js'
import { growth } from './subsets/growth.js'
import { kept } from './subsets/kept.js'
import { kubernetes } from './subsets/kubernetes.js'
import { mysql } from './subsets/mysql.js'
import { many, oltp } from './subsets/oltp.js'
import { sql } from './subsets/sql.js'
import { ssh } from './subsets/ssh.js'

/** By name; those that need no database come first. */
const SUBSETS = {
  filters,
  sql,
  kept,
  oltp,
  bulk,
  connect,
  control,
  ddl,
  fairness,
  cli,
  ssh,
  mysql,
  kubernetes,
  http,
  gates,
  idle,
  growth,
  many,
}
const ALONE = new Set(['filters', 'sql', 'kept'])

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    /** What bench/RESULTS.md has beside its goals; written into it unless subsets are named. */
    measures: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    json: { type: 'string', default: join(tmpdir(), 'pamctl-bench.json') },
    only: { type: 'string' },
    store: { type: 'boolean', default: false },
  },
})
/** What shows a regression in under three minutes. */
const QUICK = ['filters', 'sql', 'gates', 'oltp', 'bulk', 'connect', 'cli']
/** What the goals speak of, in under twenty minutes. */
const MEASURES = ['filters', 'kept', 'oltp', 'bulk', 'connect', 'control', 'ddl', 'ssh']
const size = options.measures ? 'measures' : options.quick ? 'quick' : 'full'
const names =
  positionals.length > 0 ? positionals : { quick: QUICK, measures: MEASURES, full: Object.keys(SUBSETS) }[size]
const unknown = names.filter((name) => SUBSETS[name] === undefined)
if (unknown.length > 0) {
  process.stderr.write(`bench: there is no subset ${unknown.join(', ')}; there are ${Object.keys(SUBSETS).join(' ')}\n`)
  process.exit(2)
}

let stack
const gateways = new Map()
const context = {
  quick: options.quick,
  /** By how much is measured: `quick`, `measures`, `full`, or `other` for those that are not named. */
  pick: (choices) => choices[size] ?? choices.other,
  only: options.only,
  rounds: Number(options.rounds ?? (options.quick ? 3 : 5)),
  /** What is measured becomes the stored value. */
  store: options.store,
  get stack() {
    return stack
  },
  settings,
  /** Gateways by what they do, as contenders; each is started once, with an agent of its own. */
  async gatewayContenders(ids) {
    const found = []
    for (const id of ids) {
      if (!gateways.has(id)) gateways.set(id, await stack.gateway(id, settings(id)))
      const gateway = gateways.get(id)
      const port = await gateway.port('db')
      found.push({
        name: nameOf(id),
        port,
        gateway,
        pids: { gateway: [gateway.pid], agent: [await gateway.agentPid()] },
      })
    }
    return found
  },
}

const results = { machine: machine(), load: [loadavg()[0]], date: new Date().toISOString().slice(0, 10), subsets: {} }
try {
  if (names.some((name) => !ALONE.has(name))) stack = await startStack()
  for (const name of names) {
    const began = performance.now()
    // One that fails does not take the others with it.
    const found = await SUBSETS[name](context).catch((error) => ({
      failures: [`${name}: ${error.stack}`],
      text: `It failed: ${error.message}`,
    }))
    process.stderr.write(`bench: ${name} took ${Math.round((performance.now() - began) / 1000)} s\n`)
    results.subsets[name] = found
    writeFileSync(options.json, JSON.stringify(results, null, 2))
    process.stdout.write(`## ${name}\n\n${found.text}\n\n`)
  }
} finally {
  results.load.push(loadavg()[0])
  writeFileSync(options.json, JSON.stringify(results, null, 2))
  await stack?.stop()
  await stopAll()
}
if (options.measures) {
  const text = measuresText(results)
  process.stdout.write(`${text}\n`)
  if (positionals.length === 0) writeResults(text)
}
const figures = Object.entries(results.subsets).filter(([, { relative }]) => relative !== undefined)
if (options.store) storeBaseline(Object.fromEntries(figures.map(([name, { relative }]) => [name, relative])))
const failures = options.store ? [] : Object.values(results.subsets).flatMap((found) => found.failures ?? [])
for (const failure of failures) process.stderr.write(`bench: ${failure}\n`)
process.stdout.write(`${results.machine}, ${results.date}; all samples: ${options.json}\n`)
process.exit(failures.length > 0 ? 1 : 0)

/** `plain` or `checks` (rules, a masked column), `-tls`, `-own` (a WebSocket for each connection). */
function settings(id) {
  const parts = id.split('-')
  return {
    checks: parts.includes('checks'),
    tls: parts.includes('tls'),
    agentEnvironment: parts.includes('own') ? { PAMCTL_TUNNEL: 'own' } : {},
  }
}

function nameOf(id) {
  const parts = id.split('-')
  return [
    'pamctl',
    ...(parts.includes('plain') ? ['nothing on'] : []),
    ...(parts.includes('tls') ? ['TLS'] : []),
    ...(parts.includes('own') ? ['a WebSocket each'] : []),
  ].join(', ')
}

function machine() {
  return `${cpus()[0].model}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}, Node ${process.version}`
}
