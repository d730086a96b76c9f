// What the gateway costs SSH, beside a direct connection to the same sshd: files, many sessions, keystrokes. Contenders run side by
// side in random order in every round; what is printed are medians of same-round values and ratios. Needs sshd and OpenSSH's clients.
//   npm run build && node bench/ssh.js [--quick]
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { cpus, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { freePort } from '../dist/demo/local-postgres.js'
import { writeDemoConfig } from '../dist/demo/setup.js'
import { startGateway } from '../dist/demo/stack.js'
import { createApiClient } from '../dist/gateway-client/api-client.js'
import { openGatewayPort, signInToDemo } from './demo-client.js'

const quick = process.argv.includes('--quick')
const ROUNDS = quick ? 2 : 3
const MEGABYTES = quick ? 100 : 1000
const work = mkdtempSync(join(tmpdir(), 'pamctl-bench-ssh-'))
const { username } = userInfo()
let sshd
let gateway

try {
  await main()
} finally {
  sshd?.kill()
  await gateway?.stop('SIGTERM')
  rmSync(work, { recursive: true, force: true })
}
process.exit(0)

async function main() {
  const key = keygen('id')
  const hostKey = keygen('host')
  const sshdPort = await startSshd(hostKey, key)
  const plain = await startWith(sshdPort, hostKey, key)
  const contenders = [
    { name: 'direct', port: sshdPort, key },
    { name: 'gateway', port: plain.port },
    { name: 'gateway, masking', port: plain.masked },
  ]
  const big = join(work, 'big')
  writeFileSync(big, '')
  for (let i = 0; i < MEGABYTES; i++) writeFileSync(big, Buffer.alloc(1_000_000, i & 0xff), { flag: 'a' })
  const table = {}
  const measures = {
    'handshake and a command, ms': (one) => timed(() => ssh(one, ['true'])),
    '50 sessions at once, ms': (one) => timed(() => Promise.all(Array.from({ length: 50 }, () => ssh(one, ['true'])))),
    [`sftp down ${MEGABYTES} MB, MB/s`]: (one) =>
      rate(() => run('scp', ['-q', ...options(one), `127.0.0.1:${big}`, '/dev/null'])),
    [`sftp up ${MEGABYTES} MB, MB/s`]: (one) =>
      rate(() => run('scp', ['-q', ...options(one), big, `127.0.0.1:${join(work, 'up')}`])),
    [`scp -O down ${MEGABYTES} MB, MB/s`]: (one) =>
      rate(() => run('scp', ['-O', '-q', ...options(one), `127.0.0.1:${big}`, '/dev/null'])),
    [`scp -O up ${MEGABYTES} MB, MB/s`]: (one) =>
      rate(() => run('scp', ['-O', '-q', ...options(one), big, `127.0.0.1:${join(work, 'up')}`])),
    [`cat down ${MEGABYTES / 10} MB of text, MB/s`]: (one) =>
      rate(() => ssh(one, [`seq 1 ${Math.round((MEGABYTES / 10) * 115_000)}`]), MEGABYTES / 10),
    'keystroke p50, µs': (one) => keystrokes(one).then(({ p50 }) => p50),
    'keystroke p99, µs': (one) => keystrokes(one).then(({ p99 }) => p99),
  }
  for (const [name, measure] of Object.entries(measures)) {
    const samples = contenders.map(() => [])
    for (let round = 0; round < ROUNDS; round++)
      for (const index of shuffled(contenders.map((_, at) => at))) samples[index].push(await measure(contenders[index]))
    table[name] = contenders.map((_, at) => ({
      value: median(samples[at]),
      ratio: median(samples[at].map((value, round) => value / samples[0][round])),
    }))
  }
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8')
  console.log(
    `SSH (${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}, ${new Date().toISOString().slice(0, 10)})\n`,
  )
  console.log(`| | ${contenders.map(({ name }) => name).join(' | ')} |\n| --- |${' --- |'.repeat(contenders.length)}`)
  for (const [name, row] of Object.entries(table))
    console.log(
      `| ${name} | ${row.map(({ value, ratio }) => `${value.toFixed(value < 10 ? 1 : 0)} (${ratio.toFixed(2)})`).join(' | ')} |`,
    )
  console.log(`\npeak memory of the gateway: ${Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024)} MB`)
}

/** One byte there and back through a terminal that echoes, again and again. */
async function keystrokes(one) {
  const client = new ssh2.Client()
  await new Promise((resolve, reject) => {
    client.on('ready', resolve).on('error', reject)
    client.connect({
      host: '127.0.0.1',
      port: one.port,
      username,
      ...(one.key && { privateKey: readFileSync(one.key) }),
    })
  })
  const stream = await new Promise((resolve, reject) =>
    client.exec('cat', { pty: true }, (error, channel) => (error ? reject(error) : resolve(channel))),
  )
  const times = []
  for (let i = 0; i < (quick ? 100 : 400); i++) {
    const began = process.hrtime.bigint()
    const back = new Promise((resolve) => stream.once('data', resolve))
    stream.write(i % 40 === 39 ? '\n' : 'x')
    await back
    times.push(Number(process.hrtime.bigint() - began) / 1000)
    if (i % 40 === 39) await new Promise((done) => setTimeout(done, 20))
  }
  client.end()
  times.sort((a, b) => a - b)
  return { p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)] }
}

async function startWith(sshdPort, hostKey, key) {
  const gatewayPort = await freePort()
  const config = await writeDemoConfig(work, { gatewayPort, postgresPort: 1 })
  const target = (name) => `
  - name: ${name}
    type: ssh
    labels: { masked: "${name === 'masked'}" }
    host: 127.0.0.1
    port: ${sshdPort}
    hostKeys: ["${readFileSync(`${hostKey}.pub`, 'utf8').split(' ').slice(0, 2).join(' ')}"]
    logins: [{ name: ${username}, privateKey: "file:${key}" }]`
  writeFileSync(
    config,
    `listen: { host: 127.0.0.1, port: ${gatewayPort} }
dataDirectory: data
identity: { evaluation: { people: people.yaml } }
targets: ${target('plain')}${target('masked')}
access: [{ name: all, grant: standing }]
commands:
  - { name: shells, match: { kinds: [shell] }, allow: true }
  - { name: rest, match: {}, allow: true }
masking:
  - { name: secrets, targets: { labels: { masked: "true" } }, kinds: [email, jwt, private-key, cloud-key, payment-card] }
`,
  )
  gateway = await startGateway(config, join(work, 'gateway.log'))
  const jane = await signInToDemo(gateway.url)
  const authorize = (method, url) => jane.headers(method, url)
  const [first] = await createApiClient({ gateway: gateway.url, fetch, authorize }).targets()
  writeFileSync(join(work, 'known'), first.hostKeys.map((line) => `gateway ${line}\n`).join(''))
  return { port: await openGatewayPort(jane, 'plain'), masked: await openGatewayPort(jane, 'masked') }
}

async function startSshd(hostKey, key) {
  const port = await freePort()
  writeFileSync(join(work, 'authorized'), readFileSync(`${key}.pub`), { mode: 0o600 })
  writeFileSync(
    join(work, 'sshd_config'),
    `ListenAddress 127.0.0.1\nPort ${port}\nHostKey ${hostKey}\nAuthorizedKeysFile ${join(work, 'authorized')}\nPidFile ${join(work, 'pid')}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nMaxStartups 200\nMaxSessions 100\nSubsystem sftp internal-sftp\n`,
  )
  if (userInfo().uid === 0 && !existsSync('/run/sshd')) mkdirSync('/run/sshd')
  sshd = spawn('/usr/sbin/sshd', ['-D', '-f', join(work, 'sshd_config')], { stdio: 'ignore' })
  for (;;) {
    const isUp = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('data', () => resolve(true)).once('error', () => resolve(false))
      socket.once('data', () => socket.destroy())
    })
    if (isUp) return port
    await new Promise((done) => setTimeout(done, 50))
  }
}

function options({ port, key }) {
  const host =
    key === undefined
      ? ['-o', `UserKnownHostsFile=${join(work, 'known')}`, '-o', 'HostKeyAlias=gateway']
      : ['-i', key, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null']
  // The same key exchange for all: the library has no post-quantum one.
  return [
    '-F',
    'none',
    '-o',
    'LogLevel=ERROR',
    '-o',
    'KexAlgorithms=curve25519-sha256',
    '-o',
    'Ciphers=aes128-gcm@openssh.com',
    '-o',
    `Port=${port}`,
    '-o',
    `User=${username}`,
    ...host,
  ]
}

function keygen(name) {
  const file = join(work, name)
  spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file])
  return file
}

function ssh(one, command) {
  return run('ssh', ['-n', ...options(one), '127.0.0.1', ...command])
}
function run(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let text = ''
    child.stderr.on('data', (bytes) => (text += bytes))
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${program}: ${code} ${text}`))))
  })
}
async function timed(work_) {
  const began = performance.now()
  await work_()
  return performance.now() - began
}
async function rate(work_, megabytes = MEGABYTES) {
  return (megabytes * 1000) / (await timed(work_))
}
function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}
function shuffled(list) {
  const copy = [...list]
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    ;[copy[i], copy[j]] = [copy[j], copy[i]]
  }
  return copy
}
