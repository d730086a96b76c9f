import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createStores } from '../../src/credentials/create-stores.ts'
import { setSecret } from '../../src/credentials/stores/sealed/sealed-store.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { freePort } from '../../src/demo/local-postgres.ts'
import { eventually, openPort, signIn, type Port, type SignedIn } from '../helpers/gateway-client.ts'
import { ownGateways, type OwnGateways } from '../helpers/own-gateway.ts'
import { pamctlWithMemory } from '../helpers/agent-memory.ts'
import { makeCertificates, type TestCertificates } from '../helpers/certificates.ts'
import { cloudPostgres, type CloudPostgres } from '../helpers/cloud-postgres.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { OPENSSL, PSQL, ROOT, run } from '../helpers/run.ts'
import { searchGateway } from '../helpers/search-gateway.ts'
import { SecretSearch } from '../helpers/secret-search.ts'
import { StandInStores } from '../helpers/secret-stores.ts'

/** The password of the account that each source is the credential of: found nowhere else. */
const SECRETS = {
  env: 'env-Wq81+secret/word',
  file: 'file-Xp92+secret/word',
  vault: 'vault-Yo73+secret/word',
  aws: 'aws-Zn64+secret/word',
  google: 'google-Am55+secret/word',
  azure: 'azure-Bl46+secret/word',
  sealed: 'sealed-Ck37+secret/word',
  made: 'made-Dj28+secret/word',
  kms: 'kms-Gi82+secret/word',
  cloudkms: 'cloudkms-Hh91+secret/word',
}
/** What the gateway signs in to stores with. */
const OWN = { secretId: 'the-secret-id', awsKey: 'aws-Ei19+secret/key' }
/** Keys that stay in AWS KMS and Google Cloud KMS, and what is sealed with them. */
const KMS = {
  kms: { type: 'aws-kms', key: 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab' },
  cloudkms: { type: 'gcp-kms', key: 'projects/shop-prod/locations/europe-west1/keyRings/pam/cryptoKeys/sealed' },
} as const
const MASTER = Buffer.alloc(32, 0x5a).toString('base64')
const REFERENCES: Readonly<Record<keyof typeof SECRETS, string>> = {
  env: 'env:PAM_TEST_PASSWORD',
  file: 'file:own-password',
  vault: 'vault:secret/prod/db#password',
  aws: 'aws-sm:prod/db#password',
  google: 'gcp-sm:shop/db',
  azure: 'azure-kv:shop-vault/db',
  sealed: 'secret:prod-db',
  made: 'vault-db:database/readonly',
  kms: 'secret:kms-db',
  cloudkms: 'secret:cloudkms-db',
}
const SOURCES = Object.keys(SECRETS) as (keyof typeof SECRETS)[]
/** What is no password that anybody has set, by account; each is in TLS alone. */
const CLOUD = {
  rds: 'iam: { provider: aws, region: eu-west-1 }',
  cloudsql: 'iam: { provider: gcp }',
  certified: 'certificate: file:client.crt, key: file:client.key',
}
const CLOUD_SOURCES = OPENSSL ? (Object.keys(CLOUD) as (keyof typeof CLOUD)[]) : []
const gone = 'user_of_nobody'

type Source = keyof typeof SECRETS | keyof typeof CLOUD

const stores = new StandInStores()
const variables: Record<string, string> = {}
let gateways: OwnGateways
let gateway: RunningGateway
let directory: string
let superuser: pg.Client
let jane: SignedIn
let alice: SignedIn
let operations: number
/** Of the databases of clouds. */
let cloud: CloudPostgres | undefined
let certificates: TestCertificates
/** Seconds of a user that Vault makes. */
let lasts = 60
/** What people were told whose token the target refused. */
const refusals: string[] = []

const target = (source: keyof typeof SECRETS): string => `
  - name: ${source}-db
    type: postgres
    labels: { env: dev }
    host: 127.0.0.1
    port: ${gateways.postgres.port}
    database: app_dev
    user: ${source}_user
    password: ${REFERENCES[source]}
    tls: disable`

const cloudTarget = (source: keyof typeof CLOUD): string => `
  - { name: ${source}-db, type: postgres, labels: { env: dev }, host: 127.0.0.1, port: ${cloud?.port}, database: app_dev, user: ${source}_user, ${CLOUD[source]}, tls: verify-full, ca: "${certificates.ca}" }`

const secretsSection = (): string => `
secrets:
  cacheFor: 1s
  vault:
    address: ${stores.url}
    auth: { type: approle, roleId: env:PAM_TEST_ROLE_ID, secretId: env:PAM_TEST_SECRET_ID }
  aws: { region: eu-west-1, url: "${stores.url}", kmsUrl: "${stores.url}" }
  gcp: { url: "${stores.url}", kmsUrl: "${stores.url}" }
  azure: { auth: { type: managed }, url: "${stores.url}" }
  sealed: { masterKey: { type: key, key: file:master.key }, previousMasterKeys: ${JSON.stringify(Object.values(KMS))} }
`

/** As pam-gateway secret set does, with another master key. */
async function seal(source: keyof typeof KMS): Promise<void> {
  const region = { region: 'eu-west-1', url: stores.url, kmsUrl: stores.url }
  const settings = { cacheFor: 0, aws: region, gcp: { kmsUrl: stores.url } }
  const { sealed } = createStores(
    { ...settings, sealed: { masterKey: KMS[source], previousMasterKeys: [] } },
    {
      baseDirectory: directory,
      sealedFile: join(directory, 'data', 'secrets.json'),
      environment: variables,
      clock: new HandClock(),
      ledger: { live: new Set(), made: new Set(), add: async () => {}, remove: async () => {}, list: async () => [] },
      history: { lastVersion: async () => 0, note: async () => {} },
    },
  )
  if (sealed === undefined) throw new Error('no master key')
  await setSecret(sealed, `${source}-db`, SECRETS[source], { by: 'somebody', at: Date.now() })
}

/** A server that trusts what stands before it. */
async function startCloud(): Promise<CloudPostgres> {
  certificates = makeCertificates(mkdtempSync(join(tmpdir(), 'pamctl-test-cloud-')))
  const accounts = CLOUD_SOURCES.map((source) => `${source}_user`)
  for (const account of accounts) await superuser.query(`create role ${account} login in role app`)
  const { rows } = await superuser.query<{ at: string }>("select current_setting('hba_file') as at")
  const rules = [...accounts.map((account) => `host all ${account} all trust`), 'host all all all scram-sha-256']
  const lines = rules.map((line) => pg.escapeLiteral(line)).join(', ')
  await superuser.query(`copy (select unnest(array[${lines}])) to '${rows[0]?.at}' with (format csv, quote E'\\b')`)
  await superuser.query('select pg_reload_conf()')
  return cloudPostgres(gateways.postgres.port, certificates, 'certified_user')
}

beforeAll(async () => {
  await stores.start()
  stores.lease = 3600
  stores.kv.set('secret/data/prod/db', { password: SECRETS.vault })
  stores.aws.set('prod/db', JSON.stringify({ password: SECRETS.aws }))
  stores.gcp.set('/v1/projects/shop/secrets/db/versions/latest:access', SECRETS.google)
  stores.azure.set('/secrets/db', SECRETS.azure)
  gateways = await ownGateways()
  superuser = await gateways.superuser('app_dev')
  for (const source of SOURCES)
    await superuser.query(
      `create role ${source === 'made' ? gone : `${source}_user`} login in role app password '${SECRETS[source]}'`,
    )
  if (OPENSSL) cloud = await startCloud()
  let made = 0
  stores.makeUser = async () => {
    const username = `v-readonly-${++made}`
    await superuser.query(`create role "${username}" login in role app password '${SECRETS.made}'`)
    return { username, password: SECRETS.made, lasts }
  }
  stores.dropUser = async (username) => {
    await superuser.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [username])
    await superuser.query(`drop role if exists "${username}"`)
  }
  Object.assign(variables, {
    PAM_TEST_PASSWORD: SECRETS.env,
    PAM_TEST_ROLE_ID: 'the-role',
    PAM_TEST_SECRET_ID: OWN.secretId,
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: OWN.awsKey,
    GCE_METADATA_HOST: new URL(stores.url).host,
    IDENTITY_ENDPOINT: `${stores.url}/identity`,
    IDENTITY_HEADER: 'the-header',
  })
  Object.assign(process.env, variables)
  operations = await freePort()
  directory = await gateways.configured((yaml, at) => {
    writeFileSync(join(at, 'own-password'), `${SECRETS.file}\n`, { mode: 0o600 })
    writeFileSync(join(at, 'master.key'), MASTER, { mode: 0o600 })
    if (cloud !== undefined) {
      copyFileSync(certificates.certificate, join(at, 'client.crt'))
      copyFileSync(certificates.key, join(at, 'client.key'))
    }
    return `${yaml
      .replace('listen: { ', `listen: { operations: { port: ${operations} }, `)
      .replace(
        '\naccess:',
        `${SOURCES.map(target).join('')}${CLOUD_SOURCES.map(cloudTarget).join('')}\n\naccess:`,
      )}${secretsSection()}`
  })
  const set = await run(
    process.execPath,
    ['bin/pam-gateway.js', 'secret', 'set', 'prod-db', '--config', join(directory, 'pam.yaml')],
    { cwd: ROOT, input: `${SECRETS.sealed}\n` },
  )
  expect([set.code, set.stderr]).toEqual([0, ''])
  await seal('kms')
  await seal('cloudkms')
  gateway = await gateways.start(directory)
  ;[jane, alice] = await Promise.all([signIn(gateway.url, 'jane'), signIn(gateway.url, 'alice')])
})

afterAll(async () => {
  for (const name of Object.keys(variables)) Reflect.deleteProperty(process.env, name)
  await superuser?.end()
  await gateways?.stop()
  cloud?.stop()
  if (certificates !== undefined) rmSync(dirname(certificates.ca), { recursive: true })
  await stores.stop()
})

function clientOf(source: Source, { port }: Port): pg.Client {
  const client = new pg.Client({ host: '127.0.0.1', port, user: `${source}_user`, database: 'app_dev' })
  client.on('error', () => {})
  return client
}

/** A connection through the gateway, and what it was told when that failed. */
async function connected<T>(source: Source, work: (client: pg.Client, port: Port) => Promise<T>): Promise<T> {
  const port = await openPort(jane, `${source}-db`)
  const client = clientOf(source, port)
  try {
    await client.connect()
    return await work(client, port)
  } finally {
    await client.end().catch(() => {})
    port.close()
  }
}

const whoAmI = (source: Source): Promise<string> =>
  connected(source, async (client) => {
    const { rows } = await client.query<{ who: string }>('select current_user as who')
    return rows[0]?.who ?? ''
  })

const readiness = async (): Promise<string[]> => {
  const response = await fetch(`http://127.0.0.1:${operations}/readyz`)
  return ((await response.json()) as { credentials: { problems: string[] } }).credentials.problems
}

const auditTypes = async (): Promise<string[]> => {
  const types: string[] = []
  for await (const { type } of alice.api.audit({})) types.push(type)
  return types
}
const counted = async (type: string): Promise<number> => (await auditTypes()).filter((one) => one === type).length

describe('credentials of targets', () => {
  it.each([...SOURCES.filter((source) => source !== 'made'), ...CLOUD_SOURCES])(
    'the gateway logs in with the credential of %s',
    async (source) => {
      expect(await whoAmI(source)).toBe(`${source}_user`)
    },
  )

  it('a user that Vault makes is there for the session, and gone after it', async () => {
    expect(await whoAmI('made')).toMatch(/^v-readonly-\d+$/)
    await eventually(async () => {
      const { rows } = await superuser.query("select 1 from pg_roles where rolname like 'v-readonly-%'")
      return rows.length === 0 ? true : undefined
    }, 'the role is dropped')
    await eventually(async () => ((await counted('credential.revoked')) === 1 ? true : undefined), 'on record')
    expect(await counted('credential.leased')).toBe(1)
  })

  it.skipIf(!OPENSSL)('a token that the target refuses is in no error, also where the target repeats it', async () => {
    if (cloud === undefined) throw new Error('no cloud')
    cloud.refuses = true
    for (const source of ['rds', 'cloudsql'] as const) {
      const failure: unknown = await whoAmI(source).catch((error: unknown) => error)
      refusals.push(`${String(failure)} ${JSON.stringify(failure)}`)
    }
    cloud.refuses = false
    expect(refusals).toEqual([expect.stringContaining('rds-db'), expect.stringContaining('cloudsql-db')])
    expect(cloud.passwords.at(-1)).toBe('ya29.token')
  })

  it('a secret that is set again is used by the next session', async () => {
    const before = await counted('secret.set')
    const next = 'sealed-again-Fh10+secret/word'
    await superuser.query(`alter role sealed_user password '${next}'`)
    const config = ['--config', join(directory, 'pam.yaml')]
    const gatewayCommand = (args: readonly string[], input = '') =>
      run(process.execPath, ['bin/pam-gateway.js', 'secret', ...args, ...config], { cwd: ROOT, input })
    expect((await gatewayCommand(['set', 'prod-db'], next)).code).toBe(0)
    await eventually(async () => {
      const who = await whoAmI('sealed').catch(() => undefined)
      return who === 'sealed_user' ? true : undefined
    }, 'the new password is used')
    Object.assign(SECRETS, { sealedAgain: next })
    const { stdout } = await gatewayCommand(['list'])
    expect(stdout).toMatch(/prod-db.*key:[0-9a-f]{16}/)
    expect(await counted('secret.set')).toBe(before + 1)
  })
})

describe('a vault that fails', () => {
  it('is said in the refusal, in /readyz and once in the audit log, and sessions that are open go on', async () => {
    await connected('env', async (open) => {
      stores.answer = (_request, response) => response.writeHead(403).end(`{"errors":["${SECRETS.vault}"]}`)
      // What was read before is kept for a second.
      await eventually(async () => ((await whoAmI('vault').catch(() => '')) === '' ? true : undefined), 'a refusal')
      for (let attempt = 0; attempt < 2; attempt++)
        await expect(whoAmI('vault')).rejects.toMatchObject({
          code: '58000',
          message: expect.stringContaining('cannot get its credential for this target from the vault') as string,
        })
      expect(await readiness()).toEqual([expect.stringMatching(/^the vault .*answers 403 \(not allowed\)$/)])
      expect(await counted('credentials.unavailable')).toBe(1)
      expect((await open.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    })
    stores.answer = undefined
    expect(await whoAmI('vault')).toBe('vault_user')
    expect(await readiness()).toEqual([])
    await eventually(async () => ((await counted('credentials.available')) === 1 ? true : undefined), 'on record')
  })
})

describe('a user that is revoked in Vault during its session', () => {
  it('ends the session, with a sentence', async () => {
    lasts = 10
    await connected('made', async (client) => {
      const ended = new Promise<Error>((resolve) => client.once('error', resolve))
      stores.leases.clear()
      expect((await ended).message).toBe(
        'pam: the database user that was made for this session was revoked in the vault',
      )
    })
    lasts = 60
  })
})

describe('a gateway that crashes', () => {
  it('leaves no user behind: the next start revokes it', async () => {
    const port = await openPort(jane, 'made-db')
    await clientOf('made', port).connect()
    expect(stores.leases.size).toBe(1)
    await gateway.stop('SIGKILL')
    port.close()
    expect(stores.leases.size).toBe(1)
    gateway = await gateways.start(directory)
    await eventually(() => (stores.leases.size === 0 ? true : undefined), 'the lease is revoked')
    ;[jane, alice] = await Promise.all([signIn(gateway.url, 'jane'), signIn(gateway.url, 'alice')])
    const left: unknown[] = []
    for await (const { type, data } of alice.api.audit({})) if (type === 'credential.revoked') left.push(data['why'])
    expect(left).toContain('left over')
  })
})

describe('check --connect', () => {
  it('tries every reference, and says which cannot be read', async () => {
    stores.gcp.clear()
    const { stdout } = await run(
      process.execPath,
      ['bin/pam-gateway.js', 'check', '--connect', '--config', join(directory, 'pam.yaml')],
      { cwd: ROOT },
    )
    stores.gcp.set('/v1/projects/shop/secrets/db/versions/latest:access', SECRETS.google)
    for (const source of ['vault', 'aws', 'azure', 'sealed'] as const)
      expect(stdout).toContain(`ok      credential ${REFERENCES[source]}: can be read`)
    expect(stdout).toMatch(/FAILED {2}credential gcp-sm:shop\/db: .*does not exist \(Google answers 404\)/)
    expect(new Set(stdout.match(/target made-db as made_user/g))).toEqual(new Set(['target made-db as made_user']))
    expect(stores.leases.size).toBe(0)
  })
})

const LAST_TOKENS = 3

/** What no configuration has: what the gateway was given by clouds, or signed, and the keys of sealed secrets. */
function fromClouds(): Record<string, string> {
  const all: Record<string, string> = {}
  for (const { key, plaintext } of stores.wrapped.values()) {
    all[`data key of ${key}`] = plaintext
    all[`data key of ${key}, hexadecimal`] = Buffer.from(plaintext, 'base64').toString('hex')
  }
  expect(Object.keys(all)).toHaveLength(4)
  if (cloud === undefined) return all
  const tokens = new Set(cloud.passwords)
  // The last ones are those of the agent's sessions.
  const signatures = [...tokens]
    .slice(-LAST_TOKENS)
    .flatMap((token) => /&X-Amz-Signature=([0-9a-f]{64})$/.exec(token)?.[1] ?? [])
  expect([signatures.length > 0, tokens.has('ya29.token')]).toEqual([true, true])
  for (const [index, signature] of signatures.entries()) all[`token of RDS ${index}`] = signature
  all['token of Cloud SQL'] = 'ya29.token'
  const lines = readFileSync(certificates.key, 'utf8').split('\n')
  for (const [index, line] of lines.filter((one) => one.length > 20 && !one.startsWith('-')).entries())
    all[`line ${index} of the key of the certificate`] = line
  return all
}

describe.skipIf(!PSQL)('nothing of a secret', () => {
  it('is in a log, a record, the store, an error, the audit log, an answer or the memory of the agent', async () => {
    const search = new SecretSearch()
    // A person with the command line, whose agent writes down its memory.
    const { home, start, agentMemory } = await pamctlWithMemory(gateway.url, 'jane')
    for (const source of [...SOURCES, ...CLOUD_SOURCES]) {
      const client = start(['connect', `${source}-db`, '--', 'psql', '-c', 'select 4711 as marked'])
      search.add(`${source}: pamctl`, `${await client.closed} ${client.output()}`)
    }
    expect(search.has('4711', /^vault: pamctl/)).toBe(true)
    const open = start(['connect', 'vault-db', '--', 'sh', '-c', '(echo "select 4711;"; sleep 60) | psql'])
    await eventually(async () => {
      const { rows } = await superuser.query("select 1 from pg_stat_activity where usename = 'vault_user'")
      return rows.length > 0 ? true : undefined
    }, 'a session that is open')
    search.add('memory of the agent', await agentMemory())
    await start(['agent', 'stop']).closed
    open.kill()
    search.addDirectory(home)

    for (const refusal of refusals) search.add('refusal', refusal)
    for (const path of ['readyz', 'metrics'])
      search.add(`/${path}`, await (await fetch(`http://127.0.0.1:${operations}/${path}`)).text())
    await searchGateway(search, gateway, directory, (path) => /own-password$|master\.key$|client\.key$/.test(path))

    // The search finds what is there.
    expect(search.has('vault-db', /^memory of the agent$/)).toBe(true)
    expect(search.has('select 4711 as marked', /^record /)).toBe(true)
    expect(search.has('vault-db', /^audit log$/)).toBe(true)
    expect(search.has('gateway.started', /^gateway\.log$/)).toBe(true)
    expect(search.size).toBeGreaterThan(1_000_000)
    const secrets = { ...SECRETS, ...OWN, ...fromClouds(), master: MASTER }
    expect(search.find(secrets)).toEqual([])
    // It would have found each of them.
    const onPurpose = new SecretSearch()
    for (const secret of Object.values(secrets)) onPurpose.add('a place', `before ${secret} behind`)
    for (const label of Object.keys(secrets)) expect(onPurpose.find(secrets)).toContain(`${label} in a place as text`)
  })
})
