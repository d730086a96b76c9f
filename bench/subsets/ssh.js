import { readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { sshServer } from '../lib/contenders.js'
import { against, fixed, medianOf, memoryKB, percentile, rounds, table } from '../lib/measure.js'
import { run } from '../lib/processes.js'
import { echoTimes } from '../lib/terminal.js'

const { username } = userInfo()

/** Files, streams, many sessions and keystrokes over SSH, beside a direct connection and a bastion (`ssh -J`). */
export async function ssh(context) {
  const { stack, quick } = context
  const sshd = await sshServer(stack, 'Subsystem sftp internal-sftp\n')
  const bastion = await sshServer(stack)
  const work = sshd.directory
  const target = (name) => `
  - name: ${name}
    type: ssh
    labels: { env: dev, masked: "${name === 'ssh-masked'}" }
    host: 127.0.0.1
    port: ${sshd.port}
    hostKeys: ["${readFileSync(sshd.hostKey, 'utf8').split(' ').slice(0, 2).join(' ')}"]
    logins: [{ name: ${username}, privateKey: "file:${sshd.key}" }]`
  const gateway = await stack.gateway('ssh', {
    tls: true,
    targets: `${target('ssh')}${target('ssh-masked')}`,
    rules: `
  - { name: shells, match: { kinds: [shell] }, allow: true }
  - { name: commands on hosts, match: {}, allow: true }`,
    masking: `
masking:
  - { name: secrets, targets: { labels: { masked: "true" } }, kinds: [email, jwt, private-key, cloud-key, payment-card] }`,
  })
  const targets = JSON.parse((await gateway.pamctl('targets', '--json')).stdout)
  const known = join(work, 'known')
  writeFileSync(
    known,
    targets
      .find(({ name }) => name === 'ssh')
      .hostKeys.map((line) => `gateway ${line}\n`)
      .join(''),
  )
  const plain = (key) => ['-i', key, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null']
  const ours = ['-o', `UserKnownHostsFile=${known}`, '-o', 'HostKeyAlias=gateway']
  const hop = `ssh -F none ${FAST.join(' ')} -o LogLevel=ERROR -l ${username} -i ${bastion.key} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p ${bastion.port} -W %h:%p 127.0.0.1`
  const contenders = [
    { name: 'direct', port: sshd.port, key: sshd.key, options: plain(sshd.key) },
    { name: 'ssh -J', port: sshd.port, options: [...plain(sshd.key), '-o', `ProxyCommand=${hop}`] },
    { name: 'pamctl, TLS', port: await gateway.port('ssh'), options: ours },
    { name: 'pamctl, TLS, masking', port: await gateway.port('ssh-masked'), options: ours },
  ]
  const megabytes = quick ? 50 : 80
  const big = join(work, 'big')
  writeFileSync(big, '')
  for (let i = 0; i < megabytes; i++) writeFileSync(big, Buffer.alloc(1_000_000, i & 0xff), { flag: 'a' })
  const copy = (one, legacy, from, to) => run('scp', [...(legacy ? ['-O'] : []), '-q', ...options(one), from, to])
  const rate = async (amount, work_) => (amount * 1000) / (await timed(work_))
  const text = quick ? 20 : 100
  const measures = {
    'a handshake and a command, ms': (one) => timed(() => command(one, 'true')),
    [`scp down ${megabytes} MB, MB/s`]: (one) =>
      rate(megabytes, () => copy(one, true, `127.0.0.1:${big}`, '/dev/null')),
    [`scp up ${megabytes} MB, MB/s`]: (one) =>
      rate(megabytes, () => copy(one, true, big, `127.0.0.1:${join(work, 'up')}`)),
    [`sftp down ${megabytes} MB, MB/s`]: (one) =>
      rate(megabytes, () => copy(one, false, `127.0.0.1:${big}`, '/dev/null')),
    [`sftp up ${megabytes} MB, MB/s`]: (one) =>
      rate(megabytes, () => copy(one, false, big, `127.0.0.1:${join(work, 'up')}`)),
    [`cat down ${text} MB of text, MB/s`]: (one) => rate(text, () => command(one, `seq 1 ${text * 115_000}`)),
  }
  const results = {}
  const perRound = context.rounds
  const isMeasured = (name) => context.pick({ measures: /^(cat|sftp) down/.test(name), other: true })
  for (const [name, measure] of Object.entries(measures).filter(([name]) => isMeasured(name)))
    results[name] = Object.fromEntries(
      await rounds(perRound, contenders, async (one) => ({ value: await measure(one) })),
    )
  // A bastion only forwards: what a key costs through it is what it costs a client that speaks through it.
  const typed = await rounds(
    perRound,
    contenders.filter(({ name }) => name !== 'ssh -J'),
    (one) => keystrokes(one, context.pick({ full: 400, other: 100 })),
  )
  for (const share of ['p50', 'p99'])
    results[`keystroke ${share}, µs`] = Object.fromEntries(
      [...typed].map(([name, samples]) => [name, samples.map((sample) => ({ value: sample[share] }))]),
    )
  const peak = memoryKB(gateway.pid, 'VmHWM') / 1024
  return {
    results,
    text: `All with curve25519 and aes128-gcm.\n\n${table(
      ['', ...contenders.map(({ name }) => name)],
      Object.entries(results).map(([name, samples]) => [
        name,
        ...contenders.map((one) => {
          const found = new Map(Object.entries(samples))
          if (!found.has(one.name)) return ''
          const value = medianOf(found, one.name, 'value')
          return `${fixed(value, value < 10 ? 1 : 0)} (${fixed(against(found, one.name, 'direct', 'value').ratio, 2)})`
        }),
      ]),
    )}\n\nPeak memory of the gateway: ${fixed(peak, 0)} MB.`,
  }
}

/** One byte there and back through a terminal that echoes, again and again. */
async function keystrokes(one, count) {
  const client = new ssh2.Client()
  await new Promise((resolve, reject) => {
    client.on('ready', resolve).on('error', reject)
    const privateKey = one.key && readFileSync(one.key)
    client.connect({ host: '127.0.0.1', port: one.port, username, ...(privateKey && { privateKey }) })
  })
  const stream = await new Promise((resolve, reject) =>
    client.exec('cat', { pty: true }, (error, channel) => (error ? reject(error) : resolve(channel))),
  )
  const terminal = {
    write: (text) => stream.write(text),
    next: () => new Promise((resolve) => stream.once('data', resolve)),
  }
  const times = await echoTimes(terminal, count)
  client.end()
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
}

// The same key exchange for all: the library has no post-quantum one.
const FAST = ['-o', 'KexAlgorithms=curve25519-sha256', '-o', 'Ciphers=aes128-gcm@openssh.com']
const options = (one) => [
  '-F',
  'none',
  '-o',
  'LogLevel=ERROR',
  ...FAST,
  '-o',
  `Port=${one.port}`,
  '-o',
  `User=${username}`,
  ...one.options,
]
const command = (one, text) =>
  run('sh', ['-c', 'exec ssh -n "$@" >/dev/null', 'ssh', ...options(one), '127.0.0.1', text])

async function timed(work) {
  const began = performance.now()
  await work()
  return performance.now() - began
}
