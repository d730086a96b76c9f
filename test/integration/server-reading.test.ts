import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEMO_ACCOUNT } from '../../src/demo/sample-data.ts'
import type { DemoStack } from '../../src/demo/stack.ts'
import type { StatementFacts } from '../../src/protocols/postgres/dialect/statement-facts.ts'
import type { StatementLineage } from '../../src/sql/lineage/report.ts'
import type { ParsedStatement } from '../../src/sql/facts/parsed-statement.ts'
import { createSqlParser, type SqlParser } from '../../src/protocols/postgres/dialect/sql-parser.ts'
import { EVASION_SCHEMA } from '../fixtures/evasion-schema.ts'
import { DEFINING_EVASIONS, EVASIONS, READ_ONLY_EVASIONS } from '../fixtures/evasions.ts'
import { LEAK_SCHEMA } from '../fixtures/leak-schema.ts'
import { LEAKS, UNTOUCHED } from '../fixtures/leaks.ts'
import { statementsOfEachKind } from '../fixtures/statements-of-each-kind.ts'
import { openPort, signIn, type Port } from '../helpers/gateway-client.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'
import { randomStatements } from '../helpers/random-sql.ts'
import { ReadingPair } from '../helpers/server-reading.ts'

/**
 * Our reading of a statement against PostgreSQL's own. First over a direct connection, with all statements that the other tests
 * have and some by chance; then what a session sees of it through the gateway.
 */
let stack: DemoStack
let parser: SqlParser
let port: Port
let base: pg.ClientConfig

const CAST = `
create function public.pam_t2i(text) returns int language plpgsql as 'begin raise notice ''ran''; return 1; end';
create cast (text as integer) with function public.pam_t2i(text) as assignment;`

const LATER_KEYWORD = 'create function public.json_scalar(text) returns text language sql as $$ select $1 $$;'

beforeAll(async () => {
  parser = await createSqlParser()
  let postgresPort = 0
  stack = await startHostedStack({
    async prepare(postgres) {
      postgresPort = postgres.port
      base = { host: '127.0.0.1', port: postgres.port, ...postgres.superuser, ssl: false }
      const admin = await connect({ ...base, database: 'postgres' })
      for (const name of ['leak', 'evade', 'kinds', 'through']) await admin.query(`create database ${name}`)
      await admin.query(`alter database through owner to ${DEMO_ACCOUNT.user}`)
      await admin.end()
      await define('leak', LEAK_SCHEMA('a'))
      await define('evade', EVASION_SCHEMA)
      await define('kinds', 'create table t (a int, b text); create table u (a int, b text); create table t1 (a int)')
      await define(
        'through',
        `alter schema public owner to ${DEMO_ACCOUNT.user}; set role ${DEMO_ACCOUNT.user}; ${LEAK_SCHEMA('a')}${LATER_KEYWORD}${CAST.replace(/create cast[^;]*;/, '')}; reset role; ${/create cast[^;]*;/.exec(CAST)?.[0]}`,
      )
    },
    configure: (yaml) =>
      yaml
        .replace(
          '\naccess:',
          `
  - { name: through, type: postgres, labels: { env: through }, host: 127.0.0.1, port: ${postgresPort}, database: through, user: ${DEMO_ACCOUNT.user}, password: file:target-password, tls: disable }

access:
  - { name: through, who: { groups: [engineering] }, targets: { names: [through] }, grant: standing }`,
        )
        .replace(
          '\ncommands:',
          '\ncommands:\n  - { name: everything that is understood, targets: { names: [through] }, allow: true }',
        )
        .replace(
          '\nmasking:',
          '\nmasking:\n  - { name: people, targets: { names: [through] }, columns: [people.email, people.phone], style: redact }',
        ),
  })
  port = await openPort(await signIn(stack.gateway, 'jane'), 'through')
})

afterAll(async () => {
  port?.close()
  await stack?.stop()
  await parser?.close()
})

async function connect(config: pg.ClientConfig): Promise<pg.Client> {
  const db = new pg.Client(config)
  db.on('error', () => {})
  await db.connect()
  return db
}

async function define(database: string, sql: string): Promise<void> {
  const db = await connect({ ...base, database })
  await db.query(sql)
  await db.end()
}

const RULE = { style: 'redact', sideChannels: 'deny', maxComparisons: 2, copying: false, hashScope: 'session' } as const

async function pairOf(database: string, columns: readonly string[]): Promise<ReadingPair> {
  const db = await connect({ ...base, database })
  const masked = columns.map((name) => {
    const [table = '', column = ''] = name.split('.')
    return { schema: 'public', table, column, ...RULE }
  })
  const pair = new ReadingPair(db, parser, { columns: masked, kinds: [] })
  await pair.readCatalogs()
  return pair
}

/** What the server says that we do not, and the other way round; by statement. */
interface Disagreements {
  readonly holes: Map<string, readonly string[]>
  readonly excess: Map<string, readonly string[]>
  asked: number
}

/** Runs scripts up to their last statement, each in a transaction that is rolled back, and reads every statement twice. */
async function compare(pair: ReadingPair, scripts: Iterable<readonly string[]>): Promise<Disagreements> {
  const found: Disagreements = { holes: new Map(), excess: new Map(), asked: 0 }
  for (const script of scripts) {
    await pair.db.query('begin')
    let isChanged = false
    // Where the gateway refuses to move the path unseen, it moves here.
    const movesPath = script.some((sql) => sql.includes('search_path'))
    for (const [index, sql] of script.entries()) {
      // A script may have ended the transaction, or broken it: then definitions are gone with it.
      await pair.db.query('savepoint one').catch(async () => {
        await pair.db.query('rollback; begin; savepoint one')
        await pair.readCatalogs()
      })
      const read = await pair.read(sql)
      if (read?.opinion !== undefined) {
        found.asked++
        const holes = read.opinion.differs.flat()
        if (holes.length > 0) found.holes.set(sql, holes)
        const excess = read.opinion.readings.flatMap((reading, at) =>
          reading === undefined ? [] : excessOf(read.facts, at, [...reading.relations.keys()], pair),
        )
        if (excess.length > 0) found.excess.set(sql, excess)
      }
      if (index === script.length - 1) continue
      await pair.db.query(sql).catch(() => pair.db.query('rollback to savepoint one').catch(() => {}))
      if (read?.facts.changesCatalog === true || movesPath) {
        isChanged = true
        await pair.readCatalogs().catch(() => {})
      }
    }
    await pair.db.query('rollback')
    if (isChanged) await pair.readCatalogs()
  }
  return found
}

/** Relations that we take for read or written, and that the server does not name. */
function excessOf(
  { parsed }: StatementFacts,
  index: number,
  named: readonly number[],
  { catalog }: ReadingPair,
): string[] {
  const server = new Set(named.map((oid) => catalog.byOid.get(oid)?.name.split('.').at(-1)))
  const statement = parsed[index]
  return [...(statement?.reads ?? []), ...(statement?.writes ?? [])].flatMap(({ name }) =>
    server.has(name) || (statement?.makes ?? []).some((made) => made.name === name) ? [] : [`we read ${name}`],
  )
}

/** What the server reads and we do not. */
const unexpected = ({ holes }: Disagreements): string[] =>
  [...holes].map(([sql, reasons]) => `${sql}: ${reasons.join('; ')}`)

describe('our reading covers that of the server', () => {
  const LEAK_COLUMNS = ['people.email', 'people.phone', 'people.pin', 'parts.email', 'parent.email', 'derived.email']

  it('in the table of leaks', { timeout: 120_000 }, async () => {
    const pair = await pairOf('leak', LEAK_COLUMNS)
    const found = await compare(pair, [...LEAKS.map(({ script }) => script), ...UNTOUCHED.map((sql) => [sql])])
    await pair.db.end()
    expect(unexpected(found)).toEqual([])
    expect([...found.excess]).toEqual([])
    expect(found.asked).toBeGreaterThan(150)
  })

  it('in the table of evasions', { timeout: 120_000 }, async () => {
    const pair = await pairOf('evade', ['vault.secret'])
    const { rows } = await pair.db.query<{ server_version_num: string }>('show server_version_num')
    const version = Math.floor(Number(rows[0]?.server_version_num) / 10_000)
    const found = await compare(
      pair,
      [...EVASIONS, ...DEFINING_EVASIONS, ...READ_ONLY_EVASIONS]
        .filter(({ since = 0, until = Infinity }) => version >= since && version <= until)
        .map(({ script }) => script),
    )
    await pair.db.end()
    expect(unexpected(found)).toEqual([])
    expect([...found.excess]).toEqual([])
    expect(found.asked).toBeGreaterThan(100)
  })

  it('in a statement of each kind', { timeout: 120_000 }, async () => {
    const pair = await pairOf('kinds', ['t.b'])
    const found = await compare(
      pair,
      statementsOfEachKind.map((sql) => [sql]),
    )
    await pair.db.end()
    expect(unexpected(found)).toEqual([])
    expect(found.asked).toBeGreaterThan(5)
  })

  it('in statements by chance', { timeout: 120_000 }, async () => {
    const pair = await pairOf('leak', LEAK_COLUMNS)
    const refused = { count: 0 }
    const statements = [...randomStatements(17, 600)]
    const found: Disagreements = { holes: new Map(), excess: new Map(), asked: 0 }
    await pair.db.query('begin')
    for (const sql of statements) {
      const read = await pair.read(sql)
      // What is refused is read as well: that it is refused is not for the reading to rely on.
      const opinion = read && (read.opinion ?? (await pair.ask(sql, read.facts)))
      if (read?.facts.refusal !== undefined) refused.count++
      if (opinion === undefined || opinion.failed) continue
      found.asked++
      const holes = opinion.differs
        .flat()
        .filter((reason) => !reason.startsWith('the server could not be asked: error 42'))
      if (holes.length > 0) found.holes.set(sql, holes)
    }
    await pair.db.end()
    expect(unexpected(found)).toEqual([])
    expect(found.asked).toBeGreaterThan(300)
  })

  it('and would not, if we had overlooked something', async () => {
    const pair = await pairOf('leak', LEAK_COLUMNS)
    await pair.db.query('begin')
    const sql =
      "with d as (delete from plain where id = 1 returning id) select upper(email), team, nextval('ids') from people where phone = 'x'"
    const { facts } = (await pair.read(sql)) as { facts: StatementFacts }
    const without = async (
      change: (statement: ParsedStatement, lineage: StatementLineage) => object,
    ): Promise<string[]> => {
      const [statement, lineage] = [facts.parsed[0] as ParsedStatement, facts.lineage[0] as StatementLineage]
      const changed = change(statement, lineage)
      const opinion = await pair.ask(sql, {
        ...facts,
        parsed: [{ ...statement, ...changed }],
        lineage: [{ ...lineage, ...changed }],
      })
      return opinion?.differs.flat() ?? []
    }
    expect(await without(() => ({}))).toEqual([])
    expect(await without(() => ({ reads: [] }))).toEqual(['it reads public.people'])
    expect(await without(() => ({ writes: [] }))).toEqual(['it writes to public.plain'])
    expect(await without(() => ({ kinds: ['select'] }))).toEqual(['it is of kind delete'])
    expect(await without(() => ({ functions: [] }))).toEqual([
      'it calls pg_catalog.upper',
      'it calls pg_catalog.nextval',
    ])
    expect(await without(() => ({ leaks: [] }))).toEqual(['rows or their order depend on public.people.phone'])
    expect(await without(() => ({ columns: [] }))).toEqual([
      'it names public.people.phone',
      'it names public.people.email',
    ])
    expect(await without((_, { outputs }) => ({ outputs: [outputs[1], outputs[0], outputs[2]] }))).toEqual([
      'column 1 is made of public.people.email',
    ])
    expect(await without((_, { outputs }) => ({ outputs: outputs.slice(1) }))).toEqual([
      'its result has 3 columns, some with public.people.email',
    ])
    await pair.db.end()
  })
})

const regress = process.env['PAMCTL_REGRESS_SQL'] ?? ''
// By hand: a folder with the .sql files of a source tree of the server. Each file is a test, so what was found is told as it is found.
if (existsSync(regress))
  describe("our reading covers that of the server in PostgreSQL's regression suite (PAMCTL_REGRESS_SQL)", () => {
    const textsOf = (file: string): string[] =>
      readFileSync(join(regress, file), 'utf8')
        .replaceAll(/^\\.*$/gm, '')
        .split(/;\s*$/m)

    const NOT_ASKED = 'the server could not be asked'

    // The tables that all files use; without their rows, which nothing here looks at, and without types of their own.
    beforeAll(async () => {
      const admin = await connect({ ...base, database: 'postgres' })
      await admin.query('create database regression')
      await admin.end()
      const db = await connect({ ...base, database: 'regression' })
      const tables = textsOf('test_setup.sql').filter((sql) => /^\s*(--.*\n\s*)*create table/i.test(sql))
      for (const sql of ['create table t (a int, b text)', ...tables]) await db.query(sql).catch(() => {})
      await db.end()
    })

    it.each(readdirSync(regress).filter((name) => name.endsWith('.sql')))('%s', { timeout: 900_000 }, async (file) => {
      const pair = await pairOf('regression', ['t.b', 'onek.stringu1'])
      const found = await compare(pair, [textsOf(file)])
      await pair.db.end()
      // What the target will not analyse it does not run.
      const holes = unexpected(found).filter((hole) => !hole.includes(NOT_ASKED))
      process.stdout.write(
        `${file}: ${found.asked} statements, ${found.holes.size - holes.length} not asked, ${holes.length} read otherwise\n`,
      )
      expect(holes).toEqual([])
    })
  })

describe('through the gateway, where columns are masked', () => {
  let db: pg.Client
  beforeAll(async () => {
    db = await connect({ host: '127.0.0.1', port: port.port, user: DEMO_ACCOUNT.user, database: 'through', ssl: false })
  })
  afterAll(() => db.end())

  const rows = async (sql: string, values?: unknown[]): Promise<unknown[]> =>
    (await db.query<Record<string, unknown>>(sql, values)).rows
  const codeOf = (sql: string): Promise<string | undefined> =>
    db.query(sql).then(
      () => undefined,
      (error: pg.DatabaseError) => error.code,
    )

  it('knows of casts between types of the system, whatever a client has printed', async () => {
    await expect(db.query("select id from people where id = 'x'::text::integer")).rejects.toThrow(
      /the cast from text to int4 runs public\.pam_t2i/,
    )
    // A client that has all trees printed does not choose which one is read.
    await db.query('set debug_print_parse = on; set client_min_messages = log')
    expect(await rows('select id from people where id = 3')).toEqual([{ id: 3 }])
    await expect(
      db.query("select set_config('application_name', 'x', false) from people where id = 'x'::text::integer"),
    ).rejects.toThrow(/the cast from text to int4 runs public\.pam_t2i/)
    await db.query('reset debug_print_parse; reset client_min_messages')
  })

  it('makes a statement unknown that the target reads otherwise', async () => {
    // A keyword since version 17, which our parser knows; to this target it is the name of a function.
    const { rows: versions } = await db.query<{ server_version_num: string }>('show server_version_num')
    expect(Number(versions[0]?.server_version_num)).toBeLessThan(170_000)
    await expect(db.query('select json_scalar(name) from people')).rejects.toThrow(
      /servers before version 17 take json_scalar for a name/,
    )
    // A function that goes before the system's own for this type, made past the gateway after it has read the catalogs.
    expect(await rows('select upper(name::varchar) as name from people where id = 3')).toEqual([{ name: 'NAME3' }])
    await define(
      'through',
      "create function public.upper(character varying) returns text language sql as 'select $1::text'",
    )
    try {
      await expect(db.query('select upper(name::varchar) from people where id = 4')).rejects.toThrow(
        /the function upper is user-defined/,
      )
    } finally {
      await define('through', 'drop function public.upper(character varying)')
    }
  })

  it('asks with text for a string that may be of any type', async () => {
    // Where types run code of users, no text is asked about with its own constants.
    await define(
      'through',
      "create function public.pam_any(text) returns boolean language plpgsql as 'begin return true; end'; create domain public.pam_word as text check (public.pam_any(value))",
    )
    const own = await connect({
      host: '127.0.0.1',
      port: port.port,
      user: DEMO_ACCOUNT.user,
      database: 'through',
      ssl: false,
    })
    const ask = async (sql: string, values?: unknown[]): Promise<unknown> => (await own.query(sql, values)).rows
    expect(
      await ask(
        "select id, json_build_object('a', id, 'b', 'a')::text as o, format('%s-%s', id, 'x') as f, concat('a', id) as c, num_nulls('a', null) as n from people where id = 3",
      ),
    ).toEqual([{ id: 3, o: '{"a" : 3, "b" : "a"}', f: '3-x', c: 'a3', n: 1 }])
    expect(await ask("select id from people where ('x', id) is not null and 'y' is not null and id = 3")).toEqual([
      { id: 3 },
    ])
    // What it declares of a parameter is for the client to say.
    await expect(ask("select json_build_object('a', $1) from people", [7])).rejects.toThrow()
    expect(await ask("select json_build_object('a', $1::int)::text as o from people where id = 3", [7])).toEqual([
      { o: '{"a" : 7}' },
    ])
    await expect(ask("select json_build_object('a', 'b'::public.pam_word) from people")).rejects.toThrow(/^pam: /)
    await own.end()
    await define('through', 'drop domain public.pam_word; drop function public.pam_any')
  })

  it('shows the same as before of whatever a session does', async () => {
    expect(await rows('select id, email from people where id = $1', [1])).toEqual([{ id: 1, email: '****' }])
    expect(await rows("select name from people where name = 'name3'")).toEqual([{ name: 'name3' }])
    await db.query('create temp table mine (a int, b text)')
    await db.query("insert into mine values (1, 'x'), (2, 'y')")
    expect(await rows('select p.id from people p join mine m on m.a = p.id order by 1')).toEqual([{ id: 1 }, { id: 2 }])
    await db.query('begin read only')
    expect(await rows('select count(*)::int as n from people')).toEqual([{ n: 24 }])
    await db.query('savepoint s')
    expect(await codeOf('select nothing from people')).toBe('42703')
    await db.query('rollback to s')
    expect(await rows('select team from people where id = 2')).toEqual([{ team: 'team2' }])
    await db.query('commit')
    await db.query('begin isolation level repeatable read')
    await db.query('set transaction read only')
    expect(await rows("explain (costs off) select name from people where team = 'x'")).not.toEqual([])
    await db.query('declare c cursor for select name from people order by id')
    expect(await rows('fetch 1 from c')).toEqual([{ name: 'name1' }])
    await db.query('commit')
    await db.query('prepare p as select name from people where id = $1')
    expect(await rows('execute p(4)')).toEqual([{ name: 'name4' }])
    expect(await rows("select 'a' as x, date '2020-01-01'::text as d, 12345678901 as n")).toEqual([
      { x: 'a', d: '2020-01-01', n: '12345678901' },
    ])
    expect(await rows('show debug_print_parse')).toEqual([{ debug_print_parse: 'off' }])
    expect(await rows('show client_min_messages')).toEqual([{ client_min_messages: 'notice' }])
  })

  it('asks in the middle of a pipeline, in a block and outside one', async () => {
    const { connection } = db as unknown as {
      connection: {
        parse(message: object): void
        bind(message: object): void
        execute(message: object): void
        sync(): void
      }
    }
    const pipeline = (...texts: string[]): Promise<string> =>
      new Promise((resolve) => {
        let failed = 'none'
        db.query({
          submit() {
            for (const text of texts) {
              connection.parse({ name: '', text, types: [] })
              connection.bind({ portal: '', statement: '', values: [] })
              connection.execute({ portal: '', rows: 0 })
            }
            connection.sync()
          },
          handleParseComplete() {},
          handleDataRow() {},
          handleCommandComplete() {},
          handleError: (error: pg.DatabaseError) => {
            failed = String(error.code)
            resolve(failed)
          },
          handleReadyForQuery: () => resolve(failed),
        } as never)
      })
    expect(
      await pipeline('begin', 'select name from people where id = 7', 'select team from people where id = 7'),
    ).toBe('none')
    expect(await pipeline('select team from people where id = 8', 'commit')).toBe('none')
    expect(await pipeline('select id, name from people where id = 9', 'select id, team from people where id = 9')).toBe(
      'none',
    )
    // The error is that of the client's own statement.
    expect(await pipeline('select id, id from people', 'select none_such from people')).toBe('42703')
    expect(await rows('select id from people where id = 9')).toEqual([{ id: 9 }])
    await db.query('begin')
    expect(await pipeline('select 2 + id from people', 'select none_such, 2 from people')).toBe('42703')
    expect(await codeOf('select 1')).toBe('25P02')
    await db.query('rollback')
  })
})
