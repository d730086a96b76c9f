// What pamctl costs, beside what could stand in its place: npm run bench -- [SUBSET…] [--quick] [--rounds N] [--json FILE]
import { writeFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem, release } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { stopAll } from './lib/processes.js'
import { startStack } from './lib/stack.js'
import { storeBaseline, withinBaseline } from './lib/baseline.js'
import { filters } from './subsets/filters.js'
import { oltp } from './subsets/oltp.js'
import { sql } from './subsets/sql.js'

/** By name; those that need no database stand alone. */
const SUBSETS = { oltp, filters, sql }
const ALONE = new Set(['filters', 'sql'])

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    json: { type: 'string', default: join(tmpdir(), 'pamctl-bench.json') },
    only: { type: 'string' },
    store: { type: 'boolean', default: false },
  },
})
const names = positionals.length === 0 ? Object.keys(SUBSETS) : positionals
const unknown = names.filter((name) => SUBSETS[name] === undefined)
if (unknown.length > 0) {
  process.stderr.write(`bench: there is no subset ${unknown.join(', ')}; there are ${Object.keys(SUBSETS).join(' ')}\n`)
  process.exit(2)
}

let stack
const gateways = new Map()
const context = {
  quick: options.quick,
  only: options.only,
  rounds: Number(options.rounds ?? (options.quick ? 3 : 5)),
  /** Whether figures are low enough to be believed. */
  enough: (subset) => (options.store ? () => true : withinBaseline(subset)),
  get stack() {
    return stack
  },
  /** Gateways by what they do, each started once. */
  async gateways(wanted = ['plain', 'checks', 'checks-tls']) {
    const found = {}
    for (const id of wanted) {
      const [name, settings] = GATEWAYS[id]
      if (!gateways.has(id)) gateways.set(id, await stack.gateway(id, settings))
      found[name] = gateways.get(id)
    }
    return found
  },
}
const GATEWAYS = {
  plain: ['pamctl, nothing on', {}],
  checks: ['pamctl', { checks: true }],
  'checks-tls': ['pamctl, TLS', { checks: true, tls: true }],
}

const results = { machine: machine(), date: new Date().toISOString().slice(0, 10), subsets: {} }
try {
  if (names.some((name) => !ALONE.has(name))) stack = await startStack()
  for (const name of names) {
    const found = await SUBSETS[name](context)
    results.subsets[name] = found
    process.stdout.write(`## ${name}\n\n${found.text}\n\n`)
  }
} finally {
  writeFileSync(options.json, JSON.stringify(results, null, 2))
  await stack?.stop()
  await stopAll()
}
const figures = Object.entries(results.subsets).filter(([, { relative }]) => relative !== undefined)
if (options.store) storeBaseline(Object.fromEntries(figures.map(([name, { relative }]) => [name, relative])))
const failures = options.store ? [] : Object.values(results.subsets).flatMap((found) => found.failures ?? [])
for (const failure of failures) process.stderr.write(`bench: ${failure}\n`)
process.stdout.write(`${results.machine}, ${results.date}; all samples: ${options.json}\n`)
process.exit(failures.length > 0 ? 1 : 0)

function machine() {
  return `${cpus()[0].model}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}, Node ${process.version}`
}
