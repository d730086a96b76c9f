import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { transformWithOxc } from 'vite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { listenLocally } from '../../src/agent/local-listener.ts'
import { freePort } from '../../src/demo/local-postgres.ts'
import { writeDemoConfig } from '../../src/demo/setup.ts'
import { startGateway, type RunningGateway } from '../../src/demo/stack.ts'
import { startEchoServer, type EchoServer } from '../fixtures/protocols/echo/echo-server.ts'
import { echoLocal } from '../fixtures/protocols/echo/local.ts'
import { echoWords } from '../fixtures/protocols/echo/names.ts'
import { eventually, openPort, signIn } from '../helpers/gateway-client.ts'
import { pamctlSignedIn, type PamctlHome } from '../helpers/pamctl-client.ts'
import { ROOT, run, type Outcome } from '../helpers/run.ts'

/**
 * A new protocol is one folder and an entry in each list of src/protocols: this registers a toy in a copy of the compiled program,
 * and drives it with real processes from `pamctl connect` to `pamctl verify`.
 */
const FIXTURE = join(ROOT, 'test', 'fixtures', 'protocols', 'echo')
const MODULES = ['wire', 'vocabulary', 'target', 'engine', 'gateway-half', 'local', 'client']
const LISTS: Readonly<Record<string, { readonly opening: string; readonly entry: string; readonly from?: string }>> = {
  'protocols/names.js': { opening: 'export const protocols = {', entry: JSON.stringify(echoWords) },
  'protocols/gateway.js': { opening: 'export const gatewayHalves = {', entry: 'echoGateway', from: 'gateway-half' },
  'protocols/local.js': { opening: 'export const localHalves = {', entry: 'echoLocal', from: 'local' },
  'protocols/client.js': { opening: 'export const clientHalves = {', entry: 'echoClient', from: 'client' },
}

let copy: string
let directory: string
let server: EchoServer
let gateway: RunningGateway
let jane: PamctlHome
let bob: PamctlHome

beforeAll(async () => {
  copy = await programWithEcho()
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-echo-'))
  server = await startEchoServer('app', 'echo-password')
  gateway = await gatewayIn(directory)
  const environment = { PATH: `${FIXTURE}${delimiter}${process.env['PATH']}` }
  jane = await pamctlSignedIn(gateway.url, 'jane', { root: copy, environment })
  bob = await pamctlSignedIn(gateway.url, 'bob', { root: copy })
})

afterAll(async () => {
  for (const person of [jane, bob]) {
    if (person === undefined) continue
    await pamctl(person, 'agent', 'stop')
    rmSync(person.home, { recursive: true, force: true })
  }
  await gateway?.stop('SIGKILL')
  await server?.close()
  for (const path of [copy, directory]) if (path !== undefined) rmSync(path, { recursive: true, force: true })
})

async function gatewayIn(place: string, more = ''): Promise<RunningGateway> {
  const gatewayPort = await freePort()
  const config = await writeDemoConfig(place, { gatewayPort, postgresPort: 1 })
  writeFileSync(join(place, 'echo-password'), 'echo-password\n', { mode: 0o600 })
  writeFileSync(config, configuration(gatewayPort) + more)
  return startGateway(config, join(place, 'gateway.log'), [], copy)
}

const configuration = (port: number): string => `listen: { host: 127.0.0.1, port: ${port} }
dataDirectory: data
logLevel: info
identity:
  evaluation: { people: people.yaml }
roles: { audit: [sre], operate: [sre] }
targets:
${['store', 'vault']
  .map(
    (name) => `  - name: ${name}
    type: echo
    host: 127.0.0.1
    port: ${server.port}
    users: [{ name: app, password: "file:echo-password" }]`,
  )
  .join('\n')}
access:
  - { name: the store, who: { groups: [engineering] }, targets: { names: [store] }, grant: standing }
  - name: the vault
    who: { groups: [engineering] }
    targets: { names: [vault] }
    grant: request
    approvers: { groups: [sre] }
commands:
  - { name: secrets stay, match: { verbs: [DEL], keys: ["secret:*"] }, deny: secrets are not deleted, hint: overwrite it }
  - { name: no roots, match: {}, when: 'statement.keys.exists(key, key == "root")', deny: root is not for you }
  - { name: a person decides, match: { kinds: [key-delete] }, hold: { approvers: { groups: [sre] } } }
  - { name: everyday, match: { kinds: [key-read, key-write] }, allow: true }
masking:
  - { name: addresses, kinds: [email], style: partial }
tests:
  - { given: GET a, target: store, expect: allow, rule: everyday }
  - { given: DEL secret:a, target: store, expect: deny, rule: secrets stay }
  - { given: nonsense, target: store, expect: deny }
`

const pamctl = (person: PamctlHome, ...args: string[]): Promise<Outcome> =>
  run(process.execPath, [join(copy, 'bin', 'pamctl.js'), ...args], { env: person.environment })
const client = (...commands: string[]): Promise<Outcome> =>
  pamctl(jane, 'connect', 'store', '--', 'echo-client.mjs', ...commands)

/** A copy of the compiled program with the toy in it. */
async function programWithEcho(): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'pamctl-test-program-'))
  for (const name of ['bin', 'dist', 'package.json']) cpSync(join(ROOT, name), join(root, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'))
  // Both programs are bundled from the modules beside them: here they are taken as they lie there.
  for (const [bundle, folder] of [
    ['pam-gateway', 'server'],
    ['pamctl', 'cli'],
  ] as const) {
    rmSync(join(root, 'dist', bundle), { recursive: true })
    mkdirSync(join(root, 'dist', bundle))
    writeFileSync(join(root, 'dist', bundle, 'main.js'), `export { main } from '../${folder}/main.js'\n`)
  }
  const folder = join(root, 'dist', 'protocols', 'echo')
  mkdirSync(folder)
  for (const name of MODULES) {
    const source = readFileSync(join(FIXTURE, `${name}.ts`), 'utf8')
    const { code } = await transformWithOxc(source, `${name}.ts`)
    writeFileSync(
      join(folder, `${name}.js`),
      code.replaceAll('../../../../src/', '../../').replaceAll(/\.ts(?=")/g, '.js'),
    )
  }
  for (const [list, { opening, entry, from }] of Object.entries(LISTS)) {
    const file = join(root, 'dist', list)
    const text = readFileSync(file, 'utf8')
    if (!text.includes(opening)) throw new Error(`${list} has no ${opening}`)
    const imported = from === undefined ? '' : `import { ${entry} } from './echo/${from}.js'\n`
    writeFileSync(file, imported + text.replace(opening, `${opening}\n    echo: ${entry},`))
  }
  return root
}

function digests(root: string): Map<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name)
      return [path.slice(root.length + 1), createHash('sha256').update(readFileSync(path)).digest('hex')]
    }),
  )
}

/** A native connection through the agent's port. */
function open(port: number): { socket: Socket; line(): Promise<string | undefined> } {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  return {
    socket,
    line: async () => {
      const { value, done } = await lines.next()
      return done === true ? undefined : value
    },
  }
}

it('differs from the program without it in its folder and in the lists alone', () => {
  const [before, after] = [digests(join(ROOT, 'dist')), digests(join(copy, 'dist'))]
  const isBuilt = (path: string): boolean => /^pam(ctl|-gateway)\//.test(path)
  const added = [...after.keys()].filter((path) => !before.has(path) && !isBuilt(path))
  const changed = [...before].filter(([path, digest]) => !isBuilt(path) && after.get(path) !== digest)
  expect(added.toSorted()).toEqual(MODULES.map((name) => `protocols/echo/${name}.js`).toSorted())
  expect(changed.map(([path]) => path).toSorted()).toEqual(Object.keys(LISTS).toSorted())
  expect(digests(join(copy, 'bin'))).toEqual(digests(join(ROOT, 'bin')))
})

it('is configured, tested and probed by pam-gateway', async () => {
  const check = await run(process.execPath, [
    join(copy, 'bin', 'pam-gateway.js'),
    'check',
    '--connect',
    '--config',
    join(directory, 'pam.yaml'),
  ])
  expect(check).toMatchObject({ code: 0 })
  expect(check.stdout).toContain('+toy store 1.0')
})

it('allows, masks and refuses for a native client, each by its rule', async () => {
  server.received.length = 0
  const result = await client(
    'SET user:1 jane@example.com',
    'GET user:1',
    'DEL secret:1',
    'GET root',
    'FLUSH everything',
    'GET user:1\rDEL user:1',
  )
  expect(result.stdout.split('\n')).toEqual([
    '+hello app',
    '+stored',
    '+j***@***.com',
    expect.stringMatching(
      /^-COMMAND_REFUSED secrets are not deleted \(rule "secrets stay"; overwrite it; decision dec_/,
    ),
    expect.stringMatching(/^-COMMAND_REFUSED root is not for you \(rule "no roots"/),
    expect.stringMatching(/^-COMMAND_UNKNOWN /),
    expect.stringMatching(/^-PROTOCOL_VIOLATION a control character/),
    '',
  ])
  expect(result.code).toBe(1)
  expect(server.received).toEqual(['SET user:1 jane@example.com', 'GET user:1'])
})

it('holds a command until somebody approves it, and withdraws it when the client leaves', async () => {
  server.values.set('old', 'x')
  server.received.length = 0
  const waiting = jane.start(['connect', 'store', '--', 'echo-client.mjs', 'DEL old'])
  const id = await eventually(() => /apr_\w+/.exec(waiting.output())?.[0], 'the notice')
  expect(server.received).toEqual([])
  expect(await pamctl(bob, 'approve', id, '--yes')).toMatchObject({ code: 0 })
  expect(await waiting.closed).toBe(0)
  expect(waiting.output()).toContain('+deleted')
  expect(server.received).toEqual(['DEL old'])

  const leaving = jane.start(['connect', 'store', '--', 'echo-client.mjs', 'DEL old'])
  const second = await eventually(() => /apr_\w+/.exec(leaving.output())?.[0], 'the second notice')
  leaving.kill('SIGTERM')
  await leaving.closed
  await eventually(async () => {
    const { stderr } = await pamctl(bob, 'approve', second, '--yes')
    return stderr.includes('withdrawn') ? true : undefined
  }, 'the withdrawal')
  expect(server.received).toEqual(['DEL old'])
})

it('comes through pamctl tunnel, too', async () => {
  const child = spawn(process.execPath, [join(copy, 'bin', 'pamctl.js'), 'tunnel', '--protocol', 'echo', 'store'], {
    env: { ...process.env, ...jane.environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  expect(await lines.next()).toEqual({ value: '+echo ready', done: false })
  child.stdin.end('HELLO app\nGET nothing\n')
  expect(await lines.next()).toEqual({ value: '+hello app', done: false })
  expect(await lines.next()).toEqual({ value: '-no such key', done: false })
  expect((await lines.next()).done).toBe(true)
})

it('is on record: replayed, exported and verified', async () => {
  await client('SET user:2 bob@example.com', 'GET user:2', 'DEL secret:2', 'what is this')
  const session = await eventually(async () => {
    const { stdout } = await pamctl(bob, 'sessions', '--json')
    const sessions = JSON.parse(stdout) as { id: string; ended?: unknown; commands: number }[]
    return sessions.find(({ ended, commands }) => ended !== undefined && commands === 4)?.id
  }, 'the end of the session')
  const { stdout } = await pamctl(bob, 'replay', session)
  expect(stdout).toContain('on store as app')
  expect(stdout).toMatch(/SET user:2 ‹[0-9a-f]{12}›/)
  expect(stdout).toContain('+b***@***.com')
  expect(stdout).toMatch(/DEL secret:2 {2}\[denied by "secrets stay"/)
  expect(stdout).toMatch(/a line that could not be read/)
  for (const secret of ['bob@example.com', 'what is this', 'echo-password']) expect(stdout).not.toContain(secret)
  const file = join(directory, `${session}.pamrec`)
  expect(await pamctl(bob, 'export', session, '--output', file)).toMatchObject({ code: 0 })
  const key = join(directory, 'data', 'keys', 'gateway.pub')
  expect(await pamctl(bob, 'verify', file, '--key', key)).toMatchObject({ code: 0 })
})

it('has a port of the agent, where grants end and refusals come in the protocol', async () => {
  const asked = await pamctl(jane, 'connect', 'vault', '--reason', 'a test')
  expect(asked.code).toBe(6)
  const request = /req_\w+/.exec(asked.stderr)?.[0] ?? ''
  expect(await pamctl(bob, 'approve', request, '--yes')).toMatchObject({ code: 0 })
  const keeping = jane.start(['connect', 'vault', '--json'])
  const port = await eventually(() => {
    const found = /"port":\s*(\d+)/.exec(keeping.output())?.[1]
    return found === undefined ? undefined : Number(found)
  }, 'the port')
  const grant = /grt_\w+|gra_\w+/.exec(keeping.output())?.[0] ?? ''

  const stranger = open(port)
  expect(await stranger.line()).toBe('+echo ready')
  stranger.socket.write('HELLO root\n')
  expect(await stranger.line()).toMatch(/^-NO_ACCESS .*"root"/)

  const native = open(port)
  expect(await native.line()).toBe('+echo ready')
  native.socket.write('HELLO app\nSET a 1\nGET a\n')
  expect([await native.line(), await native.line(), await native.line()]).toEqual(['+hello app', '+stored', '+1'])
  expect(await pamctl(bob, 'revoke', grant)).toMatchObject({ code: 0 })
  expect(await native.line()).toMatch(/^-GRANT_REVOKED /)
  expect(await native.line()).toBeUndefined()

  const late = open(port)
  expect(await late.line()).toBe('+echo ready')
  late.socket.write('HELLO app\n')
  expect(await late.line()).toMatch(/^-NO_GRANT /)

  // Without a gateway the agent says no, and before the client has said anything.
  await gateway.stop('SIGTERM')
  const alone = open(port)
  expect(await alone.line()).toMatch(/^-GATEWAY_UNREACHABLE pam: /)
  keeping.kill('SIGINT')
  await keeping.closed
})

it('gives the connections of one login one session, where its engine wants that', async () => {
  const place = join(directory, 'shared')
  mkdirSync(place)
  const own = await gatewayIn(place, 'echo: { shareSessions: true }\n')
  try {
    const [person, operator] = [await signIn(own.url, 'jane'), await signIn(own.url, 'bob')]
    const [port, other] = [await openPort(person, 'store'), await openPort(operator, 'store')]
    const hello = async (at: number): Promise<ReturnType<typeof open>> => {
      const native = open(at)
      await native.line()
      native.socket.write('HELLO app\n')
      expect(await native.line()).toBe('+hello app')
      return native
    }
    const [first, second, third] = await Promise.all([hello(port.port), hello(port.port), hello(port.port)])
    const stranger = await hello(other.port)
    first.socket.write('SET shared 1\n')
    expect(await first.line()).toBe('+stored')
    second.socket.write('GET shared\n')
    expect(await second.line()).toBe('+1')
    const live = await operator.api.sessions.list({ active: true, limit: 10 })
    expect(live.items.map(({ person: { label } }) => label).toSorted()).toEqual(['bob@example.com', 'jane@example.com'])

    // What one of them waits for is withdrawn with it; the others go on.
    third.socket.write('DEL shared\n')
    const held = /apr_\w+/.exec((await third.line()) ?? '')?.[0] ?? ''
    third.socket.destroy()
    await eventually(async () => {
      const { state } = await operator.api.reviews.get(held)
      return state === 'withdrawn' ? true : undefined
    }, 'the withdrawal')
    second.socket.write('GET shared\n')
    expect(await second.line()).toBe('+1')

    // A connection that comes later joins, and the end of the session is the end of all.
    first.socket.destroy()
    const late = await hello(port.port)
    const session = live.items.find(({ person: { label } }) => label === 'jane@example.com')?.id ?? ''
    await operator.api.sessions.kill(session, 'enough')
    expect(await second.line()).toMatch(/^-SESSION_KILLED /)
    expect(await late.line()).toMatch(/^-SESSION_KILLED /)
    stranger.socket.write('GET shared\n')
    expect(await stranger.line()).toBe('+1')
    const ended = await eventually(async () => {
      const { items } = await operator.api.sessions.list({ active: false, limit: 10 })
      return items.find(({ id }) => id === session)
    }, 'the end of the session')
    expect(ended).toMatchObject({ commands: 4 })
    for (const each of [port, other]) each.close()
  } finally {
    await own.stop('SIGKILL')
  }
})

it('can ask for a secret first, where the system does not tell who connects', async () => {
  const accepted: string[] = []
  const listener = await listenLocally({
    name: 'echo test',
    port: undefined,
    protocol: echoLocal,
    private: false,
    runtime: join(directory, 'runtime'),
    uid: 0,
    ownerOf: () => 'unknown',
    accept(channel) {
      channel.handler = {
        data(bytes) {
          accepted.push(bytes.toString())
          channel.write(Buffer.from('+through\n'))
        },
        drained() {},
        ended: () => channel.end(),
        closed() {},
      }
      channel.resume()
    },
    turnedAway: () => {},
  })
  const right = open(listener.info.port)
  expect(await right.line()).toBe('+secret?')
  right.socket.write(`SECRET ${listener.info.secret}\nHELLO app\n`)
  expect(await right.line()).toBe('+through')
  expect(accepted.join('')).toBe('HELLO app\n')
  right.socket.destroy()
  const wrong = open(listener.info.port)
  expect(await wrong.line()).toBe('+secret?')
  wrong.socket.write('SECRET nothing\n')
  expect(await wrong.line()).toMatch(/^-NOT_ALLOWED /)
  wrong.socket.destroy()
  await listener.close()
})
