/**
 * Runs PostgreSQL's own regression suite directly and through a gateway that masks nothing and allows everything; lists the
 * tests that print something else, and how much longer each takes.
 *
 *   npm run build && node scripts/run-regression-suite.js TREE [options]
 *
 *   --tests a,b,c    only these (and test_setup, which all others need)
 *   --schedule FILE  default: parallel_schedule of TREE
 *   --json FILE      results and times of every test
 *   --slowest N      how many tests to list by the time that the gateway adds; default 15
 *   --direct FILE    take the direct run from an earlier --json instead of running it again
 *   --profile FILE   write a CPU profile of the gateway (.cpuprofile)
 *
 * TREE is the source of the server's version with src/test/regress built. On Debian, with `Types: deb deb-src` in its sources:
 *
 *   apt-get install build-essential && apt-get source postgresql-15 && cd postgresql-15-15.*
 *   ./configure --without-readline --without-zlib && make -C src/backend generated-headers && make -C src/test/regress
 *
 * The server is the system's, or the one in the directory that PAMCTL_DEMO_POSTGRES names; psql is the one in PATH. Where the
 * checkout is in a directory that the server's user may not enter, TREE has to be elsewhere. Exits with 1 if a test differs that
 * docs/protocols/postgres.md does not list.
 */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { openGatewayPort, signInToDemo } from '../bench/demo-client.js'
import { startDemoStack } from '../dist/demo/stack.js'

/** Tests that differ on purpose: docs/protocols/postgres.md says why. */
const EXPECTED = ['largeobject', 'plpgsql', 'strings']

/** USER_HZ, which is 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tests: { type: 'string' },
    schedule: { type: 'string' },
    json: { type: 'string' },
    slowest: { type: 'string', default: '15' },
    direct: { type: 'string' },
    profile: { type: 'string' },
  },
})
if (positionals.length !== 1) {
  process.stderr.write('usage: node scripts/run-regression-suite.js TREE [options]; the file itself explains them\n')
  process.exit(2)
}
const regress = join(resolve(positionals[0]), 'src/test/regress')
const out = mkdtempSync(join(tmpdir(), 'pamctl-regress-'))
chmodSync(out, 0o777)
writeFileSync(join(out, 'password'), 'local-superuser')
const schedule = values.tests === undefined ? (values.schedule ?? join(regress, 'parallel_schedule')) : subset()
let postgresPort = 0

// Only the gateway is profiled, which takes the options of Node from its environment.
if (values.profile !== undefined) process.env.NODE_OPTIONS = `--import=${profiler(resolve(values.profile))}`
const stack = await startDemoStack({
  prepare: async (postgres) => void (postgresPort = postgres.port),
  configure: (yaml) =>
    yaml
      .replace('\nidentity:', '\nidentity:\n  reverifyEvery: 1h')
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
delete process.env.NODE_OPTIONS
const env = { ...process.env, PGPASSWORD: 'local-superuser', PGUSER: 'postgres', PGSSLMODE: 'disable' }

let failed = true
try {
  const direct = values.direct === undefined ? await suite('direct', postgresPort) : earlier(values.direct)
  const port = await openGatewayPort(await signInToDemo(stack.gateway), 'regression')
  const through = await suite('gateway', port)
  const tests = [...through.tests].map(([name, { result, ms, printed }]) => {
    const before = direct.tests.get(name)
    const differs = before?.result !== result || before.printed !== printed
    return { name, direct: before?.result, gateway: result, directMs: before?.ms, gatewayMs: ms, differs }
  })
  const differing = tests.filter(({ differs }) => differs)
  const unexpected = differing.filter(({ name }) => !EXPECTED.includes(name))
  const missing = [...direct.tests.keys()].filter((name) => !through.tests.has(name))
  const sum = (of) => tests.reduce((total, test) => total + (test[of] ?? 0), 0)
  const summary = {
    version: stack.postgres.version,
    tests: tests.length,
    differing: differing.map(({ name }) => name),
    unexpected: unexpected.map(({ name }) => name),
    missing,
    seconds: { direct: direct.seconds, gateway: through.seconds },
    processorSeconds: { direct: direct.processorSeconds, gateway: through.processorSeconds },
    ratio: round(through.seconds / direct.seconds),
    ratioOfSums: round(sum('gatewayMs') / sum('directMs')),
    sessionsEnded: reasonsOf(stack.gatewayLog()),
  }
  for (const { name, direct: before, gateway } of differing) {
    const expected = EXPECTED.includes(name) ? ' (as documented)' : ''
    process.stdout.write(`${name}${expected}: directly ${before ?? 'not run'}, through the gateway ${gateway}\n`)
    if (values.direct === undefined) writeDifference(name)
  }
  const slowest = tests
    .filter(({ directMs }) => directMs !== undefined)
    .toSorted((a, b) => b.gatewayMs - b.directMs - (a.gatewayMs - a.directMs))
    .slice(0, Number(values.slowest))
  process.stdout.write('\nthe most time added, in ms:\n')
  for (const { name, directMs, gatewayMs } of slowest)
    process.stdout.write(
      `${name.padEnd(24)}${String(directMs).padStart(8)}${String(gatewayMs).padStart(9)}  ${round(gatewayMs / directMs)} times\n`,
    )
  process.stdout.write(`\n${JSON.stringify(summary, null, 2)}\n`)
  if (values.json !== undefined) {
    const printed = Object.fromEntries([...direct.tests].map(([name, test]) => [name, test.printed]))
    writeFileSync(values.json, `${JSON.stringify({ summary, tests, printed }, null, 2)}\n`)
  }
  writeFileSync(join(out, 'gateway.log'), stack.gatewayLog())
  process.stdout.write(`outputs, *.diff of the tests that differ, gateway.log: ${out}\n`)
  failed = unexpected.length > 0 || missing.length > 0
} finally {
  await stack.stop()
}
process.exit(failed ? 1 : 0)

/** Runs the suite on a fresh database; what each test came to, how long it took, a digest of what it printed. */
async function suite(name, port) {
  const outputs = join(out, name)
  // The server writes there, too, as another user.
  const directories = [outputs, join(outputs, 'testtablespace'), join(outputs, 'results')]
  for (const directory of directories) {
    mkdirSync(directory, { recursive: true })
    chmodSync(directory, 0o777)
  }
  prepareDatabase()
  const processorBefore = processorTimes()
  const started = performance.now()
  const run = spawn(
    join(regress, 'pg_regress'),
    [
      `--inputdir=${regress}`,
      `--outputdir=${outputs}`,
      `--dlpath=${regress}`,
      '--bindir=',
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
  const seconds = round((performance.now() - started) / 1000)
  const processorSeconds = Object.fromEntries(
    Object.entries(processorTimes()).map(([process, time]) => [process, round(time - processorBefore[process])]),
  )
  writeFileSync(join(outputs, 'output.txt'), text)
  const tests = new Map()
  for (const line of text.split('\n')) {
    // `test boolean ... ok 123 ms`, and from version 16 on `ok 2 + boolean 123 ms`.
    const found =
      /^(?:test |\s{4,})\s*(?<test>\w+)\s+\.\.\.\s+(?<result>ok|FAILED|failed \(ignored\))\s.*?(?<ms>\d+) ms/.exec(
        line,
      ) ?? /^(?<result>ok|not ok)\s+\d+\s+[-+]\s+(?<test>\w+)\s+(?<ms>\d+) ms/.exec(line)
    if (found === null) continue
    const { test, result, ms } = found.groups
    tests.set(test, {
      result: result === 'ok' ? 'ok' : 'FAILED',
      ms: Number(ms),
      printed: hash(printedBy(name, test)),
    })
  }
  return { tests, seconds, processorSeconds }
}

/** Seconds of the processor that each has used: the server with all of its sessions that are over, the gateway, and what stands for the agent. */
function processorTimes() {
  const usedBy = (pid, withChildren) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // From the third field on; the fourteenth to the seventeenth are in ticks. Manual: proc_pid_stat(5).
    const [user, system, ofChildrenUser, ofChildrenSystem] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15)
      .map(Number)
    return (user + system + (withChildren ? ofChildrenUser + ofChildrenSystem : 0)) / TICKS_PER_SECOND
  }
  const { user, system } = process.cpuUsage()
  const [postmaster] = admin("select pg_read_file('postmaster.pid')").split('\n')
  return { server: usedBy(postmaster, true), gateway: usedBy(stack.pid, false), agent: (user + system) / 1e6 }
}

/** A database as pg_regress makes it, and none of the roles that an earlier run left. */
function prepareDatabase() {
  admin('drop database if exists regression with (force)')
  for (const made of admin("select datname from pg_database where datname ~ '^regress'").split('\n').filter(Boolean))
    admin(`drop database "${made}" with (force)`)
  for (const made of admin("select spcname from pg_tablespace where spcname ~ '^regress'").split('\n').filter(Boolean))
    admin(`drop tablespace "${made}"`)
  for (const role of admin("select rolname from pg_roles where rolname ~ '^regress'").split('\n').filter(Boolean))
    admin(`drop role "${role}"`)
  admin('create database regression template template0')
  for (const setting of [
    "lc_messages = 'C'",
    "lc_monetary = 'C'",
    "lc_numeric = 'C'",
    "lc_time = 'C'",
    "bytea_output = 'hex'",
    "timezone_abbreviations = 'Default'",
  ])
    admin(`alter database regression set ${setting}`)
}

/** What a statement of the superuser printed, past the gateway. */
function admin(sql) {
  const ran = spawnSync(
    'psql',
    ['-X', '-q', '-At', '-h', '127.0.0.1', '-p', postgresPort, '-d', 'postgres', '-c', sql],
    {
      env,
      encoding: 'utf8',
    },
  )
  if (ran.status !== 0) throw new Error(`${sql}: ${ran.stderr ?? ran.error?.message}`)
  return ran.stdout
}

/** What a test printed, without the places and numbers that differ from run to run. */
function printedBy(name, test) {
  try {
    return readFileSync(join(out, name, 'results', `${test}.out`), 'latin1')
      .replaceAll(join(out, name), '')
      .replaceAll(out, '')
  } catch {
    return ''
  }
}

/** The two outputs of a test beside each other. */
function writeDifference(test) {
  const [direct, gateway] = ['direct', 'gateway'].map((name) => join(out, name, 'results', `${test}.out`))
  writeFileSync(join(out, `${test}.diff`), spawnSync('diff', ['-u', direct, gateway], { encoding: 'utf8' }).stdout)
}

/** A schedule of single tests. */
function subset() {
  const file = join(out, 'schedule')
  const named = ['test_setup', ...values.tests.split(',').filter((name) => name !== 'test_setup')]
  writeFileSync(file, named.map((name) => `test: ${name}\n`).join(''))
  return file
}

/** A module that profiles the main thread of the process that loads it. */
function profiler(file) {
  const module = join(out, 'profiler.mjs')
  writeFileSync(
    module,
    `import { Session } from 'node:inspector'
import { writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
if (isMainThread) {
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.start')
  process.on('exit', () =>
    session.post('Profiler.stop', (error, { profile }) => writeFileSync(${JSON.stringify(file)}, JSON.stringify(profile))),
  )
}
`,
  )
  return module
}

function earlier(file) {
  const { summary, tests, printed } = JSON.parse(readFileSync(file, 'utf8'))
  return {
    seconds: summary.seconds.direct,
    processorSeconds: summary.processorSeconds?.direct,
    tests: new Map(
      tests
        .filter(({ direct }) => direct !== undefined)
        .map(({ name, direct, directMs }) => [name, { result: direct, ms: directMs, printed: printed[name] }]),
    ),
  }
}

/** Why sessions ended, with how many did. */
function reasonsOf(log) {
  const reasons = {}
  for (const line of log.split('\n').filter((text) => text.includes('"session.ended"'))) {
    const { code } = JSON.parse(line)
    reasons[code] = (reasons[code] ?? 0) + 1
  }
  return reasons
}

function round(number) {
  return Math.round(number * 100) / 100
}

function hash(text) {
  let value = 0
  for (const character of text) value = (Math.imul(value, 31) + character.charCodeAt(0)) | 0
  return (value >>> 0).toString(16)
}
