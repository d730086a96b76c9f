// What recording costs: per statement (in process and with pgbench), and how fast a record is verified. Contenders run side by side
// in random order in every round; what is printed are medians of same-round values and ratios.
//   npm run build && node bench/recording.js [--quick]
import { spawn, spawnSync } from 'node:child_process'
import { createHash, createPublicKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { startDemoStack } from '../dist/demo/stack.js'
import { readSegments } from '../dist/recording/read.js'
import { generateSigningKeyPem, signerFromPem } from '../dist/recording/seal.js'
import { Spool } from '../dist/recording/spool.js'
import { verifyRecording } from '../dist/recording/verify.js'
import { openGatewayPort, signInToDemo } from './demo-client.js'
import { median, shuffled } from './lib/measure.js'

const quick = process.argv.includes('--quick')
const ROUNDS = quick ? 3 : 7
const work = mkdtempSync(join(tmpdir(), 'pamctl-bench-'))
const signer = signerFromPem(generateSigningKeyPem())
const results = {}
const command = {
  type: 'command',
  id: 'dec_0123456789abc',
  verdict: 'allow',
  rule: 'everyday work',
  text: 'SELECT abalance FROM pgbench_accounts WHERE aid = $1',
  parameters: ['123456'],
  digest: 'a'.repeat(64),
  kinds: ['select'],
  reads: ['public.pgbench_accounts'],
  writes: [],
}
const result = { type: 'result', command: 'dec_0123456789abc', tag: 'SELECT 1', rows: 1, bytes: 30, durationMs: 1 }

try {
  results.append = await appends()
  results.verify = await verification()
  results.pgbench = await throughGateway()
  print()
} finally {
  rmSync(work, { recursive: true, force: true })
}
// The ports listen still.
process.exit(0)

/** In process: what one command costs until it may be forwarded, with so many sessions in a turn of the event loop. */
async function appends() {
  const contenders = []
  for (const sessions of [1, 8, 64])
    for (const durability of ['nothing', 'buffered', 'strict']) contenders.push({ sessions, durability })
  const samples = new Map(contenders.map((contender) => [contender, []]))
  for (let round = 0; round < ROUNDS; round++)
    for (const contender of shuffled(contenders))
      samples.get(contender).push(await appendRun(contender, quick ? 300 : 1500))
  return contenders.map((contender) => ({ ...contender, ...medians(samples.get(contender)) }))
}

async function appendRun({ sessions, durability }, turns) {
  const directory = mkdtempSync(join(work, 'spool-'))
  const secret = Buffer.alloc(32, 1)
  const options = { directory, macKey: secret, detachedKey: secret, signer, limit: 1e12, writeTimeout: 10_000 }
  const spool = durability === 'nothing' ? undefined : new Spool(options)
  const recorders = []
  for (let n = 0; n < sessions; n++) {
    const open = {
      file: `x/ses_${n}.pamrec`,
      recipients: [],
      strict: durability === 'strict',
      onFailure: console.error,
    }
    recorders.push(await spool?.open(opened(`ses_${n}`), open))
  }
  const perTurn = durability === 'strict' ? Math.ceil(turns / 10) : turns
  const cpu = process.cpuUsage()
  const start = performance.now()
  for (let turn = 0; turn < perTurn; turn++) {
    await Promise.all(
      recorders.map(
        (recorder) =>
          new Promise((resolve) => {
            if (recorder === undefined) return setImmediate(resolve)
            recorder.intent(command)
            recorder.outcome(result)
            recorder.whenWritten(resolve)
          }),
      ),
    )
  }
  const statements = perTurn * sessions
  const wall = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  for (const recorder of recorders)
    if (recorder !== undefined) await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
  await spool?.stop()
  rmSync(directory, { recursive: true })
  return { wallUs: (wall * 1000) / statements, cpuUs: (user + system) / statements }
}

/** A record of a long session: events per second, and against gunzip and SHA-256 of the same bytes, which is the least there is to do. */
async function verification() {
  const directory = mkdtempSync(join(work, 'verify-'))
  const secret = Buffer.alloc(32, 1)
  const spool = new Spool({ directory, macKey: secret, detachedKey: secret, signer, limit: 1e12, writeTimeout: 10_000 })
  const open = { file: 'x/ses_0.pamrec', recipients: [], strict: false, onFailure: console.error }
  const recorder = await spool.open(opened('ses_0'), open)
  const events = quick ? 40_000 : 200_000
  for (let n = 0; n < events / 2; n++) {
    recorder.intent({ ...command, id: `dec_${n}`, text: `${command.text} and n = ${n}` })
    recorder.outcome({ ...result, command: `dec_${n}` })
    if (recorder.isFull) await new Promise((resolve) => recorder.whenRoom(resolve))
    else if (n % 100 === 0) await new Promise((resolve) => recorder.whenWritten(resolve))
  }
  await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
  await spool.stop()
  const file = join(directory, 'x/ses_0.pamrec')
  const keys = [{ key: createPublicKey(signer.publicKeyPem) }]
  const bodies = []
  for await (const { body } of readSegments(file)) bodies.push(Buffer.from(body))
  const plain = bodies.reduce((sum, body) => sum + gunzipSync(body).length, 0)
  const samples = { verify: [], least: [] }
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of shuffled(['verify', 'least'])) {
      const start = performance.now()
      if (name === 'verify') {
        const { status } = await verifyRecording(file, keys)
        if (status !== 'sealed') throw new Error(`the record is ${status}`)
      } else for (const body of bodies) createHash('sha256').update(gunzipSync(body)).digest()
      samples[name].push(performance.now() - start)
    }
  }
  const seconds = median(samples.verify) / 1000
  return {
    events,
    fileMB: statSync(file).size / 1e6,
    plainMB: plain / 1e6,
    eventsPerSecond: Math.round(events / seconds),
    plainMBPerSecond: plain / 1e6 / seconds,
    ratioToLeast: median(samples.verify.map((value, round) => value / samples.least[round])),
  }
}

/** pgbench select-only, 8 clients, through a gateway that records buffered or strict, beside going directly. */
async function throughGateway() {
  if (spawnSync('pgbench', ['--version']).status !== 0) return 'no pgbench here'
  const stacks = {}
  const ports = {}
  const base = {}
  try {
    for (const durability of ['buffered', 'strict']) {
      const stack = await startDemoStack({
        configure: (yaml) =>
          `${yaml.replace('\nidentity:', '\nidentity:\n  reverifyEvery: 1h')}\nrecording: { durability: ${durability} }\n`,
      })
      stacks[durability] = stack
      ports[durability] = await openGatewayPort(await signInToDemo(stack.gateway), 'dev-db')
      base[durability] = stack
    }
    const [{ postgres }] = Object.values(stacks)
    const env = (port, user, password) => ({
      ...process.env,
      PGHOST: '127.0.0.1',
      PGPORT: String(port),
      PGUSER: user,
      PGPASSWORD: password,
      PGSSLMODE: 'disable',
    })
    const { user, password } = postgres.superuser
    for (const stack of Object.values(stacks)) {
      const { superuser, port } = stack.postgres
      spawnSync('pgbench', ['-i', '-q', '-s', '1', 'app_dev'], { env: env(port, superuser.user, superuser.password) })
      spawnSync('psql', ['-q', '-c', 'grant all on all tables in schema public to public', 'app_dev'], {
        env: env(port, superuser.user, superuser.password),
      })
    }
    const contenders = {
      direct: { env: env(postgres.port, user, password) },
      buffered: { env: env(ports.buffered, 'app', 'x'), pid: stacks.buffered.pid },
      strict: { env: env(ports.strict, 'app', 'x'), pid: stacks.strict.pid },
    }
    const samples = { direct: [], buffered: [], strict: [] }
    for (let round = 0; round < ROUNDS; round++)
      for (const name of shuffled(Object.keys(contenders))) samples[name].push(await pgbench(contenders[name]))
    const ratio = (name) => median(samples[name].map(({ tps }, round) => tps / samples.direct[round].tps))
    return Object.keys(contenders).map((name) => ({
      name,
      tps: Math.round(median(samples[name].map(({ tps }) => tps))),
      ofDirect: ratio(name),
      gatewayCpuUs: median(samples[name].map(({ cpuUs }) => cpuUs)),
    }))
  } finally {
    for (const stack of Object.values(stacks)) await stack.stop()
  }
}

async function pgbench({ env, pid }) {
  const before = cpuTicks(pid)
  const child = spawn(
    'pgbench',
    ['-n', '-S', '-M', 'prepared', '-c', '8', '-j', '2', '-T', quick ? '3' : '8', 'app_dev'],
    {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk) => (text += chunk))
  await new Promise((resolve) => child.on('close', resolve))
  const tps = Number(/tps = ([\d.]+)/.exec(text)?.[1])
  const transactions = Number(/actually processed: (\d+)/.exec(text)?.[1])
  if (!(tps > 0)) throw new Error(text)
  return { tps, cpuUs: ((cpuTicks(pid) - before) * 10_000) / transactions }
}

/** User and system time of a process, in hundredths of a second (Linux). */
function cpuTicks(pid) {
  if (pid === undefined) return 0
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return Number(fields[11]) + Number(fields[12])
}

function opened(session) {
  const grant = { id: 'grt_1', rule: 'r', reason: 'bench', endsAt: '2030-01-01T00:00:00.000Z' }
  const person = { id: 'bench', label: 'bench', kind: 'person' }
  return {
    type: 'opened',
    version: 3,
    session,
    person,
    target: 't',
    protocol: 'postgres',
    account: 'a',
    grant,
    policy: 'p',
  }
}

function print() {
  const fixed = (value, digits = 1) => value.toFixed(digits)
  const lines = [
    `# Recording (${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}, ${new Date().toISOString().slice(0, 10)})`,
    '',
    '| sessions per turn | mode | wall µs per statement | CPU µs per statement |',
    '| --- | --- | --- | --- |',
    ...results.append.map(
      ({ sessions, durability, wallUs, cpuUs }) =>
        `| ${sessions} | ${durability} | ${fixed(wallUs)} | ${fixed(cpuUs)} |`,
    ),
    '',
    '| pgbench -S -M prepared, 8 clients | tps | of direct | gateway CPU µs per transaction |',
    '| --- | --- | --- | --- |',
    ...(typeof results.pgbench === 'string'
      ? [results.pgbench]
      : results.pgbench.map(
          ({ name, tps, ofDirect, gatewayCpuUs }) =>
            `| ${name} | ${tps} | ${fixed(ofDirect, 2)} | ${name === 'direct' ? '' : fixed(gatewayCpuUs)} |`,
        )),
    '',
    `Verification: ${results.verify.eventsPerSecond} events/s, ${fixed(results.verify.plainMBPerSecond)} MB/s of events (${fixed(results.verify.fileMB)} MB file, ${fixed(results.verify.plainMB)} MB of events), ${fixed(results.verify.ratioToLeast)} times gunzip and one SHA-256.`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  writeFileSync(join(tmpdir(), 'pamctl-bench-recording.json'), JSON.stringify(results, null, 2))
}

function medians(samples) {
  return { wallUs: median(samples.map(({ wallUs }) => wallUs)), cpuUs: median(samples.map(({ cpuUs }) => cpuUs)) }
}
