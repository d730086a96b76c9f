import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startPostgres, type LocalPostgres } from '../../src/demo/local-postgres.ts'
import { buildCatalog, isPrepared } from '../../src/protocols/postgres/catalog/build-catalog.ts'
import type { CatalogRows } from '../../src/protocols/postgres/catalog/rows.ts'
import { joined, seenFirst, type Touches } from '../../src/protocols/postgres/catalog/change-log.ts'
import { resolveFacts } from '../../src/protocols/postgres/dialect/command-facts.ts'
import { createSqlParser, type SqlParser } from '../../src/protocols/postgres/dialect/sql-parser.ts'
import { STATE } from '../../src/protocols/postgres/gateway/pipeline/known-definitions.ts'
import { changeOf, isMadeFrom } from '../../src/protocols/postgres/gateway/pipeline/touches.ts'
import { MaskingScope, taintedRelations } from '../../src/protocols/postgres/masking/scope.ts'
import type { MaskingPlan } from '../../src/masking/plan.ts'
import { NOTHING_MASKED } from '../helpers/postgres-pipeline.ts'
import { sampled } from '../helpers/sampled.ts'
import { textOf, type CatalogQuery } from '../../src/protocols/postgres/catalog/catalog-mirror.ts'
import { askForRelations } from '../../src/protocols/postgres/catalog/relation-reading.ts'
import { CatalogShelf, type CatalogPlace } from '../../src/protocols/postgres/catalog/catalog-shelf.ts'

let postgres: LocalPostgres
beforeAll(async () => {
  // No transactions but those of the tests: the server's own come once a minute, in the middle of whatever is counted.
  // Nor is anything compiled for questions that are asked once, as the gateway's own are not.
  const settings = { autovacuum: 'off', jit: 'off' }
  postgres = await startPostgres({ directory: mkdtempSync(join(tmpdir(), 'pamctl-test-pg-')), settings })
})
afterAll(() => postgres?.stop())

async function connect(options = ''): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: postgres.port,
    ...postgres.superuser,
    database: 'postgres',
    options,
  })
  await client.connect()
  return client
}

const asker = (client: pg.Client, count: Count) => async (queries: readonly CatalogQuery[]) => {
  count.asked += queries.length
  for (const query of queries) count.texts?.add(typeof query === 'string' ? query : query.sql)
  const answer: unknown = await client.query({
    text: queries.map(textOf).join(';'),
    rowMode: 'array',
    types: { getTypeParser: () => String },
  })
  return ((Array.isArray(answer) ? answer : [answer]) as { rows: (string | null)[][] }[]).map(({ rows }) => rows)
}

interface Count {
  asked: number
  /** Texts that were asked for, each once. */
  readonly texts?: Set<string>
}

/** Reads as a new session does; how many texts were asked for. */
async function read(shelf: CatalogShelf, options?: string) {
  const client = await connect(options)
  const count = { asked: 0, texts: new Set<string>() }
  try {
    const ask = asker(client, count)
    const found = await shelf.find('target', STATE, ask)
    count.asked = 0
    count.texts.clear()
    const { rows } = await found.place.readAtLogin(found, false, ask)
    return {
      rows,
      asked: count.asked,
      texts: count.texts.size,
      names: rows.relations.map(([, schema, name]) => `${schema}.${name}`),
    }
  } finally {
    await client.end()
  }
}

describe('catalogs that sessions share', () => {
  it('are read once while no transaction can have changed them, and are the same object', async () => {
    const shelf = new CatalogShelf()
    const first = await read(shelf)
    const second = await read(shelf)
    expect([first.asked > 2, second.asked]).toEqual([true, 0])
    expect(second.rows).toBe(first.rows)
  })

  it('know what anybody made meanwhile, whoever it was and however it was committed', async () => {
    const shelf = new CatalogShelf()
    await read(shelf)
    const other = await connect()
    await other.query('create table made (a int)')
    expect((await read(shelf)).names).toContain('public.made')
    // One that was running while the catalogs were read, and is committed after it.
    await other.query('begin')
    await other.query('create table open (a int)')
    expect((await read(shelf)).names).not.toContain('public.open')
    await other.query('commit')
    expect((await read(shelf)).names).toContain('public.open')
    await other.query('create view shown as select a from made')
    const before = (await read(shelf)).rows.definitions
    await other.query('create or replace view shown as select a + 1 as a from made')
    expect((await read(shelf)).rows.definitions).not.toEqual(before)
    await other.query('drop view shown')
    expect((await read(shelf)).names).not.toContain('public.shown')
    await other.query("begin; create table twice (a int); prepare transaction 'x'").catch(() => {})
    await other.query('rollback').catch(() => {})
    await other.end()
  })

  it('are looked at again after a transaction that changed nothing of them, and only for what is new', async () => {
    const shelf = new CatalogShelf()
    const other = await connect()
    await other.query('create table if not exists rows_only (a int)')
    const first = await read(shelf)
    await other.query('insert into rows_only values (1)')
    const second = await read(shelf)
    expect(second.asked).toBe(1)
    expect(second.rows).toEqual(first.rows)
    expect((await read(shelf)).asked).toBe(0)
    await other.end()
  })

  it('count changes from before the target was asked', async () => {
    const shelf = new CatalogShelf()
    const client = await connect()
    const ask = asker(client, { asked: 0 })
    const { place, seenChanges } = await shelf.find('target', STATE, ask)
    place.definitions.note('anything')
    const meanwhile = await shelf.find('target', STATE, async (texts) => {
      const answers = await ask(texts)
      place.definitions.note('anything')
      return answers
    })
    expect([seenChanges, meanwhile.seenChanges, place.definitions.changes]).toEqual([0, 1, 2])
    expect(meanwhile.state[2]).toBe('read committed')
    await client.end()
  })

  it('are not read whole after something was dropped', async () => {
    const shelf = new CatalogShelf()
    const other = await connect()
    // Where nothing is left at all, no names are asked for.
    await other.query('create table if not exists left_over (a int primary key)')
    await other.query('create table gone (a int primary key, b text); create view shows as select a from gone')
    await read(shelf)
    await other.query('drop table gone cascade')
    const { asked, texts, names } = await read(shelf)
    // What is new, and which rows are left: by one text, which connections keep prepared.
    expect([asked, texts]).toEqual([2, 1])
    expect(names).not.toContain('public.gone')
    await other.end()
  })

  it('are the same under another search path', async () => {
    const shelf = new CatalogShelf()
    const first = await read(shelf)
    expect((await read(shelf, '-c search_path=aside')).rows).toBe(first.rows)
  })

  it('are read once for all who need them at the same time, and again for whoever comes later', async () => {
    const shelf = new CatalogShelf()
    await read(shelf)
    const client = await connect()
    const count = { asked: 0 }
    const ask = asker(client, count)
    const { place } = await shelf.find('target', STATE, ask)
    count.asked = 0
    const all = await Promise.all(Array.from({ length: 5 }, () => place.read(ask)))
    expect([new Set(all).size, count.asked]).toEqual([1, 1])
    await client.end()
  })
})

describe('what is read of what has changed', () => {
  // However long a round takes here, nothing of it is left to a later reading.
  beforeAll(() => vi.useFakeTimers({ toFake: ['performance'] }))
  afterAll(() => void vi.useRealTimers())
  it.each(sampled([17, 4711]))(
    'is what a whole reading gives, whatever was done (drawn with seed %i)',
    async (first) => {
      const client = await connect()
      const other = await connect()
      const ask = asker(client, { asked: 0 })
      const { place } = await new CatalogShelf().find('target', STATE, ask)
      const parser = await createSqlParser()
      let seed = first
      const random = (below: number): number => {
        seed = (seed * 1103515245 + 12345) % 2147483648
        return Math.floor((seed / 2147483648) * below)
      }
      const t = (): string => `t${random(4)}`
      const statements: (() => string)[] = [
        () =>
          `create table if not exists ${t()} (a int primary key, b text default 'x', c int generated always as (a + 1) stored)`,
        () => `drop table if exists ${t()} cascade`,
        () => `create or replace view v${random(3)} as select a, b from ${t()}`,
        () => `create or replace view v${random(3)} as select a + ${random(9)} as a, b from ${t()}`,
        () => `drop view if exists v${random(3)} cascade`,
        () => `alter table ${t()} add column d${random(3)} int check (d0 > 0)`,
        () => `alter table ${t()} drop column b cascade`,
        () => `alter table ${t()} rename column b to b${random(3)}`,
        () => `alter table ${t()} rename to ${t()}`,
        () =>
          `create or replace function f${random(2)}(int) returns int immutable language sql as 'select $1 + ${random(5)}'`,
        () => `drop function if exists f${random(2)}(int) cascade`,
        // Functions that nothing is made of, or only sometimes.
        () => `create or replace function g${random(3)}(int) returns int language sql as 'select ${random(9)}'`,
        () =>
          `create or replace function g${random(3)}(a text default f0(1)::text) returns int language sql as 'select 1'`,
        () => `drop function if exists g${random(3)}(int)`,
        () => `alter function g${random(3)}(int) rename to g${random(3)}`,
        () => `alter function g${random(3)}(int) set schema z0`,
        () => `create procedure o${random(2)}(w0) language sql as 'select 1'`,
        () => `create aggregate ag${random(2)}(int) (sfunc = int4pl, stype = int)`,
        () => `create index on ${t()} (g${random(3)}(a))`,
        () => `create function tr${random(2)}() returns trigger language plpgsql as 'begin return new; end'`,
        () =>
          `create or replace trigger tg${random(2)} before insert on ${t()} for each row execute function tr${random(2)}()`,
        () => `drop function if exists tr${random(2)}() cascade`,
        () => `create index on ${t()} (f${random(2)}(a))`,
        () => `create statistics s${random(3)} on (a + 1), b from ${t()}`,
        () => `create domain d${random(2)} as int check (f0(value) > 0)`,
        () => `drop domain if exists d${random(2)} cascade`,
        () => `create table p${random(2)} (a int) partition by range (f${random(2)}(a))`,
        () => `create table if not exists h${random(2)} () inherits (${t()})`,
        () => `drop table if exists h${random(2)}, p${random(2)} cascade`,
        () => `create operator public.@@@ (leftarg = int, rightarg = int, function = int4pl)`,
        () => `drop operator if exists public.@@@ (int, int)`,
        () => `create schema if not exists z${random(2)}`,
        () => `alter table ${t()} set schema z0`,
        () => `create policy q on ${t()} using (f0(a) > 0)`,
        () => `create type e${random(2)} as (x int, y d0)`,
        () => `drop type if exists e${random(2)} cascade`,
        () => `create or replace rule r as on insert to ${t()} do also select 1`,
        () => `vacuum full pg_depend`,
        () => `vacuum full pg_class`,
        () => `alter table ${t()} alter column b set not null`,
        () => `alter table ${t()} alter column a type bigint`,
        () => `alter table ${t()} rename column b to z`,
        () => `create table if not exists w${random(3)} (a int primary key, b text unique, c int check (a < c))`,
        () =>
          `create table if not exists x${random(2)} (a int references w${random(3)} on delete cascade, b w${random(3)})`,
        () => `create table if not exists k${random(2)} (a int, b int) partition by list (a)`,
        () => `create table if not exists l${random(3)} partition of k${random(2)} for values in (${random(9)})`,
        () => `drop table if exists w${random(3)} cascade`,
        () => `drop table if exists x${random(2)}, k${random(2)}, l${random(3)} cascade`,
        () => `create materialized view if not exists m${random(2)} as select a, b from w${random(3)}`,
        () => `drop materialized view if exists m${random(2)}`,
        () => `create temp table if not exists temporary${random(2)} (a serial, b text)`,
        () => `create unique index on w${random(3)} (b, (a + 1)) where c > 0`,
        () => `alter table w${random(3)} enable row level security`,
        () => `create policy q${random(2)} on w${random(3)} using (b in (select b from k0))`,
        () => `alter table w${random(3)} drop column c`,
        () => `alter table l${random(3)} rename to l${random(3)}`,
        () => `alter table k${random(2)} rename column b to c`,
        () =>
          `create trigger s before update on w${random(3)} for each row execute function suppress_redundant_updates_trigger()`,
        () => `create or replace function w(w0) returns int language sql as 'select 1'`,
        () => `create table if not exists y (a d0, b w0[], c e0)`,
        () => `drop table if exists y`,
        // What depends on relations without being part of them, and trees that change their shape.
        () => `create policy vp${random(2)} on w${random(3)} using (b in (select b from v${random(3)}))`,
        () => `create table if not exists w${random(3)} (like t${random(4)} including all)`,
        () =>
          `create table if not exists n${random(2)} partition of k0 for values in (${10 + random(9)}) partition by list (b)`,
        () => `create table if not exists nn${random(2)} partition of n${random(2)} for values in (${random(9)})`,
        () => `alter table k${random(2)} attach partition l${random(3)} for values in (${20 + random(9)})`,
        () => `alter table k${random(2)} detach partition l${random(3)}`,
        () => `create index on k${random(2)} (a, (b + 1))`,
        () => `create unique index on l${random(3)} (b)`,
        () =>
          `create table if not exists r${random(2)} (a int references ${random(2) === 0 ? 'l' : 'w'}${random(3)} on update cascade)`,
        () => `alter table l${random(3)} add primary key (a)`,
        () => `alter table h${random(2)} no inherit ${t()}`,
        () => `alter table w${random(3)} inherit ${t()}`,
        () => `create view vw${random(2)} as select w0, array_agg(w0) as many from w${random(3)} w0 group by w0`,
        () => `create domain dw${random(2)} as w${random(3)}[]`,
        () => `drop domain if exists dw${random(2)} cascade`,
        () => `create cast (w${random(3)} as text) with function fc(w0)`,
        () => `create or replace function fc(w0) returns text immutable language sql as 'select 1::text'`,
        () => `create index on w${random(3)} (f${random(2)}(a)) where f0(a) > 1`,
        () => `create table if not exists y${random(2)} (a int, b dw${random(2)}, c w${random(3)}[])`,
        () => `drop table if exists y${random(2)}, r${random(2)}, n${random(2)}, nn${random(2)} cascade`,
        () =>
          `create trigger tw after insert on w${random(3)} for each row when (f0(new.a) > 0) execute function suppress_redundant_updates_trigger()`,
        () =>
          `create table if not exists i${random(2)} (a int generated always as identity, b text collate "C" generated always as (upper('x')) stored)`,
        () => `drop table if exists i${random(2)}`,
        () => `alter table w${random(3)} alter column a set default f0(1)`,
        () => `create or replace rule rw as on update to v${random(3)} do instead update w0 set a = f0(1)`,
        () => `alter schema z${random(2)} rename to z${random(2)}`,
      ]
      await client.query(
        "drop schema if exists z0, z1 cascade; drop schema public cascade; create schema public; set search_path = public; create or replace function f0(int) returns int immutable language sql as 'select 1'",
      )
      let before = (await place.read(ask)).rows
      buildCatalog(before)
      let reused = 0
      let readAhead = 0
      for (let round = 0; round < 60 * Number(process.env['PAMCTL_FUZZ_FACTOR'] ?? 1); round++) {
        const open = random(3) === 0
        /** What the gateway knows of what has changed: in half of the rounds nothing. */
        let needed: Touches | undefined = random(2) === 0 ? 'anything' : undefined
        if (open) await other.query('begin')
        for (let index = open ? random(4) : 3 * random(2); index < 4; index++) {
          const sql = statements[random(statements.length)]?.() ?? ''
          needed = joined(needed, await renewsOf(parser, sql, before))
          await other.query(sql).catch(() => {})
        }
        if (open) {
          // What is not committed is not seen by others, and by the transaction itself it is.
          const own = asker(other, { asked: 0 })
          const since = { rows: before, since: performance.now() }
          const inside = await place.readOwn(own, { needed: needed ?? NOTHING, since }).catch(() => undefined)
          if (inside !== undefined) {
            const whole = await (await new CatalogShelf().find('other', STATE, own)).place.read(own)
            expectSame(inside.rows, whole.rows)
          }
          await other.query(random(2) === 0 ? 'commit' : 'rollback')
        }
        const whole = await (await new CatalogShelf().find('target', STATE, ask)).place.read(ask)
        // As directly after a statement, in one query, or as before one that rests on it.
        const isAhead = needed === 'anything' && random(2) === 0
        const ahead = isAhead
          ? await place.readAllAhead(
              () => random(4) > 0,
              ask,
              () => seenFirst(0),
            )
          : undefined
        readAhead += Number(ahead !== undefined)
        const { rows: read } = ahead ?? (await place.read(ask, needed ?? NOTHING))
        if (read !== before) reused += Number(wasRenewed(read))
        before = read
        expectSame(read, whole.rows)
        expect(showsMasked(read)).toEqual(showsMasked(whole.rows))
      }
      // Some of the rounds change nothing but relations, and are not looked at as a whole.
      expect(reused).toBeGreaterThan(2)
      expect(readAhead).toBeGreaterThan(2)
      await other.end()
      await client.end()
      await parser.close()
    },
    180_000,
  )
})

describe('functions', () => {
  const F = (body: string, name = 'f'): string =>
    `create or replace function ${name}(int) returns int immutable language sql as 'select ${body}'`
  const TRIGGER = (name: string): string =>
    `create or replace function ${name}() returns trigger language plpgsql as 'begin return new; end'`
  const TABLE = 'create table x (a int)'
  const OTHER = F('0', 'other')

  it.each<[string, boolean, readonly string[], string]>([
    ['the first of all', false, [TABLE], F('1')],
    ['a new one', true, [OTHER, TABLE], F('1')],
    ['a new one, together with a relation that is not made of it', true, [OTHER], `${F('1')}; ${TABLE}`],
    ['a new one, together with a relation that is', false, [OTHER], `${F('1')}; create table x (a int default f(1))`],
    ['one with another text', true, [OTHER, F('1'), TABLE], F('2')],
    ['one that is called otherwise', true, [OTHER, F('1')], 'alter function f(int) rename to g'],
    ['one that is gone', true, [OTHER, F('1')], 'drop function f(int)'],
    [
      'one behind a trigger',
      false,
      [TABLE, TRIGGER('t'), 'create trigger t before insert on x execute function t()'],
      `${TRIGGER('t')}; alter function t() cost 9; alter function t() security definer`,
    ],
    ['one behind a default', false, [F('1'), 'create table x (a int default f(1))'], F('2')],
    ['one behind an index', false, [F('1'), TABLE, 'create index on x (f(a))'], F('2')],
    [
      'one behind a type',
      false,
      [F('1'), 'create domain d as int check (f(value) > 0)', 'create table x (a d)'],
      F('2'),
    ],
    ['one behind an operator', false, [F('1'), 'create operator @@@ (rightarg = int, function = f)'], F('2')],
    [
      'one behind an aggregate',
      false,
      [
        "create function s(int, int) returns int language sql as 'select 1'",
        'create aggregate ag(int) (sfunc = s, stype = int)',
      ],
      "create or replace function s(int, int) returns int language sql as 'select 2'",
    ],
    [
      'one that is gone with what was made of it',
      false,
      [OTHER, F('1'), 'create table x (a int default f(1))'],
      'drop function f(int) cascade',
    ],
    [
      'one behind an event trigger',
      false,
      [
        "create function e() returns event_trigger language plpgsql as 'begin end'",
        "create event trigger functions_e on ddl_command_end when tag in ('CREATE POLICY') execute function e()",
      ],
      'alter function e() security definer',
    ],
  ])(
    'are looked at by themselves, or with everything that they are part of: %s',
    async (_what, isRenewed, first, then) => {
      const client = await connect()
      const ask = asker(client, { asked: 0 })
      try {
        await client.query('drop event trigger if exists functions_e; drop schema if exists functions cascade')
        await client.query('create schema functions; set search_path = functions')
        await client.query('drop schema public cascade; create schema public')
        for (const sql of first) await client.query(sql)
        const { place } = await new CatalogShelf().find('target', STATE, ask)
        const before = (await place.read(ask)).rows
        buildCatalog(before)
        await client.query(then)
        const { rows } = await place.read(ask)
        expect([rows === before, wasRenewed(rows)]).toEqual([false, isRenewed])
        expectSame(rows, (await (await new CatalogShelf().find('target', STATE, ask)).place.read(ask)).rows)
      } finally {
        await client.query('drop event trigger if exists functions_e; drop schema if exists functions cascade')
        await client.end()
      }
    },
  )
})

describe('what is read ahead, by names alone and whoever else reads', () => {
  /** A connection that has made a relation, and reads it when it is said. */
  async function maker(place: CatalogPlace, name: string) {
    const client = await connect()
    await client.query(`drop table if exists ${name} cascade; create table ${name} (a int primary key, b text)`)
    const ask = asker(client, { asked: 0 })
    let answer!: () => void
    const isTime = new Promise<void>((resolve) => (answer = resolve))
    const read = place.readAhead(
      new Set([name]),
      async (queries) => {
        const answers = await ask(queries)
        await isTime
        return answers
      },
      (before) => place.definitions.withNames(before, new Set([name]), place.definitions.changes, new Set()),
    )
    return { client, ask, answer, read }
  }

  it('is what a whole reading gives, in whatever order the answers come', async () => {
    const shelf = new CatalogShelf()
    const reader = await connect()
    const ask = asker(reader, { asked: 0 })
    const { place } = await shelf.find('target', STATE, ask)
    await place.read(ask)
    const one = await maker(place, 'ahead_one')
    const other = await maker(place, 'ahead_other')
    for (const name of ['ahead_one', 'ahead_other']) place.definitions.note(new Set([name]))
    other.answer()
    expect(place.definitions.renewedSince((await other.read)?.seen ?? seenFirst(0))).toEqual(new Set(['ahead_one']))
    one.answer()
    const last = await one.read
    expect(place.definitions.renewedSince(last?.seen ?? seenFirst(0))).toBeUndefined()
    const whole = await (await new CatalogShelf().find('target', STATE, ask)).place.read(ask)
    expectSame(last?.rows, whole.rows)
    expect(place.latest).toBe(last)
    await Promise.all([reader, one.client, other.client].map((client) => client.end()))
  })

  it.each([
    ['all that has changed', 'anything'],
    ['the same relations', new Set(['ahead_one'])],
  ] as const)('is nothing where somebody has read %s meanwhile', async (_what, needed) => {
    const shelf = new CatalogShelf()
    const reader = await connect()
    const ask = asker(reader, { asked: 0 })
    const { place } = await shelf.find('target', STATE, ask)
    await place.read(ask)
    const one = await maker(place, 'ahead_one')
    await reader.query('alter table ahead_one rename column b to c')
    const { rows } = await place.read(ask, needed)
    one.answer()
    expect(await one.read).toBeUndefined()
    expect(place.latest?.rows).toBe(rows)
    await Promise.all([reader, one.client].map((client) => client.end()))
  })

  it('is nothing where names do not tell what has changed', async () => {
    const reader = await connect()
    const ask = asker(reader, { asked: 0 })
    const { place } = await new CatalogShelf().find('target', STATE, ask)
    await place.read(ask)
    await reader.query('create table ahead_tree (a int) partition by list (a)')
    const readOf = (name: string) => place.readAhead(new Set([name]), ask, (before) => before)
    expect([await readOf('ahead_tree'), await readOf('with "quotes"')]).toEqual([undefined, undefined])
    await reader.query('drop table ahead_tree')
    await reader.end()
  })
})

it('what is read by names alone is found by indexes, however much there is, also where it was planned when there was little', async () => {
  const client = await connect('-c plan_cache_mode=force_generic_plan')
  await client.query('create schema grown; set search_path = grown; create table grown (a int primary key)')
  const version = Number((await client.query('show server_version_num')).rows[0].server_version_num)
  const [settings, relations] = askForRelations(version, new Set(['grown_150'])) ?? []
  if (settings === undefined || relations === undefined) throw new Error('nothing is asked')
  const execute = `execute relations('${relations.values[0]}')`
  await client.query(`prepare relations(text) as ${relations.sql}; ${textOf(settings)}; ${execute}`)
  // A few at a time: where a session hears of too many changes at once, it plans everything anew.
  for (let last = 25; last <= 150; last += 25)
    await client.query(
      `do $$begin for i in ${last - 24}..${last} loop execute format('create table grown_%s (a serial primary key, b int references grown)', i); end loop; end$$; ${execute}`,
    )
  const { rows } = await client.query(`explain (analyze, timing off, format json) ${execute}`)
  const most = Math.max(...plansIn(rows[0]['QUERY PLAN'][0].Plan).map(rowsOfPlan))
  await client.query('drop schema grown cascade')
  await client.end()
  expect([most > 10, most < 150]).toEqual([true, true])
})

interface Plan {
  readonly Plans?: readonly Plan[]
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
}
const plansIn = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(plansIn)]
/** How many rows it has looked at. */
const rowsOfPlan = (plan: Plan): number =>
  plan['Actual Loops'] *
  (plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0) + (plan['Rows Removed by Index Recheck'] ?? 0))

describe('what others say of what has changed', () => {
  const CODE =
    "create function code(int) returns int immutable language sql as 'select 1'; create domain coded as int check (code(value) > 0)"
  it.each([
    ['create table y (a int primary key); create table x (a int references y)', 'alter table y rename column a to z'],
    [
      'create table y (b int); create table x (b int); alter table x enable row level security; create policy q on x using (b in (select b from y))',
      'alter table y rename column b to z',
    ],
    [
      'create table y (a int, b int) partition by list (a); create table x partition of y for values in (1)',
      'alter table y rename column a to z',
    ],
    [
      `${CODE}; create table y (a int); create table x (r y, s y[])`,
      'create type holder as (c coded); alter table y add column h holder',
    ],
    [
      `${CODE}; create table y (a int); create view x as select null::y as r`,
      'create type holder as (c coded); alter table y add column h holder',
    ],
    [`${CODE}; create table y (a int)`, 'create table x (r y, c coded, d int default code(1), check (code(d) > 0))'],
    [`${CODE}; create table x (a int)`, 'create index on x (code(a)); create statistics s on (code(a)), a from x'],
    [
      'create table x (a int); create view y as select a from x',
      'drop view y; alter table x rename to y; create view x as select a from y',
    ],
    ['create table x (a int)', 'create temp table y (a int) on commit preserve rows'],
  ])('is what a whole reading gives: %s; %s', async (before, change) => {
    const client = await connect()
    try {
      await client.query('drop schema if exists named cascade; create schema named; set search_path = named')
      await client.query(before)
      const ask = asker(client, { asked: 0 })
      const { place } = await new CatalogShelf().find('target', STATE, ask)
      buildCatalog((await place.read(ask)).rows)
      for (const sql of change.split('; ')) {
        await client.query(sql)
        const whole = await (await new CatalogShelf().find('target', STATE, ask)).place.read(ask)
        expectSame((await place.read(ask)).rows, whole.rows)
      }
    } finally {
      await client.end()
    }
  })
})

describe('what is read of some relations', () => {
  beforeAll(() => vi.useFakeTimers({ toFake: ['performance'] }))
  afterAll(() => void vi.useRealTimers())
  const CODE = "create function code(int) returns int immutable language sql as 'select 1'"

  /** In a schema of its own, with a copy of the catalogs as they were after the first statements. */
  async function readBefore(first: string) {
    const client = await connect()
    await client.query('drop schema if exists named, later cascade; create schema named; set search_path = named')
    await client.query(first)
    const asked: string[] = []
    const ask = asker(client, { asked: 0 })
    const { place } = await new CatalogShelf().find('target', STATE, ask)
    buildCatalog((await place.read(ask)).rows)
    const read = async (needed: Touches) => {
      asked.length = 0
      return (await place.read((queries) => (asked.push(...queries.map(textOf)), ask(queries)), needed)).rows
    }
    const whole = async () => (await (await new CatalogShelf().find('target', STATE, ask)).place.read(ask)).rows
    return { client, place, asked, read, whole }
  }

  it.each([
    ['code that is new', 'create table y (a int)', `${CODE}; create table x (a int default code(1))`],
    ['a type that is new', 'create table y (a int)', 'create domain d as int check (value > 0); create table x (a d)'],
    ['a type of rows that is new', 'create table y (a int)', 'create table z (a int); create table x (a z, b z[])'],
    ['a schema that is new', 'create table y (a int)', 'create schema later; create table later.x (a int)'],
    ['another of its name', 'create table x (a int); create view v as select a from x', 'drop view v; drop table x'],
    ['what was renamed to it', 'create table x (a int)', 'alter table x rename to y; create table x (b text)'],
    [
      'a partition of what is referred to',
      'create table p (a int primary key) partition by list (a); create table f (a int references p on delete cascade)',
      'create table x partition of p for values in (1)',
    ],
    [
      'an operator class that is new',
      `${CODE}; create table y (a int)`,
      'create operator class c for type int using btree as function 1 btint4cmp(int, int); create table x (a int); create index on x (a c)',
    ],
    [
      'what makes a type give way',
      `${CODE}; create domain d as int check (code(value) > 0); create table y (a d)`,
      'create table _y (a int)',
      '_y',
    ],
    [
      'what an index had the name of',
      'create table y (a int); create index x on y (a)',
      'drop index x; create table x (a int)',
    ],
    [
      'another of the name of a type',
      'create schema later; create type later.x as enum ()',
      'drop schema later cascade; create table x (a int)',
    ],
    ['less than it was', 'create table x (a int); create unique index on x (a)', 'drop index x_a_idx'],
  ])('is everything that has changed, where it is made of %s', async (_, first, then, name = 'x') => {
    const { client, read, whole } = await readBefore(first)
    try {
      await client.query(then)
      expectSame(await read(new Set([name])), await whole())
    } finally {
      await client.end()
    }
  })

  it.each([
    [
      'a key',
      'create table y (a int primary key); create table x (a int references y on delete cascade)',
      'alter table x drop constraint x_a_fkey',
    ],
    ['a default', `${CODE}; create table x (a int default code(1))`, 'alter table x alter a drop default'],
    [
      'a trigger',
      "create function t() returns trigger language plpgsql as 'begin return new; end'; create table x (a int); create trigger t before insert on x execute function t()",
      'drop trigger t on x',
    ],
    ['a rule', 'create table x (a int); create rule r as on insert to x do instead nothing', 'drop rule r on x'],
  ])('has no parts of them that are gone: %s', async (_, first, then) => {
    const { client, asked, read, whole } = await readBefore(first)
    try {
      await client.query(then)
      const found = await read(new Set(['x']))
      expect(asked).toEqual(BY_NAMES)
      expectSame(found, await whole())
    } finally {
      await client.end()
    }
  })

  it('says nothing of others, for at most a second; what is changed through the gateway is read with it', async () => {
    const { client, place, asked, read, whole } = await readBefore('create table y (a int)')
    try {
      const names = (rows: CatalogRows): string[] =>
        rows.relations.flatMap(([, schema, name]) => (schema === 'named' ? [String(name)] : [])).toSorted(compare)
      await client.query(`create table past (a int); create table x (a int); ${CODE}`)
      expect(names(await read(new Set(['x'])))).toEqual(['x', 'y'])
      expect(asked).toEqual(BY_NAMES)
      // What another session of the gateway has made is read with the rest, and all of it where that is more than relations.
      await client.query('create table other (a int)')
      place.definitions.note(new Set(['other']))
      expect(names(await read(new Set(['x'])))).toEqual(['other', 'x', 'y'])
      place.definitions.note('anything')
      expectSame(await read(new Set(['x'])), await whole())
      await client.query('create table again (a int)')
      expect(names(await read(new Set(['x'])))).not.toContain('again')
      vi.advanceTimersByTime(1001)
      expect(names(await read(new Set(['x'])))).toContain('again')
    } finally {
      await client.end()
    }
  })

  it('is nothing if others have read what was changed through the gateway, for at most a second', async () => {
    const { client, place, asked, read } = await readBefore('create table y (a int)')
    try {
      const names = (rows: CatalogRows): string[] => rows.relations.map(([, , name]) => String(name))
      const ask = asker(client, { asked: 0 })
      await client.query('create table x (a int); create schema later')
      place.definitions.note('anything')
      const first = await place.read(ask, NOTHING)
      expect(names(first.rows)).toContain('x')
      asked.length = 0
      expect(await read(NOTHING)).toBe(first.rows)
      expect(asked).toEqual([])
      await client.query('drop table x')
      const ahead = await place.readAllAhead(
        () => true,
        ask,
        () => place.definitions.withAll(place.definitions.changes, new Set()),
      )
      expect(names(ahead?.rows ?? first.rows)).not.toContain('x')
      expect(await read(NOTHING)).toBe(ahead?.rows)
      // Whatever was noted later, by whomever, is read.
      await client.query('create table x (a int)')
      place.definitions.note(new Set(['x']))
      expect(names(await read(NOTHING))).toContain('x')
      await client.query('create table past (a int)')
      vi.advanceTimersByTime(1001)
      expect(names(await read(NOTHING))).toContain('past')
    } finally {
      await client.end()
    }
  })

  it('is everything for whoever needs that, also together with others', async () => {
    const { client, place, whole } = await readBefore('create table y (a int)')
    try {
      await client.query('create table past (a int); create table x (a int)')
      const ask = asker(client, { asked: 0 })
      const both = await Promise.all([place.read(ask, new Set(['x'])), place.read(ask)])
      for (const { rows } of both) expectSame(rows, await whole())
    } finally {
      await client.end()
    }
  })
})

describe('what a definition makes', () => {
  beforeAll(() => vi.useFakeTimers({ toFake: ['performance'] }))
  afterAll(() => void vi.useRealTimers())
  const READ_WITH_ALL = /parted|inherits|é/
  const long = 'n'.repeat(63)
  const wide = 'é'.repeat(31)
  it.each([
    'create table made (id serial primary key, b text unique, c int, exclude using btree (c with =))',
    'create table made (a int generated always as identity (sequence name apart), b int, constraint elsewhere unique (b))',
    'create table made (a int generated always as identity (sequence name public.apart))',
    `create table ${long} (${'c'.repeat(60)} serial primary key, unique (${'c'.repeat(60)}))`,
    `create table ${wide} (${'ü'.repeat(30)} bigserial unique)`,
    'create index on parted (b)',
    'create index apart on parted (b, a)',
    'create unique index on kept (b, (a + 1))',
    'create table made partition of parted for values in (5)',
    'create table made (like kept including all)',
    'create table made (id serial unique) inherits (kept)',
    'create table made as select * from kept',
    'select * into made from kept',
    'select * into temp made from kept',
    'create materialized view made as select * from kept',
    'create or replace view made as select * from kept',
    'create sequence made owned by kept.a',
    'create temp table made (id serial primary key) on commit drop',
    'create table if not exists made (a int, foreign key (a) references kept)',
  ])('has names that are known from its text: %s', async (sql) => {
    const client = await connect()
    const parser = await createSqlParser()
    const names = async (): Promise<string[]> => {
      const { rows } = await client.query<{ name: string }>(
        "select relname as name from pg_class where relnamespace::regnamespace::text !~ '^pg_toast' union all select typname from pg_type where typtype = 'c'",
      )
      return rows.map(({ name }) => name)
    }
    try {
      await client.query('begin; create table kept (a int primary key, b text unique)')
      await client.query('create table parted (a int, b int) partition by list (a)')
      await client.query('create table aside partition of parted for values in (1)')
      const ask = asker(client, { asked: 0 })
      const { place } = await new CatalogShelf().find('target', STATE, ask)
      const since = await place.read(ask)
      const renews = (await renewsOf(parser, sql, since.rows)) as ReadonlySet<string>
      const before = new Set(await names())
      await client.query(sql)
      const made = (await names()).filter((name) => !before.has(name))
      expect(made.length).toBeGreaterThan(0)
      expect(renews).toBeInstanceOf(Set)
      expect(made.filter((name) => !isMadeFrom(name, renews))).toEqual([])
      // What has these names is all that has to be read, unless it is part of a tree or its names need quotes.
      const whole = await (await new CatalogShelf().find('target', STATE, ask)).place.read(ask)
      const asked: string[] = []
      const own = await place.readOwn((queries) => (asked.push(...queries.map(textOf)), ask(queries)), {
        needed: renews,
        since,
      })
      expectSame(own.rows, whole.rows)
      expect(asked.length === 2 && asked[1]?.startsWith('with ')).toBe(!READ_WITH_ALL.test(sql))
    } finally {
      await client.end()
      await parser.close()
    }
  })
})

/** What has to be read again after a text, as the gateway takes it; undefined: nothing. */
async function renewsOf(parser: SqlParser, sql: string, rows: CatalogRows): Promise<Touches | undefined> {
  const parsed = await parser.parse(sql)
  if ('failure' in parsed) throw new Error(`${sql}: ${parsed.failure}`)
  const catalog = buildCatalog(rows)
  return changeOf(resolveFacts(parsed, catalog, new MaskingScope(NOTHING_MASKED, catalog, new Map())))?.renews
}
const NOTHING: Touches = new Set()

/** What is asked for relations by their names. */
const BY_NAMES = [expect.stringContaining('enable_seqscan'), expect.stringMatching(/^with /)]

/** Whether the catalog is there without having been built: it was made from that before. */
const wasRenewed = (rows: CatalogRows): boolean => isPrepared(rows)

/** What masked values can be read from. */
const showsMasked = (rows: CatalogRows): string[] =>
  taintedRelations(PLAN, buildCatalog(rows))
    .map(({ name }) => name)
    .toSorted()
const PLAN: MaskingPlan = {
  columns: [
    { table: 'w0', column: 'b' },
    { table: 't1', column: 'b' },
    { table: '*', column: 'd0' },
  ].map((column) => ({
    schema: 'public',
    ...column,
    style: 'redact',
    sideChannels: 'deny',
    maxComparisons: 0,
    copying: false,
    hashScope: 'session',
  })),
  kinds: [],
}

/** Texts are compared first: two trees of a thousand types each take seconds. */
function expectSame(found: CatalogRows | undefined, expected: CatalogRows): void {
  const [one, other] = [found && meaning(found), meaning(expected)]
  if (JSON.stringify(one) !== JSON.stringify(other)) expect(one).toEqual(other)
}

/** Rows, and the catalog that is made of them, in one order. */
const meaning = (rows: CatalogRows): object => {
  const { byOid, relations, valueTypes, userTypes, typesByOid, ...others } = buildCatalog(rows)
  const { userFunctions, bodies, safeFunctions, distrusted } = others
  const names = [...relations].map(([key, { oid }]) => [key, oid])
  const maps = { byOid: new Map(byOid), names, valueTypes: new Map(valueTypes), userTypes, typesByOid }
  const functions = { userFunctions, bodies, safeFunctions, distrusted }
  return { rows: sorted(rows), catalog: sortedMaps({ ...maps, ...functions }) }
}

function sortedMaps(value: unknown): unknown {
  if (value instanceof Map) return inOrder([...value].map(([key, one]) => [key, sortedMaps(one)]))
  if (value instanceof Set) return inOrder([...value])
  if (Array.isArray(value)) return inOrder(value.map(sortedMaps))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, sortedMaps(one)]))
}
const inOrder = (values: readonly unknown[]): unknown[] =>
  values
    .map((value) => ({ value, text: JSON.stringify(value) }))
    .toSorted((one, other) => compare(one.text, other.text))
    .map(({ value }) => value)
const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)

/** Rows in one order: which came first is no difference. */
const sorted = (rows: object): object =>
  Object.fromEntries(
    Object.entries(rows).map(([name, all]) => [
      name,
      Array.isArray(all) ? all.map((row) => JSON.stringify(row)).toSorted() : (all as unknown),
    ]),
  )
