import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Browser } from '../../src/demo/browser.ts'
import { freePort, startPostgres, type LocalPostgres } from '../../src/demo/local-postgres.ts'
import { loadSampleData } from '../../src/demo/sample-data.ts'
import { DEMO_PEOPLE, writeDemoConfig } from '../../src/demo/setup.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { hostGateway } from '../helpers/hosted-gateway.ts'
import { megabytesOf } from '../helpers/memory.ts'
import { Q, startup } from '../helpers/messages.ts'
import { OPENSSL, pamctl, PSQL, ROOT } from '../helpers/run.ts'

/** A gateway with TLS of a private authority, and identities that are proven again every two seconds. */
let postgres: LocalPostgres
let gateway: RunningGateway
let url: string
const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-agent-'))
const home = join(directory, 'home')
const ca = join(directory, 'ca.crt')
const environment = { PAMCTL_HOME: home, PAMCTL_SECRET_STORE: 'file' }

beforeAll(async () => {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'gateway.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=localhost',
    '-days',
    '2',
    '-addext',
    'subjectAltName=DNS:localhost',
  )
  postgres = await startPostgres({ directory: mkdtempSync(join(tmpdir(), 'pamctl-test-pg-')) })
  await loadSampleData(postgres)
  const port = await freePort()
  const config = await writeDemoConfig(directory, { gatewayPort: port, postgresPort: postgres.port })
  url = `https://localhost:${port}`
  const text = readFileSync(config, 'utf8')
    .replace(
      /listen: .*/,
      `listen: { host: 127.0.0.1, port: ${port}, tls: { certificate: ca.crt, key: gateway.key } }\npublicUrl: ${url}`,
    )
    .replace('identity:\n', 'identity:\n  reverifyEvery: 2s\n')
  writeFileSync(config, text)
  gateway = await hostGateway(config, join(directory, 'gateway.log'))
})

afterAll(async () => {
  await pamctl(['agent', 'stop'], environment)
  await gateway?.stop('SIGTERM')
  await postgres?.stop()
  rmSync(directory, { recursive: true, force: true })
})

function login(...flags: string[]): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(ROOT, 'bin', 'pamctl.js'), 'login', '--no-browser', ...flags], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let text = ''
    let opened = false
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const [, link, code] = /Open (\S+) and enter\s+(\S+)\n/.exec(text) ?? []
      if (link === undefined || opened) return
      opened = true
      void new Browser().signIn(`${link}?user_code=${code}`, DEMO_PEOPLE.jane)
    })
    child.on('close', (code) => resolve({ code, text }))
  })
}

/** `pamctl connect dev-db` with no command: the port stays open until the process is told to stop. */
async function keepOpen() {
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'pamctl.js'), 'connect', 'dev-db', '--json'], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const opened = (): number | undefined =>
    text.includes('}') ? (JSON.parse(text) as { port: number }).port : undefined
  return { child, port: await eventually(opened, 'the port is open') }
}

describe.skipIf(!OPENSSL)('over TLS, through the agent', () => {
  it('names an unknown authority as the problem; --ca is remembered', async () => {
    expect(await login('--gateway', url)).toMatchObject({
      code: 7,
      text: expect.stringMatching(/certificate of https:\/\/localhost:\d+ is not trusted\nhint: .*--ca/),
    })
    expect(await login('--gateway', url, '--ca', ca)).toMatchObject({
      code: 0,
      text: expect.stringContaining('Signed in as jane@example.com'),
    })
    expect((await pamctl(['targets'], environment)).code).toBe(0)
    expect((await login()).code).toBe(0) // again: the gateway and its authority are known
  })

  it.skipIf(!PSQL)('psql works, and its tunnel goes over TLS', async () => {
    const { stdout, code } = await pamctl(
      ['connect', 'dev-db', '--', 'psql', '-X', '-A', '-t', '-c', 'select 6 * 7'],
      environment,
    )
    expect([code, stdout]).toEqual([0, '42\n'])
  })

  it('a client that pamctl starts has a port of its own: no other terminal hears of its connections', async () => {
    const { child, port } = await keepOpen()
    const within = `echo $PGPORT; exec "${process.execPath}" "${join(ROOT, 'bin', 'pamctl.js')}" connect dev-db -- sh -c 'echo $PGPORT'`
    const { code, stdout, stderr } = await pamctl(['connect', 'dev-db', '--', 'sh', '-c', within], environment)
    expect([code, stderr]).toEqual([0, ''])
    const ports = [String(port), ...stdout.trim().split('\n')]
    expect(new Set(ports).size).toBe(3)
    child.kill('SIGINT')
    await new Promise((resolve) => child.once('close', resolve))
  })

  it.skipIf(!existsSync('/proc/self/status'))(
    'a slow reader stops the server: memory stays bounded',
    async () => {
      const { child, port } = await keepOpen()
      const agent = JSON.parse((await pamctl(['agent', 'status', '--json'], environment)).stdout) as { pid: number }
      const pids = [gateway.pid, agent.pid]
      const socket = connect(port, '127.0.0.1')
      socket.write(startup('app_dev'))
      await new Promise<void>((resolve) => socket.once('data', () => resolve()))
      const before = pids.map(megabytesOf)
      socket.pause()
      // 400 MB that nobody reads.
      socket.write(Q("select repeat('x', 100000) from generate_series(1, 4000)"))
      await new Promise((resolve) => setTimeout(resolve, 3000))
      const grown = pids.map((pid, index) => megabytesOf(pid) - (before[index] ?? 0))
      expect(Math.max(...grown)).toBeLessThan(100)
      // It all arrives once it is read.
      let bytes = 0
      await new Promise<void>((resolve) => {
        socket.on('data', (chunk) => {
          bytes += chunk.length
          if (bytes > 400_000_000) resolve()
        })
        socket.resume()
      })
      socket.destroy()
      child.kill('SIGINT')
      await new Promise((resolve) => child.once('close', resolve))
    },
    120_000,
  )

  it.skipIf(!PSQL)(
    'a disabled person loses the live session at the next proof, and must sign in',
    async () => {
      const people = join(directory, 'people.yaml')
      const before = readFileSync(people, 'utf8')
      const opened = (): number => gateway.log().split('"session.opened"').length
      const earlier = opened()
      const running = pamctl(['connect', 'dev-db', '--', 'psql', '-X', '-c', 'select pg_sleep(600)'], environment)
      await eventually(() => (opened() > earlier ? true : undefined), 'connected')
      try {
        writeFileSync(people, before.replace(/(id: jane,.*)groups/, '$1disabled: true, groups'))
        const { code, stderr } = await running
        expect([code, stderr]).toEqual([2, expect.stringContaining('pam: this login was signed out')])
        expect(await pamctl(['targets'], environment)).toMatchObject({ code: 4 })
      } finally {
        writeFileSync(people, before)
      }
    },
    120_000,
  )

  it('names an unreachable gateway to the client in its own protocol', async () => {
    expect((await login('--gateway', url, '--ca', ca)).code).toBe(0)
    const { child, port } = await keepOpen()
    await gateway.stop('SIGTERM')
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
    socket.write(startup('app_dev'))
    await new Promise((resolve) => socket.once('close', resolve))
    expect(answer).toMatch(
      /SFATAL.*C08001\0Mpam: the gateway https:\/\/localhost:\d+ cannot be reached \(connection refused, ECONNREFUSED\)/s,
    )
    // Also once the identity should have been proven again, at a provider that is gone as well.
    await new Promise((resolve) => setTimeout(resolve, 2200))
    expect(await pamctl(['targets'], environment)).toMatchObject({
      code: 7,
      stderr: expect.stringContaining('cannot be reached'),
    })
    child.kill('SIGINT')
  })
})
