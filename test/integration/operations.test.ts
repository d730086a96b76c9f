import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request, type RequestOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../src/demo/local-postgres.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { makeCertificates, type TestCertificates } from '../helpers/certificates.ts'
import { eventually, openPort, signIn } from '../helpers/gateway-client.ts'
import { NGINX } from '../helpers/http-servers.ts'
import { ownGateways, type OwnGateways } from '../helpers/own-gateway.ts'
import { pamctlSignedIn } from '../helpers/pamctl-client.ts'
import { OPENSSL, pamctl, psql, PSQL, ROOT, run, start } from '../helpers/run.ts'

let own: OwnGateways
beforeAll(async () => {
  own = await ownGateways()
})
afterAll(() => own?.stop())

const page = (name: string, language: string): string[] =>
  [
    ...readFileSync(join(ROOT, 'docs', name), 'utf8').matchAll(
      new RegExp('```' + language + '\\n([\\s\\S]*?)```', 'g'),
    ),
  ].map(([, block = '']) => block)

/** The serial number of the certificate that a server shows. */
const serialOf = (port: number, ca: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const options: RequestOptions = { host: 'localhost', port, path: '/healthz', ca: readFileSync(ca), agent: false }
    const asked = request(options, (response) => {
      response.resume()
      const { serialNumber } = (response.socket as import('node:tls').TLSSocket).getPeerCertificate()
      response.on('end', () => resolve(serialNumber))
    })
    asked.on('error', reject).end()
  })

describe.skipIf(!OPENSSL)('a certificate that was renewed', () => {
  it('is shown to new connections after a reload, and one that does not match its key is not', async () => {
    const port = await freePort()
    let first: TestCertificates | undefined
    const directory = await own.configured((config, at) => {
      first = makeCertificates(join(at, 'tls'))
      return config.replace(
        /listen: .*/,
        `listen: { host: 127.0.0.1, port: ${port}, tls: { certificate: tls/server.crt, key: tls/server.key } }\npublicUrl: https://localhost:${port}`,
      )
    })
    const gateway = await own.start(directory)
    const ca = first?.ca ?? ''
    const before = await serialOf(port, ca)
    const log = (): string => readFileSync(join(directory, 'gateway.log'), 'utf8')
    const reload = async (event: string): Promise<void> => {
      const seen = log().split(event).length
      gateway.signal('SIGHUP')
      await eventually(() => (log().split(event).length > seen ? true : undefined), event)
    }
    const other = makeCertificates(join(directory, 'other'))
    copyFileSync(other.certificate, join(directory, 'tls', 'server.crt'))
    await reload('config.refused')
    expect(await serialOf(port, ca)).toBe(before)
    copyFileSync(other.key, join(directory, 'tls', 'server.key'))
    await reload('config.reloaded')
    expect(await serialOf(port, other.ca)).not.toBe(before)
  })
})

describe.skipIf(!OPENSSL || NGINX === undefined || !PSQL)('the nginx of the page install', () => {
  it('passes sign-in, tunnels and the address of the client, and nothing that a client says of its address', async () => {
    const [https, plain] = [await freePort(), await freePort()]
    const directory = await own.configured((config) =>
      config.replace(
        /listen: .*/,
        `listen: { host: 127.0.0.1, port: ${plain}, trustedProxies: [127.0.0.1, "::1"] }\npublicUrl: https://localhost:${https}`,
      ),
    )
    await own.start(directory)
    const { ca, certificate, key } = makeCertificates(join(directory, 'tls'))
    const [block = ''] = page('install.md', 'nginx')
    const settings = block
      .replace('127.0.0.1:8443', `127.0.0.1:${plain}`)
      .replace('listen 443 ssl', `listen 127.0.0.1:${https} ssl`)
      .replace('/etc/pam-gateway/tls/fullchain.pem', certificate)
      .replace('/etc/pam-gateway/tls/privkey.pem', key)
    const place = join(directory, 'nginx')
    mkdirSync(place)
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${place}/${name};`,
    )
    writeFileSync(
      join(place, 'nginx.conf'),
      `daemon off;\nmaster_process off;\npid ${place}/pid;\nerror_log stderr crit;\nevents {}\nhttp {\naccess_log off;\n${temporary.join('\n')}\n${settings}}\n`,
    )
    const nginx = start(NGINX as string, ['-e', 'stderr', '-c', join(place, 'nginx.conf')], {})
    try {
      await eventually(async () => serialOf(https, ca).catch(() => undefined), 'nginx')
      const jane = await pamctlSignedIn(`https://localhost:${https}`, 'jane', { flags: ['--ca', ca] })
      // A shell as client keeps the tunnel longer than one statement.
      const shown = await pamctl(['connect', 'dev-db', '--', 'psql', '-Atc', 'select 40 + 2'], jane.environment)
      expect([shown.code, shown.stdout]).toEqual([0, '42\n'])
      await pamctl(['agent', 'stop'], jane.environment)
      const claimed = await new Promise<number | undefined>((resolve, reject) => {
        const options: RequestOptions = {
          host: 'localhost',
          port: https,
          path: '/v1/access-token',
          method: 'POST',
          ca: readFileSync(ca),
          headers: { 'x-forwarded-for': '198.51.100.7', 'content-type': 'application/json' },
        }
        request(options, ({ statusCode }) => resolve(statusCode))
          .on('error', reject)
          .end('{"identityToken":"x"}')
      })
      expect(claimed).toBeGreaterThanOrEqual(400)
      const alice = await pamctlSignedIn(`https://localhost:${https}`, 'alice', { flags: ['--ca', ca] })
      const audit = await pamctl(['audit', '--json'], alice.environment)
      await pamctl(['agent', 'stop'], alice.environment)
      const from = [...audit.stdout.matchAll(/"from": ?"([^"]*)"/g)].map(([, address]) => address)
      expect(new Set(from)).toEqual(new Set(['127.0.0.1']))
    } finally {
      nginx.kill()
      await nginx.closed
    }
  })
})

describe.skipIf(!PSQL)('a backup', () => {
  let restored: { directory: string; at: string; operations: number; gateway: RunningGateway } | undefined
  const gatewayCommand = (args: readonly string[]): ReturnType<typeof run> =>
    run(process.execPath, [join(ROOT, 'bin', 'pam-gateway.js'), ...args], { cwd: ROOT })

  it('is made of a gateway at work, and another gateway goes on from it', async () => {
    const directory = await own.configured()
    const gateway = await own.startAlone(directory)
    const jane = await signIn(gateway.url, 'jane')
    const session = async (text: string, work: () => Promise<unknown>): Promise<void> => {
      const port = await openPort(jane, 'dev-db')
      const db = new pg.Client({ host: '127.0.0.1', port: port.port, user: 'app', database: 'app_dev', ssl: false })
      await db.connect()
      await db.query(text)
      await work()
      await db.end()
      port.close()
    }
    await session("select 'sealed'", async () => {})
    const at = join(mkdtempSync(join(tmpdir(), 'pamctl-test-backup-')), 'copy')
    const config = join(directory, 'pam.yaml')
    // Sessions open, work and end while it is made.
    let copying = true
    const busy = (async () => {
      for (let n = 0; copying; n++) await session(`select 'busy ${n}'`, async () => {})
    })()
    await session("select 'alive'", async () => {
      const made = await gatewayCommand(['backup', at, '--config', config])
      expect([made.code, made.stderr]).toEqual([0, ''])
      expect(made.stdout).toContain('holds keys and records')
    })
    copying = false
    await busy
    await gateway.stop('SIGKILL')
    expect(statSync(join(at, 'keys', 'recording.key')).mode & 0o077).toBe(0)
    const again = await gatewayCommand(['backup', at, '--config', config])
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('already exists')])

    const operations = await freePort()
    writeFileSync(
      config,
      readFileSync(config, 'utf8')
        .replace(/dataDirectory: .*/, `dataDirectory: ${at}`)
        .replace('listen: {', `listen: { operations: { host: 127.0.0.1, port: ${operations} },`),
    )
    const gatewayOfCopy = await own.start(directory)
    restored = { directory, at, operations, gateway: gatewayOfCopy }
    const log = readFileSync(join(directory, 'gateway.log'), 'utf8')
    expect(log).not.toMatch(/audit\.altered|recordings\.altered/)
    const back = await signIn(gatewayOfCopy.url, 'jane')
    const port = await openPort(back, 'dev-db')
    expect((await psql(port, 'app_dev', "select 'restored'")).stdout).toBe('restored\n')
    port.close()
    const alice = await pamctlSignedIn(gatewayOfCopy.url, 'alice')
    const args = ['--key', join(at, 'keys', 'gateway.pub'), '--recordings', join(at, 'recordings')]
    const verified = await pamctl(['audit', 'verify', ...args], alice.environment)
    await pamctl(['agent', 'stop'], alice.environment)
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringMatching(/^valid: \d+ entries/)])
  })

  it('keeps no latest time: what the restored gateway keeps is not gone behind, until somebody removes it', async () => {
    if (restored === undefined) throw new Error('nothing was restored')
    const { directory, at, operations, gateway } = restored
    const latest = join(at, 'latest-time')
    const ready = async (): Promise<unknown> =>
      ((await (await fetch(`http://127.0.0.1:${operations}/readyz`)).json()) as { clock: unknown }).clock
    const stopped = Date.now()
    await gateway.stop('SIGTERM')
    expect(Date.parse(readFileSync(latest, 'utf8').trim())).toBeGreaterThanOrEqual(stopped)
    // As a gateway leaves it whose clock was a day ahead.
    writeFileSync(latest, `${new Date(stopped + 86_400_000).toISOString()}\n`)
    const ahead = await own.start(directory)
    await expect(signIn(ahead.url, 'jane')).rejects.toMatchObject({ code: expect.stringMatching(/^(?:PROOF|TOKEN)_/) })
    expect(await ready()).toMatchObject({ ok: false, behindSeconds: expect.closeTo(86_400, -2) })
    expect(await (await fetch(`http://127.0.0.1:${operations}/metrics`)).text()).toMatch(/^pam_clock_ok 0$/m)
    await ahead.stop('SIGTERM')
    rmSync(latest)
    const right = await own.start(directory)
    expect(await ready()).toEqual({ ok: true, behindSeconds: 0 })
    const alice = await pamctlSignedIn(right.url, 'alice')
    const told = async (...args: string[]): Promise<string> => (await pamctl(args, alice.environment)).stdout
    const grants = JSON.parse(await told('grants', '--all', '--json')) as { state: string; endsAt: string }[]
    expect(grants.map(({ state, endsAt }) => [state, Date.parse(endsAt) < Date.now()])).toEqual([['over', true]])
    expect(await told('audit', '--type', 'clock', '--json')).toMatch(
      /clock\.behind[^]*clock\.corrected|clock\.corrected[^]*clock\.behind/,
    )
    const args = ['--key', join(at, 'keys', 'gateway.pub'), '--recordings', join(at, 'recordings')]
    expect(await told('audit', 'verify', ...args)).toMatch(/^valid: \d+ entries/)
    rmSync(at, { recursive: true })
  })
})
