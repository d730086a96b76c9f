import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair } from 'jose'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort, startPostgres, type LocalPostgres } from '../../src/demo/local-postgres.ts'
import { loadConfig } from '../../src/server/config/load-config.ts'
import { hostilePostgres } from '../helpers/hostile-postgres.ts'
import { makeCertificates, type TestCertificates } from '../helpers/certificates.ts'
import { OPENSSL, ROOT, run, type Outcome } from '../helpers/run.ts'
import { SSHD, startSshServer, type SshServer } from '../helpers/ssh-server.ts'

const check = (file: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Outcome> =>
  run(process.execPath, [join(ROOT, 'bin', 'pam-gateway.js'), 'check', '--config', file, ...args], { env })

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-check-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

const errorOf = (work: () => unknown): { code?: string; message: string } => {
  try {
    work()
  } catch (error) {
    return error as { code?: string; message: string }
  }
  throw new Error('nothing was refused')
}

const write = (text: string): string => {
  const file = join(directory, 'pam.yaml')
  writeFileSync(file, text)
  return file
}

describe('pam-gateway', () => {
  const gateway = (args: readonly string[]): Promise<Outcome> =>
    run(process.execPath, [join(ROOT, 'bin', 'pam-gateway.js'), ...args])

  it('makes no hash of an empty password', async () => {
    const { code, stdout, stderr } = await gateway(['hash-password'])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('there is no password on standard input')
  })

  it('has no records before the first start', async () => {
    const file = write(
      `dataDirectory: ${directory}/never\nidentity: { issuers: [{ url: http://127.0.0.1:1, for: people, clientId: p } ] }\n`,
    )
    for (const more of [[], ['--dry-run']])
      expect(await gateway(['recordings', 'gc', '--config', file, ...more])).toMatchObject({
        code: 0,
        stdout: `there are no records: no gateway has been started with ${directory}/never\n`,
      })
  })
})

describe('pam-gateway check: what is named and not there', () => {
  const issuer = 'identity: { issuers: [{ url: http://127.0.0.1:1, for: people, clientId: p } ] }\n'
  const target = (more: string): string =>
    `${issuer}targets: [{ name: t, type: postgres, host: h, database: d, user: u, ${more} }]\n`
  const login = (more: string): string =>
    `${issuer}targets: [{ name: t, type: ssh, host: h, trustOnFirstUse: true, logins: [{ name: l, ${more} }] }]\n`

  it.each([
    [
      'an unset variable',
      target('password: env:PAM_TEST_UNSET'),
      /:2:\d+: targets\.0\.password: the environment variable PAM_TEST_UNSET is not set$/,
    ],
    ['an empty variable', target('password: env:PAM_TEST_EMPTY'), /the environment variable PAM_TEST_EMPTY is empty$/],
    ['a file that is not there', target('password: file:nowhere'), /targets\.0\.password: there is no file nowhere$/],
    ['an empty file', target('password: file:empty'), /the secret file empty is empty$/],
    ['a directory', target('password: file:.'), /targets\.0\.password: \. is a directory$/],
    ['an authority', target('ca: nowhere.crt'), /targets\.0\.ca: there is no file nowhere\.crt$/],
    ['an authority that is none', target('ca: garbage'), /targets\.0\.ca: garbage is not a PEM file of certificates$/],
    ['an authority that is a key', target('ca: broken.crt'), /broken\.crt is not a PEM file of certificates$/],
    [
      "an issuer's authority",
      issuer.replace('clientId: p', 'clientId: p, ca: garbage'),
      /identity\.issuers\.0\.ca: garbage is not a PEM file/,
    ],
    ['a browser secret', `${issuer}web: { clientSecret: env:PAM_TEST_UNSET }\n`, /web\.clientSecret: /],
    [
      'host keys',
      `${issuer}ssh: { hostKeys: [file:garbage] }\n`,
      /ssh\.hostKeys\.0: file:garbage is not a usable private key/,
    ],
    [
      "a login's key",
      login('privateKey: file:garbage'),
      /targets\.0\.logins\.0\.privateKey: file:garbage is not a usable private key/,
    ],
    [
      "a login's passphrase",
      login('privateKey: file:garbage, passphrase: env:PAM_TEST_UNSET'),
      /logins\.0\.passphrase: /,
    ],
    [
      'known hosts',
      login('password: file:secret').replace('trustOnFirstUse: true', 'knownHosts: garbage'),
      /targets\.0\.knownHosts: has no key of h:22/,
    ],
    [
      'host keys of a target',
      login('password: file:secret').replace('trustOnFirstUse: true', 'hostKeys: [ssh-rsa x]'),
      /targets\.0\.hostKeys: /,
    ],
    [
      "a bucket's keys",
      `${issuer}recording: { home: { type: s3, endpoint: "https://s3.example.com/b", accessKeyId: env:PAM_TEST_UNSET, secretAccessKey: file:secret } }\n`,
      /recording\.home\.accessKeyId: /,
    ],
    [
      "a stream's header",
      `${issuer}audit: { streams: [{ type: https, name: s, url: "https://x.example.com", header: { name: a, value: env:PAM_TEST_UNSET } }] }\n`,
      /audit\.streams\.0\.header\.value: /,
    ],
    [
      "a checkpoint's header",
      `${issuer}audit: { checkpoints: { to: [{ type: webhook, url: "https://x.example.com", header: { name: a, value: env:PAM_TEST_UNSET } }] } }\n`,
      /audit\.checkpoints\.to\.0\.header\.value: /,
    ],
    [
      'a webhook',
      `${issuer}notifications: { webhooks: [{ name: w, url: "https://x.example.com", secret: env:PAM_TEST_UNSET }] }\n`,
      /notifications\.webhooks\.0\.secret: /,
    ],
    [
      'certificates of the gateway',
      `${issuer}listen: { tls: { certificate: nowhere, key: nowhere } }\n`,
      /listen\.tls\.certificate: .*\n.*listen\.tls\.key: /,
    ],
    [
      'the people of the built-in provider',
      'identity: { evaluation: { people: nowhere } }\n',
      /identity\.evaluation\.people: there is no file nowhere$/,
    ],
    [
      'an alias bomb',
      `a0: &a0 [x]\n${Array.from({ length: 20 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]\n`).join('')}`,
      /pam\.yaml:\d+:\d+: aliases stand for more/,
    ],
  ])('%s', (_what, text, message) => {
    const file = write(text)
    writeFileSync(join(directory, 'empty'), '')
    writeFileSync(join(directory, 'garbage'), 'garbage-CANARY\n')
    writeFileSync(join(directory, 'secret'), 'CANARY\n')
    writeFileSync(join(directory, 'broken.crt'), '-----BEGIN CERTIFICATE-----\nCANARY\n-----END CERTIFICATE-----\n')
    process.env['PAM_TEST_EMPTY'] = ''
    const said = errorOf(() => loadConfig(file))
    expect(said.code).toBe('CONFIG_INVALID')
    expect(said.message).toMatch(message)
    for (const line of said.message.split('\n')) expect(line).toMatch(/pam\.yaml:\d+:\d+: /)
    expect(said.message).not.toContain('CANARY')
  })

  it.each([
    ['publicUrl', `publicUrl: "URL"\n${issuer}`],
    ['identity.issuers.0.url', issuer.replace('http://127.0.0.1:1', '"URL"')],
    [
      'recording.home.endpoint',
      `${issuer}recording: { home: { type: s3, endpoint: "URL", accessKeyId: env:X, secretAccessKey: env:X } }\n`,
    ],
    ['audit.streams.0.url', `${issuer}audit: { streams: [{ type: https, name: s, url: "URL" }] }\n`],
    ['audit.checkpoints.to.0.url', `${issuer}audit: { checkpoints: { to: [{ type: webhook, url: "URL" }] } }\n`],
    [
      'notifications.webhooks.0.url',
      `${issuer}notifications: { webhooks: [{ name: w, url: "URL", secret: env:X }] }\n`,
    ],
    [
      'notifications.slack.apiUrl',
      `${issuer}notifications: { slack: { channel: c, botToken: env:X, appToken: env:X, apiUrl: "URL" } }\n`,
    ],
  ])('a URL with a password, and one of another scheme: %s', (path, text) => {
    for (const url of [
      'https://user:CANARY@h/b',
      'https://CANARY@h/b',
      'http://:CANARY@127.0.0.1:9/b',
      'ftp://127.0.0.1/b',
      'CANARY',
    ]) {
      const said = errorOf(() => loadConfig(write(text.replace('URL', url))))
      expect([said.code, url, said.message]).toEqual(['CONFIG_INVALID', url, expect.stringContaining(` ${path}: `)])
      expect(said.message).toMatch(
        url.includes('@')
          ? /without a user name and password/
          : url.startsWith('ftp')
            ? /begins with https/
            : /expected a URL/,
      )
      expect(said.message).not.toContain('CANARY')
    }
  })

  it('targets of rules of retention that are not there', () => {
    const file =
      write(`${issuer}targets: [{ name: prod-db, type: postgres, host: h, database: d, user: u, password: file:secret, labels: { env: prod } }]
recording: { retention: [{ name: a, targets: { names: [prod-bd] }, keep: 30d }, { name: b, targets: { labels: { env: prd } }, keep: 30d }] }
`)
    writeFileSync(join(directory, 'secret'), 'x\n')
    const said = loadConfig(file).warnings.filter((line) => line.includes('recording.'))
    expect(said).toEqual([
      expect.stringMatching(
        /recording\.retention\.0\.targets\.names\.0: no target is named "prod-bd"; did you mean "prod-db"\?$/,
      ),
      expect.stringMatching(
        /recording\.retention\.1\.targets\.labels\.env: no target has the label env: prd; did you mean "prod"\?$/,
      ),
    ])
  })

  it('exit 2, also as JSON', async () => {
    const file = write(target('password: env:PAM_TEST_UNSET'))
    const { code, stdout, stderr } = await check(file)
    const message = 'targets.0.password: the environment variable PAM_TEST_UNSET is not set'
    expect([code, stdout, stderr]).toEqual([2, '', `pam-gateway: ${file}:2:79: ${message}\n`])
    const json = await check(file, ['--json'])
    expect([json.code, JSON.parse(json.stdout)]).toEqual([
      2,
      { valid: false, errors: [{ file, line: 2, column: 79, message }], warnings: [] },
    ])
  })

  it('start refuses the same, and opens nothing', async () => {
    const file = write(target('password: env:PAM_TEST_UNSET'))
    const { code, stderr } = await run(process.execPath, [
      join(ROOT, 'bin', 'pam-gateway.js'),
      'start',
      '--config',
      file,
    ])
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/targets\.0\.password: the environment variable PAM_TEST_UNSET is not set/),
    ])
  })
})

describe.skipIf(!OPENSSL || !SSHD)('pam-gateway check --connect', () => {
  let postgres: LocalPostgres
  let sshd: SshServer
  let tls: TestCertificates
  let provider: Server
  let issuer: string
  let silent: ReturnType<typeof createTcpServer>
  /** What the provider answers with, by path. */
  let answers: Record<string, () => unknown>
  let metadata: Record<string, unknown>
  beforeAll(async () => {
    tls = makeCertificates(join(directory, 'tls'))
    const certificate = readFileSync(tls.certificate, 'utf8')
    const key = readFileSync(tls.key, 'utf8')
    const at = mkdtempSync(join(tmpdir(), 'pamctl-test-pg-'))
    postgres = await startPostgres({ directory: at, tls: { certificate, key } })
    sshd = await startSshServer()
    const { publicKey } = await generateKeyPair('RS256')
    provider = createServer({ cert: certificate, key }, (request, response) => {
      const answer = answers[request.url ?? '']
      response.statusCode =
        answer === undefined ? 404 : request.method === 'POST' && !('device_code' in (answer() as object)) ? 400 : 200
      response.end(JSON.stringify(answer?.() ?? {}))
    })
    await new Promise<void>((done) => provider.listen(0, '127.0.0.1', done))
    issuer = `https://localhost:${(provider.address() as AddressInfo).port}`
    metadata = {
      issuer,
      jwks_uri: `${issuer}/keys`,
      token_endpoint: `${issuer}/token`,
      authorization_endpoint: `${issuer}/auth`,
      device_authorization_endpoint: `${issuer}/device`,
      scopes_supported: ['openid', 'email', 'profile', 'offline_access'],
    }
    const jwk = { ...(await exportJWK(publicKey)), alg: 'RS256', use: 'sig' }
    answers = {
      '/.well-known/openid-configuration': () => metadata,
      '/keys': () => ({ keys: [jwk] }),
      '/device': () => ({ device_code: 'x' }),
    }
    silent = createTcpServer(() => {})
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done))
    writeFileSync(join(directory, 'password'), 'local-superuser', { mode: 0o600 })
    writeFileSync(join(directory, 'wrong'), 'WRONG-CANARY', { mode: 0o600 })
  })
  afterAll(async () => {
    provider?.close()
    silent?.close()
    await sshd?.stop()
    await postgres?.stop()
  })

  const config = (more: { targets?: string; issuer?: string; tls?: string; handshake?: string } = {}): string => `
listen: { port: 0, tls: ${more.tls ?? '{ certificate: tls/server.crt, key: tls/server.key }'} }
publicUrl: https://localhost:8443
limits: { handshake: ${more.handshake ?? '10s'} }
identity: { issuers: [{ url: "${issuer}", for: people, clientId: pamctl, ca: tls/ca.crt ${more.issuer ?? ''} }] }
targets:
${more.targets ?? `${db()}${host()}`}`
  const db = (more: Record<string, string | number | readonly string[]> = {}): string =>
    `  - ${JSON.stringify({ name: 'db', type: 'postgres', host: 'localhost', port: postgres.port, database: 'postgres', user: 'postgres', password: 'file:password', ca: 'tls/ca.crt', ...more })}\n`
  const host = (more: object = {}): string =>
    `  - ${JSON.stringify({ name: 'web', type: 'ssh', host: '127.0.0.1', port: sshd.port, hostKeys: [sshd.hostKey], logins: [{ name: sshd.user, privateKey: `file:${sshd.keys.ed25519}` }], ...more })}\n`

  it('warns of a host that leaves the client no session beside the gateway’s', async () => {
    const single = await startSshServer('MaxSessions 1')
    const { code, stdout } = await check(
      write(
        config({
          targets: host({
            port: single.port,
            hostKeys: [single.hostKey],
            logins: [{ name: single.user, privateKey: `file:${single.keys.ed25519}` }],
          }),
        }),
      ),
      ['--connect'],
    )
    await single.stop()
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^warning target web as \w+: the target allows fewer than two sessions on a connection; set its MaxSessions to 2 or more$/m,
    )
  })

  it('says of each what it found, exit 0', async () => {
    const { code, stdout } = await check(write(config()), ['--connect'])
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/is valid: 2 targets/),
      expect.stringMatching(/^ok {6}target db as postgres: PostgreSQL \d+.*, tls: verify-full, \d+ relations$/),
      expect.stringMatching(/^warning target db as postgres: the account postgres is a superuser/),
      expect.stringMatching(/^ok {6}target web as \w+: host key ssh-ed25519, key exchange /),
      expect.stringMatching(
        /^ok {6}issuer https:\/\/localhost:\d+ \(people\): 1 signing key, scopes openid email profile offline_access, begins device sign-ins$/,
      ),
      expect.stringMatching(/^ok {6}address listen: 127\.0\.0\.1:\d+ is free$/),
      expect.stringMatching(/^ok {6}certificate of the gateway: valid until .*, 1 in the chain$/),
      expect.stringMatching(/^ok {6}store: .*state\.db will be made at the first start$/),
      expect.stringMatching(/^ok {6}home of records: .*recordings$/),
      '',
    ])
    expect(code).toBe(0)
    const json = await check(write(config()), ['--connect', '--json'])
    const { valid, connections } = JSON.parse(json.stdout) as { valid: boolean; connections: { state: string }[] }
    expect([json.code, valid, connections.map(({ state }) => state)]).toEqual([
      0,
      true,
      ['ok', 'warning', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok'],
    ])
  })

  it('accepts what pam-gateway init writes', async () => {
    const file = join(directory, 'first.yaml')
    const gateway = join(ROOT, 'bin', 'pam-gateway.js')
    const given = {
      output: file,
      'public-url': 'https://localhost:0',
      certificate: 'tls/server.crt',
      key: 'tls/server.key',
      issuer: issuer,
      'issuer-ca': 'tls/ca.crt',
      users: 'engineering',
      approvers: 'sre',
      auditors: 'security',
      target: `postgres://postgres@localhost:${postgres.port}/postgres?sslrootcert=tls/ca.crt`,
      name: 'prod-db',
      credential: 'file:password',
    }
    const options = Object.entries(given).flatMap(([option, value]) => [`--${option}`, value])
    const init = await run(process.execPath, [gateway, 'init', ...options])
    expect([init.code, init.stderr]).toEqual([0, ''])
    expect(init.stdout).toMatch(/^.*first\.yaml is written\n[^]*pam-gateway check --config .*first\.yaml --connect\n/)
    const { code, stdout, stderr } = await check(file, ['--connect'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).not.toMatch(/^FAILED/m)
  })

  it('prints the digest of a function that is listed without one, or with another', async () => {
    const admin = new pg.Client({
      host: 'localhost',
      port: postgres.port,
      database: 'postgres',
      ...postgres.superuser,
      ssl: { rejectUnauthorized: false },
    })
    await admin.connect()
    const told = async (entry: string): Promise<string[]> => {
      const { stdout, stderr } = await check(write(config({ targets: db({ safeFunctions: [entry] }) })), ['--connect'])
      return `${stdout}${stderr}`.split('\n').filter((line) => line.includes('safeFunctions'))
    }
    await admin.query("create function public.reviewed() returns int language sql set search_path = '' as 'select 1'")
    const bare = await told('public.reviewed')
    expect(bare).toEqual([
      expect.stringMatching(
        /^warning target db as postgres: safeFunctions lists public\.reviewed without the digest of its definition, sha256:[0-9a-f]{64}$/,
      ),
      expect.stringContaining('safeFunctions: public.reviewed has no digest and is not trusted'),
    ])
    const entry = `public.reviewed@${bare[0]?.split(' ').at(-1)}`
    expect(await told(entry)).toEqual([])
    await admin.query('alter function public.reviewed() security definer')
    expect(await told(entry)).toEqual([
      expect.stringMatching(/public\.reviewed is not what safeFunctions lists: its digest is sha256:[0-9a-f]{64}$/),
    ])
    await admin.query('drop function public.reviewed()')
    await admin.end()
  })

  it.each([
    [
      'a wrong password',
      () => config({ targets: db({ password: 'file:wrong' }) }),
      /FAILED {2}target db .*refused the gateway's credential: password authentication failed/,
    ],
    [
      'a database that is not there',
      () => config({ targets: db({ database: 'nowhere' }) }),
      /FAILED {2}target db .*\(3D000\): database "nowhere" does not exist/,
    ],
    [
      'a port where nobody listens',
      () => config({ targets: db({ port: 1 }) }),
      /FAILED {2}target db .*cannot reach the target: .*ECONNREFUSED/,
    ],
    [
      'a name that is not there',
      () => config({ targets: db({ host: 'db.invalid' }) }),
      /FAILED {2}target db .*cannot reach the target: .*(ENOTFOUND|EAI_AGAIN)/,
    ],
    [
      'a certificate for another name',
      () => config({ targets: db({ host: '127.0.0.2' }) }),
      /FAILED {2}target db .*(certificate is not trusted|cannot reach the target)/,
    ],
    [
      'a certificate of another authority',
      () => config({ targets: db().replace(',"ca":"tls/ca.crt"', '') }),
      /FAILED {2}target db .*certificate is not trusted: /,
    ],
    [
      'a target that is silent',
      () => config({ targets: db({ port: (silent.address() as AddressInfo).port }), handshake: '2s' }),
      /FAILED {2}target db .*did not answer in time/,
    ],
    [
      'a host that is silent',
      () => config({ targets: host({ port: (silent.address() as AddressInfo).port }), handshake: '2s' }),
      /FAILED {2}target web .*did not answer in time/,
    ],
    [
      'a wrong host key',
      () =>
        config({
          targets: host({
            hostKeys: [readFileSync(`${sshd.keys.ed25519}.pub`, 'utf8').split(' ').slice(0, 2).join(' ')],
          }),
        }),
      /FAILED {2}target web .*host key/,
    ],
    [
      'a login that is not let in',
      () => config({ targets: host({ logins: [{ name: sshd.user, password: 'file:wrong' }] }) }),
      /FAILED {2}target web .*did not accept the gateway's login/,
    ],
    [
      'an issuer of another authority',
      () => config().replace(', ca: tls/ca.crt  }', ' }'),
      /FAILED {2}issuer .*its certificate is not trusted: set ca of this issuer/,
    ],
    [
      'an issuer that calls itself otherwise',
      () => config().replace(`"${issuer}"`, `"${issuer}/"`),
      /FAILED {2}issuer .*must be exactly the configured url/,
    ],
    [
      'an issuer of services that is not there',
      () => config().replace(issuer, `${issuer}/other`),
      /FAILED {2}issuer .*answers HTTP 404/,
    ],
    [
      'algorithms',
      () => config({ issuer: ', algorithms: [ES256]' }),
      /FAILED {2}issuer .*none of its 1 keys signs with ES256/,
    ],
    [
      'scopes',
      () => config({ issuer: ', scopes: [openid, roles]' }),
      /warning issuer .*does not support the scopes roles: they are not requested/,
    ],
    [
      'the chain',
      () => config({ tls: '{ certificate: tls/chain.crt, key: tls/server.key }' }),
      /FAILED {2}certificate of the gateway: is out of order/,
    ],
    [
      'the host of publicUrl',
      () => config().replace('https://localhost:8443', 'https://pam.example.com'),
      /warning: .*listen\.tls\.certificate: tls\/server\.crt is not for pam\.example\.com, the host of publicUrl/,
    ],
    [
      'a home that is read-only',
      () => `recording: { home: { type: directory, path: /proc/nowhere } }${config()}`,
      /FAILED {2}home of records: /,
    ],
    ['a store that is none', () => `dataDirectory: broken${config()}`, /FAILED {2}store: /],
  ])('%s', async (_what, text, message) => {
    spawnSync('mkdir', ['-p', join(directory, 'broken')])
    writeFileSync(join(directory, 'broken', 'state.db'), 'not a database, not a database, not a database')
    const [leaf, other] = [readFileSync(tls.certificate, 'utf8'), readFileSync(tls.certificate, 'utf8')]
    writeFileSync(join(directory, 'tls', 'chain.crt'), `${leaf}${other}`)
    chmodSync(tls.key, 0o600)
    const { code, stdout, stderr } = await check(write(text()), ['--connect'])
    expect(stdout + stderr).toMatch(message)
    expect(code).toBe(stdout.includes('FAILED') ? 1 : 0)
    expect(stdout + stderr).not.toMatch(/CANARY|local-superuser/)
  })

  it('says which masked columns and named relations no target has, and nothing of those that one has', async () => {
    const rules = `
commands:
  - { name: c, match: { kinds: [delete], writes: [pg_catalog.pg_clas, pg_catalog.pg_class, "*.pg_proc"] }, deny: no }
masking:
  - { name: m, targets: { names: [db] }, style: redact, columns: [pg_stat.querry, pg_catalog.pg_stat_activity.querry, pg_catalog.pg_stat_activity.query, "*.*.query", "pubic.*.*"] }
`
    const { code, stdout, stderr } = await check(write(`${config()}${rules}`), ['--connect'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.split('\n').filter((line) => / rule "/.test(line))).toEqual([
      'warning masking rule "m": db has no public.pg_stat.querry',
      'warning masking rule "m": db has no pg_catalog.pg_stat_activity.querry; did you mean "pg_catalog.pg_stat_activity.query"?',
      'warning masking rule "m": db has no pubic.*.*',
      'warning command rule "c": db has no pg_catalog.pg_clas; did you mean "pg_catalog.pg_class"?',
    ])
  })

  it("a target's words move no cursor and have no lines of their own", async () => {
    const hostile = await hostilePostgres(postgres.port)
    hostile.mutate = (bytes) => {
      const from = bytes.indexOf('server_version\0') + 15
      if (from < 15) return bytes
      const changed = Buffer.from(bytes)
      changed.fill(0x20, from, bytes.indexOf(0, from))
      changed.write('\u001b[2J\nok\u007f', from, 'latin1')
      return changed
    }
    const targets = db({ host: '127.0.0.1', port: hostile.port, tls: 'disable' }).replace(',"ca":"tls/ca.crt"', '')
    const text = await check(write(config({ targets })), ['--connect'])
    const json = await check(write(config({ targets })), ['--connect', '--json'])
    hostile.stop()
    expect(text.stdout).toMatch(/^ok {6}target db as postgres: PostgreSQL \\u\{1b\}\[2J ok\\u\{7f\}/m)
    expect(text.stdout.replaceAll('\n', '')).toMatch(/^[\x20-\x7e]*$/)
    expect(json.stdout).not.toContain('u001b')
  })

  it("shows the provider's own words, cut short and without control characters", async () => {
    const device = answers['/device'] as () => unknown
    answers['/device'] = () => ({
      error: 'invalid_scope',
      error_description: `Invalid scopes: \u001b[31mopenid\u202e groups ${'x'.repeat(2000)}`,
    })
    const { code, stdout } = await check(write(config()), ['--connect'])
    answers['/device'] = device
    expect(code).toBe(1)
    const [line = ''] = stdout.split('\n').filter((text) => text.startsWith('FAILED'))
    expect(line).toMatch(
      /it refuses a device sign-in of the client "pamctl" \(invalid_scope: Invalid scopes: \\u\{1b\}\[31mopenid\\u\{202e\} groups x+…\)$/,
    )
    expect(line.length).toBeLessThan(700)
  })

  it('says which endpoints are missing', async () => {
    const { device_authorization_endpoint: _device, ...rest } = metadata
    const before = metadata
    metadata = rest
    const { code, stdout } = await check(write(config()), ['--connect'])
    metadata = before
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/warning issuer .*has no device_authorization_endpoint: pamctl login cannot sign in/),
    ])
  })

  it('refuses a key that is not that of the certificate', async () => {
    const port = await freePort()
    const text = config({ tls: '{ certificate: tls/server.crt, key: tls/ca.key }' }).replace(
      'publicUrl',
      `# ${port}\npublicUrl`,
    )
    const { code, stderr } = await check(write(text))
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/:2:\d+: listen\.tls\.key: tls\/ca\.key is not the private key of CN=test server/),
    ])
  })
})

describe('pam-gateway check: how statements are read', () => {
  const config = (more: string): string => `
identity: { issuers: [{ url: http://127.0.0.1:1, for: people, clientId: p }] }
targets:
  - { name: plain, type: postgres, host: h, database: d, user: u, password: file:password, labels: { env: test } }
  - { name: masked, type: postgres, host: h, database: d, user: u, password: file:password${more} }
masking:
  - { name: m, targets: { names: [masked] }, columns: [people.email], style: redact }
  - { name: k, targets: { labels: { env: test } }, kinds: [email], style: redact }
`

  it.each([
    [
      '',
      'target masked: reading: agreed (the default when columns are masked): where PostgreSQL analyses a statement differently, its effect counts as unknown',
    ],
    [
      ', reading: agreed',
      'target masked: reading: agreed (set by `reading`): where PostgreSQL analyses a statement differently, its effect counts as unknown',
    ],
    [
      ', reading: ours',
      "target masked: reading: ours (set by `reading`): masking relies on the gateway's own analysis of statements alone",
    ],
  ])('says so of each target that masks columns%s', async (more, line) => {
    writeFileSync(join(directory, 'password'), 'x')
    const { code, stdout } = await check(write(config(more)))
    expect([code, stdout.split('\n').filter((said) => said.startsWith('target '))]).toEqual([0, [line]])
    const json = JSON.parse((await check(write(config(more)), ['--json'])).stdout) as { readings: { target: string }[] }
    expect(json.readings.map(({ target }) => target)).toEqual(['masked'])
  })
})
