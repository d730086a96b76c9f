import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEMO_ACCOUNT } from '../../src/demo/sample-data.ts'
import type { DemoStack } from '../../src/demo/stack.ts'
import { ANSWERING, LEAK_SCHEMA, LEAK_SCHEMA_SINCE_18, LOOPBACK } from '../fixtures/leak-schema.ts'
import { COPIED, LEAKS, UNTOUCHED, UNTOUCHED_SINCE } from '../fixtures/leaks.ts'
import { HARMLESS_COLUMNS, HARMLESS_RELATIONS } from '../../src/protocols/postgres/catalog/system-columns.ts'
import { openPort, signIn, type Port } from '../helpers/gateway-client.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'
import { movedBetween, stateQuery } from '../helpers/server-state.ts'
import { isPostgresMissing, ofThisVersion, POSTGRES_VERSION, sampledForVersion } from '../helpers/postgres-version.ts'

/**
 * Two databases that differ in masked values only. What is seen through the gateway must be the same of both: rows,
 * counts, order, errors, notices. Each case is run directly first, where it must differ: otherwise it would prove nothing.
 */
let stack: DemoStack
const ports = new Map<string, Port>()

const target = (name: string, database: string, postgresPort: number, env: string): string => `
  - { name: ${name}, type: postgres, labels: { env: ${env} }, host: 127.0.0.1, port: ${postgresPort}, database: ${database}, user: ${DEMO_ACCOUNT.user}, password: file:target-password, tls: disable }`

beforeAll(async () => {
  let postgresPort = 0
  stack = await startHostedStack({
    async prepare(postgres) {
      postgresPort = postgres.port
      const admin = new pg.Client({
        host: '127.0.0.1',
        port: postgres.port,
        ...postgres.superuser,
        database: 'postgres',
      })
      await admin.connect()
      for (const which of ['a', 'b'] as const) {
        await admin.query(`create database leak_${which} owner ${DEMO_ACCOUNT.user}`)
        const db = new pg.Client({
          host: '127.0.0.1',
          port: postgres.port,
          ...postgres.superuser,
          database: `leak_${which}`,
        })
        await db.connect()
        await db.query(
          `alter schema public owner to ${DEMO_ACCOUNT.user}; set role ${DEMO_ACCOUNT.user}; ${LEAK_SCHEMA(which)}${POSTGRES_VERSION < 18 ? '' : LEAK_SCHEMA_SINCE_18}`,
        )
        // So that statistics and errors can be compared, the account may read them.
        await db.query(`reset role; grant select on pg_statistic to ${DEMO_ACCOUNT.user}`)
        await db.query(LOOPBACK(postgres.port, `leak_${which}`, DEMO_ACCOUNT))
        await db.end()
      }
      await admin.end()
    },
    configure: (yaml) =>
      yaml
        .replace(
          '\naccess:',
          `${['a', 'b'].flatMap((which) => ['known', 'all', 'equality', 'open'].map((env) => target(`${env}-${which}`, `leak_${which}`, postgresPort, env))).join('')}\n\naccess:\n  - { name: leaks, who: { groups: [engineering] }, targets: { labels: {} }, grant: standing }`,
        )
        .replace(
          '\ncommands:',
          `\ncommands:
  - { name: everything that is understood, targets: { labels: { env: known } }, allow: true }
  - { name: guesses, targets: { labels: { env: equality } }, allow: true }
  - { name: open, targets: { labels: { env: open } }, allow: true }
  - { name: everything, targets: { labels: { env: all } }, match: { unknown: true }, allow: true }`,
        )
        .replace(
          '\nmasking:',
          `\nmasking:${['known', 'all']
            .map(
              (env) => `
  - name: people ${env}
    targets: { labels: { env: ${env} } }
    columns: [people.email, people.phone, people.pin, parts.email, parent.email, derived.email, amounts.amount, ${ANSWERING.map((table) => `${table}.email`).join(', ')}]
    style: redact`,
            )
            .join('')}
  - { name: guessed, targets: { labels: { env: equality } }, columns: [people.email], style: hash, sideChannels: equality, maxComparisons: 5 }
  - { name: told, targets: { labels: { env: open } }, columns: [people.email], style: keep-last-4, sideChannels: allow, copying: true }`,
        ),
  })
  const jane = await signIn(stack.gateway, 'jane')
  for (const name of ['known-a', 'known-b', 'all-a', 'all-b', 'equality-a', 'open-a'])
    ports.set(name, await openPort(jane, name))
})

afterAll(async () => {
  for (const { db } of [...idle.values()].flat()) await db.end()
  for (const port of ports.values()) port.close()
  await stack?.stop()
})

/** A connection, and all that its client sees. */
interface Watched {
  readonly db: pg.Client
  readonly seen: unknown[]
  hasEnded: boolean
  problem: string
  /** The script that ran on it last. */
  before: string
}

async function watched(connection: pg.ClientConfig): Promise<Watched> {
  const db = new pg.Client({ ...connection, ssl: false })
  const seen: unknown[] = []
  const one: Watched = { db, seen, hasEnded: false, problem: '', before: '' }
  db.on('error', (error) => (one.problem = String(error.stack)))
  db.on('end', () => (one.hasEnded = true))
  db.on('notice', ({ message, detail, hint, table, column }) => seen.push({ message, detail, hint, table, column }))
  db.on('notification', ({ channel, payload }) => seen.push({ channel, payload }))
  await db.connect()
  const connected = db as unknown as {
    connection: { on(event: string, listener: (message: { parameterValue: string }) => void): void }
  }
  connected.connection.on('parameterStatus', ({ parameterValue }) => seen.push({ parameterValue }))
  return one
}

/** A query alone changes nothing of its session that the end of the transaction does not undo: the next may use its connection. */
const isOneQuery = (script: readonly string[]): boolean =>
  script.length === 1 &&
  /^(select|with|values|table)\b[^;]*$/.test(script[0] as string) &&
  !/advisory|setval/.test(script[0] as string)

/** Says what each side has logged, where a connection ended that nobody ended. */
const broken = ({ problem, seen, before }: Watched, when: string, script: readonly string[]): Error =>
  new Error(
    [
      `a connection ended ${when}`,
      `its client: ${problem}`,
      `what it saw: ${JSON.stringify(seen).slice(-2000)}`,
      `what it ran before: ${before}`,
      `what it was to run: ${script.join('; ')}`,
      `its port, which does as the agent: ${JSON.stringify([...ports].map(([name, { frames, failures }]) => [name, frames.slice(-5), failures.map(String)]))}`,
      `the gateway:\n${stack.gatewayLog().slice(-8000)}`,
      `the server:\n${stack.postgres.log().slice(-8000)}`,
    ].join('\n'),
  )

/** Connections that nobody uses at the moment. */
const idle = new Map<string, Watched[]>()

/** All that a client sees of a script, as one text. A transaction around it leaves the database as it was. */
async function transcript(connection: pg.ClientConfig, script: readonly string[], binary = false): Promise<string> {
  const key = JSON.stringify(connection)
  const waiting = idle.get(key) ?? []
  idle.set(key, waiting)
  const mayShare = isOneQuery(script)
  const one = (mayShare ? waiting.pop() : undefined) ?? (await watched(connection))
  if (one.hasEnded) throw broken(one, 'while it was idle', script)
  const { db, seen } = one
  seen.length = 0
  let isOver = false
  const inTransaction = script.some((sql) => /^(begin|prepare)/.test(sql))
  if (!inTransaction)
    await db.query('begin').catch((error: unknown) => {
      throw broken(one, `at begin: ${String(error)}`, script)
    })
  for (const sql of script) {
    try {
      const config = binary
        ? {
            text: sql,
            values: [],
            rowMode: 'array',
            binary: true,
            types: { getTypeParser: () => (value: Buffer) => value.toString('hex') },
          }
        : { text: sql, rowMode: 'array', types: { getTypeParser: () => String } }
      const results = [await db.query(config as unknown as pg.QueryConfig)].flat()
      seen.push(
        ...results.map(({ rows, command, rowCount, fields }) => ({
          command,
          rowCount,
          names: fields.map(({ name }) => name),
          rows: rows as unknown,
        })),
      )
    } catch (error) {
      const { code, severity, message, detail, hint, where, schema, table, column, dataType, constraint } =
        error as pg.DatabaseError
      // An error without a severity is no server's: the connection was cut.
      if (severity === undefined && mayShare) throw broken(one, `at ${sql}: ${message}`, script)
      if (severity !== 'ERROR') isOver = true
      seen.push({ code, message, detail, hint, where, schema, table, column, dataType, constraint })
    }
  }
  await db.query('rollback').catch((error: unknown) => {
    // A script may end its own connection, and a fatal error says so in what is seen.
    if (mayShare && !isOver) throw broken(one, `at rollback: ${String(error)}`, script)
    isOver = true
  })
  const text = JSON.stringify(seen)
  one.before = script.join('; ')
  if (mayShare && !isOver && !one.hasEnded) waiting.push(one)
  else await db.end()
  return text
    .replaceAll(/dec_\w+/g, 'dec_…')
    .replaceAll(/pg_temp_\d+/g, 'pg_temp')
    .replaceAll(/(known|all|leak)[-_][ab]\b/g, '$1')
}

const directly = (which: 'a' | 'b'): pg.ClientConfig => ({
  host: '127.0.0.1',
  port: stack.postgres.port,
  database: `leak_${which}`,
  user: DEMO_ACCOUNT.user,
  password: DEMO_ACCOUNT.password,
})
const through = (env: 'known' | 'all' | 'equality' | 'open', which: 'a' | 'b'): pg.ClientConfig => ({
  host: '127.0.0.1',
  port: ports.get(`${env}-${which}`)?.port ?? 0,
  database: `leak_${which}`,
  user: DEMO_ACCOUNT.user,
})

describe.skipIf(isPostgresMissing)('what a masked column holds cannot be told', () => {
  it.each(ofThisVersion(LEAKS).map((leak) => [leak.name, leak] as const))('%s', async (_name, { script, unknown }) => {
    const both = (where: (which: 'a' | 'b') => pg.ClientConfig, binary = false): Promise<string[]> =>
      Promise.all([transcript(where('a'), script, binary), transcript(where('b'), script, binary)])
    const [a, b] = await both(directly)
    expect(a).not.toBe(b)
    const env = unknown === true ? 'all' : 'known'
    const [shownA, shownB] = await both((which) => through(env, which))
    expect(shownA).toBe(shownB)
    if (script.length === 1 && /^(select|with|values|table)/.test(script[0] as string)) {
      const [binaryA, binaryB] = await both((which) => through(env, which), true)
      expect(binaryA).toBe(binaryB)
    }
  })

  it.each(['text', 'csv', 'csv header', 'binary'])('COPY in %s', async (format) => {
    for (const { sql: what } of ofThisVersion(COPIED)) {
      const sql = `copy ${what} to stdout ${format === 'text' ? '' : format}`
      const [a, b] = await Promise.all([copied(directly('a'), sql), copied(directly('b'), sql)])
      expect([sql, a === b]).toEqual([sql, false])
      const [maskedA, maskedB] = await Promise.all([
        copied(through('known', 'a'), sql),
        copied(through('known', 'b'), sql),
      ])
      expect(maskedA).toBe(maskedB)
      expect(maskedA.length).toBeGreaterThan(100)
    }
  })
})

/** Whether the number of rows of a relation of the server, or one of its columns, is shown where columns are masked. */
function isShown(name: string): boolean {
  const [relation = '', column = ''] = name.split(/[. ]/)
  const columns = HARMLESS_COLUMNS.get(relation) ?? []
  return HARMLESS_RELATIONS.has(relation) || (column === '#' ? columns.length > 0 : columns.includes(column))
}

/** COPY TO STDOUT as a client without any library for it: everything that comes, as one text. */
async function copied(connection: pg.ClientConfig, sql: string): Promise<string> {
  const db = new pg.Client({ ...connection, ssl: false })
  await db.connect()
  const chunks: Buffer[] = []
  const { connection: wire } = db as unknown as {
    connection: { on(event: string, listener: (message: { chunk: Buffer }) => void): void }
  }
  wire.on('copyData', ({ chunk }) => chunks.push(Buffer.from(chunk)))
  await db.query(sql).catch((error: unknown) => chunks.push(Buffer.from(String(error))))
  await db.end()
  return Buffer.concat(chunks).toString('latin1')
}

describe.skipIf(isPostgresMissing)('what counts changes and sizes', () => {
  it('the position of the log says how much of a new value is as before, and is hidden', async () => {
    const position = 'select pg_current_wal_insert_lsn()::text'
    const written = async (connection: pg.ClientConfig): Promise<{ seen: string; bytes: bigint }> => {
      const seen = await transcript(connection, [
        "update people set pin = 7, team = 'x' where id = 1",
        position,
        "update people set pin = 1, team = 'x' where id = 1",
        position,
      ])
      const [from = 0n, to = 0n] = [...seen.matchAll(/"([0-9A-F]+)\/([0-9A-F]+)"/g)].map(
        ([, high, low]) => (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`),
      )
      return { seen, bytes: to - from }
    }
    // A row is written that has one byte of the number, or two and more, if the number before was of another length.
    expect((await written(directly('a'))).bytes).toBeGreaterThan(0n)
    const [a, b] = [await written(through('known', 'a')), await written(through('known', 'b'))]
    expect(a.seen).toBe(b.seen)
    expect(a.seen).toContain('"rows":[["****"]]')
  })

  it('nothing else of the server’s own relations depends on whether an UPDATE found its value, or on lengths', async () => {
    const moved = await Promise.all(
      (['a', 'b'] as const).map(async (which) => {
        const db = new pg.Client({ ...directly(which), ...stack.postgres.superuser })
        await db.connect()
        const state = await stateQuery(db)
        await db.query('begin')
        const before = await state()
        await db.query("update indexed set email = 'bnna1@alpha.example', note = 'z' where id = 1")
        await db.query('create index made on indexed (note)')
        await db.query("update lengthy set note = repeat('x', 1980)")
        await db.query('analyze lengthy')
        const all = [...movedBetween(before, await state())]
        await db.end()
        return [true, false].map((shown) => all.filter(([name]) => isShown(name) === shown))
      }),
    )
    const [[shownOfA, hiddenOfA] = [], [shownOfB, hiddenOfB] = []] = moved
    expect(shownOfA).toEqual(shownOfB)
    expect(hiddenOfA).not.toEqual(hiddenOfB)
    expect(new Map(shownOfA).get('pg_class #')).toBe('1.00000')
  })

  it('psql lists tables with their sizes hidden', async () => {
    const seen = await transcript(through('known', 'a'), [
      `SELECT n.nspname as "Schema", c.relname as "Name", pg_catalog.pg_get_userbyid(c.relowner) as "Owner",
  pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(c.oid)) as "Size", pg_catalog.obj_description(c.oid, 'pg_class') as "Description"
FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
WHERE c.relkind IN ('r','p','') AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast' AND n.nspname <> 'information_schema'
  AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2`,
    ])
    expect(seen).toContain(`["public","people","${DEMO_ACCOUNT.user}","****",null]`)
  })
})

describe.skipIf(isPostgresMissing)('what a rule may let through', () => {
  it('a refusal for a relation that does not exist names it and its statement, and no column', async () => {
    for (const [sql, place] of [
      ['select 1; select * from nope where id = 1', 'statement 2 of 2 (SELECT): '],
      ['insert into public.nope values (1); select 1', 'statement 1 of 2 (INSERT): '],
      ['prepare p as select * from nope order by 1', ''],
    ] as const) {
      const seen = await transcript(through('known', 'a'), [sql])
      const relation = sql.includes('public.') ? 'public.nope' : 'nope'
      expect(seen).toContain(`pam: ${place}the relation ${relation} is not in the catalog, so`)
      expect(seen).not.toContain('people')
    }
    expect(await transcript(through('known', 'a'), ['select 1; select id from people where email = $$x$$'])).toContain(
      'people.email is masked',
    )
  })

  it('equality: so many guesses under one grant, over all sessions, and nothing but guesses', async () => {
    const ask = async (sql: string): Promise<string> => transcript(through('equality', 'a'), [sql])
    expect(await ask("select id from people where email = 'bnna1@alpha.example'")).toContain('"rows":[["1"]]')
    expect(await ask("select id from people where email in ('x', 'y') and id > 0")).toContain('"rows":[]')
    expect(await ask("select id from people where email like 'a%'")).toContain('could reveal its values')
    expect(await ask('select id from people order by email')).toContain('could reveal its values')
    expect(await ask('select p.id from people p join people q on p.email = q.email')).toContain(
      'could reveal its values',
    )
    expect(await ask("select id from people where email in ('x', 'y', 'z')")).toContain('limit of 5 comparisons')
    expect(await ask("select id from people where email = 'x' or email = 'y'")).toContain('"rows":[]')
    expect(await ask("select id from people where email = 'x'")).toContain('limit of 5 comparisons')
    expect(await ask('select email, count(*) over () from people where id in (3, 7, 14) order by id')).toMatch(
      /\[\["(h_[\w-]+)","3"\],\["\1","3"\],\["\1","3"\]\]/,
    )
  })

  it('allow: everything may be asked and copied, and what is shown is masked', async () => {
    const seen = await transcript(through('open', 'a'), [
      "select email from people where email like 'bnna1%' order by email",
      'create temp table t as select email from people order by id limit 1',
    ])
    expect(seen).toContain('"rows":[["****mple"')
    expect(seen).toContain('"command":"SELECT"')
    expect(seen).not.toContain('MASKING')
  })

  it('allow: the error of a policy that reads a masked column quotes nothing of it', async () => {
    const script = [
      'select id from by_error',
      'update by_error set note = null',
      'explain analyze select from by_error',
    ]
    for (const sql of script) {
      expect(await transcript(directly('a'), [sql])).toContain('invalid input syntax for type integer: \\"bnna1@')
      const seen = await transcript(through('open', 'a'), [sql])
      expect(seen).toContain('"22P02"')
      expect(seen).not.toContain('bnna1')
    }
  })
})

describe.skipIf(isPostgresMissing)('notifications', () => {
  it('show what the session itself has sent, and nothing of what others have', async () => {
    const seen: unknown[] = []
    const db = new pg.Client({ ...through('known', 'a'), ssl: false })
    db.on('notification', ({ payload }) => seen.push(payload))
    await db.connect()
    await db.query('listen letters')
    const other = new pg.Client({ ...directly('a'), ssl: false })
    await other.connect()
    await other.query("select pg_notify('letters', row_to_json(p)::text) from people p where id = 1")
    await other.query('notify letters')
    await db.query("notify letters, 'to myself'")
    await db.query('notify letters')
    // The same text from somebody else would say which guess is right.
    await other.query("notify letters, 'to myself'")
    await other.end()
    await db.query('select 1')
    expect(seen).toEqual(['****', '****', 'to myself', '', '****'])
    await db.end()
  })
})

describe.skipIf(isPostgresMissing)('what is not masked stays byte for byte', () => {
  it.each([...sampledForVersion(UNTOUCHED), ...ofThisVersion(UNTOUCHED_SINCE).map(({ sql }) => sql)])(
    '%s',
    async (sql) => {
      for (const binary of [false, true])
        expect(await transcript(through('known', 'a'), [sql], binary)).toBe(
          await transcript(directly('a'), [sql], binary),
        )
    },
  )
})
