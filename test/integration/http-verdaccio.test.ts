import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../src/demo/local-postgres.ts'
import { startHttpGateway, type HttpGateway } from '../helpers/http-gateway.ts'
import { listens } from '../helpers/http-servers.ts'
import { ROOT, run, type Outcome } from '../helpers/run.ts'
import { VERDACCIO } from '../helpers/test-clients.ts'

/**
 * A web application of somebody else, a registry for npm's packages, with its own client: npm has no login there, the gateway has. Publishing waits
 * for a person.
 */
describe.skipIf(VERDACCIO === undefined)('verdaccio through a gateway', () => {
  let place: string
  let server: ChildProcess
  let ended: Promise<unknown>
  let gateway: HttpGateway
  let direct: string

  beforeAll(async () => {
    place = mkdtempSync(join(tmpdir(), 'pamctl-test-verdaccio-'))
    const port = await freePort()
    direct = `http://127.0.0.1:${port}`
    writeFileSync(join(place, 'config.yaml'), CONFIG)
    server = spawn(process.execPath, [VERDACCIO ?? '', '--config', 'config.yaml', '--listen', `127.0.0.1:${port}`], {
      cwd: place,
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], HOME: place },
    })
    ended = new Promise((resolve) => server.once('close', resolve))
    await listens(port)
    writeFileSync(join(place, 'registry-token'), await signUp(), { mode: 0o600 })
    gateway = await startHttpGateway({
      targets: [
        {
          name: 'packages',
          type: 'http',
          host: '127.0.0.1',
          port,
          tls: 'disable',
          credential: { type: 'bearer', token: `file:${join(place, 'registry-token')}` },
          headers: NPM_HEADERS,
          encodedSlashes: true,
        },
      ],
      commands: [
        {
          name: 'nobody reads that scope',
          match: { routes: ['/@secret%2F{name}', '/@secret/**'] },
          deny: 'packages of @secret are not for everybody',
        },
        { name: 'nothing is unpublished', match: { methods: ['DELETE'] }, deny: 'packages stay' },
        {
          name: 'a person decides on new versions',
          match: { methods: ['PUT'], routes: ['/{package}'] },
          hold: { approvers: { groups: ['sre'] } },
        },
        { name: 'reading', match: { methods: ['GET'] }, allow: true },
        { name: 'tags', match: { methods: ['PUT'], routes: ['/-/package/{package}/dist-tags/{tag}'] }, allow: true },
      ],
    })
    for (const [name, version] of [
      ['left-hand', '1.0.0'],
      ['@acme/scoped', '1.0.0'],
    ] as const) {
      const folder = join(place, name)
      mkdirSync(folder, { recursive: true })
      writeFileSync(
        join(folder, 'package.json'),
        JSON.stringify({ name, version, description: 'of a test', main: 'index.js' }),
      )
      writeFileSync(join(folder, 'index.js'), 'module.exports = "left"\n')
    }
  })

  afterAll(async () => {
    await gateway?.stop()
    server?.kill()
    await ended
    rmSync(place, { recursive: true, force: true })
  })

  /** An account of the registry, as npm makes one; gives its token. */
  async function signUp(): Promise<string> {
    const answer = await fetch(`${direct}/-/user/org.couchdb.user:gateway`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'gateway', password: 'gateway-password' }),
    })
    return ((await answer.json()) as { token: string }).token
  }

  /** npm with the registry in a file of its own; what it keeps is in the test's folder. */
  const npm = (folder: string, ...args: string[]): Promise<Outcome> => {
    const script = `
export npm_config_userconfig="$HOME/.npmrc" npm_config_registry="$PAMCTL_URL/"
echo "\${PAMCTL_URL#http:}/:_authToken=$PAMCTL_SECRET" >"$HOME/.npmrc"
cd ${join(place, folder)}; exec npm ${args.join(' ')}`
    const home = mkdtempSync(join(place, 'home-'))
    return run(process.execPath, [join(ROOT, 'bin', 'pamctl.js'), 'connect', 'packages', '--', 'sh', '-c', script], {
      env: { ...gateway.jane.environment, HOME: home, npm_config_cache: join(home, 'cache'), ...NPM_SETTINGS },
    })
  }

  const curl = (...args: string[]): Promise<Outcome> =>
    gateway.pamctl('connect', 'packages', '--', 'curl', '-sS', ...args)

  it('npm publishes once a person has approved, and installs what it has published', async () => {
    expect((await npm('left-hand', 'ping')).code).toBe(0)
    const publishing = npm('left-hand', 'publish')
    await gateway.decide('approve')
    expect(await publishing).toMatchObject({ code: 0, stdout: expect.stringContaining('+ left-hand@1.0.0') })
    mkdirSync(join(place, 'user'))
    expect(await npm('user', 'view', 'left-hand', 'version')).toMatchObject({ code: 0, stdout: '1.0.0\n' })
    const installed = await npm('user', 'install', 'left-hand')
    expect(installed).toMatchObject({ code: 0, stdout: expect.stringContaining('added 1 package') })
    const used = await run(process.execPath, ['-p', 'require("left-hand")'], { cwd: join(place, 'user') })
    expect(used.stdout).toBe('left\n')
    expect((await npm('left-hand', 'dist-tag', 'add', 'left-hand@1.0.0', 'stable')).code).toBe(0)
    expect((await npm('user', 'view', 'left-hand@stable', 'version')).stdout).toBe('1.0.0\n')
    expect((await npm('user', 'search', 'left')).stdout).toContain('left-hand')
  })

  it('denied and unlisted requests fail with the reason, and change nothing', async () => {
    const denied = await npm('left-hand', 'unpublish', '--force', 'left-hand')
    expect(denied.code).not.toBe(0)
    expect(denied.stderr).toContain('403')
    expect((await curl('/left-hand')).stdout).toContain('"1.0.0"')
  })

  it('curl reads its API and its page, which name nothing that the gateway signs in with', async () => {
    const { objects } = JSON.parse((await curl('/-/v1/search?text=left')).stdout) as {
      objects: { package: { name: string } }[]
    }
    expect(objects.map(({ package: { name } }) => name)).toEqual(['left-hand'])
    expect((await curl('/')).stdout).toMatch(/<html/i)
    expect((await curl('-o', '/dev/null', '-w', '%{http_code}', '/-/npm/v1/user')).stdout).toBe('200')
  })

  it('npm reads and publishes packages of a scope, whose slash it encodes, by the rules for one segment', async () => {
    const publishing = npm('@acme/scoped', 'publish')
    await gateway.decide('approve')
    expect(await publishing).toMatchObject({ code: 0, stdout: expect.stringContaining('+ @acme/scoped@1.0.0') })
    expect((await npm('user', 'view', '@acme/scoped', 'version')).stdout).toBe('1.0.0\n')
    expect(JSON.parse((await curl('/@acme%2fscoped')).stdout)).toMatchObject({ name: '@acme/scoped' })
    for (const path of ['/@secret%2Fkeys', '/@SECRET%2fkeys', '/@secret/keys'])
      expect(JSON.parse((await curl(path)).stdout)).toMatchObject({ code: 'COMMAND_REFUSED' })
  })
})

/** What npm sends besides what everybody does: each must be listed, since a service may do something else by it. */
const NPM_HEADERS = [
  'npm-auth-type',
  'npm-command',
  'npm-in-ci',
  'npm-session',
  'npm-scope',
  'pacote-integrity',
  'pacote-pkg-id',
  'pacote-req-type',
  'pacote-version',
]

const NPM_SETTINGS = {
  // A registry names itself as it is known to the gateway: npm has to take what it asks for from the port.
  npm_config_replace_registry_host: 'always',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_update_notifier: 'false',
  npm_config_fetch_retries: '0',
}

const CONFIG = `storage: ./storage
auth: { htpasswd: { file: ./htpasswd, max_users: 5 } }
uplinks: {}
packages: { '**': { access: $authenticated, publish: $authenticated, unpublish: $authenticated } }
log: { type: stdout, level: warn }
`
