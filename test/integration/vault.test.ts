import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resolveSecret } from '../../src/credentials/secret-reference.ts'
import { createStores } from '../../src/credentials/create-stores.ts'
import { StoreSecrets } from '../../src/credentials/store-secrets.ts'
import { boundedRequest } from '../../src/shared/bounded-request.ts'
import { bindingOf } from '../../src/credentials/stores/sealed/envelope.ts'
import { readSealed } from '../../src/credentials/stores/sealed/sealed-file.ts'
import { VaultClient } from '../../src/credentials/stores/vault/vault-client.ts'
import { VaultDatabase, type LeaseLedger } from '../../src/credentials/stores/vault/vault-database.ts'
import { vaultKv } from '../../src/credentials/stores/vault/vault-kv.ts'
import { freePort } from '../../src/demo/local-postgres.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { certificateSettings, sessionCertificate } from '../../src/protocols/ssh/session-certificate.ts'
import { eventually, openPort, signIn, type SignedIn } from '../helpers/gateway-client.ts'
import { pamctlWithMemory } from '../helpers/agent-memory.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { ownGateways, type OwnGateways } from '../helpers/own-gateway.ts'
import { PSQL, ROOT, run } from '../helpers/run.ts'
import { searchGateway } from '../helpers/search-gateway.ts'
import { SecretSearch } from '../helpers/secret-search.ts'
import { SSHD, startSshServer, type SshServer } from '../helpers/ssh-server.ts'
import { VAULT } from '../helpers/test-clients.ts'
import { startVault, type Vault } from '../helpers/vault.ts'

/** Credentials of a real Vault, with a real PostgreSQL and sshd behind it. */
const SECRETS = { two: 'two-Wq81+secret/word', one: 'one-Xp92+secret/word', sealed: 'sealed-Ck37+secret/word' }
const SOURCES = {
  two: 'vault:secret/prod/db#password',
  one: 'vault:legacy/db#password',
  sealed: 'secret:prod-db',
  made: 'vault-db:database/readonly',
  forbidden: 'vault:secret/other/db#password',
} as const
const POLICY = `
path "secret/data/prod/*" { capabilities = ["read"] }
path "legacy/*" { capabilities = ["read"] }
path "database/creds/*" { capabilities = ["read"] }
path "ssh/sign/*" { capabilities = ["update"] }
path "transit/encrypt/pam" { capabilities = ["update"] }
path "transit/decrypt/pam" { capabilities = ["update"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "sys/leases/lookup" { capabilities = ["update"] }
path "sys/leases/revoke" { capabilities = ["update"] }`

let vault: Vault
let sshd: SshServer | undefined
let gateways: OwnGateways
let gateway: RunningGateway
let directory: string
let superuser: pg.Client
let jane: SignedIn
let secretId: string
let operations: number
/** Of what is beside the gateway. */
let keys: string | undefined
const search = new SecretSearch()

const target = ([name, reference]: [string, string]): string => `
  - { name: ${name}-db, type: postgres, labels: { env: dev }, host: 127.0.0.1, port: ${gateways.postgres.port}, database: app_dev, user: ${name}_user, password: "${reference}", tls: disable }`
const bastion = ({ port, user, hostKey }: SshServer): string => `
  - { name: bastion, type: ssh, labels: { env: dev }, host: 127.0.0.1, port: ${port}, hostKeys: ["${hostKey}"], logins: [{ name: ${user}, certificate: { ca: "vault-ssh:ssh/bastion", sourceAddress: [127.0.0.1] } }] }`

beforeAll(async () => {
  if (VAULT === undefined) return
  ;[vault, gateways] = await Promise.all([startVault(), ownGateways()])
  operations = await freePort()
  superuser = await gateways.superuser('app_dev')
  await superuser.query(`create role vault_admin login createrole password 'vault-admin'`)
  await superuser.query('grant app to vault_admin with admin option')
  await superuser.query('grant pg_signal_backend to vault_admin')
  for (const name of ['two', 'one', 'sealed'] as const)
    await superuser.query(`create role ${name}_user login in role app password '${SECRETS[name]}'`)
  const { call } = vault
  for (const [path, body] of [
    ['secret', { type: 'kv', options: { version: '2' } }],
    ['legacy', { type: 'kv', options: { version: '1' } }],
    ['database', { type: 'database' }],
    ['ssh', { type: 'ssh' }],
    ['transit', { type: 'transit' }],
  ] as const)
    await call('POST', `sys/mounts/${path}`, body)
  await call('PUT', 'sys/policies/acl/pam', { policy: POLICY })
  await call('POST', 'sys/auth/approle', { type: 'approle' })
  await call('POST', 'auth/approle/role/pam', { token_policies: ['pam'], token_ttl: '1h', token_max_ttl: '4h' })
  // A version 2 engine is ready a moment after it is mounted.
  await eventually(
    () => call('POST', 'secret/data/prod/db', { data: { password: SECRETS.two } }).catch(() => undefined),
    'version 2 takes secrets',
  )
  await call('POST', 'legacy/db', { password: SECRETS.one, ttl: '0s' })
  await call('POST', 'transit/keys/pam')
  await call('POST', 'database/config/app', {
    plugin_name: 'postgresql-database-plugin',
    allowed_roles: '*',
    connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${gateways.postgres.port}/app_dev?sslmode=disable`,
    username: 'vault_admin',
    password: 'vault-admin',
  })
  for (const [role, default_ttl] of [
    ['readonly', '2m'],
    ['brief', '5s'],
    ['endless', '0'],
  ])
    await call('POST', `database/roles/${role}`, {
      db_name: 'app',
      default_ttl,
      creation_statements: [
        `create role "{{name}}" login password '{{password}}' valid until '{{expiration}}' in role app`,
      ],
      revocation_statements: [
        `select pg_terminate_backend(pid) from pg_stat_activity where usename = '{{name}}'`,
        'drop role if exists "{{name}}"',
      ],
    })
  await call('POST', 'ssh/config/ca', { generate_signing_key: true, key_type: 'ed25519' })
  await sshRole()
  const roleId = (await call('GET', 'auth/approle/role/pam/role-id')).data?.['role_id']
  secretId = String((await call('POST', 'auth/approle/role/pam/secret-id')).data?.['secret_id'])
  const authority = String((await call('GET', 'ssh/config/ca')).data?.['public_key'])
  keys = mkdtempSync(join(tmpdir(), 'pamctl-test-vault-'))
  writeFileSync(join(keys, 'ca.pub'), authority)
  if (SSHD) sshd = await startSshServer(`TrustedUserCAKeys ${join(keys, 'ca.pub')}\nAuthorizedKeysFile none`)
  const targets = `${Object.entries(SOURCES).map(target).join('')}${sshd === undefined ? '' : bastion(sshd)}`
  directory = await gateways.configured((yaml, at) => {
    writeFileSync(join(at, 'role-id'), `${String(roleId)}\n`, { mode: 0o600 })
    writeFileSync(join(at, 'secret-id'), `${secretId}\n`, { mode: 0o600 })
    return `${yaml.replace('listen: { ', `listen: { operations: { port: ${operations} }, `).replace('\naccess:', `${targets}\n\naccess:`)}
secrets:
  cacheFor: 1s
  vault:
    address: ${vault.address}
    auth: { type: approle, roleId: "file:role-id", secretId: "file:secret-id" }
    kv: [{ mount: secret }, { mount: legacy, version: 1 }]
  sealed: { masterKey: { type: transit, name: pam } }
`
  })
  const set = await run(process.execPath, ['bin/pam-gateway.js', 'secret', 'set', 'prod-db', '--config', config()], {
    cwd: ROOT,
    input: `${SECRETS.sealed}\n`,
  })
  expect([set.code, set.stderr]).toEqual([0, ''])
  gateway = await gateways.start(directory)
  jane = await signIn(gateway.url, 'jane')
})
afterAll(async () => {
  await superuser?.end()
  await gateways?.stop()
  await sshd?.stop()
  await vault?.stop()
  if (keys !== undefined) rmSync(keys, { recursive: true })
})

const config = (): string => join(directory, 'pam.yaml')

const sshRole = (more: Readonly<Record<string, unknown>> = {}): Promise<unknown> =>
  vault.call('POST', 'ssh/roles/bastion', {
    key_type: 'ca',
    allow_user_certificates: true,
    allow_user_key_ids: true,
    allowed_users: '*',
    allowed_extensions: 'permit-pty,permit-port-forwarding',
    allowed_critical_options: 'source-address',
    max_ttl: '1h',
    ...more,
  })

async function connected<T>(source: keyof typeof SOURCES, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const port = await openPort(jane, `${source}-db`)
  const client = new pg.Client({ host: '127.0.0.1', port: port.port, user: `${source}_user`, database: 'app_dev' })
  client.on('error', () => {})
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end().catch(() => {})
    port.close()
  }
}
/** What the sealed secret is encrypted with, as the vault unwraps it for the gateway. */
async function dataKey(): Promise<Record<string, string>> {
  const sealed = readSealed(join(directory, 'data', 'secrets.json'))['prod-db']
  if (sealed === undefined || 'removed' in sealed) throw new Error('nothing is sealed')
  const associated_data = Buffer.from(bindingOf('prod-db', sealed.version)).toString('base64')
  const { data } = await vault.call('POST', 'transit/decrypt/pam', { ciphertext: sealed.dataKey, associated_data })
  const bytes = Buffer.from(String(data?.['plaintext']), 'base64')
  expect(bytes).toHaveLength(32)
  return { 'data key': bytes.toString('base64'), 'data key, hexadecimal': bytes.toString('hex') }
}
const whoAmI = async (client: pg.Client): Promise<string> =>
  (await client.query<{ who: string }>('select current_user as who')).rows[0]?.who ?? ''
const made = async (): Promise<string[]> =>
  (await superuser.query<{ rolname: string }>("select rolname from pg_roles where rolname like 'v-%'")).rows.map(
    ({ rolname }) => rolname,
  )

const sent: string[] = []
const vaultSettings = {
  auth: { type: 'approle', mount: 'approle', roleId: 'file:role-id', secretId: 'file:secret-id' },
  kv: [
    { mount: 'secret', version: 2 },
    { mount: 'legacy', version: 1 },
  ],
} as const
/** As a gateway within this process has it, whose clock stands still. */
const clientOf = (clock: HandClock): VaultClient =>
  new VaultClient(
    { ...vaultSettings, address: vault.address },
    {
      secretOf: (reference) => resolveSecret(reference, directory),
      ca: undefined,
      clock,
      send(request) {
        sent.push(`${request.method} ${new URL(request.url).pathname}`)
        return boundedRequest(request)
      },
    },
  )
function ledgerOf(ids: string[] = []): LeaseLedger & { readonly ids: string[] } {
  return {
    ids,
    live: new Set(),
    made: new Set(),
    add: ({ id }) => Promise.resolve(void ids.push(id)),
    remove: (id) => Promise.resolve(void ids.splice(ids.indexOf(id), 1)),
    list: () => Promise.resolve([...ids]),
  }
}
const READONLY = { store: 'vault-db', mount: ['database'], role: 'readonly' } as const

describe.skipIf(VAULT === undefined)('a real Vault', () => {
  it('has secrets of both versions, and the master key of sealed ones in transit', async () => {
    for (const source of ['two', 'one', 'sealed'] as const)
      expect(await connected(source, whoAmI)).toBe(`${source}_user`)
  })

  it('makes a database user for a session, which is gone after it', async () => {
    const who = await connected('made', async (client) => {
      const name = await whoAmI(client)
      expect(await made()).toEqual([name])
      return name
    })
    expect(who).toMatch(/^v-approle-readonly-/)
    await eventually(async () => ((await made()).length === 0 ? true : undefined), 'it is gone')
  })

  it('that refuses one secret is not down: the session is refused, and readiness names the secret', async () => {
    const failure = await connected('forbidden', whoAmI).catch((error: unknown) => error)
    expect(String(failure)).toContain('the gateway cannot get its credential for this target from the vault')
    search.add('refusal', String(failure))
    const answer = await (await fetch(`http://127.0.0.1:${operations}/readyz`)).text()
    search.add('/readyz', answer)
    expect(answer).toContain('answers 403 (not allowed)')
    expect(await connected('two', whoAmI)).toBe('two_user')
  })

  it('has a token renewed, which stays the same', async () => {
    const clock = new HandClock()
    const client = clientOf(clock)
    const read = () => vaultKv(client).read({ store: 'vault', path: ['legacy', 'db'], field: 'password' })
    expect(await read()).toEqual({ text: SECRETS.one, keepFor: 0 })
    sent.length = 0
    const before = clock.time
    expect(clock.next() - before).toBe(2_400_000)
    await read()
    expect(sent).toEqual(['POST /v1/auth/token/renew-self', 'GET /v1/legacy/db'])
    client.close()
  })

  it('notices nothing of a gateway on a copy of the data directory, which leaves alone what the first one renews', async () => {
    const [clock, first] = [new HandClock(), ledgerOf()]
    const database = new VaultDatabase(clientOf(clock), first, clock)
    const lease = await database.lease(READONLY)
    const copy = new VaultDatabase(clientOf(new HandClock()), ledgerOf([...first.ids]), clock)
    expect(await copy.sweep()).toBe(0)
    clock.next()
    await eventually(() => sent.find((one) => one.endsWith('/leases/renew')), 'it is renewed')
    expect(await copy.sweep()).toBe(0)
    expect(await made()).toEqual([lease.user])
    expect(lease.lost.aborted).toBe(false)
    await lease.release()
    expect([await made(), first.ids]).toEqual([[], []])
  })

  it('that takes a user back in the middle ends the session', async () => {
    const [clock, kept] = [new HandClock(), ledgerOf()]
    const lease = await new VaultDatabase(clientOf(clock), kept, clock).lease(READONLY)
    await vault.call('PUT', 'sys/leases/revoke', { lease_id: kept.ids[0], sync: true })
    clock.next()
    await eventually(() => (lease.lost.aborted ? true : undefined), 'it is lost')
    expect(lease.lost.reason).toMatchObject({
      message: 'the database user that was made for this session was revoked in the vault',
    })
    await lease.release()
    expect([await made(), kept.ids]).toEqual([[], []])
  })

  it.each([
    ['brief', 'gave a user that is valid for 5 s'],
    ['endless', 'gave a user that is valid for more than 24 hours'],
  ])('whose role is %s has its user refused, and revoked', async (role, expected) => {
    const kept = ledgerOf()
    const database = new VaultDatabase(clientOf(new HandClock()), kept, new HandClock())
    await expect(database.lease({ ...READONLY, role })).rejects.toThrow(expected)
    expect([await made(), kept.ids]).toEqual([[], []])
  })

  it.skipIf(!SSHD)('signs certificates of SSH that a real sshd takes', async () => {
    const check = async (): Promise<string> => {
      const { stdout, stderr } = await run(
        process.execPath,
        ['bin/pam-gateway.js', 'check', '--config', config(), '--connect'],
        { cwd: ROOT },
      )
      search.add('check --connect', `${stdout}${stderr}`)
      return stdout.split('\n').find((line) => line.includes('target bastion as')) ?? stdout
    }
    expect(await check()).toMatch(/ok {6}target bastion as/)
    expect(sshd?.log()).toMatch(
      /Accepted publickey .* ID session=ses_[0-9a-z]{13} person=pam-gateway name=pam-gateway \(serial \d+\) CA ED25519/,
    )
  })

  it.skipIf(!SSHD).each([
    [{ allow_user_key_ids: false }, 'does not sign what the target asks for (400)'],
    [{ allowed_users: 'somebody' }, 'does not sign what the target asks for (400)'],
    [{ max_ttl: '1m' }, 'does not sign what the target asks for (400)'],
    [
      { default_extensions: { 'permit-agent-forwarding': '' } },
      'gave a certificate that has the extension "permit-agent-forwarding", which was not asked for',
    ],
  ])('signs none for a role with %j', async (more, expected) => {
    const clock = new HandClock()
    const stores = createStores(
      { cacheFor: 0, vault: { ...vaultSettings, address: vault.address } },
      {
        baseDirectory: directory,
        sealedFile: '',
        environment: {},
        clock,
        ledger: ledgerOf(),
        history: { lastVersion: () => Promise.resolve(0), note: () => Promise.resolve() },
      },
    )
    const secrets = new StoreSecrets({ baseDirectory: directory, stores, cacheFor: 0, clock, onChange: () => {} })
    const extensions = 'default_extensions' in more ? { extensions: [] } : {}
    const settings = certificateSettings.parse({ ca: 'vault-ssh:ssh/bastion', ...extensions })
    if (settings === undefined) throw new Error('no settings')
    await sshRole(more)
    try {
      const source = sessionCertificate('deploy', settings, { secrets, forwards: true })
      const failure: unknown = await source
        .lease({
          session: 'ses_0123456789abc',
          person: { id: 'jane', label: 'jane' },
          at: clock.now(),
          endsAt: clock.now() + 3_600_000,
          gateway: '0123456789abcdef',
        })
        .catch((error: unknown) => error)
      expect(failure).toMatchObject({
        code: 'CREDENTIAL_UNAVAILABLE',
        cause: { message: expect.stringContaining(expected) as string },
      })
    } finally {
      stores.close()
      await sshRole({ default_extensions: {} })
    }
  })

  it('that is sealed lets open sessions go on, refuses new ones, and revokes what is left once it is back', async () => {
    const [clock, kept] = [new HandClock(), ledgerOf()]
    const database = new VaultDatabase(clientOf(clock), kept, clock)
    const lease = await database.lease(READONLY)
    await connected('one', async (open) => {
      await vault.seal()
      const failure = await connected('made', whoAmI).catch((error: unknown) => error)
      expect(String(failure)).toContain('the gateway cannot get its credential for this target from the vault')
      search.add('refusal of a sealed vault', String(failure))
      expect(await whoAmI(open)).toBe('one_user')
    })
    await lease.release()
    expect([await database.sweep(), kept.ids.length]).toEqual([1, 1])
    await vault.unseal()
    expect([await database.sweep(), kept.ids, await made()]).toEqual([0, [], []])
    await eventually(() => connected('made', whoAmI).catch(() => undefined), 'it makes users again')
  })

  it.skipIf(!PSQL)(
    'has its secrets in no log, record, file or answer of the gateway, nor in the memory of an agent',
    async () => {
      const { home, start, agentMemory } = await pamctlWithMemory(gateway.url, 'jane')
      const open = ['two', 'made'].map((name) =>
        start(['connect', `${name}-db`, '--', 'sh', '-c', '(echo "select 4711;"; sleep 60) | psql']),
      )
      if (sshd !== undefined) open.push(start(['connect', 'bastion', '--', 'ssh', 'sleep', '60']))
      await eventually(
        async () =>
          (await jane.api.sessions.list({})).items.filter(({ ended }) => ended === undefined).length >= open.length
            ? true
            : undefined,
        'sessions that are open',
      )
      const memory = await agentMemory()
      search.add('memory of the agent', memory)
      // Tokens of the vault begin so.
      expect([memory.includes('made-db'), memory.includes('hvs.')]).toEqual([true, false])
      for (const client of open) client.kill()
      await start(['agent', 'stop']).closed
      search.addDirectory(home)
      await searchGateway(search, gateway, directory, (path) => path.endsWith('secret-id'))
      expect(search.has('credentials.unavailable', /gateway\.log/)).toBe(true)
      expect(search.has('credential.leased', /audit log/)).toBe(true)
      expect(search.find({ ...SECRETS, secretId, admin: 'vault-admin', ...(await dataKey()) })).toEqual([])
    },
  )
})
