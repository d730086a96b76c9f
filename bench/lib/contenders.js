import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../dist/demo/local-postgres.js'
import { has, run, start, WITH_SBIN } from './processes.js'

const relays = fileURLToPath(new URL('../relays', import.meta.url))

/** What stands between a client and the database besides us: each with its port and its processes. */
export async function startPeers(stack, names) {
  const peers = []
  const missing = []
  for (const name of names) {
    const peer = MAKE[name]
    if (peer === undefined) throw new Error(`nobody knows the contender ${name}`)
    const started = running.get(stack) ?? new Map()
    running.set(stack, started)
    // Each is started once, whichever subsets want it.
    if (!started.has(name)) started.set(name, await peer(stack))
    const made = started.get(name)
    if (made === undefined) missing.push(name)
    else peers.push({ name, ...made })
  }
  return { peers, missing }
}

const running = new WeakMap()

const MAKE = {
  direct: async ({ postgres }) => ({ port: postgres.port, pids: {} }),
  pgbouncer: async (stack) => {
    if (!has('pgbouncer')) return undefined
    const port = await freePort()
    const directory = join(stack.directory, 'pgbouncer')
    mkdirSync(directory)
    const { user, password } = stack.account
    writeFileSync(
      join(directory, 'pgbouncer.ini'),
      `[databases]
app_dev = host=127.0.0.1 port=${stack.postgres.port} user=${user} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = session
max_client_conn = 2000
default_pool_size = 1000
ignore_startup_parameters = extra_float_digits
`,
    )
    // It refuses to run as root.
    const owner = process.getuid() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    if (owner.uid !== undefined) chownSync(directory, owner.uid, owner.gid)
    chmodSync(stack.directory, 0o755)
    const { pid } = await start('pgbouncer', [join(directory, 'pgbouncer.ini')], { ready: port, ...owner })
    return { port, pids: { proxy: [pid] } }
  },
  haproxy: (stack) => haproxyBefore(stack, stack.postgres.port),
  'ssh -L': async (stack) => {
    if (!has('ssh') || !has('/usr/sbin/sshd')) return undefined
    const server = await sshServer(stack)
    const port = await freePort()
    const { pid } = await start(
      'ssh',
      [
        ...['-N', '-F', '/dev/null', '-i', server.key, '-p', String(server.port), '-o', 'StrictHostKeyChecking=no'],
        ...[
          '-o',
          'UserKnownHostsFile=/dev/null',
          '-L',
          `127.0.0.1:${port}:127.0.0.1:${stack.postgres.port}`,
          '127.0.0.1',
        ],
      ],
      { ready: port },
    )
    return { port, pids: { entry: [pid], exit: childrenOf(server.pid) } }
  },
  stunnel: async (stack) => {
    const program = ['stunnel4', 'stunnel'].find(has)
    if (program === undefined) return undefined
    const [port, middle] = [await freePort(), await freePort()]
    const pids = {}
    for (const [role, text, ready] of [
      [
        'exit',
        `accept = 127.0.0.1:${middle}\nconnect = 127.0.0.1:${stack.postgres.port}\ncert = ${stack.certificate}\nkey = ${stack.key}`,
        middle,
      ],
      ['entry', `client = yes\naccept = 127.0.0.1:${port}\nconnect = 127.0.0.1:${middle}`, port],
    ]) {
      const file = join(stack.directory, `stunnel-${role}.conf`)
      writeFileSync(
        file,
        `foreground = yes\npid =\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n[one]\n${text}\n`,
      )
      pids[role] = [(await start(program, [file], { ready })).pid]
    }
    return { port, pids }
  },
  splice: async (stack) => {
    const port = await freePort()
    const { pid } = await node('splice.js', [port, stack.postgres.port], port)
    return { port, pids: { proxy: [pid] } }
  },
  'bare WebSocket': (stack) => bareWebSocket(stack, false),
  'bare WebSocket, TLS': (stack) => bareWebSocket(stack, true),
}

/**
 * Gateways in front of one target: with nothing on, with rules and masking, and with TLS, too; with `quick` the second alone. `accessOf` says
 * how clients reach one.
 */
export async function gatewaysBefore(stack, { name: suffix, targets, rules, masking, accessOf, quick }) {
  const contenders = []
  for (const [name, checks, tls] of quick ? [['pamctl', true, false]] : WAYS) {
    const gateway = await stack.gateway(`${name.replaceAll(/\W+/g, '-')}-${suffix}`, {
      tls,
      targets,
      rules: checks ? rules : '',
      masking: checks ? masking : '',
    })
    const access = await accessOf(gateway)
    contenders.push({ name, ...access, gateway, pids: { gateway: [gateway.pid], agent: [await gateway.agentPid()] } })
  }
  return contenders
}

/** Name, rules and masking, TLS of the tunnel. */
const WAYS = [
  ['pamctl, nothing on', false, false],
  ['pamctl', true, false],
  ['pamctl, TLS', true, true],
]

/**
 * An HAProxy before a port; undefined where it is not installed. `mode`: `http` where it reads requests and keeps its connections, `tcp` where it passes on
 * bytes.
 */
export async function haproxyBefore(stack, target, name = 'haproxy', mode = 'tcp') {
  if (!has('haproxy')) return undefined
  const port = await freePort()
  const file = join(stack.directory, `${name}.cfg`)
  writeFileSync(
    file,
    `global
  maxconn 4000
  nbthread 1
defaults
  mode ${mode}
${mode === 'http' ? '  http-reuse always\n' : ''}  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend in
  bind 127.0.0.1:${port}
  default_backend out
backend out
  server one 127.0.0.1:${target}
`,
  )
  const { pid } = await start('haproxy', ['-f', file], { ready: port, env: WITH_SBIN })
  return { port, pids: { proxy: [pid] } }
}

async function bareWebSocket(stack, tls) {
  const [port, middle] = [await freePort(), await freePort()]
  const certificate = tls ? [stack.certificate] : []
  const exit = await node(
    'web-socket.js',
    ['exit', middle, stack.postgres.port, ...certificate, ...(tls ? [stack.key] : [])],
    middle,
  )
  const entry = await node('web-socket.js', ['entry', port, middle, ...certificate], port)
  return { port, pids: { gateway: [exit.pid], agent: [entry.pid] } }
}

const node = (relay, args, ready) => start(process.execPath, [join(relays, relay), ...args.map(String)], { ready })

/** An sshd of our own for this user, on a loopback port. */
export async function sshServer(stack, more = '') {
  const directory = join(stack.directory, `sshd-${Math.random().toString(36).slice(2)}`)
  mkdirSync(directory, { mode: 0o700 })
  const [hostKey, key] = [join(directory, 'host'), join(directory, 'id')]
  for (const file of [hostKey, key]) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file])
  const port = await freePort()
  const config = join(directory, 'config')
  writeFileSync(
    config,
    `Port ${port}
ListenAddress 127.0.0.1
HostKey ${hostKey}
PidFile none
AuthorizedKeysFile ${key}.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
MaxStartups 1000
MaxSessions 1000
LogLevel ERROR
${more}`,
  )
  if (process.getuid() === 0) mkdirSync('/run/sshd', { recursive: true })
  const { pid } = await start('/usr/sbin/sshd', ['-D', '-e', '-f', config], { ready: port })
  return { pid, port, key, hostKey: `${hostKey}.pub`, directory }
}

/** Processes below one, now. */
export function childrenOf(pid) {
  const { stdout } = spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
  const own = stdout.split('\n').filter(Boolean).map(Number)
  return [...own, ...own.flatMap(childrenOf)]
}
