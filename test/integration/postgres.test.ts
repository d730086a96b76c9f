import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DemoStack } from '../../src/demo/stack.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'
import { eventsOf, filesIn } from '../helpers/recordings.ts'
import { FLUSH, SYNC } from '../../src/protocols/postgres/wire/client-message.ts'
import { Framer, type Frame } from '../../src/protocols/postgres/wire/framer.ts'
import { encodeStartupPacket } from '../../src/protocols/postgres/wire/startup.ts'
import { eventually, grantFor, openPort, signIn, type Port, type SignedIn } from '../helpers/gateway-client.ts'
import { B, C, D, E, P, Q, startup } from '../helpers/messages.ts'
import { PG_DUMP, PGBENCH, pgEnvironment, PSQL, psql, run } from '../helpers/run.ts'

let stack: DemoStack
let jane: SignedIn
let bob: SignedIn
let alice: SignedIn
let prod: Port
let dev: Port

beforeAll(async () => {
  stack = await startHostedStack()
  jane = await signIn(stack.gateway, 'jane')
  bob = await signIn(stack.gateway, 'bob')
  alice = await signIn(stack.gateway, 'alice')
  await grantFor(jane, bob, 'prod-db')
  prod = await openPort(jane, 'prod-db')
  dev = await openPort(jane, 'dev-db')
})

afterAll(async () => {
  prod?.close()
  dev?.close()
  await stack?.stop()
})

const client = async (port: Port, database = 'app'): Promise<pg.Client> => {
  const made = new pg.Client({ host: '127.0.0.1', port: port.port, user: 'app', database, ssl: false })
  made.on('error', () => {})
  await made.connect()
  return made
}

/** Straight to the database, past the gateway: to see what is really there. */
async function direct<T extends pg.QueryResultRow>(sql: string, database = 'app'): Promise<T[]> {
  const made = new pg.Client({ host: '127.0.0.1', port: stack.postgres.port, ...stack.postgres.superuser, database })
  await made.connect()
  const { rows } = await made.query<T>(sql)
  await made.end()
  return rows
}

const approvalWaiting = async (): Promise<{ id: string; digest: string }> =>
  eventually(
    async () =>
      (await bob.api.reviews.list()).find((review) => review.kind === 'command') as
        { id: string; digest: string } | undefined,
    'a held command',
  )

describe.skipIf(!PSQL)('psql, unmodified', () => {
  it('masks named columns and kinds of data, and leaves the rest byte for byte', async () => {
    const { stdout } = await psql(
      prod,
      'app',
      'select customer_id, name, email, card_number, phone, created_at from customers order by 1 limit 1;\nselect note, total from orders where note is not null order by order_id limit 1;',
    )
    const [truth] = await direct<Record<string, string>>(
      "select name, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS+00') as at from customers where customer_id = 1",
    )
    expect(stdout.split('\n')[0]).toMatch(
      new RegExp(`^1\\|${truth?.['name']}\\|g\\*\\*\\*@\\*\\*\\*\\.com\\|\\*{12}\\d{4}\\|\\+\\*\\*\\*\\|`),
    )
    expect(stdout).toMatch(/please confirm to \w\*\*\*@\*\*\*\.com\|\d+\.99/)
    expect(stdout).not.toContain('@example.com')
  })

  it('\\d, \\dt+, \\l, \\df, \\dv and \\copy work', async () => {
    const { stdout, stderr, code } = await psql(
      prod,
      'app',
      '\\d customers\n\\dt+\n\\l\n\\df\n\\dv\n\\d+ open_orders\n\\du\n\\dn+\n\\copy orders to stdout csv\n',
    )
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toContain('card_number')
    expect(stdout.split('\n').filter((line) => /^\d+,\d+,/.test(line))).toHaveLength(1000)
    expect(stdout).not.toMatch(/confirm to [\w.]+@example/)
  })

  it('a refusal is an error with rule and id; the session goes on', async () => {
    const { stdout, stderr } = await psql(prod, 'app', 'delete from orders;\nselect 42;')
    expect(stderr).toMatch(
      /ERROR:\s+pam: UPDATE and DELETE without WHERE are not allowed on env=prod\nHINT:\s+rule "writes need a WHERE"; add a WHERE clause; decision dec_\w{13}/,
    )
    expect(stdout).toBe('42\n')
    expect((await direct('select 1 from orders')).length).toBe(1000)
  })

  it('several statements in one text are evaluated before any of them runs', async () => {
    const { stderr } = await psql(prod, 'app', '', [
      '-c',
      "insert into audit_tmp (event) values ('first'); delete from orders",
    ])
    expect(stderr).toContain('writes need a WHERE')
    expect(await direct("select 1 from audit_tmp where event = 'first'")).toEqual([])
  })

  it.skipIf(!PGBENCH)(
    'pgbench runs in every mode',
    async () => {
      const env = pgEnvironment(dev, 'app_dev')
      const made = await run('pgbench', ['-i', '-q', '-s', '1'], { env })
      expect(made.code).toBe(0)
      for (const mode of ['simple', 'extended', 'prepared']) {
        const { stdout, stderr, code } = await run('pgbench', ['-S', '-n', '-M', mode, '-c', '4', '-t', '50'], { env })
        expect([mode, code, stderr.includes('error')]).toEqual([mode, 0, false])
        expect(stdout).toContain('transactions actually processed: 200/200')
      }
    },
    120_000,
  )
})

describe('node-postgres, unmodified', () => {
  it('parameters, named statements, errors and types come back as from the server', async () => {
    const db = await client(dev, 'app_dev')
    expect((await db.query('select $1::int + 1 as n, $2::text as t, null as nothing', [41, 'ü'])).rows).toEqual([
      { n: 42, t: 'ü', nothing: null },
    ])
    for (const id of [3, 4]) {
      const { rows } = await db.query({
        name: 'by-id',
        text: 'select email from customers where customer_id = $1',
        values: [id],
      })
      expect(rows[0]).toMatchObject({ email: expect.stringContaining(`${id}@example.com`) }) // development is not masked
    }
    await expect(db.query('select * from nowhere')).rejects.toMatchObject({ code: '42P01', position: '15' })
    await expect(db.query('selec 1')).rejects.toMatchObject({ code: '42601' })
    expect((await db.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await db.end()
  })

  it('COPY is masked by the types of its columns, the same in every format', async () => {
    await direct(`
      create table copied (id int, mail text, card bigint, doc jsonb, raw bytea, tags text[], secret text generated always as (mail) stored);
      insert into copied select n, rpad('jane@example.com', 16 + n), 4111111111111111,
        jsonb_build_object('m', 'jane@example.com', 'c', 4111111111111111, 'n', n), convert_to('x jane@example.com', 'UTF8'),
        array[rpad('jane@example.com', 16 + n), null, 'a\tb"c\\d'] from generate_series(1, 60) n;
      insert into copied values (61, e'\\tb', 7, '[1.50]', '\\x00ff', '{}');
      grant all on copied to app`)
    const db = await client(prod)
    const { connection } = db as unknown as {
      connection: { on(event: string, listener: (message: { chunk: Buffer }) => void): void }
    }
    let chunks: Buffer[] = []
    connection.on('copyData', ({ chunk }) => chunks.push(Buffer.from(chunk)))
    const copy = async (sql: string): Promise<Buffer> => {
      chunks = []
      await db.query(sql)
      return Buffer.concat(chunks)
    }
    const read: string[] = []
    for (const [what, format] of [
      ['copied', 'text'],
      ['copied', 'csv'],
      ['copied', 'binary'],
      ['(select id, mail, c.card, doc, raw, tags from copied c where id > 0)', 'binary'],
      ['(select id, mail || $$$$, card, doc, raw, tags from copied)', 'text'],
    ] as const) {
      const bytes = await copy(`copy ${what} to stdout (format ${format})`)
      expect([what, format, bytes.includes('jane'), bytes.includes('4111111111111111')]).toEqual([
        what,
        format,
        false,
        false,
      ])
      const file = join(tmpdir(), `pamctl-copied-${process.pid}`)
      writeFileSync(file, bytes, { mode: 0o644 })
      // The server reads what came out with its own functions.
      await direct(
        `create temp table back (like copied); alter table back drop secret; copy back from program 'cat ${file}' (format ${format});
         create table if not exists read_back (how text, row text); delete from read_back;
         insert into read_back select '${format}', b::text from back b order by id`,
      )
      const rows = await direct<{ row: string }>('select row from read_back order by row')
      rmSync(file)
      expect(rows).toHaveLength(61)
      read.push(rows.map(({ row }) => row).join('\n'))
    }
    const [first] = read
    expect(read).toEqual(read.map(() => first))
    expect(first).toContain('j***@***.com')
    expect(first).toContain('(61,"\tb",7,[1.50],"\\\\x00ff",{})')
    for (const what of [
      '(select mail || $$$$ from copied)',
      '(select 1 as id)',
      '(select id from copied natural join copied d)',
    ])
      await expect(db.query(`copy ${what} to stdout (format binary)`)).rejects.toThrow(
        'while the types of its columns are unknown',
      )
    await db.end()
    await direct('drop table copied, read_back')
  })

  it('binary results are masked like text', async () => {
    const db = await client(prod)
    const config = {
      text: "select email, card_number, name, customer_id, '4111111111111111'::bigint as n, 4111111111111111::numeric as d, array['x@y.org','z'] as a, '{\"m\":\"x@y.org\"}'::jsonb as j from customers where customer_id = $1",
      values: [1],
      binary: true,
      types: { getTypeParser: () => (value: Buffer) => value },
    }
    const { rows } = await db.query(config as unknown as pg.QueryConfig)
    const row = rows[0] as Record<string, Buffer | null>
    expect(String(row['email'])).toBe('g***@***.com')
    expect(String(row['card_number'])).toMatch(/^\*{12}\d{4}$/)
    expect(String(row['name'])).toBe('Grace Haddad')
    expect(row['customer_id']).toEqual(Buffer.from('0000000000000001', 'hex'))
    expect([row['n'], row['d']]).toEqual([null, null])
    // Literals beside masked columns are no masked columns, but kinds are found in them.
    expect(row['a']?.toString('latin1')).not.toContain('x@y')
    expect(row['j']?.toString('latin1')).toContain('x***@***.org')
    const plain = await db.query({
      ...config,
      text: "select array['x@y.org','z'] as a, '{\"m\":\"x@y.org\"}'::jsonb as j, array[1] as i, $1::int as one",
    } as unknown as pg.QueryConfig)
    const shown = plain.rows[0] as Record<string, Buffer>
    // One dimension, no NULLs, text; two elements from 1 on; each with the length that it has now.
    expect(shown['a']?.toString('latin1')).toBe(
      `\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\x02\0\0\0\x01\0\0\0\x0cx***@***.org\0\0\0\x01z`,
    )
    expect(shown['j']?.toString('latin1')).toContain('x***@***.org')
    expect(shown['one']).toEqual(Buffer.from('00000001', 'hex'))
    await db.end()
  })
})

describe.skipIf(!PG_DUMP)('pg_dump, unmodified', () => {
  it('dumps what the session may see', async () => {
    const dump = (port: Port, database: string) =>
      run('pg_dump', [], {
        env: pgEnvironment(port, database),
      })
    const plain = await dump(dev, 'app_dev')
    expect(plain.stderr).toBe('')
    expect(plain.stdout).toContain('grace.haddad1@example.com')
    const masked = await dump(prod, 'app')
    expect([masked.code, masked.stderr]).toEqual([0, ''])
    expect(masked.stdout).toMatch(/^1\tGrace Haddad\tg\*\*\*@\*\*\*\.com\t\*{12}\d{4}\t\+\*\*\*\t/m)
    expect(masked.stdout).not.toContain('@example.com')
  })
})

describe('settings that names depend on', () => {
  it('may move: names are resolved as the server resolves them, also after a rollback', async () => {
    const db = await client(prod)
    await direct(
      'create schema side; create table side.orders (email text); insert into side.orders values ($$in-side$$); grant usage on schema side to app; grant select on side.orders to app',
    )
    expect((await db.query('select count(*)::int as n from orders')).rows).toEqual([{ n: 1000 }])
    await db.query('begin; set local search_path = side')
    expect((await db.query('select * from orders')).rows).toEqual([{ email: 'in-side' }])
    await expect(db.query('select email from customers')).rejects.toThrow('relation "customers" does not exist')
    await db.query('rollback')
    expect((await db.query('select count(*)::int as n from orders')).rows).toEqual([{ n: 1000 }])
    await db.query("select set_config('search_path', 'side, public', false)")
    expect((await db.query('select * from orders')).rows).toEqual([{ email: 'in-side' }])
    expect(JSON.stringify((await db.query('select email from customers limit 1')).rows)).not.toContain('example')
    await expect(db.query('set search_path = public; delete from orders where order_id = 1')).rejects.toMatchObject({
      code: '42501',
    })
    await db.query('reset search_path')
    expect((await db.query('select count(*)::int as n from orders')).rows).toEqual([{ n: 1000 }])
    await db.end()
    await direct('drop schema side cascade')
  })
})

describe('masking does not leak', () => {
  const secrets = ['grace.haddad1@example.com', 'example.com', '4000000000099730']

  it.each([
    'select email from customers where customer_id = 1',
    'select e from (select email as e from customers where customer_id = 1) x',
    'with c as (select email m from customers where customer_id = 1) select m from c',
    'select upper(email) from customers where customer_id = 1',
    "select reverse(reverse(email)), replace(email, '@', ' at ') from customers where customer_id = 1",
    "select encode(convert_to(email, 'UTF8'), 'base64') from customers where customer_id = 1",
    'select c from customers c where customer_id = 1',
    'select customers from customers where customer_id = 1',
    'select row_to_json(c) from customers c where customer_id = 1',
    'select to_jsonb(c) from customers c where customer_id = 1',
    'select array_agg(email) from customers',
    "select string_agg(email, ',') from customers",
    'select max(email) from customers',
    'select email::bytea from customers where customer_id = 1',
    'select substr(email, 1, 8) from customers where customer_id = 1',
    'select ascii(email) from customers where customer_id = 1',
    'select email from customers where customer_id = 1 union select email from customers where customer_id = 1',
    'select (select email from customers where customer_id = 1)',
    'select x.* from customers c, lateral (select c.email || c.phone) x where customer_id = 1',
    'select unnest(array[email]) from customers where customer_id = 1',
    "insert into customers (name, email, card_number) values ('t', 'grace.haddad1@example.com.x', '4000000000099730') returning email, card_number",
    'update customers set phone = null where customer_id = 1 returning *',
    'select most_common_vals, histogram_bounds from pg_stats',
    'table customers',
    'values ((select email from customers where customer_id = 1))',
    'begin; declare c cursor for select upper(email) from customers where customer_id = 1; fetch all from c; rollback',
    'select email::int from customers where customer_id = 1',
    'select phone::int from customers where customer_id = 2',
    'select phone::date from customers where customer_id = 2',
    'select (phone || name)::uuid from customers where customer_id = 2',
    'insert into orders (customer_id, status, total, ordered_at) select customer_id, phone, 1, now() from customers where customer_id = 1',
    'select email::regclass from customers where customer_id = 1',
    "select 1/0 from customers where email like 'grace%' having count(*) > 0",
    'insert into customers (name, email, card_number) select name, email, card_number from customers where customer_id = 1',
    "select 'grace.haddad1@example.com'::int",
    "do $$ begin raise exception '%', (select email from customers where customer_id = 1); end $$",
    "select set_config('application_name', (select email from customers where customer_id = 1), false)",
    'copy (select email from customers where customer_id = 1) to stdout',
    "explain (analyze, verbose) select * from customers where email = 'grace.haddad1@example.com'",
  ])('%s', async (sql) => {
    const db = await client(prod)
    const seen: string[] = []
    db.on('notice', (notice) => seen.push(JSON.stringify(notice)))
    db.connection?.on('parameterStatus', (message: unknown) => seen.push(JSON.stringify(message)))
    try {
      const result = await db.query(sql)
      seen.push(JSON.stringify([result].flat().map(({ rows }) => rows)))
    } catch (error) {
      seen.push(JSON.stringify(error), (error as Error).message)
    }
    await db.end()
    await direct("delete from customers where name = 't'")
    for (const secret of secrets) expect(seen.join('\n').toLowerCase()).not.toContain(secret)
    expect(seen.join('\n')).not.toMatch(/Z3JhY2U|race\.had|moc\.elpmaxe|202 555/)
  })

  it('a view made later, and a prepared statement over it, are masked, too', async () => {
    await direct(
      'create view later as select customer_id, email as e, upper(email) as u from customers; grant select on later to app',
    )
    const db = await client(prod)
    const { rows } = await db.query({ name: 'v', text: 'select e, u from later where customer_id = $1', values: [1] })
    expect(JSON.stringify(rows).toLowerCase()).not.toContain('example')
    await direct('create view even_later as select email as e from customers; grant select on even_later to app')
    expect(JSON.stringify((await db.query('select e from even_later limit 1')).rows)).not.toContain('example')
    await db.end()
    await direct('drop view later, even_later')
  })
})

describe('definitions that change while sessions are open', () => {
  it('a view that is replaced through another session, or just before in the same stream, does not show masked values', async () => {
    await direct('create view vv as select order_id as a, status as b from orders; alter view vv owner to app')
    const first = await client(prod)
    expect(JSON.stringify((await first.query('select b from vv limit 1')).rows)).toMatch(/new|paid|shipped|stuck/)
    const wire = await raw(prod, 'app')
    wire.send(
      Q('create or replace view vv as select customer_id as a, phone as b from customers'),
      Q('select b from vv order by a limit 3'),
    )
    const { id, digest } = await approvalWaiting()
    await bob.api.reviews.decide(id, { verdict: 'approve', comment: '', digest })
    await wire.until(2)
    expect(wire.texts()).toContain('CREATE VIEW')
    expect(wire.texts()).not.toContain('555')
    const { rows } = await first.query('select b from vv order by a limit 3')
    expect(rows).toHaveLength(3)
    expect(JSON.stringify(rows)).not.toContain('555')
    wire.socket.destroy()
    await first.end()
    await direct('drop view vv')
  })
})

describe('a person decides', () => {
  it('approved: exactly the held statement runs; the session stays', async () => {
    const db = await client(prod)
    const notices: string[] = []
    db.on('notice', ({ message }) => notices.push(message ?? ''))
    const held = db.query('truncate audit_tmp')
    held.catch(() => {}) // what it comes to is looked at below
    const { id, digest } = await approvalWaiting()
    await eventually(() => notices[0], 'the client is told')
    expect(notices[0]).toMatch(new RegExp(`^pam: TRUNCATE needs approval by sre; request ${id} sent, waiting up to`))
    expect((await bob.api.reviews.get(id)).text).toBe('truncate audit_tmp')
    await bob.api.reviews.decide(id, { verdict: 'approve', comment: '', digest })
    expect((await held).command).toBe('TRUNCATE')
    expect((await db.query('select count(*)::int as n from audit_tmp')).rows).toEqual([{ n: 0 }])
    await expect(bob.api.reviews.decide(id, { verdict: 'approve', comment: '', digest })).rejects.toMatchObject({
      code: 'ALREADY_DECIDED',
    })
    await db.end()
  })

  it('denied: a native error with the words of the approver', async () => {
    const db = await client(prod)
    const held = db.query('truncate orders cascade')
    held.catch(() => {}) // what it comes to is looked at below
    const { id } = await approvalWaiting()
    await bob.api.reviews.decide(id, { verdict: 'deny', comment: 'not today' })
    await expect(held).rejects.toMatchObject({ code: '42501', message: 'pam: denied by bob@example.com: not today' })
    expect((await db.query('select 1 as ok')).rows).toEqual([{ ok: 1 }])
    await db.end()
  })

  it('within a transaction the status stays true', async () => {
    const db = await client(prod)
    await db.query('begin')
    await db.query("insert into audit_tmp (event) values ('kept')")
    const held = db.query('truncate orders cascade')
    held.catch(() => {}) // what it comes to is looked at below
    const { id } = await approvalWaiting()
    await bob.api.reviews.decide(id, { verdict: 'deny', comment: '' })
    await expect(held).rejects.toThrow(/denied/)
    await db.query('commit')
    expect(await direct("select event from audit_tmp where event = 'kept'")).toEqual([{ event: 'kept' }])
    await db.end()
  })

  it('a prepared statement is held with its parameters, and an approval is for those only', async () => {
    const db = await client(prod)
    await direct('create table scratch (a int); alter table scratch owner to app')
    const held = db.query({ name: 'd', text: 'drop table scratch', values: [] })
    held.catch(() => {}) // what it comes to is looked at below
    const { id, digest } = await approvalWaiting()
    expect(await direct("select 1 from pg_class where relname = 'scratch'")).toHaveLength(1)
    await bob.api.reviews.decide(id, { verdict: 'approve', comment: '', digest })
    expect((await held).command).toBe('DROP')
    await direct('create table scratch (a int); alter table scratch owner to app')
    const again = db.query({ name: 'd', text: 'drop table scratch', values: [] })
    again.catch(() => {}) // what it comes to is looked at below
    const second = await approvalWaiting()
    expect(second.id).not.toBe(id)
    await bob.api.reviews.decide(second.id, { verdict: 'deny', comment: '' })
    await expect(again).rejects.toThrow(/denied/)
    await db.end()
  })

  it('an approval names what was shown: another digest approves nothing', async () => {
    const db = await client(prod)
    const held = db.query('truncate orders cascade')
    held.catch(() => {}) // what it comes to is looked at below
    const { id } = await approvalWaiting()
    await expect(
      bob.api.reviews.decide(id, { verdict: 'approve', comment: '', digest: '0'.repeat(64) }),
    ).rejects.toMatchObject({ code: 'APPROVAL_VOID' })
    await expect(bob.api.reviews.decide(id, { verdict: 'approve', comment: '' })).rejects.toMatchObject({
      code: 'APPROVAL_VOID',
    })
    await expect(jane.api.reviews.decide(id, { verdict: 'approve', comment: '' })).rejects.toMatchObject({
      code: 'APPROVAL_VOID',
    })
    const review = await jane.api.reviews.get(id)
    await expect(
      jane.api.reviews.decide(id, { verdict: 'approve', comment: '', digest: review.digest ?? '' }),
    ).rejects.toMatchObject({ code: 'SELF_APPROVAL' })
    await expect(
      alice.api.reviews.decide(id, { verdict: 'approve', comment: '', digest: review.digest ?? '' }),
    ).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
    await bob.api.reviews.decide(id, { verdict: 'deny', comment: '' })
    await expect(held).rejects.toThrow()
    await db.end()
  })

  it('what a relation is may change while the statement waits: then the approval is void', async () => {
    await direct('create table scratch2 (a int); alter table scratch2 owner to app')
    const db = await client(prod)
    const held = db.query('drop table scratch2')
    held.catch(() => {}) // what it comes to is looked at below
    const { id, digest } = await approvalWaiting()
    await direct(
      'create schema if not exists app; drop table scratch2; create table app.scratch2 (a int); grant usage on schema app to app; alter table app.scratch2 owner to app',
    )
    await bob.api.reviews.decide(id, { verdict: 'approve', comment: '', digest })
    await expect(held).rejects.toMatchObject({ message: expect.stringMatching(/void|not what was approved/) })
    expect(await direct("select 1 from pg_class where relname = 'scratch2'")).toHaveLength(1)
    await direct('drop schema app cascade')
    await db.end()
  })

  it('a client that leaves withdraws its request', async () => {
    const db = await client(prod)
    void db.query('truncate orders cascade').catch(() => {})
    const { id } = await approvalWaiting()
    ;(db as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
    expect(
      await eventually(
        async () => ((await jane.api.reviews.get(id)).state === 'withdrawn' ? true : undefined),
        'withdrawn',
      ),
    ).toBe(true)
  })

  it('cancelling withdraws it, and cancels a running query', async () => {
    const db = await client(prod)
    const { processID, secretKey } = db as unknown as { processID: number; secretKey: number }
    const cancel = (): void => {
      const key = Buffer.alloc(4)
      key.writeInt32BE(secretKey)
      connect(prod.port, '127.0.0.1').end(
        encodeStartupPacket({ type: 'cancel-request', processId: processID, secretKey: key }),
      )
    }
    const held = db.query('truncate orders cascade')
    held.catch(() => {}) // what it comes to is looked at below
    const { id } = await approvalWaiting()
    cancel()
    await expect(held).rejects.toMatchObject({ code: '57014' })
    expect((await jane.api.reviews.get(id)).state).toBe('withdrawn')
    const sleeping = db.query('select pg_sleep(602)')
    await eventually(
      async () =>
        (
          await direct(
            "select 1 from pg_stat_activity where query like '%pg_sleep(602)%' and state = 'active' and usename = 'app'",
          )
        ).length > 0
          ? true
          : undefined,
      'asleep',
    )
    cancel()
    await expect(sleeping).rejects.toMatchObject({ code: '57014' })
    await db.end()
  })

  it("another person's cancel key does nothing", async () => {
    const db = await client(prod)
    const { processID, secretKey } = db as unknown as { processID: number; secretKey: number }
    const key = Buffer.alloc(4)
    key.writeInt32BE(secretKey)
    await grantFor(bob, await signIn(stack.gateway, 'bob'), 'prod-db').catch(() => '')
    const bobs = await openPort(bob, 'dev-db')
    const sleeping = db.query("select pg_sleep(1.5), 'slept' as r")
    await new Promise<void>((resolve) => {
      const socket = connect(bobs.port, '127.0.0.1')
      socket.on('close', () => resolve())
      socket.on('error', () => resolve())
      socket.resume()
      socket.end(encodeStartupPacket({ type: 'cancel-request', processId: processID, secretKey: key }))
    })
    expect((await sleeping).rows[0]).toMatchObject({ r: 'slept' })
    bobs.close()
    await db.end()
  })
})

/** Speaks the protocol by hand, for what no well-behaved client sends. */
async function raw(port: Port, database: string) {
  const socket = connect(port.port, '127.0.0.1')
  const framer = new Framer(10_000_000, 'test')
  const seen: { tag: string; text: string }[] = []
  let wake: () => void = () => {}
  let closed = false
  socket.on('data', (chunk) => {
    framer.push(chunk, ({ tag, bytes }) => {
      seen.push({ tag: String.fromCharCode(tag), text: bytes.subarray(5).toString('latin1') })
    })
    wake()
  })
  socket.on('close', () => {
    closed = true
    wake()
  })
  socket.on('error', () => {})
  const until = async (count: number, tag = 'Z'): Promise<string> => {
    while (seen.filter((message) => message.tag === tag).length < count && !closed)
      await new Promise<void>((resolve) => (wake = resolve))
    return seen.map((message) => message.tag).join('')
  }
  socket.write(startup(database))
  await until(1)
  seen.length = 0
  return {
    socket,
    seen,
    until,
    send: (...messages: Buffer[]) => socket.write(Buffer.concat(messages)),
    texts: () => seen.map(({ text }) => text).join('\n'),
    isClosed: () => closed,
  }
}

describe('the wire', () => {
  it('a refusal in the middle of a pipeline: before it answered, after it skipped, then in step', async () => {
    const wire = await raw(prod, 'app')
    wire.send(
      P('select 1'),
      B(),
      D(),
      E(),
      P('delete from orders'),
      B(),
      E(),
      P('select 3'),
      B(),
      E(),
      SYNC,
      P('select 4'),
      B(),
      E(),
      SYNC,
    )
    expect(await wire.until(2)).toBe('12TDCEZ12DCZ')
    wire.socket.destroy()
  })

  it('a refusal is answered at a Flush, before any Sync', async () => {
    const wire = await raw(prod, 'app')
    wire.send(P('select 1'), B(), E(), P('delete from orders'), FLUSH)
    expect(await wire.until(1, 'E')).toBe('12DCE')
    wire.send(SYNC)
    expect(await wire.until(1)).toBe('12DCEZ')
    wire.socket.destroy()
  })

  it('rows that nobody described are masked all the same', async () => {
    const wire = await raw(prod, 'app')
    wire.send(P('select email from customers limit 1'), B(), E(), SYNC)
    expect(await wire.until(1)).toBe('12DCZ')
    expect(wire.texts()).toMatch(/\w\*{3}@\*{3}\.com/)
    wire.socket.destroy()
  })

  it('an empty query is answered as the server does, also where nothing unknown is allowed', async () => {
    const wire = await raw(prod, 'app')
    wire.send(Q(''), Q(' ;'), P(''), B(), E(), SYNC)
    expect(await wire.until(3)).toBe('IZIZ12IZ')
    wire.socket.destroy()
  })

  it('a function call message is refused', async () => {
    const wire = await raw(prod, 'app')
    wire.send(Buffer.from('460000000e0000000000000000000000'.slice(0, 30), 'hex'), Q('select 1'))
    expect(await wire.until(2)).toBe('EZTDCZ')
    expect(wire.texts()).toContain('contain no SQL to evaluate')
    wire.socket.destroy()
  })

  it.each<[string, Buffer[]]>([
    ['a name prepared in SQL', [Q('prepare s as delete from orders where order_id < 0'), B('s'), E(), SYNC]],
    [
      'a name that an error kept from being dropped',
      [
        P('truncate audit_tmp', 's'),
        SYNC,
        P('select * from nowhere'),
        C('s'),
        SYNC,
        P('select 1', 's'),
        SYNC,
        B('s'),
        E(),
        SYNC,
      ],
    ],
    [
      'a name that an error kept from being replaced',
      [P('truncate audit_tmp', 's'), SYNC, P('select 1', 's'), B('s'), E(), SYNC, B('s'), E(), SYNC],
    ],
    [
      'an unnamed statement that an error kept from being replaced',
      [P('truncate audit_tmp'), SYNC, P('select * from nowhere', 'x'), P('select 1'), SYNC, B(), E(), SYNC],
    ],
  ])('%s does not run unjudged', async (_what, messages) => {
    await direct("insert into audit_tmp (event) values ('still here')")
    const wire = await raw(prod, 'app')
    wire.send(...messages)
    // What must not run is either refused or held; a second connection sees that the rows are still there.
    const ends = messages.filter((message) => message.equals(SYNC) || message[0] === 0x51).length
    await eventually(async () => {
      const isAnswered = wire.seen.filter(({ tag }) => tag === 'Z').length === ends
      return isAnswered || (await bob.api.reviews.list()).some(({ kind }) => kind === 'command') ? true : undefined
    }, 'all is answered, or something is held')
    expect((await direct("select 1 from audit_tmp where event = 'still here'")).length).toBeGreaterThan(0)
    expect(wire.texts()).not.toContain('TRUNCATE TABLE')
    wire.socket.destroy()
    for (const review of await bob.api.reviews.list())
      if (review.kind === 'command')
        await bob.api.reviews.decide(review.id, { verdict: 'deny', comment: '' }).catch(() => {})
  })

  it('a cursor declared in SQL is run by its name, and masked', async () => {
    const wire = await raw(prod, 'app')
    wire.send(Q('begin'), Q('declare c binary cursor for select email, array[email] from customers'))
    await wire.until(2)
    wire.send(E('c', 2), D('c'), E('c', 1), E('other'), SYNC, Q('rollback'))
    expect(await wire.until(4)).toBe('CZCZDDsTDsEZCZ')
    expect(wire.texts()).toMatch(/\w\*{3}@\*{3}\.com/)
    expect(wire.texts()).toContain('portal "other" does not exist')
    expect(wire.texts()).not.toContain('@example')
    wire.socket.destroy()
  })

  it('a syntax error is the server’s own, whatever the rules, and ends the transaction', async () => {
    const db = await client(prod)
    for (const values of [undefined, []]) {
      const fail = (text: string) => db.query(values === undefined ? { text } : { text, values })
      await expect(fail("select 'é' frm x y")).rejects.toMatchObject({
        code: '42601',
        position: '16',
        message: 'syntax error at or near "x"',
        severity: 'ERROR',
      })
      await db.query('begin')
      await expect(fail("select 'abc")).rejects.toMatchObject({ code: '42601', position: '8' })
      await expect(fail('select 1')).rejects.toMatchObject({ code: '25P02' })
      await db.query('rollback')
    }
    expect((await db.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await db.end()
    const wire = await raw(prod, 'app')
    wire.send(P('select 1'), B(), E(), P('selec 2', 's'), B('s'), E(), SYNC, Q('selec 3'), Q('select 4'))
    expect(await wire.until(3)).toBe('12DCEZEZTDCZ')
    wire.socket.destroy()
  })

  it('Sync within COPY data, and all of COPY in one go', async () => {
    const row = (text: string): Buffer => {
      const body = Buffer.from(text)
      const message = Buffer.alloc(5 + body.length, 0x64)
      message.writeUInt32BE(4 + body.length, 1)
      body.copy(message, 5)
      return message
    }
    const done = Buffer.from('c\0\0\0\x04', 'latin1')
    const copy = [P('copy copied_in from stdin'), B(), E()]
    await direct('create table copied_in (id int)', 'app_dev')
    await direct('grant all on copied_in to app', 'app_dev')
    const wire = await raw(dev, 'app_dev')
    wire.send(...copy, SYNC, row('1\n'), row('2\n'), done, SYNC, Q('select 1'))
    expect(await wire.until(2)).toBe('12GCZTDCZ')
    wire.send(...copy, SYNC)
    await wire.until(1, 'G')
    wire.send(row('3\n'), SYNC, row('4\n'), SYNC, done, SYNC, Q('select 1'))
    expect(await wire.until(4)).toBe('12GCZTDCZ12GCZTDCZ')
    wire.send(...copy, SYNC, row('no number\n'), done, SYNC, done, Q('select 1'))
    expect(await wire.until(6)).toBe('12GCZTDCZ12GCZTDCZ12GEZTDCZ')
    expect(await direct('select id from copied_in order by id', 'app_dev')).toHaveLength(4)
    // The Syncs that the server ignores end no batch: what follows belongs to it, and fails with it.
    const batch = [P('select 2', 's'), P('insert into copied_in values (9)', ''), B(), E(), ...copy, SYNC]
    const before = '12GCZTDCZ12GCZTDCZ12GEZTDCZ'
    wire.send(...batch, row('5\n'), SYNC, done, B('s'), E(), P('select 1/0'), B(), E(), SYNC, Q('select 1'))
    const after = `${before}112C12GC2DC1EZTDCZ`
    expect(await wire.until(8)).toBe(after)
    // A text may ask for data more than once.
    const twice = Q('copy copied_in from stdin; select 1; copy copied_in from stdin')
    wire.send(twice, row('6\n'), SYNC, done, row('7\n'), done, Q('select 1'))
    expect(await wire.until(10)).toBe(`${after}GCTDCGCZTDCZ`)
    expect(await direct('select id from copied_in order by id', 'app_dev')).toHaveLength(6)
    // Anything else ends the session, and its locks, as on the server.
    wire.send(Q('begin; lock copied_in; copy copied_in from stdin'), Q('select 1'))
    expect(await wire.until(99)).toBe(`${after}GCTDCGCZTDCZCCGE`)
    expect(wire.texts()).toMatch(/sent a query message while the target waits for COPY data/)
    await direct('drop table copied_in', 'app_dev')
  })

  it.each<[string, Buffer, RegExp]>([
    ['bytes that are no message', Buffer.from('ffffffffffffffff', 'hex'), /pam: /],
    ['a message longer than the limit', Buffer.from('5100fffff0', 'hex').fill(0x7f, 1, 2), /longer than/],
    ['a query that is not UTF-8', Buffer.from('5100000007c32800', 'hex'), /UTF-8/],
    ['a query with text after its zero byte', Buffer.from('510000000a73656c000a6100', 'hex'), /too many/],
    ['a message of the server', Buffer.from('5a0000000549', 'hex'), /not a message/],
  ])('%s end the session with a native error', async (_what, bytes, message) => {
    const wire = await raw(prod, 'app')
    wire.send(bytes)
    await wire.until(99)
    expect(wire.isClosed()).toBe(true)
    expect(wire.seen[0]?.tag).toBe('E')
    expect(wire.texts()).toMatch(message)
  })

  it('startup parameters select nothing, and unsupported ones are refused', async () => {
    const start = (parameters: Record<string, string>): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(prod.port, '127.0.0.1')
        let text = ''
        socket.on('data', (chunk) => {
          text += chunk.toString('latin1')
          if (text.endsWith('Z\0\0\0\x05I')) socket.destroy()
        })
        socket.on('close', () => resolve(text))
        socket.on('error', () => {})
        socket.write(
          encodeStartupPacket({ type: 'startup', major: 3, minor: 0, parameters: new Map(Object.entries(parameters)) }),
        )
      })
    expect(await start({ user: 'postgres', database: 'app' })).toContain('this target takes the user "app"')
    expect(await start({ user: 'app', database: 'app_dev' })).toContain('serves the database "app"')
    expect(await start({ user: 'app' })).toContain('names no database')
    expect(await start({ user: 'app', database: 'app', replication: 'database' })).toContain('replication')
    expect(await start({ user: 'app', database: 'app', client_encoding: 'LATIN1' })).toContain('use UTF8')
    expect(await start({ user: 'app', database: 'app', options: '-c search_path=a,public' })).toContain(
      'server_version',
    )
    expect(await start({ user: 'app', database: 'app', search_path: '"$user", public' })).toContain('server_version')
    for (const path of ['a; reset role', 'a b', '', '(select 1)'])
      expect(await start({ user: 'app', database: 'app', search_path: path })).toContain('is not a list of schemas')
    expect(await start({ user: 'app', database: 'app', options: '-c session_preload_libraries=x' })).toContain(
      'is not passed on',
    )
    expect(await start({ user: 'app', database: 'app', role: 'postgres' })).toContain('role is not passed on')
    expect(
      await start({ user: 'app', database: 'app', options: '-c statement_timeout=5s -c datestyle=german' }),
    ).toMatch(/DateStyle\0German/)
  })
})

describe('protocol 3.2', () => {
  it('gives a long cancel key that works, and tells a newer client what it speaks', async () => {
    const start = (minor: number): Promise<{ socket: Socket; frames: Frame[] }> =>
      new Promise((resolve) => {
        const socket = connect(dev.port, '127.0.0.1')
        const framer = new Framer(10_000_000, 'test')
        const frames: Frame[] = []
        socket.on('error', () => {})
        socket.on('data', (chunk) => {
          framer.push(chunk, ({ tag, bytes }) => {
            frames.push({ tag, bytes: Buffer.from(bytes) })
          })
          if (frames.at(-1)?.tag === 0x5a) resolve({ socket, frames })
        })
        const parameters = new Map([
          ['user', 'app'],
          ['database', 'app_dev'],
        ])
        socket.write(encodeStartupPacket({ type: 'startup', major: 3, minor, parameters }))
      })
    const newer = await start(7)
    expect(newer.frames[0]?.tag).toBe(0x76)
    expect(newer.frames[0]?.bytes.readUInt32BE(5)).toBe(3 * 65_536 + 2)
    newer.socket.destroy()
    const { socket, frames } = await start(2)
    expect(frames.some(({ tag }) => tag === 0x76)).toBe(false)
    const key = frames.find(({ tag }) => tag === 0x4b)?.bytes.subarray(5) as Buffer
    expect(key.length).toBe(36)
    let said = ''
    const failed = new Promise<string>((resolve) =>
      socket.on('data', (chunk) => {
        said += chunk.toString('latin1')
        if (said.includes('57014')) resolve('cancelled')
      }),
    )
    socket.write(Q('select pg_sleep(601)'))
    await eventually(
      async () =>
        (await direct("select 1 from pg_stat_activity where query = 'select pg_sleep(601)'")).length > 0
          ? true
          : undefined,
      'it sleeps',
    )
    connect(dev.port, '127.0.0.1').end(
      encodeStartupPacket({ type: 'cancel-request', processId: key.readUInt32BE(0), secretKey: key.subarray(4) }),
    )
    expect(await failed).toBe('cancelled')
    socket.destroy()
  })
})

describe('the end of access', () => {
  const backends = async (): Promise<number> =>
    (
      await direct(
        "select 1 from pg_stat_activity where usename = 'app' and query like '%pg_sleep(600)%' and state = 'active'",
      )
    ).length

  /** A query that ends in no test by itself. */
  async function running(port: Port, database = 'app') {
    await eventually(async () => ((await backends()) === 0 ? true : undefined), 'the one before is gone')
    const db = await client(port, database)
    const failed = db.query('select pg_sleep(600)').then(
      () => new Error('it finished'),
      (error: Error & { code?: string }) => error,
    )
    await eventually(async () => ((await backends()) > 0 ? true : undefined), 'the query runs')
    return { db, failed }
  }

  it('kill: the running query is gone and the client is told', async () => {
    const { failed } = await running(prod)
    const [session] = (await jane.api.sessions.list({ active: true })).items
    await expect(jane.api.sessions.kill('ses_nonexistent', '')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await bob.api.sessions.kill(session?.id ?? '', 'looks odd')
    expect(await failed).toMatchObject({
      code: '57P01',
      message: 'pam: the session was ended by bob@example.com: looks odd',
    })
    await eventually(async () => ((await backends()) === 0 ? true : undefined), 'the backend is gone')
    await eventually(async () => {
      const last = (await lastRecord()).at(-1)
      return last?.type === 'ended' && last.code === 'SESSION_KILLED' ? last : undefined
    }, 'the record says why')
  })

  it('the grant ends: for each session under it, however late it was opened', async () => {
    for (const grant of (await jane.api.grants.list({ active: true })).items)
      if (grant.target === 'prod-db') await jane.api.grants.revoke(grant.id, 'shorter')
    // Long enough to connect twice on any machine.
    await grantFor(jane, bob, 'prod-db', 8000)
    const first = await running(prod)
    const second = await client(prod)
    const end = second.query('select pg_sleep(600)').catch((error: Error) => error)
    expect(await first.failed).toMatchObject({
      code: '57P01',
      message: 'pam: your access to prod-db has ended',
    })
    expect(await end).toMatchObject({ code: '57P01' })
    await eventually(async () => ((await backends()) === 0 ? true : undefined), 'both backends are gone')
    await expect(client(prod)).rejects.toMatchObject({
      code: '28000',
      message: 'pam: you have no current grant for prod-db',
    })
    await grantFor(jane, bob, 'prod-db')
  })

  it('revoke ends live sessions; standing access stays revoked until it is allowed again', async () => {
    const { failed } = await running(dev, 'app_dev')
    const grant = (await jane.api.grants.list({ active: true })).items.find(({ target }) => target === 'dev-db')
    await bob.api.grants.revoke(grant?.id ?? '', 'review first')
    expect(await failed).toMatchObject({
      code: '57P01',
      message: 'pam: your access to dev-db was revoked by bob@example.com: review first',
    })
    await expect(client(dev, 'app_dev')).rejects.toMatchObject({
      message: expect.stringContaining('was revoked by bob'),
    })
    await expect(jane.api.grants.lift(grant?.id ?? '')).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
    await bob.api.grants.lift(grant?.id ?? '')
    await (await client(dev, 'app_dev')).end()
  })

  it('removed groups end what depended on them, at the next proof', async () => {
    const file = join(stack.directory, 'people.yaml')
    const before = readFileSync(file, 'utf8')
    const { failed } = await running(prod)
    writeFileSync(file, before.replace('groups: [engineering]', 'groups: [sales]'))
    const again = await signIn(stack.gateway, 'jane')
    expect(again.token.person.groups).toEqual(['sales'])
    expect(await failed).toMatchObject({
      code: '57P01',
      message: expect.stringContaining('your group membership changed'),
    })
    await expect(again.api.requests.create({ target: 'prod-db', reason: 'x' })).rejects.toMatchObject({
      code: 'TARGET_UNKNOWN',
    })
    writeFileSync(file, before)
    await jane.exchange((await signIn(stack.gateway, 'jane')).tokens.identityToken).catch(() => {})
  })

  it('signing out ends the sessions of that login', async () => {
    const login = await signIn(stack.gateway, 'jane')
    const port = await openPort(login, 'dev-db')
    const { failed } = await running(port, 'app_dev')
    await login.api.logout()
    expect(await failed).toMatchObject({ code: '57P01', message: expect.stringContaining('signed out') })
    await expect(login.api.whoami()).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
    port.close()
  })
})

/** The record that came last to its home, where it is whole and stays. */
async function lastRecord() {
  const files = filesIn(join(stack.directory, 'data', 'recordings'), '.pamrec')
  const last = files.toSorted((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs).at(-1)
  return last === undefined ? [] : eventsOf(last)
}

describe('evidence', () => {
  it('every statement that the server ran is in a record before it; passwords and masked values are in none', async () => {
    const db = await client(prod)
    const refused = (asked: Promise<unknown>): Promise<void> =>
      expect(asked).rejects.toMatchObject({ message: expect.stringContaining('is masked, and WHERE could reveal') })
    await refused(db.query("select customer_id from customers where email = 'canary.canary@example.com'"))
    await refused(
      db.query("select customer_id from customers where phone = 'canary-phone' and name <> $1", ['canary-name']),
    )
    await refused(db.query('select customer_id from customers where card_number = $1', ['4242424242424242']))
    await db.query('select email from customers where name <> $1', ['canary-name'])
    const held = db.query("create role canary password 'canary-password'")
    held.catch(() => {}) // what it comes to is looked at below
    const { id } = await approvalWaiting()
    expect((await bob.api.reviews.get(id)).text).toContain('canary-password') // the approver decides on exactly what would run
    await bob.api.reviews.decide(id, { verdict: 'deny', comment: '' })
    await expect(held).rejects.toThrow()
    await db.end()
    const events = await eventually(async () => {
      const record = await lastRecord()
      const isHeld = record.some((event) => event.type === 'command' && event.kinds.includes('create-role'))
      return isHeld ? record : undefined
    }, 'the record is closed')
    expect(events.filter(({ type }) => type === 'command')).toHaveLength(5)
    for (const secret of ['canary.canary', '4242424242424242', 'canary-password', 'canary-phone'])
      expect([secret, await holdersOf(secret)]).toEqual([secret, []])
    // Compared with a column that is not masked: an auditor reads it.
    expect(JSON.stringify(events)).toContain('canary-name')
  })

  it('the target credential appears in nothing that the gateway wrote, and in no answer', async () => {
    expect(await holdersOf('demo-account-password')).toEqual([])
    expect(stack.gatewayLog()).not.toContain('demo-account-password')
    expect(JSON.stringify(await jane.api.targets())).not.toContain('password')
  })

  it('the objects of others are reported as not found', async () => {
    const [session] = (await jane.api.sessions.list({ limit: 1 })).items
    const stranger = await signIn(stack.gateway, 'alice')
    expect((await stranger.api.sessions.get(session?.id ?? '')).id).toBe(session?.id) // an auditor sees all
    await expect(stranger.api.sessions.kill(session?.id ?? '', '')).rejects.toMatchObject({
      code: expect.stringMatching(/NOT_ALLOWED|ALREADY_DECIDED/),
    })
    const [bobs] = (await bob.api.sessions.list({ limit: 100 })).items.filter(({ person }) =>
      person.label.startsWith('bob'),
    )
    if (bobs !== undefined) await expect(jane.api.sessions.get(bobs.id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(bob.api.sessions.recording(session?.id ?? '', 'viewed')).rejects.toMatchObject({ code: 'NOT_ALLOWED' }) // operates, does not read
  })
})

/** Files of the gateway's that hold a text, records read through their compression; one may move while it is looked at. */
async function holdersOf(text: string): Promise<string[]> {
  const holders: string[] = []
  for (const file of filesIn(join(stack.directory, 'data'), '')) {
    try {
      if (!statSync(file).isFile()) continue
      const content = file.endsWith('.pamrec') ? JSON.stringify(await eventsOf(file)) : readFileSync(file)
      if (content.includes(text)) holders.push(file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return holders
}
