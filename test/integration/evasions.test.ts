import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DemoStack } from '../../src/demo/stack.ts'
import { catalogTables } from '../../src/protocols/postgres/catalog/catalog-tables.ts'
import { EVASION_SCHEMA, EVERYWHERE, IMPLIED_OPERATORS, installed } from '../fixtures/evasion-schema.ts'
import {
  DEFINING_EVASIONS,
  EVERYWHERE_EVASIONS,
  INSTALLED_EVASIONS,
  EVASIONS,
  IMPLIED_EVASIONS,
  READ_ONLY_EVASIONS,
  REVIEWED_EVASIONS,
  SYSTEM_CALL_EVASIONS,
  type Effect,
  type Evasion,
} from '../fixtures/evasions.ts'
import { POSTGRES_SETTING_EVASIONS } from '../fixtures/setting-evasions.ts'
import { openPort, signIn, type Port } from '../helpers/gateway-client.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'
import { isPostgresMissing, ofThisVersion, POSTGRES_VERSION, sampledForVersion } from '../helpers/postgres-version.ts'
import { PG_DUMP, pgEnvironment, run } from '../helpers/run.ts'

/**
 * What the rules forbid, tried in every way that we know. The gateway's account is a superuser here, so that nothing but the
 * gateway stands in the way.
 */
let stack: DemoStack
let guarded: Port
let readOnly: Port
let everyday: Port
let developer: Port
let defining: Port
let implied: Port
let everywhere: Port
let within: Port
let pinned: Port
/** The table that long secrets are stored in. */
let toast = ''
/** The list of functions that were reviewed. */
let reviewed: readonly string[]
let directory: string
let base: pg.ClientConfig

type Database = 'evade' | 'evade_implied' | 'evade_everywhere' | 'evade_installed'
/** See each database from outside the sessions that are tried. */
let observers: Record<Database, pg.Client>

const RULES = `
  - { name: vault is closed, targets: { labels: { env: guarded } }, match: { relations: [vault] }, deny: vault is closed }
  - { name: ledger is kept, targets: { labels: { env: guarded } }, match: { writes: [ledger] }, deny: the ledger is not written }
  - { use: no-blind-writes, targets: { labels: { env: guarded } } }
  - { use: no-server-files-or-programs, targets: { labels: { env: guarded } } }
  - { use: no-privilege-change, targets: { labels: { env: guarded } } }
  - name: definitions stay
    targets: { labels: { env: guarded } }
    match: { kinds: [create-*, alter-*, drop-*, rename, truncate, select-into, define, comment, import-*] }
    deny: definitions stay as they are
  - { name: the catalogs are not written, targets: { labels: { env: guarded } }, match: { writes: [pg_catalog.*] }, deny: no }
  - { use: read-only, targets: { labels: { env: readonly } } }
  - { use: read-only, name: also what is not understood, targets: { names: [lenient] } }
  - { name: what is not understood, targets: { names: [lenient] }, match: { unknown: true }, allow: true }
  - { use: everyday, targets: { labels: { env: everyday } } }
  - { use: app-developer, targets: { labels: { env: developer } } }
  - { name: the vault is closed, targets: { names: [defining, implied, everywhere, installed] }, match: { relations: [vault] }, deny: vault is closed }
  - { name: no entry is changed, targets: { names: [defining, implied, everywhere, installed] }, match: { writes: [ledger] }, deny: the ledger is not written }
  - { name: everything that is understood, targets: { names: [guarded, readonly, lenient, defining, implied, everywhere, installed, pinned] }, allow: true }`

const PINNED = `{ statement_timeout: 30s, lock_timeout: 5s, idle_in_transaction_session_timeout: 1min, application_name: "{person} on {target}", pinned: [statement_timeout, lock_timeout, idle_in_transaction_session_timeout, application_name] }`

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-evasion-'))
  chmodSync(directory, 0o777)
  writeFileSync(join(directory, 'canary'), 'FILE-CANARY')
  chmodSync(join(directory, 'canary'), 0o666)
  let postgresPort = 0
  stack = await startHostedStack({
    async prepare(postgres) {
      postgresPort = postgres.port
      base = { host: '127.0.0.1', port: postgres.port, ...postgres.superuser, ssl: false }
      const admin = await connect({ ...base, database: 'postgres' })
      await admin.query('create database evade')
      await admin.query('create database evade_implied')
      await admin.query('create database evade_everywhere')
      await admin.query('create database evade_installed')
      await admin.end()
      const db = await connect({ ...base, database: 'evade' })
      await db.query(EVASION_SCHEMA)
      const { rows } = await db.query<{ name: string }>(
        "select reltoastrelid::regclass::text as name from pg_class where oid = 'vault'::regclass",
      )
      toast = String(rows[0]?.name)
      await db.end()
      const other = await connect({ ...base, database: 'evade_implied' })
      await other.query(EVASION_SCHEMA.replace('create role somebody;', '') + IMPLIED_OPERATORS)
      await other.end()
      const third = await connect({ ...base, database: 'evade_everywhere' })
      await third.query(EVASION_SCHEMA.replace('create role somebody;', ''))
      await third.query(EVERYWHERE)
      // The first of them ran at the second.
      await third.query(
        "insert into ledger (id, amount, note, account) select n, n * 100, 'entry', n from generate_series(1, 5) n on conflict do nothing",
      )
      await third.end()
      const fourth = await connect({ ...base, database: 'evade_installed' })
      await fourth.query(EVASION_SCHEMA.replace('create role somebody;', '') + installed())
      const { rows: digests } = await fourth.query<{ entry: string }>(
        `select concat('reviewed.', proname, '@sha256:', ${catalogTables(POSTGRES_VERSION * 10_000)['pg_proc']?.columns['body']}) as entry
        from pg_proc t where pronamespace = 'reviewed'::regnamespace and proname not in ('helper', 'bare')`,
      )
      reviewed = [...digests.map(({ entry }) => entry), 'reviewed.bare']
      await fourth.end()
    },
    configure(yaml) {
      writeFileSync(join(directory, 'password'), SUPERUSER_PASSWORD)
      const target = (name: string, database = 'evade'): string => `
  - { name: ${name}, type: postgres, labels: { env: ${name} }, host: 127.0.0.1, port: ${postgresPort}, database: ${database}, user: postgres, password: "file:${join(directory, 'password')}", tls: disable }`
      return yaml
        .replace(
          '\naccess:',
          `${['guarded', 'readonly', 'lenient', 'everyday', 'developer', 'defining'].map((name) => target(name)).join('')}${target('implied', 'evade_implied')}${target('everywhere', 'evade_everywhere')}${target('installed', 'evade_installed').replace('tls: disable', `tls: disable, safeFunctions: ${JSON.stringify(reviewed)}`)}${target('pinned').replace('tls: disable', `tls: disable, settings: ${PINNED}`)}\n\naccess:\n  - { name: evade, who: { groups: [engineering] }, targets: { names: [guarded, readonly, lenient, everyday, developer, defining, implied, everywhere, installed, pinned] }, grant: standing }`,
        )
        .replace('\ncommands:', `\ncommands:${RULES}`)
    },
  })
  observers = {
    evade: await connect({ ...base, database: 'evade' }),
    evade_implied: await connect({ ...base, database: 'evade_implied' }),
    evade_everywhere: await connect({ ...base, database: 'evade_everywhere' }),
    evade_installed: await connect({ ...base, database: 'evade_installed' }),
  }
  const jane = await signIn(stack.gateway, 'jane')
  guarded = await openPort(jane, 'guarded')
  readOnly = await openPort(jane, 'readonly')
  everyday = await openPort(jane, 'everyday')
  developer = await openPort(jane, 'developer')
  defining = await openPort(jane, 'defining')
  implied = await openPort(jane, 'implied')
  everywhere = await openPort(jane, 'everywhere')
  within = await openPort(jane, 'installed')
  pinned = await openPort(jane, 'pinned')
})

afterAll(async () => {
  guarded?.close()
  readOnly?.close()
  everyday?.close()
  developer?.close()
  defining?.close()
  implied?.close()
  for (const { db } of [...idle.values()].flat()) await db.end()
  for (const observer of Object.values(observers ?? {})) await observer.end()
  everywhere?.close()
  within?.close()
  pinned?.close()
  await stack?.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** The password of the superuser of test servers. */
const SUPERUSER_PASSWORD = 'local-superuser'

async function connect(config: pg.ClientConfig): Promise<pg.Client> {
  const db = new pg.Client(config)
  db.on('error', () => {})
  await db.connect()
  return db
}

/** What must stay as it is, as one text. */
const STATE: Readonly<Record<Exclude<Effect, 'vault' | 'file'>, string>> = {
  ledger: "select coalesce((select md5(string_agg(l::text, ',' order by l::text)) from ledger l), 'empty') as state",
  log: "select case when (select count(*) from log where message = 'line') = 0 then 'all' else 'some' end as state",
  write:
    "select coalesce((select md5(string_agg(l::text, ',' order by l::text)) from log l), 'empty') || coalesce((select sum(amount) from ledger), 0) || (select count(*) from pg_largeobject_metadata) as state",
  definitions: `select md5(string_agg(d, ',' order by d)) as state from (
    select concat(c.relname, c.relkind, c.relnatts, c.relhasrules, c.relhastriggers, c.relrowsecurity, c.relispartition) as d from pg_class c where oid >= 16384 and relname !~ '^pg_toast'
    union all select proname || prosrc from pg_proc where oid >= 16384 union all select nspname from pg_namespace union all select typname from pg_type where oid >= 16384 and typname !~ 'pg_toast'
    union all select tgname from pg_trigger where not tgisinternal union all select rulename from pg_rewrite where oid >= 16384 union all select polname from pg_policy
    union all select extname from pg_extension union all select conname from pg_constraint union all select evtname from pg_event_trigger union all select enumlabel from pg_enum union all select concat(attname, attisdropped) from pg_attribute where attrelid >= 16384
    union all select seqincrement::text from pg_sequence union all select description from pg_description where objoid >= 16384) q`,
  privileges: `select md5(string_agg(d, ',' order by d)) as state from (
    select rolname || rolsuper || coalesce(rolpassword, '') as d from pg_authid union all select roleid::text || member from pg_auth_members
    union all select oid || relowner::text || coalesce(relacl::text, '') from pg_class union all select proowner::text || oid from pg_proc where oid >= 16384
    union all select coalesce(setconfig::text, '') from pg_db_role_setting union all select defaclacl::text from pg_default_acl
    union all select concat(classid, objid, refobjid) from pg_shdepend union all select nspowner::text || nspname from pg_namespace union all select current_user || session_user) q`,
}

/** A connection, and all that comes back on it. */
interface Watched {
  readonly db: pg.Client
  readonly answers: string[]
  hasEnded: boolean
}

async function watched(config: pg.ClientConfig): Promise<Watched> {
  const db = await connect(config)
  const answers: string[] = []
  const one: Watched = { db, answers, hasEnded: false }
  db.on('end', () => (one.hasEnded = true))
  db.on('notice', ({ message }) => answers.push(message ?? ''))
  const wire = db as unknown as {
    connection: { on(event: string, listener: (message: { chunk: Buffer }) => void): void }
  }
  wire.connection.on('copyData', ({ chunk }) => answers.push(chunk.toString()))
  return one
}

/**
 * One query that is refused, or is undone with its transaction, leaves nothing in its session: the next may use its connection.
 */
const isOneQuery = (script: readonly string[]): boolean =>
  script.length === 1 &&
  /^(select|with|values|table|insert|update|delete|merge|truncate|create|alter|drop|grant|revoke|comment)\b[^;]*$/i.test(
    script[0] as string,
  ) &&
  !/advisory|set_config|setval/i.test(script[0] as string)

/** Connections that nobody uses at the moment. */
const idle = new Map<string, Watched[]>()

/** Runs a script; what came back, as one text, and the state that the effect would change, seen from within. */
async function attempt(
  config: pg.ClientConfig,
  { script, effect }: Evasion,
  before: string,
  asOne: boolean,
): Promise<{ answers: string; state: string }> {
  const key = JSON.stringify(config)
  const waiting = idle.get(key) ?? []
  idle.set(key, waiting)
  const mayShare = isOneQuery(script)
  const one = (mayShare ? waiting.pop() : undefined) ?? (await watched(config))
  const { db, answers } = one
  answers.length = 0
  let failed = false
  const fill = (sql: string): string =>
    sql
      .replaceAll('{{file}}', join(directory, 'canary'))
      .replaceAll('{{directory}}', directory)
      .replaceAll('{{toast}}', toast)
  if (asOne) await db.query('begin')
  for (const sql of script.map(fill)) {
    // It cannot run within a transaction, and directly there is nothing that it would undo.
    if (asOne && sql === 'discard all') continue
    try {
      if (/from stdin/.test(sql)) await copyIn(db, sql)
      else answers.push(JSON.stringify([await db.query(sql)].flat().map(({ rows }) => rows as unknown)))
    } catch (error) {
      answers.push((error as Error).message)
      failed = true
      if ((error as pg.DatabaseError).severity !== 'ERROR') one.hasEnded = true
      if (asOne) break
    }
  }
  const query = effect === 'vault' || effect === 'file' ? undefined : STATE[effect]
  // Where a statement has failed, the transaction has no effect at all. What can no longer be asked is not what it was: the
  // table is gone, the role may not read it.
  let state = before
  if (asOne && query !== undefined && !failed)
    state = await db.query<{ state: string }>(query).then(({ rows }) => String(rows[0]?.state), String)
  if (asOne) await db.query('rollback').catch(() => {})
  const text = answers.join('\n')
  if (mayShare && !one.hasEnded) waiting.push(one)
  else await db.end()
  return { answers: text, state }
}

/** One row by COPY FROM STDIN. */
async function copyIn(db: pg.Client, sql: string): Promise<void> {
  const { connection } = db as unknown as {
    connection: {
      once(event: string, listener: () => void): void
      sendCopyFromChunk(chunk: Buffer): void
      endCopyFrom(): void
    }
  }
  connection.once('copyInResponse', () => {
    connection.sendCopyFromChunk(Buffer.from('77\n'))
    connection.endCopyFrom()
  })
  const submitted = new pg.Query(sql)
  Object.assign(submitted, { handleCopyInResponse() {} })
  await new Promise<void>((resolve, reject) => {
    submitted.on('end', () => resolve())
    submitted.on('error', reject)
    db.query(submitted)
  })
}

async function stateOf(effect: Effect, database: Database): Promise<string> {
  if (effect === 'vault' || effect === 'file') return ''
  const { rows } = await observers[database].query<{ state: string }>(STATE[effect])
  return String(rows[0]?.state)
}

const hasEffect = (effect: Effect, answers: string, state: string, before: string): boolean => {
  if (effect === 'vault') return /vault-secret/i.test(answers)
  if (effect === 'file')
    return answers.includes('FILE-CANARY') || answers.includes('"canary"') || existsSync(join(directory, 'canary.out'))
  return state !== before
}

async function check(evasion: Evasion, port: Port, database: Database = 'evade'): Promise<void> {
  const before = await stateOf(evasion.effect, database)
  const direct = await attempt({ ...base, database }, evasion, before, true)
  expect([hasEffect(evasion.effect, direct.answers, direct.state, before), direct.answers]).toEqual([
    true,
    direct.answers,
  ])
  rmSync(join(directory, 'canary.out'), { force: true })
  const through = await attempt(
    { host: '127.0.0.1', port: port.port, user: 'postgres', database, ssl: false },
    evasion,
    before,
    false,
  )
  const after = await stateOf(evasion.effect, database)
  expect([hasEffect(evasion.effect, through.answers, after, before), through.answers]).toEqual([false, through.answers])
  expect(through.answers).toMatch(/pam: |cannot execute .* in a read-only transaction/)
}

describe.skipIf(isPostgresMissing)('what the rules forbid has no effect through the gateway', () => {
  it.each(
    ofThisVersion(EVASIONS).map((evasion) => [`${evasion.effect}: ${evasion.script.join('; ')}`, evasion] as const),
  )('%s', async (_name, evasion) => check(evasion, guarded))
})

describe.skipIf(isPostgresMissing)('views that read files of the server', () => {
  it.each([
    'pg_hba_file_rules',
    'pg_catalog.pg_file_settings',
    'pg_config',
    'v_access_file',
    ...(POSTGRES_VERSION < 15 ? [] : ['pg_ident_file_mappings']),
  ])('%s', async (view) => {
    const sql = `select count(*) || ' lines' as seen from ${view}`
    const { rows } = await observers.evade.query<{ seen: string }>(sql)
    expect(rows[0]?.seen).toContain('lines')
    const db = await connect({
      host: '127.0.0.1',
      port: guarded.port,
      user: 'postgres',
      database: 'evade',
      ssl: false,
    })
    await expect(db.query(sql)).rejects.toThrow('out of reach')
    await db.end()
  })
})

describe.skipIf(isPostgresMissing)('a read-only target is not written to', () => {
  it.each(ofThisVersion(READ_ONLY_EVASIONS).map((evasion) => [evasion.script.join('; '), evasion] as const))(
    '%s',
    async (_name, evasion) => check(evasion, readOnly),
  )
})

describe.skipIf(isPostgresMissing)('a read-only session where rules allow what is unknown', () => {
  it('runs nothing that could make it read-write, in whatever order it comes', async () => {
    const { evade } = observers
    const written = async () => (await evade.query("select from log where message = 'written'")).rowCount
    await evade.query(`
      create function writes() returns void language sql as $$ insert into log values (9, 'written') $$;
      create function lifts() returns text language sql as $$ select set_config('default_transaction_read_only', 'off', false) $$;
      create function resets() returns void language plpgsql as $$ begin execute 'reset transaction_read_only'; perform writes(); end $$;
      create function defaults() returns void language plpgsql as $$ begin execute 'set transaction_read_only to default'; perform writes(); end $$`)
    try {
      // Directly they write: before version 16 in one statement, later in one text.
      const direct = await connect({ ...base, database: 'evade', options: '-c default_transaction_read_only=on' })
      await direct.query(POSTGRES_VERSION < 16 ? 'select resets()' : 'select lifts(); commit; select writes()')
      expect(await written()).toBe(1)
      await direct.end()
      await evade.query("delete from log where message = 'written'")
      const jane = await signIn(stack.gateway, 'jane')
      const lenient = await openPort(jane, 'lenient')
      try {
        for (const texts of [
          ['select writes()'],
          ['select resets()'],
          ['select defaults()'],
          ['select lifts()', 'select writes()'],
          ['select lifts(); commit; select writes()'],
          ['begin', 'select lifts()', 'commit', 'select writes()'],
          [
            "set search_path = public; select set_config('default_transaction_read_only', 'off', false)",
            'select writes()',
          ],
          ['prepare l as select lifts()', 'execute l', 'select writes()'],
        ]) {
          const db = await connect({ ...base, port: lenient.port, database: 'evade' })
          db.on('error', () => {})
          // Sent at once, without waiting for an answer.
          const answers = await Promise.allSettled(texts.map((sql) => db.query(sql)))
          const refused = answers.filter(({ status }) => status === 'rejected')
          expect([texts, refused.length > 0, await written()]).toEqual([texts, true, 0])
          expect(String((refused[0] as PromiseRejectedResult).reason)).toContain('this session is read-only')
          await db.end().catch(() => {})
        }
        const db = await connect({ ...base, port: lenient.port, database: 'evade' })
        await expect(db.query('select 1 +')).rejects.toMatchObject({
          code: '42601',
          message: 'syntax error at end of input',
        })
        await expect(db.query('select * from not_there')).rejects.toMatchObject({ code: '42P01' })
        expect((await db.query('select count(*)::int as n from log')).rows[0]).toEqual({
          n: expect.any(Number) as number,
        })
        await db.end()
      } finally {
        lenient.close()
      }
    } finally {
      await evade.query('drop function resets(), defaults(), lifts(), writes()')
    }
  })
})

describe.skipIf(isPostgresMissing)('programs that everybody has', () => {
  // pg_dump refuses servers that are newer than itself.
  if (PG_DUMP && POSTGRES_VERSION === 15)
    it('pg_dump, unmodified, dumps all of a read-only target', async () => {
      const dump = await run('pg_dump', ['--exclude-table=secured'], {
        env: { ...pgEnvironment(readOnly, 'evade'), PGUSER: 'postgres' },
      })
      expect([dump.code, dump.stderr]).toEqual([0, ''])
      expect(dump.stdout).toContain('VAULT-SECRET-1')
      const db = await connect({
        host: '127.0.0.1',
        port: readOnly.port,
        user: 'postgres',
        database: 'evade',
        ssl: false,
      })
      await db.query('begin')
      await expect(db.query('lock table log in row share mode')).rejects.toThrow('this target is read-only')
      await db.end()
    })

  it('EXECUTE of what was never prepared fails as the server says', async () => {
    const db = await connect({
      host: '127.0.0.1',
      port: everyday.port,
      user: 'postgres',
      database: 'evade',
      ssl: false,
    })
    for (const sql of ['execute nope', `execute "No'pe"(1)`, 'explain execute nope'])
      await expect(db.query(sql)).rejects.toMatchObject({ code: '26000' })
    await db.query('begin')
    await expect(db.query('execute nope')).rejects.toMatchObject({ code: '26000' })
    await expect(db.query('execute nope')).rejects.toMatchObject({ code: '25P02' })
    await db.query('rollback')
    // Several statements in one text: what is under the name, the gateway does not know, but the server does.
    await db.query('prepare several as select 1; select 2')
    await expect(db.query('execute several')).rejects.toThrow('cannot determine the effect')
    await db.end()
  })

  it('a relation that is not there is missed in the server’s own words, and nothing of the statement is sent', async () => {
    const at = (port: Port): Promise<pg.Client> =>
      connect({ host: '127.0.0.1', port: port.port, user: 'postgres', database: 'evade', ssl: false })
    const db = await at(everyday)
    const missing = { code: '42P01', message: 'relation "public.nope" does not exist' }
    const statements = [
      'select * from nope',
      'insert into nope values (1)',
      'update nope set a = 1 where a = 2',
      'delete from nope where a = 1',
      'copy nope to stdout',
      'explain select * from nope',
      'declare c cursor for select * from nope',
      'select * from log l join nope using (id)',
    ]
    for (const sql of statements)
      for (const values of [undefined, []])
        await expect(db.query(values === undefined ? sql : { text: sql, values })).rejects.toMatchObject({
          code: '42P01',
          message: 'relation "nope" does not exist',
        })
    await expect(db.query('select * from public.nope')).rejects.toMatchObject(missing)
    for (const values of [undefined, []]) {
      await db.query('begin')
      await expect(db.query({ text: 'select * from public.nope', ...(values && { values }) })).rejects.toMatchObject(
        missing,
      )
      await expect(db.query('select 1')).rejects.toMatchObject({ code: '25P02' })
      await db.query('rollback')
    }
    // One that is made past the gateway is not said to be missing, and one that is unknown in more than this is refused as before.
    await observers.evade.query('create schema made; create table made.nope (id int)')
    await db.query('set search_path = public, made')
    await expect(db.query('select * from nope where id = 1')).resolves.toMatchObject({ rowCount: 0 })
    await observers.evade.query('drop schema made cascade')
    await db.query('reset search_path')
    for (const sql of ['select peek() from nope', 'select * from nope; select 1', 'table pg_temp.nope'])
      await expect(db.query(sql)).rejects.toMatchObject({ code: '42501' })
    // What definitions alone would be refused for is refused.
    await expect(db.query('truncate nope')).rejects.toMatchObject({ code: '42501' })
    await db.end()
    // Whoever may not read a table is not told whether there is one.
    const closed = await at(guarded)
    await expect(closed.query('select * from nope')).rejects.toMatchObject({ code: '42P01' })
    for (const sql of ['select * from vault', 'select * from nope.vault', 'select * from vault v, nope'])
      await expect(closed.query(sql)).rejects.toMatchObject({ code: sql.includes('nope.') ? '42P01' : '42501' })
    await closed.end()
  })

  it('pools give connections back', async () => {
    const db = await connect({
      host: '127.0.0.1',
      port: everyday.port,
      user: 'postgres',
      database: 'evade',
      ssl: false,
    })
    for (const sql of ['set role none', 'set session authorization default', 'reset all', 'set local role to default'])
      await db.query(sql)
    await expect(db.query('set role somebody')).rejects.toThrow('no rule allows SET ROLE')
    await expect(db.query('set session authorization somebody')).rejects.toThrow('no rule allows SET SESSION')
    await db.end()
  })
})

/** Nothing but one allowing set stands between these and a superuser. */
describe.skipIf(isPostgresMissing)('the ready-made sets that allow have no side door', () => {
  const about = (...effects: Effect[]) =>
    ofThisVersion(EVASIONS)
      .filter(({ effect }) => effects.includes(effect))
      .map((evasion) => [`${evasion.effect}: ${evasion.script.join('; ')}`, evasion] as const)

  it.each(about('definitions', 'privileges', 'file'))('everyday: %s', async (_name, evasion) =>
    check(evasion, everyday),
  )

  it.each(about('privileges', 'file'))('app-developer: %s', async (_name, evasion) => check(evasion, developer))
})

describe.skipIf(isPostgresMissing)('what is defined does not do what may not be done', () => {
  it.each(
    ofThisVersion(DEFINING_EVASIONS).map(
      (evasion) => [`${evasion.effect}: ${evasion.script.join('; ')}`, evasion] as const,
    ),
  )('%s', async (_name, evasion) => check(evasion, defining))
})

describe.skipIf(isPostgresMissing)('operators that the text only implies', () => {
  it.each(ofThisVersion(IMPLIED_EVASIONS).map((evasion) => [evasion.script.join('; '), evasion] as const))(
    '%s',
    async (_name, evasion) => check(evasion, implied, 'evade_implied'),
  )
})

describe.skipIf(isPostgresMissing)(
  'what is installed and reaches code by other ways than a function that it names',
  () => {
    it.each(
      ofThisVersion([...INSTALLED_EVASIONS, ...SYSTEM_CALL_EVASIONS, ...REVIEWED_EVASIONS]).map(
        (evasion) => [evasion.script.join('; '), evasion] as const,
      ),
    )('%s', async (_name, evasion) => check(evasion, within, 'evade_installed'))

    it('leaves alone what does not lead there', async () => {
      const db = await connect({
        host: '127.0.0.1',
        port: within.port,
        user: 'postgres',
        database: 'evade_installed',
        ssl: false,
      })
      // An operator class that is no default is used where it is named.
      await db.query('select distinct id from log where id > 1 order by id')
      await db.query("insert into log values (8, 'eight')")
      await db.query('delete from log where id = 8')
      const { rows } = await db.query('select reviewed.kept(), reviewed.helped()')
      expect(rows).toEqual([{ kept: 1, helped: 1 }])
      await db.end()
    })
  },
)

describe.skipIf(isPostgresMissing)('casts between types of the system, and event triggers', () => {
  it.each(ofThisVersion(EVERYWHERE_EVASIONS).map((evasion) => [evasion.script.join('; '), evasion] as const))(
    '%s',
    async (_name, evasion) => check(evasion, everywhere, 'evade_everywhere'),
  )
})

describe.skipIf(isPostgresMissing)('settings that are pinned', () => {
  const SETTINGS =
    "select concat_ws(', ', current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'), current_setting('application_name')) as state"
  const PINNED_STATE = '30s, 5s, 1min, jane@example.com on pinned'
  const through = (more: pg.ClientConfig = {}): pg.ClientConfig => ({
    host: '127.0.0.1',
    port: pinned.port,
    user: 'postgres',
    database: 'evade',
    ssl: false,
    ...more,
  })
  const settingsOf = async (db: pg.Client): Promise<string> =>
    String((await db.query<{ state: string }>(SETTINGS)).rows[0]?.state)

  /** What a script answers, and what the settings are then, in its transaction or after one that has failed. */
  async function after(
    config: pg.ClientConfig,
    script: readonly (string | readonly [string, readonly unknown[]])[],
  ): Promise<{ answers: string; state: string }> {
    const db = await connect(config)
    const answers: string[] = []
    for (const part of script) {
      const [text, values] = typeof part === 'string' ? [part] : part
      const query = { text, ...(values === undefined ? {} : { values }) } as pg.QueryConfig
      answers.push(
        await db.query(query).then(
          (result) => JSON.stringify([result].flat().map(({ rows }) => rows as unknown)),
          (error: Error) => error.message,
        ),
      )
    }
    const state = await settingsOf(db).catch(async () => {
      await db.query('rollback')
      return settingsOf(db)
    })
    await db.query('rollback')
    await db.end()
    return { answers: answers.join('\n'), state }
  }
  const isLifted = ({ answers, state }: { answers: string; state: string }, expected: string): boolean =>
    /"lifted"/.test(answers) || state !== expected

  it.each(
    sampledForVersion(POSTGRES_SETTING_EVASIONS).map((script) => [script.map(String).join('; '), script] as const),
  )('are not lifted by %s', async (_name, script) => {
    const options = '-c statement_timeout=30s -c lock_timeout=5s -c idle_in_transaction_session_timeout=1min'
    const direct = await after({ ...base, database: 'evade', options, application_name: 'jane' }, script)
    expect([isLifted(direct, '30s, 5s, 1min, jane'), direct]).toEqual([true, direct])
    const tried = await after(through(), script)
    expect([isLifted(tried, PINNED_STATE), tried]).toEqual([false, tried])
    expect(tried.answers).toMatch(/pam: /)
  })

  it.each([
    '-c statement_timeout=0',
    '-c statement_timeout=31s',
    '--lock-timeout=0',
    '-c Lock_Timeout=1h',
    '-c statement_timeout=5s -c statement_timeout=0.4',
    '-c statement_timeout=-1',
  ])('are not lifted by the start-up options %s', async (options) => {
    await expect(connect(through({ options }))).rejects.toThrow(
      /_timeout is pinned by the configuration of this target: it stays /,
    )
  })

  it('keep an application_name, whatever a driver calls itself, and tell the client', async () => {
    const db = new pg.Client(through({ application_name: 'psql', options: '-c application_name=other' }))
    const told: string[] = []
    const { connection } = db as unknown as {
      connection: { on(event: string, told: (status: { parameterName: string; parameterValue: string }) => void): void }
    }
    connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
      if (parameterName === 'application_name') told.push(parameterValue)
    })
    await db.connect()
    expect(told).toEqual(['jane@example.com on pinned'])
    const { rows } = await observers.evade.query<{ n: number }>(
      "select count(*)::int as n from pg_stat_activity where application_name = 'jane@example.com on pinned'",
    )
    expect(rows[0]?.n).toBeGreaterThan(0)
    await db.end()
  })

  it('may be stricter, and go back to what is pinned', async () => {
    const db = await connect(through({ options: '-c lock_timeout=2s' }))
    expect(await settingsOf(db)).toBe('30s, 2s, 1min, jane@example.com on pinned')
    for (const sql of ['reset statement_timeout', 'reset all', 'discard all', 'set statement_timeout to default']) {
      await db.query("set statement_timeout = '2s'")
      await db.query("select set_config('idle_in_transaction_session_timeout', '10000', false)")
      expect(await settingsOf(db)).toBe('2s, 2s, 10s, jane@example.com on pinned')
      await db.query(sql)
      await db.query('reset idle_in_transaction_session_timeout')
      expect(await settingsOf(db)).toBe('30s, 2s, 1min, jane@example.com on pinned')
    }
    await expect(db.query('set statement_timeout = 0')).rejects.toMatchObject({
      code: '42501',
      message: expect.stringMatching(
        /statement_timeout is pinned by the configuration of this target: it stays 30s/,
      ) as string,
    })
    await db.end()
  })
})
