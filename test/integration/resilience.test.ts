import { execFileSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort, startPostgres, type LocalPostgres } from '../../src/demo/local-postgres.ts'
import { loadSampleData } from '../../src/demo/sample-data.ts'
import { writeDemoConfig } from '../../src/demo/setup.ts'
import { startGateway, type RunningGateway } from '../../src/demo/stack.ts'
import { hostGateway } from '../helpers/hosted-gateway.ts'
import { eventsOf, filesIn } from '../helpers/recordings.ts'
import { verifyAudit } from '../helpers/audit.ts'
import { verifyRecording } from '../../src/recording/verify.ts'
import { openSqlite } from '../../src/storage/database.ts'
import { hostilePostgres } from '../helpers/hostile-postgres.ts'
import { eventually, openPort, signIn } from '../helpers/gateway-client.ts'
import { OPENSSL } from '../helpers/run.ts'

const certificates = mkdtempSync(join(tmpdir(), 'pamctl-test-tls-'))
const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: certificates, stdio: 'pipe' })
let postgres: LocalPostgres
const directories: string[] = [certificates]
const gateways: RunningGateway[] = []

beforeAll(async () => {
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=test authority',
    '-days',
    '2',
  )
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
    '-subj',
    '/CN=localhost',
  )
  writeFileSync(join(certificates, 'ext'), 'subjectAltName=DNS:localhost')
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-out',
    'server.crt',
    '-days',
    '2',
    '-extfile',
    'ext',
  )
  const read = (name: string): string => readFileSync(join(certificates, name), 'utf8')
  postgres = await startPostgres({
    directory: mkdtempSync(join(tmpdir(), 'pamctl-test-pg-')),
    tls: { certificate: read('server.crt'), key: read('server.key') },
  })
  await loadSampleData(postgres)
})

afterAll(async () => {
  for (const gateway of gateways) await gateway.stop('SIGTERM')
  await postgres?.stop()
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

/** A directory with the demo's configuration, edited. */
async function configured(edit: (config: string) => string = (config) => config): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-gw-'))
  directories.push(directory)
  const config = await writeDemoConfig(directory, { gatewayPort: await freePort(), postgresPort: postgres.port })
  writeFileSync(config, edit(readFileSync(config, 'utf8')))
  return directory
}

async function start(directory: string, prefix: readonly string[] = []): Promise<RunningGateway> {
  const gateway = await hostGateway(join(directory, 'pam.yaml'), join(directory, 'gateway.log'), prefix)
  gateways.push(gateway)
  return gateway
}

/** In a process of its own: its end is what is looked at. */
async function startAlone(directory: string): Promise<RunningGateway> {
  const gateway = await startGateway(join(directory, 'pam.yaml'), join(directory, 'gateway.log'))
  gateways.push(gateway)
  return gateway
}

const client = async (port: { port: number }): Promise<pg.Client> => {
  const db = new pg.Client({ host: '127.0.0.1', port: port.port, user: 'app', database: 'app_dev', ssl: false })
  db.on('error', () => {})
  await db.connect()
  return db
}

/** All records, once they are in their home: what moves cannot be read. */
async function recordings(directory: string): Promise<string[]> {
  const data = join(directory, 'data')
  await eventually(() => (filesIn(join(data, 'spool'), '.pamrec').length === 0 ? true : undefined), 'stored')
  return filesIn(join(data, 'recordings'), '.pamrec')
}

describe.skipIf(!OPENSSL)('a gateway that is killed and started again', () => {
  it('has its requests, grants and audit; open records are closed, sealed and told apart', async () => {
    const directory = await configured()
    const gateway = await startAlone(directory)
    const jane = await signIn(gateway.url, 'jane')
    const bob = await signIn(gateway.url, 'bob')
    const approved = await jane.api.requests.create({ target: 'prod-db', reason: 'approved' })
    await bob.api.reviews.decide(approved.id, { verdict: 'approve', comment: '' })
    const request = await jane.api.requests.create({ target: 'prod-db', reason: 'before' })
    const port = await openPort(jane, 'dev-db')
    const db = await client(port)
    await db.query('select 1 as before_the_end')
    const prod = await openPort(jane, 'prod-db')
    const held = new pg.Client({ host: '127.0.0.1', port: prod.port, user: 'app', database: 'app', ssl: false })
    held.on('error', () => {})
    await held.connect()
    const waiting = held.query('truncate orders cascade').catch((error: Error) => error)
    waiting.catch(() => {}) // what it comes to is looked at below
    const approval = await eventually(
      async () => (await bob.api.reviews.list()).find(({ kind }) => kind === 'command'),
      'held',
    )
    await gateway.stop('SIGKILL')
    expect(await waiting).toBeInstanceOf(Error)
    port.close()
    prod.close()

    const again = await start(directory)
    const janeAgain = await signIn(again.url, 'jane')
    expect((await janeAgain.api.requests.get(request.id)).state).toBe('pending')
    expect((await janeAgain.api.grants.list({ active: true })).items.map(({ target }) => target).toSorted()).toEqual([
      'dev-db',
      'prod-db',
    ])
    expect((await janeAgain.api.reviews.get(approval.id)).state).toBe('withdrawn')
    const sessions = (await janeAgain.api.sessions.list({})).items
    expect(sessions.map(({ ended }) => ended?.code)).toEqual(['GATEWAY_STOPPED', 'GATEWAY_STOPPED'])
    const key = createPublicKey(readFileSync(join(directory, 'data', 'keys', 'gateway.pub')))
    const texts: string[] = []
    for (const file of await recordings(directory)) {
      expect(await verifyRecording(file, [{ key }])).toMatchObject({ status: 'recovered', tail: 'whole' })
      for (const event of await eventsOf(file)) if (event.type === 'command') texts.push(event.text)
    }
    expect(texts.toSorted()).toEqual(['select 1 as before_the_end', 'truncate orders cascade'])
    await again.stop('SIGTERM')
    const store = await openSqlite(join(directory, 'data', 'state.db'))
    expect(await verifyAudit(store, [{ key }])).toMatchObject({ status: 'valid' })
    await store.read.updateTable('audit').set({ data: '{}' }).where('seq', '=', 3).execute()
    expect(await verifyAudit(store, [{ key }])).toMatchObject({ status: 'invalid', seq: 3 })
    await store.close()
  })

  it('a proof or a browser that lasts longer than the configuration allows is cut to it at the next start', async () => {
    const directory = await configured()
    const gateway = await start(directory)
    const [bob, jane] = [await signIn(gateway.url, 'bob'), await signIn(gateway.url, 'jane')]
    await gateway.stop('SIGTERM')
    // What somebody wrote into the store of the stopped gateway.
    const never = Date.now() + 3_650 * 86_400_000
    const store = await openSqlite(join(directory, 'data', 'state.db'))
    await store.read
      .updateTable('logins')
      .set({ proven_until: never, auth_time: never })
      .where('id', '=', bob.token.login)
      .execute()
    await store.read
      .insertInto('web_sessions')
      .values({ id: 'w', login_id: bob.token.login, created_at: never, seen_at: never, ends_at: never, refresh: null })
      .execute()
    await store.close()
    const again = await start(directory)
    const url = `${again.url}/v1/whoami`
    const whoami = async (who: typeof bob): Promise<Record<string, string>> =>
      (await (await fetch(url, { headers: await who.headers('GET', url) })).json()) as Record<string, string>
    const latest = Date.now() + 300_000 + 60_000
    const bobs = await whoami(bob)
    expect(Date.parse(bobs['provenUntil'] ?? '')).toBeLessThanOrEqual(latest)
    // A sign-in in the future would count as recent for ever: it counts as none.
    expect(bobs['signedInAt']).toBeUndefined()
    expect(await whoami(jane)).toMatchObject({ provenUntil: jane.token.provenUntil, signedInAt: jane.token.authTime })
    await again.stop('SIGTERM')
    const after = await openSqlite(join(directory, 'data', 'state.db'))
    const rows = await after.read.selectFrom('web_sessions').selectAll().where('id', '=', 'w').execute()
    await after.close()
    for (const { seen_at, ends_at } of rows) {
      expect(seen_at).toBeLessThanOrEqual(Date.now())
      expect(ends_at).toBeLessThanOrEqual(Date.now() + 12 * 3_600_000)
    }
    expect(rows).toHaveLength(1)
    expect(readFileSync(join(directory, 'gateway.log'), 'utf8')).toContain('"signIns":4')
  })

  it('a second gateway on the same state is refused', async () => {
    const directory = await configured()
    await startAlone(directory)
    await expect(startAlone(directory)).rejects.toThrow(/another gateway \(process \d+\) uses/)
  })

  it('a stop tells clients natively and seals their records', async () => {
    const directory = await configured()
    const gateway = await startAlone(directory)
    const jane = await signIn(gateway.url, 'jane')
    const db = await client(await openPort(jane, 'dev-db'))
    const running = db.query('select pg_sleep(600)').catch((error: Error) => error)
    const direct = new pg.Client({ host: '127.0.0.1', port: postgres.port, ...postgres.superuser, database: 'app_dev' })
    await direct.connect()
    await eventually(async () => {
      const { rows } = await direct.query("select 1 from pg_stat_activity where query = 'select pg_sleep(600)'")
      return rows.length > 0 ? true : undefined
    }, 'it runs')
    await direct.end()
    for (let i = 0; i < 3; i++) await fetch(`${gateway.url}/v1/whoami`)
    await gateway.stop('SIGTERM')
    expect(await running).toMatchObject({ code: '57P01', message: 'pam: the gateway is shutting down' })
    const store = await openSqlite(join(directory, 'data', 'state.db'))
    const refused = await store.read.selectFrom('audit').select('data').where('type', '=', 'callers.refused').execute()
    await store.close()
    // Once a minute, and at the end: a sum, or several.
    const sums = refused.map(({ data }) => JSON.parse(data) as Record<string, number>)
    expect(sums.every((counts) => Object.keys(counts).join() === 'NOT_SIGNED_IN')).toBe(true)
    expect(sums.reduce((total, counts) => total + (counts['NOT_SIGNED_IN'] ?? 0), 0)).toBe(3)
    const [file] = await recordings(directory)
    expect(
      (
        await verifyRecording(file ?? '', [
          { key: createPublicKey(readFileSync(join(directory, 'data', 'keys', 'gateway.pub'))) },
        ])
      ).status,
    ).toBe('sealed')
  })
})

describe.skipIf(!OPENSSL)('a record that cannot be written', () => {
  it('ends the session and says so; the statement does not run', async () => {
    const directory = await configured()
    // No file may grow beyond 3 MB: as a full disk, a write fails in the middle of a session.
    const gateway = await start(directory, ['sh', '-c', 'ulimit -f 3000 && exec "$@"', 'sh'])
    const jane = await signIn(gateway.url, 'jane')
    const db = await client(await openPort(jane, 'dev-db'))
    await db.query('create table marks (n int, filler text)')
    const filler = 'x'.repeat(200_000)
    let last = 0
    const failure = await (async () => {
      for (let n = 1; n < 40; n++) {
        try {
          await db.query(`insert into marks values (${n}, left('${filler}', 1))`)
          last = n
        } catch (error) {
          return error as Error & { code: string }
        }
      }
      return undefined
    })()
    expect(failure).toMatchObject({
      code: '58030',
      message: expect.stringContaining('the record of this session cannot be written'),
    })
    const direct = new pg.Client({ host: '127.0.0.1', port: postgres.port, ...postgres.superuser, database: 'app_dev' })
    await direct.connect()
    expect((await direct.query('select max(n) as n from marks')).rows).toEqual([{ n: last }])
    await direct.query('drop table marks')
    await direct.end()
    expect(gateway.log()).toContain('recording.failed')
  })
})

describe.skipIf(!OPENSSL)('before a byte reaches a target', () => {
  it('there is a grant, and a record', async () => {
    let reached = 0
    const target = createServer((socket) => {
      reached++
      socket.destroy()
    })
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
    const { port: targetPort } = target.address() as AddressInfo
    const directory = await configured((config) =>
      config.replaceAll(/port: \d+\n    database/g, `port: ${targetPort}\n    database`),
    )
    const gateway = await start(directory)
    const jane = await signIn(gateway.url, 'jane')
    const prod = await openPort(jane, 'prod-db')
    const db = new pg.Client({ host: '127.0.0.1', port: prod.port, user: 'app', database: 'app', ssl: false })
    db.on('error', () => {})
    await expect(db.connect()).rejects.toMatchObject({
      code: '28000',
      message: 'pam: you have no current grant for prod-db',
    })
    expect(reached).toBe(0)
    // A place where nothing can be recorded: a file stands where the directory of the journal was.
    const journal = join(directory, 'data', 'spool', 'journal')
    rmSync(journal, { recursive: true })
    writeFileSync(journal, '')
    const dev = await openPort(jane, 'dev-db')
    const code = () => client(dev).catch((error: { code?: string }) => error.code)
    expect(await code()).toBe('58030')
    expect(await code()).toBe('58030')
    expect(reached).toBe(0)
    rmSync(journal)
    await eventually(async () => ((await code()) === '08001' ? true : undefined), 'recording again')
    expect(reached).toBe(1)
    prod.close()
    dev.close()
    target.close()
  })
})

describe.skipIf(!OPENSSL)('configuration', () => {
  it('SIGHUP loads a good file, and leaves everything unchanged for a bad one', async () => {
    const directory = await configured()
    const gateway = await start(directory)
    const jane = await signIn(gateway.url, 'jane')
    const file = join(directory, 'pam.yaml')
    const before = readFileSync(file, 'utf8')
    writeFileSync(file, before.replace('grant: standing', 'grant: sometimes'))
    gateway.signal('SIGHUP')
    await eventually(() => (gateway.log().includes('config.refused') ? true : undefined), 'refused')
    expect(gateway.log()).toMatch(/pam\.yaml:\d+:\d+: access\.0\.grant: /)
    expect((await jane.api.targets()).length).toBe(2)
    writeFileSync(file, before.replace('name: dev-db', 'name: dev2-db'))
    gateway.signal('SIGHUP')
    await eventually(
      async () => ((await jane.api.targets()).some(({ name }) => name === 'dev2-db') ? true : undefined),
      'reloaded',
    )
  })
})

describe.skipIf(!OPENSSL)('targets that cannot be reached or are not trusted', () => {
  it.each<[string, (config: string) => string, RegExp]>([
    [
      'nobody listens',
      (config) => config.replace(/port: \d+\n    database: app_dev/, 'port: 1\n    database: app_dev'),
      /dev-db: cannot reach the target/,
    ],
    [
      'the password is wrong',
      (config) => config.replaceAll('file:target-password', 'env:PATH'),
      /the target refused the gateway's credential/,
    ],
    [
      'the certificate is of an unknown authority',
      (config) =>
        config
          .replaceAll('tls: disable', 'tls: verify-full')
          .replaceAll('host: 127.0.0.1\n    port', 'host: localhost\n    port'),
      /certificate is not trusted/,
    ],
    [
      'the certificate is for another host',
      (config) => config.replaceAll('tls: disable', `tls: verify-full\n    ca: ${certificates}/ca.crt`),
      /certificate is not trusted/,
    ],
  ])('%s: reported in the protocol, with the name and never the address', async (_what, edit, message) => {
    const gateway = await start(await configured(edit))
    const port = await openPort(await signIn(gateway.url, 'jane'), 'dev-db')
    const error = await client(port).then(
      () => undefined,
      (reason: Error) => reason,
    )
    expect(error?.message).toMatch(message)
    expect(error?.message).not.toMatch(/127\.0\.0\.1|localhost|target-password|:\d{4,5}/)
    port.close()
  })

  it('a secret that was removed is reported in the protocol, with its name', async () => {
    const directory = await configured()
    const gateway = await start(directory)
    rmSync(join(directory, 'target-password'))
    const port = await openPort(await signIn(gateway.url, 'jane'), 'dev-db')
    await expect(client(port)).rejects.toThrow(/there is no file target-password/)
    port.close()
  })

  it('verify-full with the right authority and name works', async () => {
    const gateway = await start(
      await configured((config) =>
        config
          .replaceAll('tls: disable', `tls: verify-full\n    ca: ${certificates}/ca.crt`)
          .replaceAll('host: 127.0.0.1\n    port', 'host: localhost\n    port'),
      ),
    )
    const db = await client(await openPort(await signIn(gateway.url, 'jane'), 'dev-db'))
    expect((await db.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).rows).toEqual([{ ssl: true }])
    await db.end()
  })

  it('a silent target is abandoned after the handshake timeout', async () => {
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port: targetPort } = silent.address() as AddressInfo
    const gateway = await start(
      await configured(
        (config) =>
          config.replace(/port: \d+\n    database: app_dev/, `port: ${targetPort}\n    database: app_dev`) +
          '\nlimits: { handshake: 1s }\n',
      ),
    )
    const port = await openPort(await signIn(gateway.url, 'jane'), 'dev-db')
    await expect(client(port)).rejects.toThrow(/dev-db: the target did not answer in time/)
    silent.close()
  })

  it('a target that is silent after its login is abandoned after the time limit for its catalogs', async () => {
    const silent = await hostilePostgres(postgres.port)
    silent.answer = ({ what }) => (what === 'Q' ? 'silent' : 'pass')
    const gateway = await start(
      await configured(
        (config) =>
          config.replace(/port: \d+\n    database: app_dev/, `port: ${silent.port}\n    database: app_dev`) +
          '\nlimits: { handshake: 1h, catalogs: 1s }\n',
      ),
    )
    const port = await openPort(await signIn(gateway.url, 'jane'), 'dev-db')
    await expect(client(port)).rejects.toThrow(/dev-db: the target did not answer in time/)
    await silent.allClosed()
    silent.stop()
  })

  it('a silent client is disconnected after the handshake timeout', async () => {
    const gateway = await start(await configured((config) => `${config}\nlimits: { handshake: 1s }\n`))
    const port = await openPort(await signIn(gateway.url, 'jane'), 'dev-db')
    const { exchangeBytes } = await import('../helpers/gateway-client.ts')
    await exchangeBytes(port.port, Buffer.from([0, 0]))
    expect(port.frames).toMatchObject([{ type: 'ended', code: 'HANDSHAKE_TIMEOUT' }])
    port.close()
  })
})
