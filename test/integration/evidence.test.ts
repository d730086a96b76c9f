import { spawnSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttp, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createTls, type Server as TlsServer } from 'node:tls'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../src/demo/local-postgres.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import type { AuditCheckpoint, AuditRecord } from '../../src/recording/audit-chain.ts'
import { firstBlockHash } from '../../src/recording/compact-format.ts'
import { digestOfDetached } from '../../src/recording/detached.ts'
import { recordReader } from '../../src/recording/encryption.ts'
import type { RecordedEvent } from '../../src/recording/event.ts'
import { OpenSegment } from '../../src/recording/open-segment.ts'
import { encodeSegment, encodeUnpacked, MAGIC, sha256 } from '../../src/recording/segment.ts'
import { parseTrustedKeys, verifyRecording, type TrustedKey } from '../../src/recording/verify.ts'
import { openSqlite } from '../../src/storage/database.ts'
import { verifyAudit } from '../helpers/audit.ts'
import { eventually, grantFor, openPort, signIn, type Port, type SignedIn } from '../helpers/gateway-client.ts'
import { ownGateways, type OwnGateways } from '../helpers/own-gateway.ts'
import { command, eventsOf, filesIn, opened } from '../helpers/recordings.ts'
import { OPENSSL, pamctl, ROOT, run } from '../helpers/run.ts'
import { startS3Server, type S3Server } from '../helpers/s3-server.ts'

let own: OwnGateways
const cleanUps: (() => void | Promise<void>)[] = []
beforeAll(async () => {
  own = await ownGateways()
})
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})
afterAll(() => own?.stop())

interface Setting {
  readonly directory: string
  gateway: RunningGateway
  jane: SignedIn
  dev: Port
}

/** A gateway with more in its configuration, and somebody with a port to the development database. */
async function set(
  yaml: string,
  edit: (config: string, directory: string) => string = (config) => config,
): Promise<Setting> {
  const directory = await own.configured((config, where) => `${edit(config, where)}\n${yaml}\n`)
  return running(directory)
}
async function running(directory: string, prefix: readonly string[] = []): Promise<Setting> {
  const gateway = await own.start(directory, prefix)
  cleanUps.push(() => gateway.stop('SIGTERM'))
  const jane = await signIn(gateway.url, 'jane')
  const dev = await openPort(jane, 'dev-db')
  cleanUps.push(() => dev.close())
  return { directory, gateway, jane, dev }
}
async function client(port: Port, database = 'app_dev'): Promise<pg.Client> {
  const db = new pg.Client({ host: '127.0.0.1', port: port.port, user: 'app', database, ssl: false })
  db.on('error', () => {})
  await db.connect()
  cleanUps.push(() => db.end().catch(() => {}))
  return db
}
const dataOf = (directory: string): string => join(directory, 'data')
const keysOf = (directory: string): TrustedKey[] =>
  parseTrustedKeys(readFileSync(join(dataOf(directory), 'keys', 'gateway.pub'), 'utf8'))
const storedIn = (directory: string): string[] => filesIn(join(dataOf(directory), 'recordings'), '.pamrec')
/** The only record, once it is in its home. */
const onlyRecord = (directory: string): Promise<string> =>
  eventually(() => (existsSync(join(dataOf(directory), 'recordings')) ? storedIn(directory)[0] : undefined), 'stored')
const of = <T extends RecordedEvent['type']>(events: readonly RecordedEvent[], type: T) =>
  events.filter((event): event is RecordedEvent & { type: T } => event.type === type)

describe('what a session leaves', () => {
  it('rows as the client saw them, masked, up to the limit; the statement that could not be parsed is detached', async () => {
    const { directory, gateway, jane, dev } = await set('', (config) =>
      config.replaceAll('    tls: disable', '    tls: disable\n    recordRows: 300 B'),
    )
    const bob = await signIn(gateway.url, 'bob')
    const alice = await signIn(gateway.url, 'alice')
    await grantFor(jane, bob, 'prod-db')
    const port = await openPort(jane, 'prod-db')
    cleanUps.push(() => port.close())
    const prod = await client(port, 'app')
    const { rows: shown } = await prod.query('select customer_id, email from customers order by customer_id limit 3')
    await prod.query('select customer_id, total from orders where order_id < $1 order by order_id', [100])
    await prod.end()
    const record = await eventsOf(await onlyRecord(directory))
    const [first, second] = of(record, 'rows')
    expect(first).toMatchObject({
      columns: ['customer_id', 'email'],
      rows: shown.map((row: object) => Object.values(row)),
    })
    expect(JSON.stringify(first)).toContain('***@')
    expect(second).toMatchObject({ cut: true })
    expect(second?.rows.length).toBeGreaterThan(3)

    const db = await client(dev)
    await expect(db.query("selekt 'canary-apart'")).rejects.toThrow()
    await db.end()
    const session = await eventually(async () => {
      const [found] = (await jane.api.sessions.list({ limit: 1 })).items
      return found?.target === 'dev-db' && found.ended !== undefined ? found.id : undefined
    }, 'the session is over')
    const file = await eventually(() => storedIn(directory).find((name) => name.includes(session)), 'stored')
    const [command] = of(await eventsOf(file), 'command')
    expect(command?.text).toMatch(/^‹a text of 21 bytes that could not be read/)
    const spool = join(dataOf(directory), 'spool')
    await eventually(
      () => (filesIn(spool, '.pamapart').length === 0 ? true : undefined),
      'nothing is on its way any more',
    )
    for (const name of filesIn(dataOf(directory), ''))
      if (/pamapart|state\.db/.test(name)) expect(readFileSync(name).includes('canary-apart')).toBe(false)
    const [original, ...others] = await alice.api.sessions.detachedTexts(session)
    expect([original?.id, original?.text, others]).toEqual([command?.apart?.id, "selekt 'canary-apart'", []])
    expect(original && digestOfDetached(original)).toBe(command?.apart?.sha256)
    await expect(jane.api.sessions.detachedTexts(session)).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
    const apart = file.replace(/\.pamrec$/, '.pamapart')
    const damaged = readFileSync(apart, 'utf8').replace(/"text":"..../, '"text":"AAAA')
    writeFileSync(apart, `nonsense\n${readFileSync(apart, 'utf8')}${damaged}`)
    expect(await alice.api.sessions.detachedTexts(session)).toEqual([
      { id: '', salt: '', text: '', problem: 'line 1 is damaged' },
      original,
      { id: original?.id, salt: '', text: '', problem: 'line 3 is damaged, or was encrypted under another key' },
    ])
    await alice.api.sessions.eraseDetached(session, 'asked for by the person')
    expect(await alice.api.sessions.detachedTexts(session)).toEqual([])
    expect(await verifyRecording(file, keysOf(directory))).toMatchObject({ status: 'sealed' })
  })

  it('is followed live, read while it is open, and found by what was run', async () => {
    const { directory, gateway, jane, dev } = await set('')
    const alice = await signIn(gateway.url, 'alice')
    const db = await client(dev)
    await db.query('select 1 as before_anybody_looks')
    const [session] = (await jane.api.sessions.list({ active: true })).items
    const id = session?.id ?? ''
    const seen: RecordedEvent[] = []
    const following = (async () => {
      for await (const line of alice.api.sessions.tail(id)) seen.push(JSON.parse(line) as RecordedEvent)
    })()
    await eventually(() => (seen.length >= 3 ? true : undefined), 'what was there')
    await db.query("select 'While Somebody Looks' as x")
    await eventually(() => (JSON.stringify(seen).includes('While Somebody') ? true : undefined), 'live')
    const found = []
    for await (const line of alice.api.search({ text: 'while SOMEBODY' })) found.push(line)
    expect(found).toMatchObject([{ type: 'command', session: id, person: 'jane@example.com', verdict: 'allow' }])
    const bob = await signIn(gateway.url, 'bob')
    for await (const line of bob.api.search({ text: 'somebody' })) throw new Error(`found ${JSON.stringify(line)}`)
    await expect(bob.api.sessions.tail(id).next()).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
    await db.end()
    await following
    expect(seen.at(-1)).toMatchObject({ type: 'ended', code: 'CLIENT_LEFT' })
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index))
    const audited = async (): Promise<string[]> => {
      const types = []
      for await (const entry of alice.api.audit({ type: 'recording' })) types.push(entry.type)
      return types
    }
    expect(await audited()).toContain('recording.viewed')
    // Once it is over, what nobody has signed is no part of it, though it is as an open one is read. It is sealed behind its end.
    await eventually(async () => ((await audited()).includes('recording.sealed') ? true : undefined), 'it is sealed')
    const events = new OpenSegment(0)
    for (const event of [opened(id), command('select forged')]) events.add(event, undefined, 1000, 0)
    const { bytes } = events.take() as { bytes: Buffer }
    const previous = firstBlockHash(id)
    const { hash, ...forged } = encodeUnpacked('compact-plain', previous, [{ events: 2, bytes }])
    const seal = {
      session: id,
      segment: 0,
      first: 0,
      events: forged.events,
      previous: previous.toString('hex'),
      hash: hash.toString('hex'),
      status: 'unsealed',
      encoding: forged.encoding,
      bytes: forged.bytes.length,
      sha256: sha256(forged.bytes),
      at: new Date().toISOString(),
      key: '',
      signature: '',
    } as const
    writeFileSync(await onlyRecord(directory), Buffer.concat([Buffer.from(MAGIC), encodeSegment(seal, forged.bytes)]))
    const lines = []
    for await (const line of alice.api.search({ text: 'forged' })) lines.push(line)
    expect(lines).toEqual([{ type: 'skipped', session: id, reason: 'has no signature' }])
  })

  it('encrypted to an auditor: nobody with the whole disk of the gateway reads it, the auditor does', async () => {
    const identity = await generateX25519Identity()
    const { directory, gateway, jane, dev } = await set(
      `recording: { encryptTo: [${await identityToRecipient(identity)}] }`,
    )
    const db = await client(dev)
    await db.query("select 'canary-encrypted'")
    const [live] = (await jane.api.sessions.list({ active: true })).items
    await expect(jane.api.sessions.tail(live?.id ?? '').next()).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
    const open = await readAll(await jane.api.sessions.recording(live?.id ?? '', 'viewed'))
    expect(open).not.toContain('canary-encrypted')
    // Also in the journal of a session that is cut off hard.
    await gateway.stop('SIGKILL')
    for (const name of filesIn(dataOf(directory), ''))
      if (/\.(journal|pamrec|db)/.test(name))
        expect([name, readFileSync(name).includes('canary-encrypted')]).toEqual([name, false])
    const again = await running(directory)
    await (await client(again.dev)).end()
    const file = await eventually(() => storedIn(directory).find((name) => name.includes(live?.id ?? '')), 'stored')
    expect(await verifyRecording(file, keysOf(directory))).toMatchObject({ status: 'recovered', tail: 'whole' })
    const reader = recordReader([identity])
    expect(JSON.stringify(await eventsOf(file, reader))).toContain('canary-encrypted')
    writeFileSync(join(directory, 'identity'), `# an auditor\n${identity}\n`)
    const key = join(dataOf(directory), 'keys', 'gateway.pub')
    const verified = await pamctl(['verify', file, '--key', key, '--identity', join(directory, 'identity')], {})
    expect([verified.code, verified.stdout]).toEqual([8, expect.stringContaining('recovered: ')])
    const replayed = await pamctl(['replay', file, '--identity', join(directory, 'identity')], {})
    expect(replayed.stdout).toContain('canary-encrypted')
    const without = await pamctl(['replay', file], {})
    expect([without.code, without.stderr]).toEqual([0, expect.stringContaining('events are encrypted')])
  })
})

describe('a disk that cannot be written', () => {
  it('full: sessions end natively, new ones are refused, /readyz says so; with room again all is well', async () => {
    const operations = await freePort()
    const { directory, gateway } = await set('', (config) =>
      config.replace('listen: {', `listen: { operations: { port: ${operations} },`),
    )
    await gateway.stop('SIGTERM')
    const spool = join(dataOf(directory), 'spool')
    // Where no file system can be mounted, no file may grow beyond 1.5 MB: its writes fail as on a full disk.
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', spool]).status === 0
    if (mounted) cleanUps.push(() => void spawnSync('umount', ['-l', spool]))
    const limited = mounted ? [] : ['sh', '-c', 'ulimit -f 3000 && exec "$@"', 'sh']
    const { gateway: full, dev, jane } = await running(directory, limited)
    const db = await client(dev)
    await db.query('create table if not exists filled (n int, filler text)')
    let last = 0
    const failure = await (async () => {
      for (let n = 1; n < 200; n++) {
        try {
          await db.query(`insert into filled values (${n}, left('${'x'.repeat(50_000)}', 1))`)
          last = n
        } catch (error) {
          return error as Error & { code: string }
        }
      }
      return undefined
    })()
    expect(failure).toMatchObject({ code: '58030', message: expect.stringContaining('the record of this session') })
    const direct = await own.superuser('app_dev')
    expect((await direct.query('select max(n) as n from filled')).rows).toEqual([{ n: last }])
    await direct.query('drop table filled')
    await direct.end()
    const ready = async () => (await fetch(`http://127.0.0.1:${operations}/readyz`)).status
    const fill = async (): Promise<void> => {
      // What is left of the sessions that ended makes room when it goes: before it has, nothing is full for long. Once the gateway is
      // ready, they are sealed and there is a new journal; then their records leave, and the journal that failed.
      await eventually(async () => ((await ready()) === 200 ? true : undefined), 'the gateway is ready')
      await eventually(() => {
        const names = readdirSync(spool, { recursive: true }).map(String)
        const settled = !names.some((name) => name.endsWith('.pamrec'))
        return settled && names.filter((name) => name.endsWith('.journal')).length === 1 ? true : undefined
      }, 'nothing left but one journal')
      writeFileSync(join(spool, 'filler'), '')
      spawnSync('sh', ['-c', `cat /dev/zero > ${join(spool, 'filler')}`])
      // A page that is begun takes a little more; a statement of this length does not fit.
      const attempt = async () => (await client(dev)).query(`select left('${'x'.repeat(50_000)}', 1)`)
      await expect(attempt()).rejects.toMatchObject({ code: '58030' })
      expect(await ready()).toBe(503)
      expect(await (await fetch(`${full.url}/readyz`)).json()).toEqual({ status: 'not ready' })
      await expect(client(dev)).rejects.toMatchObject({ code: '58030' })
      rmSync(join(spool, 'filler'))
    }
    if (mounted) await fill()
    await eventually(async () => ((await ready()) === 200 ? true : undefined), 'ready again')
    const metrics = await (await fetch(`http://127.0.0.1:${operations}/metrics`)).text()
    expect(metrics).toMatch(/^pam_ready 1$/m)
    await (await client(dev)).end()
    // The sessions that ended are in the index, and their records are whole.
    await eventually(async () => {
      const sessions = (await jane.api.sessions.list({ limit: 50 })).items
      return sessions.every(({ ended }) => ended !== undefined) ? true : undefined
    }, 'all over')
    await full.stop('SIGTERM')
    for (const file of filesIn(dataOf(directory), '.pamrec'))
      expect(await verifyRecording(file, keysOf(directory))).toMatchObject({ status: 'sealed' })
  })

  it('the directory removed under a live session: it ends, nothing more runs, and later sessions are recorded again', async () => {
    const { directory, dev, jane } = await set('')
    const db = await client(dev)
    await db.query('select 1 as before')
    rmSync(join(dataOf(directory), 'spool'), { recursive: true })
    await expect(db.query('create table never_made ()')).rejects.toMatchObject({ code: '58030' })
    const direct = await own.superuser('app_dev')
    expect((await direct.query("select to_regclass('never_made') as made")).rows).toEqual([{ made: null }])
    await direct.end()
    const next = await eventually(() => client(dev).catch(() => undefined), 'recording again')
    await next.query('select 2 as after')
    await next.end()
    await eventually(() => (storedIn(directory).length === 2 ? true : undefined), 'both records')
    const events = await Promise.all(storedIn(directory).map((file) => eventsOf(file)))
    expect(JSON.stringify(events)).toContain('select 1 as before')
    expect(JSON.stringify(events)).toContain('select 2 as after')
    const ends = await eventually(async () => {
      const codes = (await jane.api.sessions.list({})).items.map(({ ended }) => ended?.code)
      return codes.includes(undefined) ? undefined : codes
    }, 'both over')
    expect(ends).toEqual(['CLIENT_LEFT', 'RECORDING_FAILED'])
  })
})

describe('an S3 home', () => {
  let server: S3Server
  async function withS3(more = ''): Promise<Setting & { operations: number }> {
    server = await startS3Server()
    cleanUps.push(() => server.close())
    const operations = await freePort()
    const setting = await set(
      `recording:\n  home:\n    type: s3\n    endpoint: ${server.endpoint}\n    prefix: pam/\n    accessKeyId: file:s3-id\n    secretAccessKey: file:s3-secret\n    serverSideEncryption: { algorithm: AES256 }\n${more}audit: { checkpoints: { to: [{ type: home }] } }`,
      (config, directory) => {
        writeFileSync(join(directory, 's3-id'), server.credentials.accessKeyId)
        writeFileSync(join(directory, 's3-secret'), server.credentials.secretAccessKey)
        return config.replace('listen: {', `listen: { operations: { port: ${operations} },`)
      },
    )
    return { ...setting, operations }
  }
  const recordsIn = (): string[] => [...server.objects.keys()].filter((key) => key.endsWith('.pamrec'))

  it('that locks its objects keeps them: retention says until when, once, and the record is still read', async () => {
    const { directory, gateway, dev } = await withS3(
      '    objectLock: { mode: COMPLIANCE, for: 1d }\n  retention: [{ name: short, keep: 1s }]\n',
    )
    await (await client(dev)).end()
    await eventually(() => (recordsIn().length === 1 ? true : undefined), 'stored')
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await gateway.stop('SIGTERM')
    const gc = ['recordings', 'gc', '--config', join(directory, 'pam.yaml')]
    for (let n = 0; n < 2; n++) {
      const { stdout } = await run(process.execPath, [join(ROOT, 'bin', 'pam-gateway.js'), ...gc])
      expect(stdout).toMatch(/kept under object lock until \d{4}-[\s\S]*0 records deleted/)
    }
    const again = await running(directory)
    const alice = await signIn(again.gateway.url, 'alice')
    const [session] = (await alice.api.sessions.list({})).items
    expect(await readAll(await alice.api.sessions.recording(session?.id ?? '', 'viewed'))).toContain('pamrec/3')
    const types: string[] = []
    for await (const { type } of alice.api.audit({ type: 'recording' })) types.push(type)
    expect(types).toEqual(['recording.sealed', 'recording.stored', 'recording.retained', 'recording.exported'])
  })

  it.each(['forbidden', 'broken', 'cut'] as const)(
    'that is %s loses nothing, is visible, and catches up by itself',
    async (behaviour) => {
      const { directory, gateway, dev, jane, operations } = await withS3()
      server.behaviour = behaviour
      for (let n = 0; n < 3; n++) {
        const db = await client(dev)
        await db.query(`select ${n} as kept`)
        await db.end()
      }
      const readiness = async () =>
        (await (await fetch(`http://127.0.0.1:${operations}/readyz`)).json()) as {
          ready: boolean
          home: { ok: boolean; waiting: number }
        }
      await eventually(async () => ((await readiness()).home.ok ? undefined : true), 'visible')
      expect(await readiness()).toMatchObject({ ready: true, home: { ok: false } })
      const alice = await signIn(gateway.url, 'alice')
      const [session] = (await jane.api.sessions.list({})).items
      await expect.poll(() => filesIn(join(dataOf(directory), 'spool'), '.pamrec').length).toBe(3)
      expect(JSON.stringify(await readAll(await alice.api.sessions.recording(session?.id ?? '', 'viewed')))).toContain(
        'pamrec',
      )
      server.behaviour = 'well'
      await eventually(() => (recordsIn().length === 3 ? true : undefined), 'caught up')
      await eventually(
        () => (filesIn(join(dataOf(directory), 'spool'), '.pamrec').length === 0 ? true : undefined),
        'moved',
      )
      // What waits is counted from the store, where it is noted after the file has moved.
      await expect.poll(async () => (await readiness()).home).toMatchObject({ ok: true, waiting: 0 })
      for (const [key, { body, headers }] of server.objects) {
        expect(headers['x-amz-server-side-encryption']).toBe('AES256')
        if (!key.endsWith('.pamrec')) continue
        const copy = join(directory, 'copy')
        writeFileSync(copy, body)
        expect(await verifyRecording(copy, keysOf(directory))).toMatchObject({ status: 'sealed' })
      }
      // From the home it is read as from the disk.
      expect(JSON.stringify(await readAll(await alice.api.sessions.recording(session?.id ?? '', 'viewed')))).toContain(
        'pamrec',
      )
      const types: string[] = []
      for await (const { type } of alice.api.audit({ type: 'home' })) types.push(type)
      expect(types).toEqual(['home.failed', 'home.back'])
      expect(readFileSync(join(directory, 'gateway.log'), 'utf8')).not.toContain(server.credentials.secretAccessKey)
      await gateway.stop('SIGTERM')
      expect([...server.objects.keys()].some((key) => key.startsWith('pam/checkpoints/'))).toBe(true)
    },
    120_000,
  )
})

async function readAll(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

describe('the audit chain', () => {
  interface History {
    readonly directory: string
    readonly checkpoint: string
    readonly keyFile: string
  }
  let made: Promise<string> | undefined
  /** A stopped gateway with two sessions, and a checkpoint that was kept elsewhere: a copy for each test, which may change it. */
  async function withHistory(): Promise<History> {
    const original = await (made ??= makeHistory())
    const directory = await own.configured()
    const checkpoint = join(await own.configured(), 'checkpoints.jsonl')
    const port = /port: (\d+)/.exec(readFileSync(join(directory, 'pam.yaml'), 'utf8'))?.[1]
    rmSync(directory, { recursive: true })
    cpSync(original, directory, { recursive: true })
    copyFileSync(join(original, 'elsewhere.jsonl'), checkpoint)
    const config = join(directory, 'pam.yaml')
    const text = readFileSync(config, 'utf8')
    writeFileSync(
      config,
      text.replace(/port: \d+/, `port: ${port}`).replace(join(original, 'elsewhere.jsonl'), checkpoint),
    )
    return { directory, checkpoint, keyFile: join(dataOf(directory), 'keys', 'gateway.pub') }
  }
  async function makeHistory(): Promise<string> {
    const { directory, gateway, dev } = await set(
      '',
      (config, where) =>
        `${config}\naudit: { checkpoints: { to: [{ type: file, path: ${join(where, 'elsewhere.jsonl')} }] } }\n`,
    )
    for (let n = 0; n < 2; n++) {
      const db = await client(dev)
      await db.query(`select ${n}`)
      await db.end()
    }
    await eventually(() => (storedIn(directory).length === 2 ? true : undefined), 'stored')
    await gateway.stop('SIGTERM')
    return directory
  }
  const check = async (directory: string, checkpoint: string) => {
    const lines = readFileSync(checkpoint, 'utf8').trim().split('\n')
    const store = await openSqlite(join(dataOf(directory), 'state.db'))
    const result = await verifyAudit(
      store,
      keysOf(directory),
      lines.map((line) => JSON.parse(line) as AuditCheckpoint),
    )
    await store.close()
    return result
  }
  const change = async (
    directory: string,
    work: (store: Awaited<ReturnType<typeof openSqlite>>) => Promise<unknown>,
  ) => {
    const store = await openSqlite(join(dataOf(directory), 'state.db'))
    await work(store)
    await store.close()
  }

  it('holds against a checkpoint that was kept elsewhere', async () => {
    const { directory, checkpoint } = await withHistory()
    expect(await check(directory, checkpoint)).toMatchObject({ status: 'valid', checkpoints: expect.any(Number) })
  })

  it.each<[string, (store: Awaited<ReturnType<typeof openSqlite>>) => Promise<unknown>, RegExp]>([
    [
      'an entry changed',
      (store) =>
        store.read.updateTable('audit').set({ actor: 'nobody' }).where('type', '=', 'session.opened').execute(),
      /was changed/,
    ],
    ['an entry taken out', (store) => store.read.deleteFrom('audit').where('seq', '=', 4).execute(), /should be/],
    [
      'the end cut off',
      async (store) => store.read.deleteFrom('audit').where('seq', '>', 5).execute(),
      /is missing: a checkpoint|is not signed/,
    ],
    [
      'the whole chain replaced by nothing',
      (store) => store.read.deleteFrom('audit').execute(),
      /is missing: a checkpoint/,
    ],
  ])(
    '%s: found',
    async (_what, tamper, reason) => {
      const { directory, checkpoint } = await withHistory()
      await change(directory, tamper)
      expect(await check(directory, checkpoint)).toMatchObject({
        status: 'invalid',
        reason: expect.stringMatching(reason),
      })
    },
    120_000,
  )

  it('rolled back to an older copy: found by the checkpoint, and by the records that it does not know', async () => {
    const { directory, checkpoint, keyFile } = await withHistory()
    const older = join(directory, 'older.db')
    copyFileSync(join(dataOf(directory), 'state.db'), older)
    const again = await running(directory)
    const db = await client(again.dev)
    await db.query('delete from orders where false')
    await db.end()
    await eventually(() => (storedIn(directory).length === 3 ? true : undefined), 'stored')
    const { gateway } = again
    await gateway.stop('SIGTERM')
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(dataOf(directory), `state.db${suffix}`), { force: true })
    copyFileSync(older, join(dataOf(directory), 'state.db'))
    expect(await check(directory, checkpoint)).toMatchObject({
      status: 'invalid',
      reason: expect.stringContaining('is missing: a checkpoint'),
    })
    const third = await running(directory)
    const alice = await signIn(third.gateway.url, 'alice')
    const lines: string[] = []
    for await (const record of alice.api.audit({})) lines.push(JSON.stringify(record))
    writeFileSync(join(directory, 'audit.jsonl'), `${lines.join('\n')}\n`)
    const args = ['audit', 'verify', '--key', keyFile, '--file', join(directory, 'audit.jsonl')]
    const rolled = await pamctl([...args, '--checkpoint', checkpoint], {})
    expect([rolled.code, rolled.stdout]).toEqual([
      1,
      expect.stringMatching(/INVALID: entry \d+ is (missing|not the entry)/),
    ])
    const unknown = await pamctl([...args, '--recordings', join(dataOf(directory), 'recordings')], {})
    expect([unknown.code, unknown.stdout]).toEqual([
      1,
      expect.stringContaining('UNKNOWN: the chain has no entry for it'),
    ])
  })

  it('a record deleted, or replaced by another that is genuine: found', async () => {
    const { directory, keyFile } = await withHistory()
    const again = await running(directory)
    const alice = await signIn(again.gateway.url, 'alice')
    const records: AuditRecord[] = []
    for await (const record of alice.api.audit({})) records.push(record)
    const exported = join(directory, 'audit.jsonl')
    writeFileSync(exported, records.map((record) => `${JSON.stringify(record)}\n`).join(''))
    const copy = join(directory, 'copy')
    cpSync(join(dataOf(directory), 'recordings'), copy, { recursive: true })
    const verify = () => pamctl(['audit', 'verify', '--key', keyFile, '--file', exported, '--recordings', copy], {})
    expect((await verify()).code).toBe(0)
    const [first, second] = filesIn(copy, '.pamrec') as [string, string]
    copyFileSync(second, first)
    expect(await verify()).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('CHANGED: it is not what was sealed'),
    })
    rmSync(first)
    expect(await verify()).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('MISSING: the chain says it was sealed'),
    })
  })

  it('a live session’s record deleted while the gateway is stopped: the next start says it is missing', async () => {
    const { directory, gateway, dev } = await set('')
    const db = await client(dev)
    await db.query('select 1')
    await gateway.stop('SIGKILL')
    rmSync(join(dataOf(directory), 'spool'), { recursive: true })
    const again = await running(directory)
    const alice = await signIn(again.gateway.url, 'alice')
    const types: string[] = []
    for await (const { type } of alice.api.audit({})) types.push(type)
    expect(types).toContain('recording.missing')
    const journals: AuditRecord[] = []
    for await (const entry of alice.api.audit({ type: 'journal.recovered' })) journals.push(entry)
    expect(journals.map(({ data }) => data['reason'])).toEqual(['is gone'])
  })

  it('the key is rotated: records and entries of both keys hold, each in its time', async () => {
    const { directory, checkpoint } = await withHistory()
    const config = join(directory, 'pam.yaml')
    const rotated = await run(process.execPath, [join(ROOT, 'bin', 'pam-gateway.js'), 'rotate-key', '--config', config])
    expect([rotated.code, rotated.stdout]).toEqual([0, expect.stringMatching(/sealed with key \w{16} from now on/)])
    const again = await running(directory)
    const db = await client(again.dev)
    await db.query('select 3')
    await db.end()
    await eventually(() => (storedIn(directory).length === 3 ? true : undefined), 'stored')
    await again.gateway.stop('SIGTERM')
    const keys = keysOf(directory)
    expect(keys).toHaveLength(2)
    const used = new Set<string>()
    for (const file of storedIn(directory)) {
      const result = await verifyRecording(file, keys)
      expect(result.status).toBe('sealed')
      if ('key' in result) used.add(result.key)
      expect(await verifyRecording(file, keys.slice(0, 0))).toMatchObject({ status: 'invalid' })
    }
    expect(used.size).toBe(2)
    expect(await check(directory, checkpoint)).toMatchObject({ status: 'valid' })
    expect(createPublicKey(readFileSync(join(dataOf(directory), 'keys', 'gateway.pub'))).asymmetricKeyType).toBe(
      'ed25519',
    )
  })

  it('retention: dry run, legal hold, deletion with the digest of what was deleted', async () => {
    const { directory, gateway, dev } = await set(
      'recording: { retention: [{ name: short, targets: { labels: { env: dev } }, keep: 1s }] }',
    )
    for (let n = 0; n < 2; n++) {
      const db = await client(dev)
      await db.query(`select ${n}`)
      await db.end()
    }
    await eventually(() => (storedIn(directory).length === 2 ? true : undefined), 'stored')
    const alice = await signIn(gateway.url, 'alice')
    const [kept] = (await alice.api.sessions.list({})).items
    await alice.api.sessions.legalHold(kept?.id ?? '', 'case 12', true)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const gc = (...more: string[]) =>
      run(process.execPath, [
        join(ROOT, 'bin', 'pam-gateway.js'),
        'recordings',
        'gc',
        '--config',
        join(directory, 'pam.yaml'),
        ...more,
      ])
    const dry = await gc('--dry-run')
    expect([dry.code, dry.stdout]).toEqual([
      0,
      expect.stringMatching(/kept: legal hold[\s\S]*1 record would be deleted/),
    ])
    expect(storedIn(directory)).toHaveLength(2)
    expect((await gc()).stderr).toContain('another gateway')
    await gateway.stop('SIGTERM')
    expect((await gc()).stdout).toContain('1 record deleted')
    expect(storedIn(directory)).toEqual([expect.stringContaining(kept?.id ?? '')])
    const again = await running(directory)
    const auditor = await signIn(again.gateway.url, 'alice')
    const deleted: AuditRecord[] = []
    for await (const entry of auditor.api.audit({ type: 'recording.deleted' })) deleted.push(entry)
    expect(deleted).toMatchObject([{ data: { rule: 'short', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } }])
    await expect(auditor.api.sessions.recording(deleted[0]?.subject ?? '', 'viewed')).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })
})

describe('streams', () => {
  /** Octet counting (RFC 6587): each message is as long as it says. Undefined while the last is not whole. */
  function messagesIn(text: string): number | undefined {
    const bytes = Buffer.from(text)
    let [at, count] = [0, 0]
    for (; at < bytes.length; count++) {
      const space = bytes.indexOf(' ', at)
      at = space + 1 + Number(bytes.toString('latin1', at, space))
    }
    return at === bytes.length ? count : undefined
  }

  it.skipIf(!OPENSSL)(
    'file, HTTPS and syslog over TLS get every entry in order, also those of the time they were away',
    async () => {
      const directory = await own.configured()
      const [key, certificate] = [join(directory, 'tls.key'), join(directory, 'tls.crt')]
      const made = `openssl req -x509 -newkey rsa:2048 -nodes -keyout ${key} -out ${certificate} -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 2`
      spawnSync('sh', ['-c', made])
      const tls = { cert: readFileSync(join(directory, 'tls.crt')), key: readFileSync(join(directory, 'tls.key')) }
      let syslogText = ''
      const syslog: TlsServer = createTls(tls, (socket) => {
        socket.on('error', () => {})
        socket.setEncoding('utf8').on('data', (text: string) => (syslogText += text))
      })
      await new Promise<void>((resolve) => syslog.listen(0, '127.0.0.1', resolve))
      cleanUps.push(() => void syslog.close())
      const posted: AuditRecord[] = []
      let refuse = true
      let refusals = 0
      const collector: Server = createHttp((request, response) => {
        let body = ''
        request.setEncoding('utf8').on('data', (text: string) => (body += text))
        request.on('end', () => {
          if (refuse || request.headers['x-token'] !== 'token-of-the-collector') {
            refusals++
            return response.writeHead(503).end()
          }
          for (const line of body.trim().split('\n')) posted.push(JSON.parse(line) as AuditRecord)
          return response.end()
        })
      })
      await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
      cleanUps.push(() => void collector.close())
      writeFileSync(join(directory, 'token'), 'token-of-the-collector')
      const port = (server: Server | TlsServer): number => (server.address() as AddressInfo).port
      const { gateway, dev } = await set(`audit:
  streams:
    - { type: file, name: archive, path: ${join(directory, 'archive.jsonl')} }
    - { type: https, name: collector, url: "http://127.0.0.1:${port(collector)}/x", header: { name: x-token, value: "file:${join(directory, 'token')}" } }
    - { type: syslog, name: siem, host: localhost, port: ${port(syslog)}, ca: ${join(directory, 'tls.crt')}, format: ocsf }`)
      const db = await client(dev)
      await db.query('select 1')
      await db.end()
      await signIn(gateway.url, 'alice')
      await eventually(() => (refusals > 0 ? true : undefined), 'the collector has refused something')
      refuse = false
      const ended = (text: string): true | undefined => (text.includes('recording.sealed') ? true : undefined)
      await eventually(() => ended(JSON.stringify(posted)), 'posted')
      await eventually(() => ended(syslogText), 'syslog')
      await eventually(() => ended(readFileSync(join(directory, 'archive.jsonl'), 'utf8')), 'file')
      await gateway.stop('SIGTERM')
      const archive = readFileSync(join(directory, 'archive.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as AuditRecord)
      expect(archive.map(({ seq }) => seq)).toEqual(archive.map((_, index) => index + 1))
      expect(posted.map(({ seq }) => seq)).toEqual(archive.map(({ seq }) => seq))
      // Nobody says that a message has arrived: the gateway may be gone before it is read here.
      await eventually(() => (messagesIn(syslogText) === archive.length ? true : undefined), 'all by syslog')
      expect(syslogText).toMatch(/^\d+ <109>1 \d{4}-\d\d-\d\dT[\d:.]+Z \S+ pam-gateway \d+ journal\.begun - \{/)
    },
    120_000,
  )
})
