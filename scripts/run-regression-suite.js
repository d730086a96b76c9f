// Runs PostgreSQL's own regression suite directly and through a gateway that masks nothing and allows everything, and
// lists the tests whose result differs. Takes the source tree of the server's version, with src/test/regress built:
//   npm run build && node scripts/run-regression-suite.js ~/src/postgresql-15.18 [schedule]
import { spawnSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { openGatewayPort, signInToDemo } from '../bench/demo-client.js'
import { startDemoStack } from '../dist/demo/stack.js'

const tree = resolve(process.argv[2] ?? '')
const regress = join(tree, 'src/test/regress')
const schedule = process.argv[3] ?? join(regress, 'parallel_schedule')
const out = mkdtempSync(join(tmpdir(), 'pamctl-regress-'))
chmodSync(out, 0o777)
let postgresPort = 0
writeFileSync(join(out, 'password'), 'local-superuser')

const stack = await startDemoStack({
  prepare: async (postgres) => void (postgresPort = postgres.port),
  configure: (yaml) =>
    yaml
      .replace('\nidentity:', '\nidentity:\n  reproof: 1h')
      .replace(
        '\naccess:',
        `
  - { name: regression, type: postgres, host: 127.0.0.1, port: ${postgresPort}, database: regression, user: postgres, password: "file:${join(out, 'password')}", tls: disable, ownAccount: true }

access:
  - { name: regression, who: { groups: [engineering] }, targets: { names: [regression] }, grant: standing }`,
      )
      .replace(
        '\ncommands:',
        '\ncommands:\n  - { name: everything, targets: { names: [regression] }, match: { unknown: true }, allow: true }',
      ),
})
const env = { ...process.env, PGPASSWORD: 'local-superuser', PGUSER: 'postgres', PGSSLMODE: 'disable' }

try {
  const direct = await suite('direct', postgresPort)
  const port = await openGatewayPort(await signInToDemo(stack.gateway), 'regression')
  const through = await suite('gateway', port)
  const differing = [...through].filter(([test, result]) => direct.get(test) !== result)
  process.stdout.write(
    `${direct.size} tests directly, ${through.size} through the gateway; ${differing.length} differ\n`,
  )
  for (const [test, result] of differing)
    process.stdout.write(`${test}\tdirectly ${direct.get(test)}, through the gateway ${result}\n`)
  process.stdout.write(`differences: ${out}/{direct,gateway}/regression.diffs; the gateway's log: ${out}/gateway.log\n`)
  writeFileSync(join(out, 'gateway.log'), stack.gatewayLog())
} finally {
  await stack.stop()
}
process.exit(0)

async function suite(name, port) {
  const outputs = join(out, name)
  mkdirSync(join(outputs, 'testtablespace'), { recursive: true })
  for (const directory of [outputs, join(outputs, 'testtablespace')]) chmodSync(directory, 0o777)
  const admin = (sql, database = 'postgres') =>
    spawnSync('psql', ['-X', '-q', '-h', '127.0.0.1', '-p', postgresPort, '-d', database, '-c', sql], {
      env,
      encoding: 'utf8',
    })
  admin('drop database if exists regression')
  for (const role of admin("select rolname from pg_roles where rolname ~ '^regress'", 'postgres').stdout.match(
    /regress\w+/g,
  ) ?? [])
    admin(`drop role ${role}`)
  admin('create database regression template template0')
  admin(
    `alter database regression set lc_messages to 'C'; alter database regression set lc_monetary to 'C'; alter database regression set lc_numeric to 'C'; alter database regression set lc_time to 'C'; alter database regression set bytea_output to 'hex'; alter database regression set timezone_abbreviations to 'Default'`,
  )
  const run = spawn(
    join(regress, 'pg_regress'),
    [
      `--inputdir=${regress}`,
      `--outputdir=${outputs}`,
      `--dlpath=${regress}`,
      '--bindir=/usr/lib/postgresql/15/bin',
      '--max-concurrent-tests=20',
      `--schedule=${schedule}`,
      '--use-existing',
      '--dbname=regression',
      '--host=127.0.0.1',
      `--port=${port}`,
      '--user=postgres',
    ],
    { cwd: outputs, env, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let text = ''
  run.stdout.on('data', (chunk) => (text += chunk))
  run.stderr.on('data', (chunk) => (text += chunk))
  await new Promise((done) => run.on('close', done))
  writeFileSync(join(outputs, 'output.txt'), text)
  const results = new Map()
  for (const line of text.split('\n')) {
    const found = /^(?:test |\s{4,})\s*(\S+)\s+\.\.\.\s+(ok|FAILED)/.exec(line)
    if (found) results.set(found[1], found[2])
  }
  // A test that fails either way can still differ: what it printed is compared.
  for (const test of results.keys()) {
    try {
      const printed = readFileSync(join(outputs, 'results', `${test}.out`), 'latin1')
      results.set(test, `${results.get(test)} ${hash(printed.replaceAll(out, '').replaceAll(`/${name}/`, '/'))}`)
    } catch {}
  }
  return results
}

function hash(text) {
  let value = 0
  for (const character of text) value = (Math.imul(value, 31) + character.charCodeAt(0)) | 0
  return (value >>> 0).toString(16)
}
