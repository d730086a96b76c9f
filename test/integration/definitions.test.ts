import { connect as connectTo } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEMO_ACCOUNT } from '../../src/demo/sample-data.ts'
import type { DemoStack } from '../../src/demo/stack.ts'
import { FLUSH, SYNC } from '../../src/protocols/postgres/wire/client-message.ts'
import { Framer } from '../../src/protocols/postgres/wire/framer.ts'
import { openPort, signIn, type Port } from '../helpers/gateway-client.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'
import { B, C, D, E, P, Q, startup } from '../helpers/messages.ts'

/**
 * Definitions that change while others work: whatever the order of two or three sessions' statements, no masked value comes out and no
 * forbidden effect happens. `through` and `also` are two targets of one database.
 */
let stack: DemoStack
let through: Port
let also: Port
let anything: Port
let trusting: Port
let masked: Port
let admin: pg.Client
let sessions: pg.Client[]

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
      for (const database of ['changing', 'open']) {
        await admin.query(`create database ${database} owner ${DEMO_ACCOUNT.user}`)
        const db = await connect({ host: '127.0.0.1', port: postgres.port, ...DEMO_ACCOUNT, database })
        await db.query(SCHEMA)
        await db.end()
      }
      await admin.end()
    },
    configure: (yaml) =>
      yaml
        .replace(
          '\naccess:',
          `${Object.entries({
            through: 'changing',
            also: 'changing',
            trusting: 'changing',
            anything: 'open',
            masked: 'open',
          })
            .map(
              ([name, database]) => `
  - { name: ${name}, type: postgres, labels: { env: changing }, host: 127.0.0.1, port: ${postgresPort}, database: ${database}, user: ${DEMO_ACCOUNT.user}, password: file:target-password, tls: disable${name === 'masked' ? ', reading: ours' : ''} }`,
            )
            .join(
              '',
            )}\n\naccess:\n  - { name: changing, who: { groups: [engineering] }, targets: { names: [through, also, trusting, anything, masked] }, grant: standing }`,
        )
        .replace(
          '\ncommands:',
          `\ncommands:
  - { name: no entry is changed, targets: { names: [through, also] }, match: { writes: [ledger] }, deny: the ledger is not written }
  - { name: everything that is understood, targets: { names: [through, also, masked] }, allow: true }
  - { name: everything, targets: { names: [anything, trusting] }, match: { unknown: true }, allow: true }`,
        )
        .replace(
          '\nmasking:',
          `\nmasking:\n  - { name: people, targets: { names: [through, also, trusting, masked] }, columns: [people.ssn], style: partial }`,
        ),
  })
  const jane = await signIn(stack.gateway, 'jane')
  through = await openPort(jane, 'through')
  also = await openPort(jane, 'also')
  anything = await openPort(jane, 'anything')
  trusting = await openPort(jane, 'trusting')
  masked = await openPort(jane, 'masked')
  admin = await connect(directly())
  // Of two targets of one database: what one does concerns the other.
  sessions = await Promise.all([through, also, through].map((port) => connect(gateway(port))))
}, 120_000)

afterAll(async () => {
  await Promise.all([admin, ...(sessions ?? [])].map((session) => session?.end()))
  through?.close()
  for (const port of [also, trusting, anything, masked]) port?.close()
  await stack?.stop()
})

const CANARY = '512-47-9083'
const BACKWARDS = '3809-74-215'
const SCHEMA = `
create table people (id int primary key, ssn text);
insert into people values (1, '${CANARY}');
create table ledger (id int);
insert into ledger values (1);
create table other (id int, note text);
insert into other values (1, 'a note');
create function public.wipe() returns text language plpgsql as 'begin delete from ledger; return null; end';
create view vx as select 'a'::text as x;
create view vy as select x from vx;
create schema decoy;
create table decoy.people (id int, ssn text);
`
/** Makes everything what it was, past the gateway; what was there before. */
const RESET = `
drop view if exists vx cascade; create view vx as select 'a'::text as x; create view vy as select x from vx;
drop function if exists public.abs(text); drop table if exists made cascade; drop table if exists other cascade;
create table other (id int, note text); insert into other values (1, 'a note');
delete from ledger; insert into ledger values (1)`

async function connect(config: pg.ClientConfig): Promise<pg.Client> {
  const db = new pg.Client({ ...config, ssl: false })
  db.on('error', () => {})
  await db.connect()
  return db
}
const directly = (): pg.ClientConfig => ({
  host: '127.0.0.1',
  port: stack.postgres.port,
  ...DEMO_ACCOUNT,
  database: 'changing',
})
const gateway = (port: Port, database = 'changing'): pg.ClientConfig => ({
  host: '127.0.0.1',
  port: port.port,
  user: DEMO_ACCOUNT.user,
  database,
})

const MASKED = 'create or replace view vx as select reverse(ssn) as x from people'
const PLAIN = "create or replace view vx as select 'a'::text as x"
const LOOK = "select x || '' as x from vx"
const LOOK_BEHIND = "select x || '' as x from vy"
const TRAP = 'alter table other alter column note set default public.wipe()'

/** One session's statements, in order. */
type Program = readonly string[]

const CHANGING: readonly Program[] = [
  ['begin', MASKED, 'commit'],
  ['begin', MASKED, LOOK, 'rollback', LOOK],
  ['begin', PLAIN, 'savepoint s', MASKED, 'rollback to s', LOOK, 'commit'],
  [MASKED, PLAIN],
  ['begin', 'savepoint s', MASKED, 'release s', 'commit', LOOK],
  ['begin', MASKED, 'select 1/0', 'rollback', LOOK],
  ['begin', TRAP, 'commit'],
  ['begin', 'drop view vx cascade', MASKED, 'commit', LOOK],
  [`begin; ${MASKED}; commit`, LOOK],
  ['begin isolation level repeatable read', 'select 1 from other', MASKED, LOOK, 'commit'],
]
const LOOKING: readonly Program[] = [
  [LOOK, LOOK_BEHIND],
  ['begin', LOOK, LOOK, 'commit'],
  ['begin isolation level repeatable read', 'select 1 from other', LOOK, LOOK_BEHIND, 'commit'],
  ['prepare p as select x from vx', 'execute p', 'execute p'],
  ['insert into other (id) values (2)', LOOK],
  ['begin', 'declare c cursor for select x from vx', 'fetch all from c', LOOK, 'rollback'],
  ['begin isolation level serializable', LOOK, 'insert into other (id) values (3)', 'commit'],
  ['create temp table passing (a int)', 'insert into passing values (1)', LOOK, 'drop table passing', LOOK],
]

/**
 * Runs the programs in the order that `order` gives: whose turn it is. A statement that waits for a lock does not hold up the others:
 * whose turn comes while their last statement is at work gives it away, and takes it again at the end.
 */
async function run(programs: readonly Program[], order: readonly number[]): Promise<string[]> {
  const seen: string[] = []
  const next = programs.map(() => 0)
  const atWork: (Promise<void> | undefined)[] = programs.map(() => undefined)
  const step = async (index: number): Promise<void> => {
    const sql = programs[index]?.[next[index] ?? 0]
    if (sql === undefined) return
    next[index] = (next[index] ?? 0) + 1
    const work = (sessions[index] as pg.Client).query(sql).then(
      (result) => void seen.push(JSON.stringify([result].flat().map(({ rows }) => rows as unknown))),
      (error: unknown) => void seen.push((error as Error).message),
    )
    atWork[index] = work.finally(() => (atWork[index] = undefined))
    await Promise.race([atWork[index], new Promise((resolve) => setTimeout(resolve, BLOCKED))])
  }
  for (const index of order) if (atWork[index] === undefined) await step(index)
  // What gave its turns away goes on as it can; whoever waits for another ends when that one does.
  while (next.some((at, index) => at < (programs[index]?.length ?? 0)) || atWork.some((work) => work !== undefined)) {
    for (const index of programs.keys()) if (atWork[index] === undefined) await step(index)
    if (atWork.every((work, index) => work !== undefined || (next[index] ?? 0) >= (programs[index]?.length ?? 0)))
      await Promise.race(
        [Promise.resolve(), ...atWork.filter((work) => work !== undefined)].slice(
          atWork.some((work) => work !== undefined) ? 1 : 0,
        ),
      )
  }
  return seen
}

/** Milliseconds after which a statement is taken to wait for another session. */
const BLOCKED = 60

/** All orders of two programs would be thousands: these are drawn with a seed. */
function* orders(lengths: readonly number[], count: number, seed: number): Generator<number[]> {
  let state = seed
  const random = (below: number): number => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor((state / 2147483648) * below)
  }
  for (let made = 0; made < count; made++) {
    const left = [...lengths]
    const order: number[] = []
    while (left.some((many) => many > 0)) {
      const turns = left.flatMap((many, index) => Array.from({ length: many }, () => index))
      const index = turns[random(turns.length)] ?? 0
      left[index] = (left[index] ?? 0) - 1
      order.push(index)
    }
    yield order
  }
}

async function check(programs: readonly Program[], order: readonly number[]): Promise<void> {
  for (const session of sessions) await session.query('rollback; deallocate all')
  await admin.query(RESET)
  // The gateway hears of nothing that is done past it: a change through it makes it look.
  await sessions[0]?.query('create table nudge (); drop table nudge')
  const seen = (await run(programs, order)).join('\n')
  const what = JSON.stringify({ programs, order, seen })
  expect([what, seen.includes(CANARY) || seen.includes(BACKWARDS)]).toEqual([what, false])
  const { rows } = await admin.query('select count(*)::int as n from ledger')
  expect([what, rows]).toEqual([what, [{ n: 1 }]])
}

const SHADOW = 'create temp table people (id int, ssn text)'
const SHADOW_IN_TRANSACTION = `${SHADOW} on commit drop`
const DECOY = 'set local search_path = decoy'
const SHOW = 'select reverse(ssn) as x from people'
const DEFERRED = 'create temp table deferred (id int primary key deferrable initially deferred)'
const TWICE = 'insert into deferred values (1), (1)'
/** A statement of the extended protocol, without its Sync. */
const X = (sql: string): Buffer => Buffer.concat([P(sql), B(), E()])

/** A line of COPY, and the end of them. */
const COPY_DATA = (line: string): Buffer =>
  Buffer.concat([Buffer.from([0x64, 0, 0, 0, 4 + line.length]), Buffer.from(line), Buffer.from([0x63, 0, 0, 0, 4])])
const QUERY = 0x51
const READY_FOR_QUERY = 0x5a

/** Messages in one write; what comes next is sent when everything is answered. */
type Writes = readonly (string | readonly Buffer[])[]

/** What one session takes back, or loses, after a statement was decided with it. The last statement shows the masked column. */
const OWN: readonly Writes[] = [
  ['begin', SHADOW, SHOW, 'rollback', SHOW],
  ['begin', SHADOW, SHOW, [Q('rollback'), Q(SHOW)]],
  [`begin; ${SHADOW}; ${SHOW}; rollback; ${SHOW}`],
  ['begin', SHADOW, SHOW, `rollback; ${SHOW}`],
  ['begin', SHADOW, SHOW, 'rollback and chain', SHOW],
  ['begin', SHADOW, SHOW, 'select 1/0', 'rollback', SHOW],
  ['begin', SHADOW, SHOW, 'select 1/0', `rollback; ${SHOW}`],
  ['begin', SHADOW, SHOW, [X('select 1/0'), SYNC, X('rollback'), X(SHOW), SYNC]],
  ['begin', 'savepoint s', SHADOW, SHOW, 'rollback to s', SHOW],
  ['begin', 'savepoint s', SHADOW, SHOW, `rollback to s; ${SHOW}`],
  ['begin', 'savepoint s', SHADOW, SHOW, 'select 1/0', 'rollback to s', SHOW],
  ['begin', 'savepoint s', SHADOW, [X(SHOW), X('rollback to s'), X(SHOW), SYNC]],
  ['begin', 'savepoint s', SHADOW, 'savepoint t', 'release s', SHOW, 'rollback', SHOW],
  // What a transaction has changed is not read again after each statement, but it is whenever some of it may be gone.
  ['begin', 'savepoint s', SHADOW, SHOW, 'select 1', SHOW, 'rollback to s', SHOW],
  ['begin', 'savepoint s', SHADOW, SHOW, 'select 1', [X('rollback to s'), SYNC], SHOW],
  ['begin', 'savepoint s', SHADOW, SHOW, [X('select 1/0'), SYNC], [X('rollback to s'), SYNC, X(SHOW), SYNC]],
  ['begin', 'savepoint s', SHADOW, SHOW, [X('select 1'), X('rollback to s'), SYNC, X(SHOW), SYNC]],
  ['begin', 'savepoint s', SHADOW, SHOW, `select 1; rollback to s`, SHOW],
  ['begin', 'savepoint s', SHADOW, SHOW, 'rollback to s', SHADOW, SHOW, 'rollback to s', SHOW],
  ['begin', 'savepoint s', SHADOW, SHOW, [P('rollback to s', 'r'), B('r'), E(), B('r'), E(), SYNC], SHOW],
  ['begin', SHADOW_IN_TRANSACTION, SHOW, [X('commit and chain'), X('select 1'), SYNC], SHOW],
  ['begin', SHADOW, SHOW, [X('select 1'), X('rollback and chain'), SYNC], SHOW],
  ['begin', SHADOW, SHOW, [X('rollback'), X('begin'), SYNC], SHOW],
  ['begin', SHADOW, SHOW, 'select 1; rollback; begin; select 2', SHOW],
  ['begin', SHADOW_IN_TRANSACTION, SHOW, 'commit', SHOW],
  ['begin', SHADOW_IN_TRANSACTION, SHOW, [X('commit'), X(SHOW), SYNC]],
  ['begin', SHADOW_IN_TRANSACTION, SHOW, 'commit and chain', SHOW],
  [[Q(SHADOW_IN_TRANSACTION), Q(SHOW)]],
  // What is made is read right behind it, while what comes next is on its way.
  [[Q(SHADOW), Q('drop table pg_temp.people'), Q(SHOW)]],
  [[Q(SHADOW), Q('discard temp'), Q(SHOW)]],
  [[Q(SHADOW), Q('discard all'), Q(SHOW)]],
  [[X(SHADOW), SYNC, X('drop table pg_temp.people'), SYNC, X(SHOW), SYNC]],
  [[Q(SHADOW), Q('begin'), Q('drop table pg_temp.people'), Q(SHOW)], 'rollback', 'drop table pg_temp.people', SHOW],
  [
    SHADOW,
    [
      Q('create temp table others (id int)'),
      Q('drop table pg_temp.people'),
      Q('insert into others values (1)'),
      Q(SHOW),
    ],
  ],
  [[Q('set search_path = decoy'), Q('create temp table others (id int)'), Q('reset search_path'), Q(SHOW)]],
  [[Q('create temp table others (id int)'), Q('select 1/0'), Q('insert into others values (1)'), Q(SHOW)]],
  [[Q('create temp table others (id int)'), Q('selec'), Q('insert into others values (1)'), Q(SHOW)]],
  [[Q('create temp view early as select ssn from people'), Q('select reverse(ssn) as x from early'), Q(SHOW)]],
  [[Q(`${SHADOW}; select 1/0`), Q(SHOW)]],
  [[X(SHADOW), X(SHOW), X('select 1/0'), SYNC, X(SHOW), SYNC]],
  [[X(SHADOW_IN_TRANSACTION), X(SHOW), SYNC, X(SHOW), SYNC]],
  [[X(SHADOW), FLUSH, X(SHOW), FLUSH, X('selec'), SYNC, X(SHOW), SYNC]],
  ['begin', DEFERRED, TWICE, SHADOW, SHOW, 'commit', SHOW],
  [
    [X(DEFERRED), X(TWICE), X(SHADOW), X(SHOW), SYNC],
    [X(SHOW), SYNC],
  ],
  [[X(DEFERRED), X(TWICE), X(SHADOW), X(SHOW), SYNC, X(SHOW), SYNC]],
  [SHADOW, SHOW, 'drop table pg_temp.people', SHOW],
  [SHADOW, SHOW, 'discard temp', SHOW],
  [SHADOW, SHOW, 'discard all', SHOW],
  [SHADOW, SHOW, `drop table pg_temp.people; ${SHOW}`],
  [SHADOW, SHOW, 'alter table pg_temp.people rename to others', SHOW],
  ["create temp view people as select 1 as id, 'a'::text as ssn", SHOW, 'drop view pg_temp.people', SHOW],
  ['begin', DECOY, SHOW, 'commit', SHOW],
  ['begin', DECOY, SHOW, 'rollback', SHOW],
  ['begin', DECOY, SHOW, 'select 1/0', 'rollback', SHOW],
  ['begin', 'savepoint s', DECOY, SHOW, 'rollback to s', SHOW],
  ['begin', DECOY, SHOW, [X('commit'), X(SHOW), SYNC]],
  [[X(DECOY), X(SHOW), SYNC, X(SHOW), SYNC]],
  ['set search_path = decoy', SHOW, 'reset search_path', SHOW],
  ['set search_path = decoy', SHOW, 'discard all', SHOW],
  ['begin', SHADOW, `prepare p as ${SHOW}`, 'execute p', 'rollback', 'execute p'],
  [SHADOW, `prepare p as ${SHOW}`, 'execute p', 'drop table pg_temp.people', 'execute p'],
  ['begin', DECOY, `prepare p as ${SHOW}`, 'execute p', 'commit', 'execute p'],
  ['begin', SHADOW, [P(SHOW, 's'), B('s'), E(), SYNC], 'rollback', [B('s'), E(), SYNC]],
  [
    SHADOW,
    [P('select ssn from people', 's'), D('s', 'statement'), SYNC],
    'drop table pg_temp.people',
    [B('s'), E(), SYNC],
  ],
  [
    SHADOW,
    [
      P('select ssn from people', 's'),
      D('s', 'statement'),
      B('s'),
      E(),
      X('drop table pg_temp.people'),
      B('s'),
      E(),
      SYNC,
    ],
  ],
  [
    'begin',
    DECOY,
    [P('select ssn from people', 's'), D('s', 'statement'), B('s'), E(), SYNC],
    'rollback',
    [B('s'), E(), SYNC],
  ],
  [
    'begin',
    'savepoint s',
    SHADOW,
    `declare c cursor for ${SHOW}`,
    'rollback to s',
    `declare c cursor for ${SHOW}`,
    'fetch all from c',
  ],
  ['begin', SHADOW, `declare c cursor with hold for ${SHOW}`, 'fetch all from c', 'rollback', SHOW],
  [
    'create temp table rows (id int)',
    [X(SHADOW), X(SHOW), X('copy rows from stdin'), FLUSH, COPY_DATA('bad\n'), SYNC, X(SHOW), SYNC],
  ],
]

describe('what one session takes back', () => {
  it.each(OWN.map((writes) => [writes.map(described).join('; '), writes] as const))('%s', async (_name, writes) => {
    const seen = await trace(writes)
    expect([seen, seen.includes(CANARY) || seen.includes(BACKWARDS)]).toEqual([seen, false])
  })
})

describe('what code of earlier statements takes back within a transaction', () => {
  const TRAP = 'insert into trapped values (1)'
  const CURSOR = 'declare c cursor for select public.unshadowing()'
  const NOW = 'set constraints all immediate'
  beforeAll(() =>
    admin.query(`create function public.unshadow() returns trigger language plpgsql as
      'begin drop table if exists pg_temp.people; return null; end';
      create function public.unshadowing() returns int language plpgsql as
      'begin drop table if exists pg_temp.people; return 1; end';
      create table trapped (id int);
      create constraint trigger trap after insert on trapped deferrable initially deferred for each row execute function public.unshadow()`),
  )
  afterAll(() => admin.query('drop table trapped; drop function public.unshadow(); drop function public.unshadowing()'))

  it.each<readonly [Writes]>([
    [[TRAP, SHADOW, SHOW, NOW, SHOW]],
    [[TRAP, SHADOW, SHOW, 'select 1', NOW, 'select 1', SHOW]],
    [[TRAP, SHADOW, SHOW, `${NOW}; ${SHOW}`]],
    [[TRAP, SHADOW, SHOW, [X(NOW), X(SHOW), SYNC]]],
    [[SHADOW, SHOW, CURSOR, 'fetch c', SHOW]],
    [[SHADOW, SHOW, CURSOR, `fetch c; ${SHOW}`]],
    [[SHADOW, SHOW, CURSOR, `move c; ${SHOW}`]],
    [[SHADOW, SHOW, CURSOR, [X('fetch c'), X(SHOW), SYNC]]],
    [[SHADOW, SHOW, CURSOR, [X('move c'), X(SHOW), SYNC]]],
    [[SHADOW, SHOW, [P('select public.unshadowing()', 'u'), B('u', 'p'), X('fetch all from p'), X(SHOW), SYNC]]],
    [[SHADOW, SHOW, [P('select public.unshadowing()', 'u'), B('u', 'p'), SYNC], `fetch all from p; ${SHOW}`]],
  ])('is read again before what rests on it', async (writes) => {
    const seen = await trace(['begin', ...writes, 'rollback'], trusting)
    expect(seen).not.toMatch(new RegExp(`${CANARY}|${BACKWARDS}`))
  })
})

describe('what code changes at Parse, Bind and Describe', () => {
  beforeAll(() =>
    admin.query(`create function public.reveals(text) returns bool language plpgsql as
      $f$ begin ${MASKED}; return true; end $f$;
      create function public.folded() returns int language plpgsql immutable as
      $f$ begin perform public.reveals('x'); return 1; end $f$;
      create function public.tells(text) returns bool language plpgsql as
      $f$ begin perform set_config('application_name', (select reverse(ssn) from people), false); return true; end $f$;
      create domain revealing as text check (public.reveals(value));
      create domain telling as text check (public.tells(value));
      create domain calm as text;
      create function public.takes(revealing[]) returns int language sql as 'select 1'`),
  )
  afterAll(() =>
    admin.query(`drop domain revealing, telling, calm cascade;
      drop function public.reveals(text), public.folded(), public.tells(text); ${RESET}`),
  )

  const AT_PARSE = "select '{x}'::revealing[]"
  const AT_BIND = 'select public.folded()'
  it.each<Writes>([
    [[P(AT_PARSE), SYNC]],
    [[P(AT_BIND), B(), SYNC]],
    [[P(AT_PARSE), X(LOOK), SYNC]],
    [[P("select public.takes('{x}')"), X(LOOK), SYNC]],
    [[P(AT_PARSE, 's'), D('s', 'statement'), C('s'), FLUSH, Q(LOOK)]],
    ['begin', [P(AT_BIND), B(), X(LOOK), SYNC], 'commit'],
    // The server plans a statement at its Bind, with what its own Parse has changed.
    [[X(`${LOOK} where '{x}'::revealing[] is not null`), SYNC]],
  ])('is seen by what comes next, and by others: %#', async (...writes) => {
    await admin.query(RESET)
    await sessions[1]?.query(LOOK)
    const seen = await trace(writes, trusting)
    const others = await sessions[1]?.query(LOOK).then(({ rows }) => JSON.stringify(rows), String)
    expect([seen, others].join()).not.toMatch(new RegExp(`${CANARY}|${BACKWARDS}`))
    expect((await admin.query(LOOK)).rows).toEqual([{ x: BACKWARDS }])
  })

  it.each<Writes>([
    [[P("select '{x}'::telling[]"), SYNC]],
    [
      [P("select '{x}'::calm[]", 's'), SYNC],
      'alter domain calm add check (public.tells(value)); set search_path = public, decoy',
      [D('s', 'statement'), SYNC],
    ],
  ])('is not reported as the value of a setting: %#', async (...writes) => {
    expect(await trace(writes, trusting)).not.toContain(BACKWARDS)
  })
})

describe('what changes between Bind and Execute', () => {
  const WIPES = 'begin delete from ledger; return new; end'
  const bound = (sql: string): Buffer[] => [P(sql, 's'), B('s', 'p')]
  const PREPARE = `prepare pp as ${LOOK}`
  it.each<Writes>([
    [[...bound(`copy (${LOOK}) to stdout`), X(MASKED), E('p'), SYNC]],
    ['begin', [...bound(`copy (${LOOK}) to stdout`), SYNC], MASKED, [E('p'), SYNC], 'commit'],
    [[...bound('create temp table took as select x from vx'), X(MASKED), E('p'), X('select x from took'), SYNC]],
    ['begin', [...bound(`declare c cursor with hold for ${LOOK}`), X(MASKED), E('p'), SYNC], 'commit', 'fetch c'],
    [PREPARE, [...bound('execute pp'), X(MASKED), E('p'), SYNC]],
    [PREPARE, [X(MASKED), X('execute pp'), SYNC]],
    [PREPARE, [...bound('execute pp'), X(MASKED), X('fetch all from p'), SYNC]],
    ['begin', PREPARE, [...bound('execute pp'), SYNC], `${MASKED}; fetch all from p`, 'commit'],
    [[X(DECOY), ...bound('copy people to stdout'), X('set local search_path = public'), E('p'), SYNC]],
    [[X(SHADOW), ...bound('copy people to stdout'), X('drop table pg_temp.people'), E('p'), SYNC]],
    [
      [
        ...bound('insert into other values (2)'),
        X(`create function public.wipes() returns trigger language plpgsql as '${WIPES}'`),
        X('create trigger t before insert on other for each row execute function public.wipes()'),
        E('p'),
        SYNC,
      ],
    ],
  ])('is not run as it was decided before: %#', async (...writes) => {
    await admin.query(RESET)
    const seen = await trace(['select 1 from other', ...writes])
    expect(seen).not.toMatch(new RegExp(`${CANARY}|${BACKWARDS}`))
    expect((await admin.query('select id from ledger')).rows).toEqual([{ id: 1 }])
    await admin.query('drop function if exists public.wipes() cascade')
  })

  it('is not shown by a portal that code of unknown effect made forgotten before the answer to its Bind', async () => {
    await admin.query(RESET)
    const writes: Writes = [
      [...bound('execute pp'), Q(`do $do$ begin ${MASKED}; end $do$`)],
      [E('p'), SYNC],
    ]
    const seen = await trace(['begin', PREPARE, ...writes, 'rollback'], trusting)
    expect(seen).not.toMatch(new RegExp(`${CANARY}|${BACKWARDS}`))
  })

  it('is of no concern to what means the same: a portal goes on', async () => {
    const seen = await trace([
      'begin',
      [...bound('select note from other where id = 1'), SYNC],
      'create temp table unconcerned (a int)',
      [E('p', 1), SYNC],
      'create temp table unconcerned_as_well (a int)',
      [E('p', 1), SYNC],
      'commit',
    ])
    expect(seen).toContain('a note')
    expect(seen).not.toContain('pam:')
  })
})

describe('what code changes when a transaction ends', () => {
  const REVEAL = `begin execute $$${MASKED}$$; return null; end`
  beforeAll(() =>
    admin.query(`create function public.reveal() returns trigger language plpgsql as '${REVEAL}';
      create function public.revealing() returns int language plpgsql as '${REVEAL}';
      create table revealer (id int);
      create constraint trigger late after insert on revealer deferrable initially deferred for each row execute function public.reveal()`),
  )
  afterAll(() =>
    admin.query(`drop table revealer; drop function public.reveal(); drop function public.revealing(); ${RESET}`),
  )

  it.each([
    ['insert into revealer values (1)', 'commit'],
    ['insert into revealer values (1)', 'select 1; commit'],
    ['insert into revealer values (1)', 'commit and chain'],
    ['declare c cursor with hold for select public.revealing()', 'commit'],
  ])('is known to other sessions: %s; %s', async (arms, ends) => {
    await admin.query(RESET)
    const [changing, looking] = await Promise.all([connect(gateway(trusting)), connect(gateway(also))])
    try {
      await changing.query('begin')
      await changing.query(arms)
      expect((await looking.query(LOOK)).rows).toEqual([{ x: 'a' }])
      await changing.query(ends)
      const seen = await looking.query(LOOK).then(({ rows }) => JSON.stringify(rows), String)
      expect(seen).not.toContain(BACKWARDS)
      expect((await admin.query(LOOK)).rows).toEqual([{ x: BACKWARDS }])
    } finally {
      await Promise.all([changing.end(), looking.end()])
    }
  })
})

const described = (write: Writes[number]): string =>
  typeof write === 'string'
    ? write
    : write.map((bytes) => (bytes === SYNC ? 'Sync' : bytes.toString('latin1').replaceAll(/[^ -~]+/g, ' '))).join('|')

/** Everything that comes back, up to the last ReadyForQuery or the end of the connection. */
async function trace(writes: Writes, port = through): Promise<string> {
  const socket = connectTo(port.port, '127.0.0.1')
  const framer = new Framer(1024 * 1024, 'test')
  const seen: string[] = []
  let ready = 0
  let waiting: (() => void) | undefined
  socket.on('data', (chunk: Buffer) => {
    framer.push(chunk, ({ tag, bytes }) => {
      seen.push(bytes.toString('latin1'))
      if (tag === READY_FOR_QUERY) ready++
    })
    waiting?.()
  })
  let isClosed = false
  socket.on('close', () => {
    isClosed = true
    waiting?.()
  })
  socket.on('error', () => {})
  const answered = async (count: number): Promise<void> => {
    while (ready < count && !isClosed) await new Promise<void>((resolve) => (waiting = resolve))
  }
  let due = 1
  socket.write(startup('changing'))
  await answered(due)
  for (const write of writes) {
    const messages = typeof write === 'string' ? [Q(write)] : write
    due += messages.filter((message) => message === SYNC || message[0] === QUERY).length
    socket.write(Buffer.concat(messages))
    await answered(due)
  }
  socket.destroy()
  return seen.join('\n')
}

describe('what two sessions do in any order', () => {
  it.each(CHANGING.map((program, index) => [program.join('; '), program, index] as const))(
    '%s',
    async (_name, changing, seed) => {
      for (const looking of LOOKING)
        for (const order of orders([changing.length, looking.length], 2, seed * 31 + 7))
          await check([changing, looking], order)
    },
    180_000,
  )
})

describe('what three sessions do in any order', () => {
  it.each([1, 2, 3, 4])(
    'drawn with seed %i',
    async (seed) => {
      for (const order of orders([3, 3, 3], 4, seed)) {
        const at = order.reduce((sum, index, place) => sum + index * place, seed)
        const programs = [
          CHANGING[at % CHANGING.length] ?? [],
          LOOKING[at % LOOKING.length] ?? [],
          (at % 2 === 0 ? LOOKING : CHANGING)[(at + 3) % 7] ?? [],
        ]
        const [turns = []] = [
          ...orders(
            programs.map(({ length }) => length),
            1,
            seed * 7 + at,
          ),
        ]
        await check(programs, turns)
      }
    },
    180_000,
  )
})

/**
 * Ways around reading the catalogs only after changes that concern a statement: whatever a name stands for in the end is masked where
 * it shows the column, and the answers are those of the server. The first statement of each has the catalogs read.
 */
describe('what a definition concerns without naming it', () => {
  const SHADOWS = 'create schema if not exists early; set search_path = early, public; select 1 from other'
  const SHOWN = 'create view early.shown as select ssn as x from people'
  it.each([
    // Everything that a definition changes is read right behind it, and what comes next says more.
    ['drop view vx cascade', 'create view vx as select ssn as x from people', 'select x from vx'],
    ['drop view vx cascade; create view vx as select ssn as x from people', 'select x from vx'],
    [
      'drop view vy',
      'alter view vx rename to freed',
      'create view vx as select reverse(ssn) as x from people',
      'select x from vx',
    ],
    [
      'create schema early',
      "create function early.upper(text) returns text language sql as 'select null::text'",
      'set search_path = early, pg_catalog, public',
      'select upper(note) from other',
      "create or replace function early.upper(text) returns text language sql as 'select ssn from people'",
      'select upper(note) from other',
      'drop function early.upper(text)',
      "create function early.upper(text) returns text language sql as 'select reverse(ssn) from people'",
      'select upper(note) from other',
    ],
    // The name of a temporary view, table, sequence or index is found first.
    ['select x from vx', 'create temp view vx as select ssn as x from people', LOOK],
    ['select x from vy', 'create or replace view vx as select reverse(ssn) as x from people', LOOK_BEHIND],
    [
      'begin',
      'savepoint s',
      'create temp table people (id int, ssn text)',
      'select ssn from people',
      'rollback to s',
      'select ssn from people',
      'rollback',
    ],
    [
      'begin',
      'create temp table people (id int, ssn text) on commit drop',
      'select ssn from people',
      'commit',
      'select ssn from people',
    ],
    [
      SHADOWS,
      'create view public.made_id_seq as select ssn as last_value from people',
      'create table early.made (id serial)',
      'select last_value from made_id_seq',
      'drop table early.made',
      'select last_value from made_id_seq',
    ],
    [
      SHADOWS,
      'create view public.apart as select ssn as last_value from people',
      'create table early.made (id int generated always as identity (sequence name early.apart))',
      'select last_value from apart',
      'drop table early.made',
      'select last_value from apart',
    ],
    [
      SHADOWS,
      'create sequence early.freed; create table early.owner (a int); alter sequence early.freed owned by early.owner.a',
      'create view public.freed as select ssn as last_value from people',
      'select last_value from freed',
      'drop table early.owner',
      'select last_value from freed',
    ],
    [SHADOWS, 'select x from vx', SHOWN, 'alter view early.shown rename to vx', 'select x from vx'],
    [
      SHADOWS,
      'select x from vx',
      `${SHOWN}; create or replace view early.vx as select x from shown`,
      'select x from vx',
    ],
    [
      'create schema "a.b"; create view "a.b".inner_view as select \'a\'::text as x; create view outer_view as select x from "a.b".inner_view',
      'select x from outer_view',
      'create or replace view "a.b".inner_view as select ssn as x from people',
      'select x from outer_view',
    ],
    ['select x from vx', 'do $$ begin create or replace view vx as select ssn as x from people; end $$', LOOK],
    [
      'select x from vx',
      "create or replace function pg_temp.make() returns void language sql as 'create or replace view vx as select ssn as x from people'",
      'select pg_temp.make()',
      LOOK,
    ],
    [
      'select x from vx',
      'create schema early create view vx as select ssn as x from public.people',
      'set search_path = early, public',
      LOOK,
    ],
    [
      'select ssn from decoy.people',
      'create table heir () inherits (people)',
      'insert into heir values (2, $$512-47-9083$$)',
      'select ssn from heir',
    ],
    ['select x from vx', 'create materialized view early_copy as select ssn from people', 'select * from early_copy'],
    [
      'begin isolation level repeatable read',
      'select x from vx',
      'create temp view vx as select ssn as x from people',
      LOOK,
      'rollback',
    ],
    [
      'prepare p as select x from vx',
      'execute p',
      'create or replace view vx as select ssn as x from people',
      'execute p',
    ],
    [
      'begin',
      'declare c cursor for select x from vx',
      'create temp view vx as select ssn as x from people',
      'declare d cursor for select x from vx',
      'fetch all from d',
      'rollback',
    ],
  ])('%s', async (...script) => {
    await admin.query(
      `${RESET}; drop schema if exists early, "a.b" cascade; drop view if exists made_id_seq, apart, freed; drop table if exists heir; drop materialized view if exists early_copy`,
    )
    const db = await connect(gateway(through))
    const other = await connect(gateway(also))
    await other.query('select x from vx')
    const shown: unknown[] = []
    for (const sql of script)
      for (const by of [db, ...(sql.startsWith('select') ? [other] : [])])
        shown.push(
          await by.query(sql).then(
            (result) => [result].flat().map(({ rows }) => rows as unknown),
            () => 'refused',
          ),
        )
    expect(JSON.stringify(shown)).not.toMatch(new RegExp(`${CANARY}|${BACKWARDS}`))
    await db.end()
    await other.end()
  })

  it('is decided anew by the names it has, and not for any others', async () => {
    await admin.query(RESET)
    const db = await connect(gateway(through))
    await db.query('select x from vx')
    await db.query('create temp table unconcerned (a int)')
    // Past the gateway: nothing that was changed through it concerns this.
    await admin.query('create or replace view vx as select ssn as x from people')
    await db.query('create or replace temp view vz as select x from vx')
    expect((await db.query('select x from vz')).rows).not.toEqual([{ x: CANARY }])
    await db.end()
  })
})

/**
 * A transaction that keeps its snapshot reads of the catalogs what was there before others changed them, while the server runs what is there now.
 * Who does it, and what.
 */
describe('what a transaction does that sees what was before', () => {
  const BEGIN = 'begin isolation level repeatable read'
  const SNAPSHOT = 'select 1 from other'
  const OWN = 'create temp table own_rows (a int)'
  it.each<readonly (readonly ['it' | 'other', string])[]>([
    // Whatever it has its catalogs read for, and however often.
    [
      ['it', BEGIN],
      ['it', SNAPSHOT],
      ['it', OWN],
      ['other', MASKED],
      ['it', 'select * from own_rows'],
      ['it', 'select * from own_rows'],
      ['it', LOOK],
      ['it', 'commit'],
      ['it', LOOK],
    ],
    [
      ['it', BEGIN],
      ['it', 'insert into other (id) values (5)'],
      ['other', MASKED],
      ['it', LOOK],
      ['it', 'select 1'],
      ['it', LOOK],
      ['it', 'commit'],
      ['it', LOOK],
    ],
    // It has seen the change before it has a number, and with it a snapshot of its own.
    [
      ['it', BEGIN],
      ['it', SNAPSHOT],
      ['other', MASKED],
      ['it', LOOK],
      ['it', OWN],
      ['it', 'select * from own_rows'],
      ['it', LOOK],
      ['it', 'rollback'],
      ['it', LOOK],
    ],
    [
      ['it', 'begin isolation level serializable'],
      ['it', OWN],
      ['other', MASKED],
      ['it', 'select * from own_rows'],
      ['it', 'savepoint s'],
      ['it', 'select * from own_rows'],
      ['it', 'rollback to s'],
      ['it', 'select * from own_rows'],
      ['it', LOOK_BEHIND],
      ['it', 'commit'],
      ['it', LOOK_BEHIND],
    ],
  ])('%#', async (...script) => {
    await admin.query(RESET)
    const by = { it: await connect(gateway(through)), other: await connect(gateway(also)) }
    // What is noted of the names that are made is all that is known.
    await by.it.query('create table nudge (); drop table nudge')
    await by.it.query(LOOK)
    const seen: string[] = []
    for (const [who, sql] of script)
      seen.push(
        await by[who].query(sql).then(
          ({ rows }) => JSON.stringify(rows),
          (error: unknown) => (error as Error).message,
        ),
      )
    expect(seen.join('\n')).not.toMatch(new RegExp(`${CANARY}|${BACKWARDS}`))
    // What only it has made is what it was, once others' changes are seen as well.
    expect(seen.at(-1)).toBe('[{"x":"****"}]')
    await by.it.end()
    await by.other.end()
  })
})

describe('an INSERT of constants, which the target is not asked about', () => {
  it.each<readonly string[]>([
    ['create temp view led as select id from ledger', 'insert into led values (2)'],
    [
      'create temp table led (id int)',
      'drop table pg_temp.led',
      'create temp view led as select id from ledger',
      'insert into led values (2)',
    ],
    [
      'create temp table led (id int)',
      'create rule r as on insert to led do also delete from ledger',
      'insert into led values (2)',
    ],
    [
      'begin',
      'create temp table ledger (id int)',
      'insert into ledger values (2)',
      'rollback',
      'insert into ledger values (2)',
    ],
    ['alter table ledger rename to led', 'insert into led values (2)'],
    ['create table heir () inherits (ledger)', 'insert into heir values (2)', 'drop table heir'],
    ['create temp table led (id int default length(public.wipe()))', 'insert into led values (default)'],
    ['create temp table led (id int check (public.wipe() is null))', 'insert into led values (2)'],
    ['create temp table led (id int references ledger on delete cascade)', 'insert into ledger values (2)'],
  ])('changes nothing that is closed: %#', async (...script) => {
    await admin.query(`${RESET}; drop table if exists heir`)
    const db = await connect(gateway(through))
    await db.query('select 1 from other')
    for (const sql of script) await db.query(sql).catch(() => {})
    await db.end()
    expect((await admin.query('select id from only ledger')).rows).toEqual([{ id: 1 }])
  })
})

describe('rows of partitions and children, and of what refers to others', () => {
  it.each<[string, string, string?]>([
    [
      'create table above (id int primary key); create table below (primary key (id)) inherits (above)',
      'delete from above',
    ],
    [
      'create table above (id int primary key) partition by list (id); create table below partition of above for values in (1)',
      'delete from above',
    ],
    [
      'create table above (id int primary key); create table below (primary key (id)) inherits (above)',
      'update above set id = 2',
    ],
    [
      'create table above (id int primary key); create table below (primary key (id)) inherits (above); create view shows as select id from above',
      'delete from shows',
    ],
    [
      'create table above (id int primary key); insert into above values (0), (1); create table below (id int primary key default 0 references above on delete set default)',
      'delete from above where id = 1',
      'on update set null',
    ],
  ])(
    'are changed with what refers to them: %s; %s',
    async (definitions, sql, action = 'on delete cascade on update set null') => {
      await admin.query(`${RESET}; drop table if exists above cascade; ${definitions}; insert into below values (1)`)
      await admin.query(`alter table ledger add of int references below ${action}; update ledger set of = 1`)
      const db = await connect(gateway(through))
      await db.query('create table nudge (); drop table nudge')
      await expect(db.query(sql)).rejects.toThrow('the ledger is not written')
      expect((await admin.query('select of from ledger')).rows).toEqual([{ of: 1 }])
      await db.end()
      await admin.query('alter table ledger drop column of; drop table above cascade')
    },
  )
})

describe('what waits while somebody commits', () => {
  const text = async (db: pg.Client, sql: string): Promise<string> =>
    db.query(sql).then(
      (result) => JSON.stringify([result].flat().map(({ rows }) => rows as unknown)),
      (error: unknown) => (error as Error).message,
    )

  it('a statement that waits for the lock of what is changed was decided with what was before', async () => {
    await admin.query(RESET)
    const changer = await connect(gateway(through))
    const looker = await connect(gateway(also))
    await changer.query('begin')
    await changer.query('drop view vx cascade').catch(() => {})
    await changer.query('rollback')
    expect(await text(looker, LOOK)).toBe('[[{"x":"a"}]]')
    await changer.query('begin')
    await changer.query(MASKED)
    const waiting = text(looker, LOOK)
    await blocked()
    await changer.query('commit')
    expect(await waiting).not.toContain(BACKWARDS)
    expect(await text(looker, LOOK)).not.toContain(BACKWARDS)
    await changer.end()
    await looker.end()
  })

  it('a text with several statements, of which a later one is looked at when the definition is another', async () => {
    await admin.query(RESET)
    const changer = await connect(gateway(through))
    const looker = await connect(gateway(also))
    const nudge = await connect(gateway(through))
    await nudge.query('create table nudge (); drop table nudge')
    await admin.query('begin; lock table other in access exclusive mode')
    const waiting = text(looker, `select 1 from other; ${LOOK}`)
    await blocked()
    const changing = text(changer, MASKED)
    expect(await waiting).not.toContain(BACKWARDS)
    await changing
    await admin.query('rollback')
    await Promise.all([changer.end(), looker.end(), nudge.end()])
  })

  it('a change of what others read all the time is made nevertheless', async () => {
    await admin.query(RESET)
    const changer = await connect(gateway(through))
    const lookers = await Promise.all(Array.from({ length: 4 }, () => connect(gateway(also))))
    let isChanged = false
    const answers = new Set<string>()
    const looking = lookers.map(async (looker) => {
      while (!isChanged) answers.add(await text(looker, 'select id, note from other'))
    })
    expect(await text(changer, 'alter table other add column more int')).toBe('[[]]')
    isChanged = true
    await Promise.all(looking)
    expect([...answers]).toEqual(['[[{"id":1,"note":"a note"}]]'])
    await Promise.all([changer, ...lookers].map((session) => session.end()))
  })

  it('a function that takes the place of the system’s', async () => {
    await admin.query(RESET)
    const changer = await connect(gateway(through))
    const looker = await connect(gateway(also))
    // The change waits for a text that is at work; nothing of the text is canceled.
    await admin.query('select pg_advisory_lock(1)')
    const waiting = text(looker, "select pg_advisory_lock(1); select abs('x'::text)")
    await blocked()
    const changing = text(
      changer,
      "create function public.abs(text) returns text language plpgsql as 'begin delete from ledger; return $1; end'",
    )
    await admin.query('select pg_advisory_unlock_all()')
    expect(await waiting).toContain('function abs(text) does not exist')
    expect(await changing).toBe('[[]]')
    expect(await text(looker, "select abs('x'::text)")).toContain('pam: ')
    expect((await admin.query('select 1 from ledger')).rows).toHaveLength(1)
    await changer.end()
    await looker.end()
  })
})

/** Resolves when a backend waits for a lock. */
async function blocked(): Promise<void> {
  const own = await connect(directly())
  while ((await own.query('select from pg_locks where not granted')).rowCount === 0)
    await new Promise((resolve) => setTimeout(resolve, 20))
  await own.end()
}

describe('what stays prepared of the gateway’s own queries', () => {
  const MADE = ['create temp table z (a int)', 'select count(*) from z', 'drop table z']
  it.each([
    [...MADE, 'select name, statement, parameter_types::text from pg_prepared_statements'],
    [...MADE, 'prepare mine as select 1 as one', 'select name from pg_prepared_statements', 'execute mine', ...MADE],
    [...MADE, 'deallocate all', ...MADE],
    [...MADE, 'discard all', ...MADE],
    ['begin', ...MADE, 'deallocate all', ...MADE, 'commit', ...MADE],
    [
      'begin',
      ...MADE,
      'savepoint s',
      ...MADE,
      'rollback to s',
      ...MADE,
      'select count(*) from pg_prepared_statements',
      'rollback',
      ...MADE,
    ],
    ['begin', ...MADE, 'select 1/0', 'rollback', ...MADE],
  ])('is shown to nobody, and nobody is in its way: %s', async (...script) => {
    const transcript = async (config: pg.ClientConfig): Promise<unknown[]> => {
      const db = await connect(config)
      const answers: unknown[] = []
      for (const sql of script)
        for (const query of [sql, { text: sql, values: [] }])
          if (typeof query === 'string' || sql.startsWith('select'))
            answers.push(
              await db.query(query).then(
                ({ command, rows }) => [command, rows as unknown],
                (error: unknown) => (error as Error).message,
              ),
            )
      await db.end()
      return answers
    }
    expect(await transcript(gateway(through))).toEqual(await transcript(directly()))
  })

  it('is not believed where code that is not read has put something in its place', async () => {
    await admin.query(RESET)
    await admin.query(`create function public.forge() returns int language plpgsql as $f$
      declare r record; n int := 0; begin
        for r in select name, parameter_types::text as types from pg_prepared_statements where not from_sql loop
          execute format('deallocate %I', r.name);
          execute format('prepare %I (%s) as select ''forged'', ''1'', ''[]''', r.name, trim(r.types, '{}'));
          n := n + 1;
        end loop; insert into other values (n, 'forged'); return n; end $f$`)
    const db = await connect(gateway(trusting))
    try {
      for (const block of [
        ['', ''],
        ['begin', 'commit'],
      ]) {
        await db.query(block[0] as string)
        await db.query('create temp table z (a int)')
        expect((await db.query('select * from z')).rows).toEqual([])
        expect((await db.query('select public.forge() as n')).rowCount).toBe(1)
        expect((await db.query("select from other where note = 'forged' and id > 0")).rowCount).toBeGreaterThan(0)
        await db.query(MASKED)
        await db.query('create temp table zz (a int)')
        expect((await db.query('select x from vx')).rows).not.toEqual([{ x: BACKWARDS }])
        expect((await db.query('select * from z')).rows).toEqual([])
        await db.query('drop table z, zz')
        await db.query(block[1] as string)
        await db.query('deallocate all')
      }
    } finally {
      await db.end()
      await admin.query(`drop function public.forge(); ${RESET}`)
    }
  })
})

describe('the gateway’s own queries', () => {
  it.each([
    ["set statement_timeout = '200ms'", 'create temp table z (a int)'],
    ["set lock_timeout = '1ms'", 'create temp table z (a int)'],
    [
      "set idle_in_transaction_session_timeout = '300ms'; set statement_timeout = '200ms'",
      'begin; create temp table z (a int)',
      LOOK,
      'commit',
    ],
    ['set enable_seqscan = off; set enable_indexscan = off; set enable_hashjoin = off', 'create temp table z (a int)'],
    ['set search_path = pg_temp, public', 'create temp table z (a int)', 'select 1 from z'],
    ['set default_transaction_isolation = serializable', 'create temp table z (a int)', 'select 1 from z'],
    ['begin isolation level repeatable read', 'create temp table z (a int)', 'select 1 from z', 'commit'],
    [
      "begin; set local statement_timeout = '400ms'; set local enable_seqscan = off; create temp table z (a int)",
      'select 1 from z',
      'savepoint s; set local enable_seqscan = on; create temp table y (a int)',
      'select 1 from y',
      'rollback to s',
      'select 1 from z',
      `select current_setting('enable_seqscan') as inside`,
      'commit',
    ],
    [
      'begin; declare c cursor for select note from other; create temp table z (a int)',
      'select 1 from z',
      'fetch 1 from c',
      'commit',
    ],
  ])('run under no setting of the client, and leave them as they are: %s', async (...script) => {
    const show = `select current_setting('statement_timeout') || current_setting('lock_timeout') || current_setting('idle_in_transaction_session_timeout') || current_setting('enable_seqscan') as shown`
    const transcript = async (config: pg.ClientConfig): Promise<unknown[]> => {
      const db = await connect(config)
      const answers: unknown[] = []
      for (const sql of [...script, 'select 1 as one from other', show])
        answers.push(
          await db.query(sql).then(
            (result) => [result].flat().map(({ command, rows }) => [command, rows as unknown]),
            (error: unknown) => (error as Error).message,
          ),
        )
      await db.end()
      return answers
    }
    expect(await transcript(gateway(through))).toEqual(await transcript(directly()))
  })

  it('wait for no lock: a view that somebody is changing is hidden whole, and others go on', async () => {
    await admin.query(RESET)
    await admin.query('create or replace view vx as select ssn as x from people')
    await admin.query('begin; lock table people in access exclusive mode')
    const looker = await connect(gateway(through))
    expect(await looker.query('select note from other').then(({ rows }) => rows)).toEqual([{ note: 'a note' }])
    await admin.query('rollback')
    await looker.query('create temp table z (a int)')
    expect(await looker.query('select x from vx').then(({ rows }) => rows)).not.toEqual([{ x: CANARY }])
    await looker.end()
  })

  it('do not abort the transaction that they fail in', async () => {
    await admin.query(RESET)
    const changing = await connect(gateway(through))
    try {
      await changing.query('begin')
      await changing.query("insert into other values (2, 'kept')")
      await changing.query('create temp table z (a int)')
      await admin.query(
        'begin; create or replace view vx as select ssn as x from people; lock table vx in access exclusive mode',
      )
      await admin.query('lock table people in access exclusive mode')
      const seen = await changing.query('select * from z, vy').then(({ rows }) => JSON.stringify(rows), String)
      expect(seen).not.toContain(CANARY)
      await admin.query('rollback')
      await changing.query('insert into z values (1)')
      expect((await changing.query('commit')).command).toBe('COMMIT')
      expect((await admin.query("select id from other where note = 'kept'")).rows).toEqual([{ id: 2 }])
    } finally {
      await admin.query('rollback')
      await changing.end()
      await admin.query(RESET)
    }
  })
})

/**
 * Sessions whose rules look at the text alone have no catalogs read for what they change; one whose decisions rest on definitions may come
 * at any moment. `free` and `other` are such as the first, `late` connects when its first statement is due.
 */
describe('an UPDATE that would be of pg_settings, where no decision rests on definitions', () => {
  const show = (name: string): string => `create view ${name} as select * from pg_settings`
  const move = (name: string): string => `update ${name} set setting = 'on' where name = 'transform_null_equals'`
  const moved = async (db: pg.Client): Promise<unknown> =>
    (await db.query<{ value: string }>("select current_setting('transform_null_equals') as value")).rows[0]?.value
  const refused = 'writing to pg_settings is not allowed through the gateway'
  let direct: pg.Client
  let updating: pg.Client
  let making: pg.Client
  let watching: pg.Client
  beforeAll(async () => {
    direct = await connect({ ...directly(), database: 'open' })
    updating = await connect(gateway(anything, 'open'))
    making = await connect(gateway(anything, 'open'))
    watching = await connect(gateway(anything, 'open'))
  })
  afterAll(async () => {
    await direct.query('drop view if exists seen, guessed, table_first')
    await Promise.all([direct, updating, making, watching].map((client) => client.end()))
  })

  it.each([
    ['seen', show('seen')],
    ['guessed', `${show('guessed')} where public.wipe() is null`],
  ])('is not overtaken by what makes it one: %s', async (name, makes) => {
    await direct.query('begin; lock table other in access exclusive mode')
    const sent = updating
      .query(`select 1 from other; ${move(name)}`)
      .catch((error: unknown) => (error as Error).message)
    await blocked()
    const made = making.query(makes)
    // Whatever could be done meanwhile would be.
    for (let times = 0; times < 20; times++) await watching.query('select 1')
    await direct.query('commit')
    expect(await sent).toBe(`relation "${name}" does not exist`)
    await made
    expect(await moved(updating)).toBe('off')
    await expect(updating.query(move(name))).rejects.toThrow(refused)
  })

  it('was prepared when it was of a table', async () => {
    await direct.query('create table table_first (name text, setting text)')
    await updating.query(`prepare mover as ${move('table_first')}`)
    await making.query(`drop table table_first; ${show('table_first')}`)
    await expect(updating.query('execute mover')).rejects.toThrow(refused)
    expect(await moved(updating)).toBe('off')
  })
})

describe('what was changed while no decision rested on definitions', () => {
  const REDEFINES = `create function public.redefine() returns trigger language plpgsql as
    $f$ begin execute 'create or replace view vx as select reverse(ssn) as x from people'; return new; end $f$`
  const FIRES = 'create trigger fires before insert on other for each row execute function public.redefine()'
  const INSERT = 'insert into other values (7)'
  const REPEATABLE = 'begin isolation level repeatable read'
  type Step = readonly ['free' | 'other' | 'late', string]
  const steps = (session: Step[0], ...texts: string[]): Step[] => texts.map((sql) => [session, sql])
  it.each(
    [
      [...steps('free', MASKED), ...steps('late', LOOK, LOOK_BEHIND)],
      [...steps('free', 'begin', MASKED), ...steps('late', LOOK), ...steps('free', 'commit'), ...steps('late', LOOK)],
      [...steps('late', LOOK), ...steps('free', 'begin', MASKED, 'commit'), ...steps('late', LOOK)],
      [...steps('late', LOOK), ...steps('free', `begin; ${MASKED}; commit`), ...steps('late', LOOK_BEHIND)],
      [
        ...steps('free', REDEFINES, FIRES, 'begin', INSERT),
        ...steps('late', LOOK),
        ...steps('free', 'commit'),
        ...steps('late', LOOK),
      ],
      [
        ...steps('free', REDEFINES, FIRES, 'begin'),
        ...steps('late', LOOK),
        ...steps('free', INSERT, 'commit'),
        ...steps('late', LOOK),
      ],
      [
        ...steps('free', REDEFINES, FIRES),
        ...steps('other', 'begin', INSERT),
        ...steps('late', LOOK),
        ...steps('other', 'commit'),
        ...steps('late', LOOK),
      ],
      [...steps('free', REDEFINES, FIRES), ...steps('other', INSERT), ...steps('late', LOOK)],
      [
        ...steps('other', `prepare p as ${INSERT}`),
        ...steps('free', REDEFINES, FIRES),
        ...steps('late', LOOK),
        ...steps('other', 'execute p'),
        ...steps('late', LOOK),
      ],
      [
        ...steps('free', REPEATABLE, 'select 1 from other', REDEFINES, FIRES, INSERT),
        ...steps('late', LOOK),
        ...steps('free', 'commit'),
        ...steps('late', LOOK),
      ],
      [
        ...steps('free', 'begin', 'savepoint s', MASKED, 'rollback to s', MASKED),
        ...steps('late', LOOK),
        ...steps('free', 'commit'),
        ...steps('late', LOOK),
      ],
      [
        ...steps(
          'free',
          'drop view vx cascade',
          'create table made (x text)',
          'begin',
          'alter table made rename to vx',
          'drop table vx',
          MASKED,
        ),
        ...steps('late', 'begin', 'select 1'),
        ...steps('free', 'commit'),
        ...steps('late', LOOK, 'commit'),
      ],
    ].map((script) => [script.map(([name, sql]) => `${name}: ${sql.slice(0, 40)}`).join('; '), script] as const),
  )('%s', async (_name, script) => {
    const direct = await connect({ ...directly(), database: 'open' })
    await direct.query(`drop trigger if exists fires on other; drop function if exists public.redefine; ${RESET}`)
    const clients = {
      free: await connect(gateway(anything, 'open')),
      other: await connect(gateway(anything, 'open')),
      late: undefined as pg.Client | undefined,
    }
    try {
      const seen: Promise<string>[] = []
      for (const [name, sql] of script) {
        const client = (clients[name] ??= await connect(gateway(masked, 'open')))
        let isDone = false
        const said = client
          .query(sql)
          .then(
            ({ rows }) => JSON.stringify(rows),
            (error: unknown) => (error as Error).message,
          )
          .finally(() => (isDone = true))
        if (name === 'late') seen.push(said)
        // What waits for a lock of another session is answered later.
        while (!isDone && (await direct.query('select from pg_locks where not granted')).rowCount === 0)
          await Promise.race([said, new Promise((resolve) => setTimeout(resolve, 20))])
      }
      const shown = (await Promise.all(seen)).join()
      expect(shown).not.toContain(BACKWARDS)
      expect(shown).not.toContain(CANARY)
      // It was there to be seen.
      const { rows } = await direct.query(LOOK)
      expect(rows).toEqual([{ x: BACKWARDS }])
    } finally {
      await Promise.all([direct, clients.free, clients.other, clients.late].map(async (client) => client?.end()))
    }
  })
})
