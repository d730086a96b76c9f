import { mkdtempSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPostgres, type LocalPostgres } from '../../src/demo/local-postgres.ts'
import type { Session } from '../../src/gateway/engine.ts'
import { createSession } from '../../src/gateway/session.ts'
import { createSqlParser, type SqlParser } from '../../src/protocols/postgres/dialect/sql-parser.ts'
import { postgresEngine } from '../../src/protocols/postgres/gateway/engine.ts'
import { SYNC } from '../../src/protocols/postgres/wire/client-message.ts'
import type { EventBody } from '../../src/recording/event.ts'
import type { Recorder } from '../../src/recording/recorder.ts'
import { asPamError } from '../../src/shared/errors.ts'
import { socketChannel } from '../../src/shared/socket-channel.ts'
import { C, D, E, P, Q, startup } from '../helpers/messages.ts'
import { bindOf } from '../helpers/model-postgres.ts'
import { partsFor } from '../helpers/local-target.ts'
import { policyOf, SessionBench } from '../helpers/session-parts.ts'

const ACCESS = `
access: [{ name: devs, who: { groups: [dev] }, targets: { labels: { env: prod } }, grant: standing }]
commands:
  - { name: writes need a WHERE, match: { kinds: [delete, update], missingWhere: true }, deny: not without WHERE }
  - { name: everything else, match: {}, allow: true }
  - { name: whatever it does, match: { unknown: true }, allow: true }`
const RULES = `${ACCESS}
masking:
  - { name: addresses, targets: { labels: { env: prod } }, columns: ['*.*.email'], style: partial }`

let postgres: LocalPostgres
let parser: SqlParser
/** Of each world's database. */
const admins = new Map<boolean, pg.Client>()

beforeAll(async () => {
  postgres = await startPostgres({ directory: mkdtempSync(join(tmpdir(), 'pamctl-lane-attacks-')) })
  const enter = async (database: string): Promise<pg.Client> => {
    const admin = new pg.Client({ host: '127.0.0.1', port: postgres.port, ...postgres.superuser, database })
    await admin.connect()
    return admin
  }
  const admin = await enter('postgres')
  await admin.query("create role app login password 'secret'; create role other; grant other to app")
  for (const hasLane of [true, false]) {
    await admin.query(`create database ${databaseOf(hasLane)}`)
    admins.set(hasLane, await enter(databaseOf(hasLane)))
  }
  await admin.end()
  parser = await createSqlParser()
})

afterAll(async () => {
  for (const admin of admins.values()) await admin.end()
  await parser?.close()
  await postgres?.stop()
})

/** What every attack finds: a masked column, a view of what is not masked, and the same names in another schema. */
const SCHEMA = `
  drop schema if exists public, other cascade; create schema public; create schema other; grant all on schema public, other to app, other;
  set role app;
  create table public.people (id int primary key, note text, email text);
  insert into public.people values (1, 'one', 'jane@example.com'), (2, 'two', 'john@example.com');
  create view public.shown as select id, note from public.people;
  create table other.people (id int primary key, email text, note text);
  insert into other.people values (1, 'other@example.com', 'elsewhere');
  create function public.plus(int) returns int language sql immutable as 'select $1 + 1';
  reset role`

const databaseOf = (hasLane: boolean): string => (hasLane ? 'pam_with' : 'pam_bare')

interface Served {
  readonly events: EventBody[]
  readonly session: Session
  lane: { readonly taken: number } | undefined
}

/** A gateway in front of the real server, with the lane or without it. */
class World {
  readonly bench = new SessionBench(RULES)
  readonly sessions: Served[] = []
  readonly #engine
  readonly #server
  #onLane: (lane: { readonly taken: number }) => void = () => {}

  constructor(hasLane: boolean) {
    this.#engine = postgresEngine(parser, tmpdir(), (lane) => this.#onLane(lane))
    this.#server = createServer((socket) => void this.#serve(socketChannel(socket), hasLane))
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
  }

  async #serve(client: ReturnType<typeof socketChannel>, hasLane: boolean): Promise<void> {
    const greeting = await this.#engine.greet(
      client,
      { personId: 'jane', target: partsFor(postgres.port, databaseOf(hasLane)).config },
      { handshake: 60_000 },
    )
    if (greeting === 'handled') return
    const events: EventBody[] = []
    const record = (event: EventBody): void => void events.push(event)
    const ended = new AbortController()
    const session = createSession(
      this.bench.parts({
        id: `ses_${this.sessions.length}`,
        recorder: {
          intent: record,
          outcome: record,
          isWritten: true,
          isFull: false,
          detach: () => ({ id: '1', sha256: '' }),
        } as unknown as Recorder,
        ended,
        ...partsFor(postgres.port, databaseOf(hasLane)),
      }),
    )
    const served: Served = { events, session, lane: undefined }
    this.sessions.push(served)
    // Sessions are opened one after the other.
    this.#onLane = (lane) => (served.lane = lane)
    const shown = hasLane ? session : { ...session, repeated: () => undefined }
    try {
      await this.#engine.serve(client, greeting.hello, shown, () => {})
    } catch (error) {
      ended.abort(asPamError(error))
      client.destroy()
    }
  }
}

/** A client by hand: what it sends is answered up to as many ReadyForQuery as it asked for. */
class Client {
  readonly #socket: Socket
  #bytes: Buffer = Buffer.alloc(0)
  #wake = (): void => {}
  #hasEnded = false

  constructor(port: number, database: string) {
    this.#socket = connect(port, '127.0.0.1').setNoDelay(true)
    this.#socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#wake()
    })
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.#hasEnded = true
      this.#wake()
    })
    this.#socket.write(startup(database))
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  /** The answers as text, each message by its tag, up to so many ends of batches. */
  async answers(batches: number): Promise<string[]> {
    for (;;) {
      const messages: string[] = []
      let at = 0
      let left = batches
      while (left > 0 && at + 5 <= this.#bytes.length) {
        const end = at + 1 + this.#bytes.readUInt32BE(at + 1)
        if (end > this.#bytes.length) break
        messages.push(this.#bytes.toString('latin1', at, at + 1) + shown(this.#bytes.subarray(at, end)))
        if (this.#bytes[at] === 0x5a) left--
        at = end
      }
      if (left === 0 || this.#hasEnded) {
        this.#bytes = this.#bytes.subarray(at)
        return messages.filter((message) => !/^[SK]/.test(message))
      }
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  end(): void {
    this.#socket.destroy()
  }
}

/** The body of a message; of a RowDescription without the numbers of relations, which are made anew each time. */
function shown(message: Buffer): string {
  const body = Buffer.from(message.subarray(5))
  if (message[0] === 0x54)
    for (let at = 2; at < body.length; at += 18) {
      at = body.indexOf(0, at) + 1
      if (body.readUInt32BE(at) !== 0) body.fill(1, at, at + 4)
    }
  // Of whom a notification comes is another number each time.
  if (message[0] === 0x41) body.fill(1, 0, 4)
  return body.toString('latin1')
}

/** How many ReadyForQuery these messages ask for. */
function batchesIn(bytes: Buffer): number {
  let count = 0
  for (let at = 0; at < bytes.length; at += 1 + bytes.readUInt32BE(at + 1))
    if (bytes[at] === 0x53 || bytes[at] === 0x51) count++
  return count
}

type Step = Buffer | { readonly admin: string } | { readonly other: string } | { readonly rules: string }

const IDS = 'select id, note from people where id = $1'
const SHOWN = 'select * from shown where id = $1'
const MAIL = 'select email from people where id = $1'
const PLUS = 'select id + 1 as n from people where id = $1'
const one = (name: string, ...values: (string | null)[]): Buffer => Buffer.concat([bindOf(name, values), D(), E()])
const bare = (name: string, ...values: (string | null)[]): Buffer => Buffer.concat([bindOf(name, values), E()])
const text = (sql: string, ...values: (string | null)[]): Buffer =>
  Buffer.concat([P(sql), bindOf('', values), D(), E()])
const batch = (...messages: Buffer[]): Buffer => Buffer.concat([...messages, SYNC])

const PREPARED = { ids: IDS, shown: SHOWN, mail: MAIL, plus: PLUS }
/** The same and others as simple queries, with another constant each time. */
const simple = (id: number): Buffer[] => [
  ...[IDS, SHOWN, MAIL, PLUS].map((sql) => Q(sql.replace('$1', String(id)))),
  Q(`select note from people where note = 'word${id}' limit ${id}`),
  Q('select id, note from people order by 1'),
]
/** A transaction that a client waits for after each message. */
const transaction = (id: number): Buffer[] => [Q('begin'), ...simple(id), Q('commit'), Q('begin'), Q('rollback')]
/** Everything has come, and all that may be is known. */
const WARM: Step[] = [
  ...Object.entries(PREPARED).map(([name, sql]) => batch(P(sql, name))),
  ...[1, 2, 3].flatMap(() => [
    ...Object.keys(PREPARED).map((name) => batch(one(name, '1'))),
    ...Object.keys(PREPARED).map((name) => batch(bare(name, '1'))),
    batch(text(IDS, '1')),
    batch(text(SHOWN, '1')),
  ]),
  ...[1, 2, 3].flatMap((id) => [...simple(id), ...transaction(id)]),
]
const AGAIN: Step[] = [
  ...Object.keys(PREPARED).flatMap((name) => [batch(bare(name, '2')), batch(one(name, '2')), batch(bare(name, '1'))]),
  batch(text(SHOWN, '1')),
  batch(text(IDS, '2')),
  batch(bare('', '1')),
  Buffer.concat(simple(2)),
  ...transaction(1),
]
const SHOWS_MAIL = 'create or replace view shown as select id, email as note from people'

const ATTACKS: readonly (readonly [name: string, steps: readonly Step[]])[] = [
  ['nothing', []],
  ['a view that another session replaces', [{ other: SHOWS_MAIL }]],
  ['a view that this session replaces', [Q(SHOWS_MAIL)]],
  [
    'a view replaced and used in one write',
    [Buffer.concat([Q(SHOWS_MAIL), batch(one('shown', '1')), batch(bare('shown', '1'))])],
  ],
  [
    'a view replaced in the text that reads it',
    [
      Q(`${SHOWS_MAIL}; select note from shown`),
      Q('create or replace view shown as select id, note from people'),
      Q(`do $$ begin execute '${SHOWS_MAIL}'; end $$; select note from shown`),
      Q('create or replace view shown as select id, note from people'),
      Q(`prepare p as select note from shown; do $$ begin execute '${SHOWS_MAIL}'; end $$; execute p`),
    ],
  ],
  [
    'a view replaced by a prepared text in the same batch',
    [batch(text(SHOWS_MAIL), bare('shown', '1'), text(SHOWN, '1'))],
  ],
  [
    'a view replaced in a transaction',
    [Q('begin'), Q(SHOWS_MAIL), batch(bare('shown', '1')), Q('rollback'), batch(bare('shown', '1'))],
  ],
  [
    'a view replaced behind a savepoint',
    [
      Q('begin; savepoint a'),
      Q(SHOWS_MAIL),
      batch(bare('shown', '1')),
      Q('rollback to a'),
      batch(bare('shown', '1')),
      Q('commit'),
    ],
  ],
  [
    'a view replaced by a transaction of another session while this one is in a snapshot',
    [
      Q('begin isolation level repeatable read'),
      batch(bare('ids', '1')),
      { other: SHOWS_MAIL },
      batch(bare('shown', '1')),
      Q('commit'),
    ],
  ],
  [
    'a function that is replaced',
    [
      {
        other:
          "create or replace function plus(int) returns int language sql immutable as 'select length(email) from people where id = $1'",
      },
    ],
  ],
  [
    'an operator of a user',
    [
      {
        other:
          "create function minus(int, int) returns int language sql as 'select length(email) from people where id = $1'; create operator public.+ (leftarg = int, rightarg = int, function = minus)",
      },
      Q('set search_path = public, pg_catalog'),
    ],
  ],
  ['another schema', [Q('set search_path = other')]],
  [
    'another schema, in the write that uses it',
    [Buffer.concat([Q('set search_path = other'), batch(bare('ids', '1')), batch(text(IDS, '1'))])],
  ],
  [
    'another schema, for a transaction',
    [Q('begin'), Q('set local search_path = other'), batch(bare('ids', '1'), text(IDS, '1')), Q('commit')],
  ],
  [
    'another schema, behind a savepoint',
    [
      Q('begin; savepoint a; set search_path = other'),
      batch(text(IDS, '1')),
      Q('rollback to a'),
      batch(text(IDS, '1')),
      Q('commit'),
    ],
  ],
  [
    'another schema, by set_config',
    [batch(text("select set_config('search_path', 'other', false)"), text(IDS, '1')), batch(text(IDS, '1'))],
  ],
  [
    'another schema, by set_config of a parameter',
    [batch(text("select set_config('search_path', $1, false)", 'other')), batch(text(IDS, '1'))],
  ],
  [
    'another schema, by a prepared set_config',
    [
      batch(P("select set_config('search_path', 'other', false)", 'path')),
      batch(one('path')),
      batch(one('path')),
      batch(one('path'), text(IDS, '1')),
      batch(text(IDS, '1')),
    ],
  ],
  ['another role', [Q('set role other')]],
  [
    'a temporary table of the same name',
    [Q('create temp table people as select id + 1 as id, note as email, note from public.people')],
  ],
  [
    'a temporary table for one transaction',
    [
      Q(
        'begin; create temp table people on commit drop as select id + 1 as id, note as email, note from public.people',
      ),
      batch(bare('ids', '1'), text(IDS, '1')),
      Q('commit'),
    ],
  ],
  [
    'a temporary table of SELECT INTO in the same batch',
    [batch(text('select id + 1 as id, note as email, note into temp people from public.people'), text(IDS, '1'))],
  ],
  ['DISCARD ALL', [Q('discard all'), batch(P(MAIL, 'ids')), batch(P(IDS, 'mail'))]],
  ['DISCARD PLANS', [Q('discard plans')]],
  ['DEALLOCATE', [Q('deallocate ids'), batch(P(MAIL, 'ids'))]],
  ['DEALLOCATE and PREPARE', [Q('deallocate ids'), Q(`prepare ids(int) as ${MAIL}`), Q('execute ids(1)')]],
  [
    'DEALLOCATE by a DO block',
    [
      Q(
        "do $$ begin execute 'deallocate ids'; execute 'prepare ids(int) as select email from people where id = $1'; end $$",
      ),
    ],
  ],
  [
    'Close and Parse in the write that uses it',
    [Buffer.concat([batch(C('ids'), P(MAIL, 'ids'), bare('ids', '1')), batch(bare('ids', '1'))])],
  ],
  ['a Parse of a name that is taken', [batch(P(MAIL, 'ids'), bare('ids', '1'))]],
  [
    'a Parse behind an error',
    [batch(bare('ids', 'x'), C('ids'), P(MAIL, 'ids'), bare('ids', '1')), batch(bare('ids', '1'))],
  ],
  [
    'a text behind an error',
    [
      batch(bare('ids', 'x'), text(MAIL, '1')),
      batch(bare('', '1')),
      batch(text(IDS, '1'), bare('ids', 'x'), text(SHOWN, '1')),
      batch(bare('', '1')),
    ],
  ],
  ['a text that fails', [batch(text(IDS, 'x')), batch(bare('', '1')), batch(text(SHOWN, '1')), batch(bare('', '2'))]],
  [
    'a text that replaces another in the batch',
    [
      batch(text(IDS, '1'), text(MAIL, '1'), bare('', '2')),
      batch(bare('', '1')),
      batch(text(IDS, '1'), text(SHOWN, '1')),
      batch(bare('', '2')),
    ],
  ],
  ['a query that drops the text', [batch(text(IDS, '1')), Q('select 1'), batch(bare('', '1'))]],
  [
    'a text whose relation is gone',
    [
      { admin: 'alter table people rename to gone' },
      batch(text(IDS, '1')),
      batch(bare('', '1')),
      { admin: 'alter table gone rename to people' },
    ],
  ],
  [
    'what changes behind the gateway',
    [
      {
        admin:
          'alter table people rename note to x; alter table people rename email to note; alter table people rename x to email',
      },
      batch(one('ids', '1')),
      batch(text(IDS, '1')),
      batch(bare('ids', '1')),
    ],
  ],
  [
    'parameters that are too few',
    [batch(Buffer.concat([bindOf('ids', []), E()])), batch(Buffer.concat([bindOf('ids', ['1', '2']), E()]))],
  ],
  [
    'results in binary',
    [1, 2, 3].map(() =>
      batch(bindOf('ids', ['1'], { resultFormats: [1] }), D(), E(), bindOf('mail', ['1'], { resultFormats: [1] }), E()),
    ),
  ],
  [
    'more formats of results than columns',
    [1, 2, 3].map(() => batch(bindOf('ids', ['1'], { resultFormats: [0, 1, 0] }), D(), E())),
  ],
  [
    'parameters in binary',
    [1, 2, 3].map(() => batch(bindOf('ids', ['\0\0\0\u0001'], { parameterFormats: [1] }), D(), E())),
  ],
  [
    'a portal that is suspended',
    [
      Q('begin'),
      batch(text('select id, note from people where id > $1', '0')),
      batch(bindOf('ids', ['1']), E('', 1), E('', 1), bare('mail', '1')),
      batch(E('', 1)),
      Q('commit'),
    ],
  ],
  [
    'COPY in between',
    [
      Buffer.concat([batch(bare('ids', '1')), Q('copy people (id, note) to stdout'), batch(bare('ids', '1'))]),
      Q('copy people (id, note) to stdout'),
    ],
  ],
  [
    'a failed transaction',
    [
      Q('begin'),
      batch(bare('ids', 'x')),
      batch(bare('ids', '1')),
      Buffer.concat([Q('rollback'), batch(bare('ids', '1'))]),
    ],
  ],
  [
    'a refusal in between',
    [
      batch(bare('ids', '1'), text('delete from people'), bare('ids', '2')),
      Buffer.concat([batch(bare('ids', '1')), batch(text('delete from people')), batch(bare('ids', '2'))]),
    ],
  ],
  [
    'ways of writing values',
    [
      Q("set datestyle = 'german'; set extra_float_digits = 0; set bytea_output = 'escape'"),
      Q('set standard_conforming_strings = off'),
      Q("set client_encoding = 'latin1'"),
    ],
  ],
  [
    'a policy on rows that somebody makes',
    [{ admin: 'alter table people enable row level security' }, batch(bare('ids', '1'))],
  ],
  [
    'names that a savepoint takes back',
    [
      Q('begin'),
      Q('prepare p as select id, note from people'),
      Q('savepoint a'),
      Q('deallocate p'),
      Q('rollback to a'),
      Q('execute p'),
      batch(bare('ids', '1')),
      Q('rollback'),
    ],
  ],
  [
    'a function that moves a setting and stays',
    [
      Q("create function moved() returns text language sql as $$ select set_config('search_path', 'other', false) $$"),
      batch(text('select moved()'), text(IDS, '1')),
      batch(text(IDS, '1')),
    ],
  ],
  [
    'a DO block that moves a setting',
    [
      Buffer.concat([
        Q("do $$ begin perform set_config('search_path', 'other', false); end $$"),
        batch(text(IDS, '1')),
      ]),
    ],
  ],
  [
    'a cursor',
    [
      Q('begin'),
      Q('declare c cursor for select email from people'),
      batch(bare('ids', '1')),
      batch(E('c')),
      Q('fetch all from c'),
      Q('commit'),
    ],
  ],
  [
    'a trigger that another session makes',
    [
      {
        other:
          "create table t (id int); create function tells() returns trigger language plpgsql as $$ begin raise notice '%', (select email from people limit 1); return new; end $$",
      },
      batch(text('insert into t values ($1)', '1')),
      batch(text('insert into t values ($1)', '1')),
      { other: 'create trigger tells before insert on t for each row execute function tells()' },
      batch(text('insert into t values ($1)', '1')),
    ],
  ],
  [
    'a rule that another session makes',
    [
      { other: 'create table t (id int)' },
      ...[1, 2, 3].map(() => batch(text('insert into t values ($1)', '1'))),
      { other: 'create rule r as on insert to t do also select email from people' },
      batch(text('insert into t values ($1)', '1')),
    ],
  ],
  [
    'a table that inherits',
    [
      { other: 'create table t (id int, note text)' },
      ...[1, 2, 3].map(() => batch(text('select id, note from t where id = $1', '1'))),
      { other: 'create table u (email text) inherits (t)' },
      { admin: "insert into u values (1, 'x', 'jane@example.com')" },
      batch(text('select id, note from t where id = $1', '1')),
    ],
  ],
  [
    'a cast that another session makes',
    [
      { other: "create type mood as enum ('a')" },
      ...[1, 2, 3].map(() => batch(text('select note from people where id = $1', '1'))),
      {
        other:
          "create function of_text(text) returns mood language sql as $$ select 'a'::mood $$; create cast (text as mood) with function of_text(text) as implicit",
      },
      batch(text('select note from people where id = $1', '1')),
    ],
  ],
  ['other rules', [{ rules: RULES.replace('match: {}', 'match: { kinds: [update] }') }]],
  [
    'rules that deny it where it has no condition',
    [
      {
        rules: RULES.replace('kinds: [delete, update]', 'kinds: [select]').replace(
          'missingWhere: true',
          "relations: ['public.people']",
        ),
      },
    ],
  ],
  [
    'places in a text that are constants',
    [
      ...[1, 2, 1, 2].map((place) => Q(`select id, note from people order by ${place} desc`)),
      ...[1, 2, 1].map((place) => Q(`select note, id from people group by ${place}, ${3 - place} order by 1`)),
      ...[1, 0, 2].map((count) => Q(`select id from people order by id limit ${count}`)),
    ],
  ],
  [
    'constants that are read in other ways',
    [
      ..."1 -1 +1 1.0 1e0 01 0x1 12345678901 '1' E'1' '1'::int int'1' null true 1and$$a$$=$$a$$"
        .split(' ')
        .flatMap((word) => [1, 2, 3].map(() => Q(`select id, note from people where id = ${word}`))),
      ...["'a\\'", "'a''b'", "'a'\n'b'", "E'\\''", "U&'\\0061'", "'--'", "'/*'", '$$a$$', "'é'"].flatMap((word) =>
        [1, 2, 3].map(() => Q(`select id, note from people where note = ${word}`)),
      ),
    ],
  ],
  [
    'a constant that is longer than those before',
    [Q(`select note from people where note = '${'x'.repeat(5000)}' limit 1`)],
  ],
  [
    'a text that is known, with more behind it',
    [
      Q('select id, note from people where id = 1; select email from people'),
      Q('select id, note from people where id = 1;;'),
      Q('begin; commit'),
      Q('select id, note from people where id = 1 union select id, email from people'),
      Q("select id, note from people where id = 1 or email = 'jane@example.com'"),
    ],
  ],
  [
    'a condition that leaves nothing out',
    [1, 2, 1, 1].map((id) => Q(`update people set note = note where id = ${id} or 1 = ${id}`)),
  ],
  [
    'how strings are read',
    [Q('set standard_conforming_strings = off'), Q("select note from people where note = 'word\\' limit 1")],
  ],
  [
    'what a simple query leaves of a pipeline',
    [
      Buffer.concat([batch(text(IDS, '1')), Q(IDS.replace('$1', '2')), batch(bare('', '1'))]),
      Buffer.concat([bare('ids', '1'), Q(IDS.replace('$1', '2')), SYNC]),
    ],
  ],
  [
    'simple queries in one write, with errors between them',
    [
      Buffer.concat([...simple(1), Q('select 1/0'), ...simple(2)]),
      Buffer.concat([Q('begin'), ...simple(1), Q('select id, note from people where id = 99999999999'), Q('commit')]),
      Buffer.concat([Q('begin'), Q('select 1/0'), ...simple(1), Q('rollback'), ...simple(2)]),
    ],
  ],
  [
    'errors of a known query',
    [7, 8, 1, 2, 9].map((id) => Q(`insert into people (id, note, email) values (${id}, 'x', 'jane${id}')`)),
  ],
  [
    'the end of a transaction that tells a masked value',
    [
      {
        admin:
          'alter table people add constraint one_mail unique (email) deferrable initially deferred; grant all on people to app',
      },
      ...[1, 2, 3].flatMap((id) => [
        Q('begin'),
        Q(`insert into people (id, email) values (${10 + id}, 'jane@example.com')`),
        Q('commit'),
      ]),
    ],
  ],
  [
    'a transaction that is read-only, or sees what was before',
    [
      Q('begin read only'),
      ...simple(1),
      Q('commit'),
      Q('begin isolation level repeatable read'),
      Q(IDS.replace('$1', '1')),
      { other: SHOWS_MAIL },
      ...simple(2),
      Q('commit'),
    ],
  ],
  [
    'a transaction that goes on',
    [Q('begin'), Q('commit and chain'), ...simple(1), Q('rollback and chain'), ...simple(2), Q('commit'), Q('commit')],
  ],
  [
    'a transaction that begins and ends in prepared statements',
    [
      batch(P('begin', 'b'), P('commit', 'c')),
      ...[1, 2, 3].flatMap(() => [batch(one('b')), batch(one('ids', '1'), one('mail', '1')), batch(one('c'))]),
      batch(one('b'), one('ids', '1'), one('c')),
      batch(one('b'), one('ids', '1')),
      batch(one('mail', '2'), one('c'), one('ids', '2')),
    ],
  ],
  [
    'notices and notifications',
    [
      Q('listen a'),
      ...[1, 2].flatMap(() => [Q("notify a, 'told'"), ...simple(1)]),
      Q('begin'),
      Q('begin'),
      ...simple(1),
      Q('commit'),
      Q('commit'),
    ],
  ],
  [
    'COPY among simple queries',
    [Buffer.concat([...simple(1), Q('copy people to stdout'), ...simple(2)]), Q('copy people (email) to stdout')],
  ],
  [
    'settings that are reported',
    [Q("set application_name = 'jane@example.com'"), ...simple(1), Q('reset application_name'), ...simple(2)],
  ],
  [
    'everything discarded among simple queries',
    [Buffer.concat([...simple(1), Q('discard all'), ...simple(2)]), Buffer.concat([Q('discard plans'), ...simple(1)])],
  ],
  ['secrets', [1, 2, 3].map(() => batch(text("alter role app password 'Hidden4711'")))],
  [
    'parameters that look like what is hidden',
    [1, 2, 3].map(() =>
      batch(text('select id from people where note = $1', 'mary@example.org'), one('ids', '4111111111111111')),
    ),
  ],
  [
    'parameters that are compared with what is hidden',
    [1, 2, 3].map(() =>
      batch(
        text('select id from people where note = $1 and $2 is not null', 'Hidden4711', 'x'),
        text('insert into people (id, email) values ($1, $2) on conflict do nothing', '7', 'Hidden4711'),
      ),
    ),
  ],
]

/** What a client was told, and what is on record, in one world. */
async function played(hasLane: boolean, attack: readonly Step[]) {
  const admin = admins.get(hasLane) as pg.Client
  await admin.query(SCHEMA)
  const world = new World(hasLane)
  await world.listen()
  const open: Client[] = []
  const enter = async (): Promise<Client> => {
    const client = new Client(world.port, databaseOf(hasLane))
    open.push(client)
    await client.answers(1)
    return client
  }
  try {
    const client = await enter()
    const other = await enter()
    const told: string[][] = []
    const play = async (steps: readonly Step[]): Promise<void> => {
      for (const step of steps) {
        if (Buffer.isBuffer(step)) {
          client.send(step)
          told.push(await client.answers(batchesIn(step)))
        } else if ('admin' in step) await admin.query(step.admin)
        else if ('rules' in step) world.bench.policy = policyOf(step.rules)
        else {
          other.send(Q(step.other))
          const answer = await other.answers(1)
          expect(answer.filter((message) => message.startsWith('E'))).toEqual([])
        }
      }
    }
    await play(WARM)
    const [served] = world.sessions
    const warm = served?.lane?.taken ?? 0
    await play(attack)
    await play(AGAIN)
    const ids = new Map<string, number>()
    const plain = (value: unknown): unknown =>
      JSON.parse(
        JSON.stringify(value)
          .replace(/dec_[0-9a-z]{13}/g, (id) => `dec_${ids.get(id) ?? ids.set(id, ids.size).size - 1}`)
          .replace(/pam_[0-9a-f-]{36}/g, 'pam_')
          .replaceAll(databaseOf(hasLane), 'postgres')
          .replace(/pg_temp_\d+/g, 'pg_temp')
          .replace(/"durationMs":\d+/g, '"durationMs":0')
          .replace(/"digest":"[0-9a-f]+"/g, '"digest":""'),
      )
    return {
      told,
      shown: plain(told) as string[][],
      events: plain(served?.events ?? []) as EventBody[],
      ended: (served?.session.ended.reason as Error | undefined)?.message,
      warm,
      taken: served?.lane?.taken ?? 0,
    }
  } finally {
    for (const client of open) client.end()
    world.close()
  }
}

describe('statements that the lane knows, against a real server', () => {
  it.each(ATTACKS)('are told, hidden and recorded as without a lane after: %s', async (_name, attack) => {
    const [slow, lane] = await Promise.all([played(false, attack), played(true, attack)])
    expect([slow.taken, lane.warm > 40]).toEqual([0, true])
    expect(lane.shown).toEqual(slow.shown)
    expect(lane.events).toEqual(slow.events)
    expect(lane.ended).toBe(slow.ended)
    const all = lane.told.flat().join('\n')
    expect(all).not.toMatch(/(jane|john|other)@example/)
    expect(JSON.stringify(lane.events)).not.toMatch(/Hidden4711|mary@|4111111111111111/)
  })
})
