import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DemoStack } from '../../src/demo/stack.ts'
import { grantFor, openPort, signIn, type Port } from '../helpers/gateway-client.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'
import { run } from '../helpers/run.ts'
import { hasProgram, PGJDBC, PYTHON } from '../helpers/test-clients.ts'

/** What clients send by themselves before a person has typed anything, on a target with masked columns and rules. */
let stack: DemoStack
let port: Port
let directory: string

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-clients-'))
  stack = await startHostedStack()
  const jane = await signIn(stack.gateway, 'jane')
  await grantFor(jane, await signIn(stack.gateway, 'bob'), 'prod-db')
  port = await openPort(jane, 'prod-db')
})
afterAll(async () => {
  port?.close()
  await stack?.stop()
  rmSync(directory, { recursive: true, force: true })
})

const connect = async (): Promise<pg.Client> => {
  const db = new pg.Client({ host: '127.0.0.1', port: port.port, user: 'app', database: 'app', ssl: false })
  await db.connect()
  return db
}

/** Each as the client sends it; what has no right answer here is only to be answered. */
const statements: Record<string, (string | [string, unknown[]])[]> = {
  pgAdmin: [
    `SET DateStyle=ISO; SET client_min_messages=notice; SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'; SET client_encoding='utf-8';`,
    `SELECT db.oid as did, db.datname, db.datallowconn, pg_encoding_to_char(db.encoding) AS serverencoding, has_database_privilege(db.oid, 'CREATE') as cancreate, datistemplate FROM pg_catalog.pg_database db WHERE db.datname = current_database()`,
    `SELECT roles.oid as id, roles.rolname as name, roles.rolsuper as is_superuser, CASE WHEN roles.rolsuper THEN true ELSE roles.rolcreaterole END as can_create_role FROM pg_catalog.pg_roles as roles WHERE rolname = current_user`,
  ],
  'asyncpg, psycopg': [
    `SELECT current_setting('jit') AS cur, set_config('jit', 'off', false) AS new`,
    [`SELECT set_config('jit', $1, false)`, ['off']],
    [`select set_config('Statement_Timeout', $1::text, true)`, ['5s']],
    `select 'hstore'::regtype::oid`,
    [
      `SELECT typname AS name, oid, typarray AS array_oid, oid::regtype::text AS regtype, typdelim AS delimiter FROM pg_type t WHERE t.oid = to_regtype($1) ORDER BY t.oid`,
      ['hstore'],
    ],
  ],
  'pgjdbc, DBeaver': [
    'SET extra_float_digits = 3',
    `SET application_name = 'DBeaver 24.2.0 - Main <app>'`,
    'SELECT current_schema(),session_user',
    `SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0 AND d.classoid='pg_namespace'::regclass ORDER BY nspname`,
    'SHOW search_path',
    ['SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE datname=$1', ['app']],
    `select * from pg_catalog.pg_settings where name='standard_conforming_strings'`,
    'SELECT * FROM pg_catalog.pg_enum WHERE 1<>1 LIMIT 1',
    'SELECT reltype FROM pg_catalog.pg_class WHERE 1<>1 LIMIT 1',
    'SHOW TRANSACTION ISOLATION LEVEL',
    'SELECT version()',
  ],
  DataGrip: [
    `set application_name = 'DataGrip 2024.2'`,
    'SHOW TRANSACTION ISOLATION LEVEL',
    'select current_database() as a, current_schemas(false) as b',
    `select round(extract(epoch from pg_postmaster_start_time() at time zone 'UTC')) as startup_time`,
    'select L.transactionid::varchar::bigint as transaction_id from pg_catalog.pg_locks L where L.transactionid is not null order by pg_catalog.age(L.transactionid) desc limit 1',
    `select case when pg_catalog.pg_is_in_recovery() then null else (pg_catalog.txid_current() % 4294967296)::varchar::bigint end as current_txid`,
    `select N.oid::bigint as id, N.xmin as state_number, nspname as name, D.description, pg_catalog.pg_get_userbyid(N.nspowner) as "owner" from pg_catalog.pg_namespace N left join pg_catalog.pg_description D on N.oid = D.objoid order by case when nspname = pg_catalog.current_schema() then -1::bigint else N.oid::bigint end`,
  ],
}

describe('statements of clients at their start', () => {
  it.each(Object.entries(statements))(
    '%s: run, and nothing in the answers is masked that holds nothing',
    async (_, texts) => {
      const db = await connect()
      for (const text of texts) {
        const [sql, values] = typeof text === 'string' ? [text] : text
        const answer = await db
          .query({ text: sql, ...(values === undefined ? {} : { values }) } as pg.QueryConfig)
          .then(
            (result: unknown) =>
              JSON.stringify((Array.isArray(result) ? result : [result]).map(({ rows }: { rows: unknown }) => rows)),
            (error: { code: string; message: string }) => `${error.code} ${error.message}`,
          )
        // What the server itself does not know is none of ours.
        expect([sql, answer]).toEqual([sql, expect.not.stringMatching(/\*\*\*\*|pam: /)])
      }
      await db.end()
    },
  )

  it.each<[string, unknown[]]>([
    ["select set_config($1, 'x', false)", ['jit']],
    ["select set_config('search_path', $1, false)", ['public']],
    ["select set_config('role', $1, false)", ['postgres']],
    ["select set_config('client_encoding', $1, false)", ['SJIS']],
    ["select set_config('Standard_Conforming_Strings', $1, false)", ['off']],
    ["select set_config('default_transaction_read_only', $1, false)", ['off']],
    ["select set_config('app.user', $1, false)", ['bob']],
    ["select set_config('application_name', $1::name::text, false)", ['x']],
    ["select set_config('application_name', $1 || 'x', false)", ['x']],
    ["select set_config('application_name', email, false) from customers where customer_id = $1", [1]],
    ["select set_config('jit', (select email from customers limit 1), $1)", [false]],
  ])('%s needs constants', async (text, values) => {
    const db = await connect()
    await expect(db.query(text, values)).rejects.toMatchObject({ code: '42501' })
    await db.end()
  })

  it.skipIf(PYTHON === undefined)(
    'asyncpg with arrays and types of its own, psycopg',
    async () => {
      const script = join(directory, 'client.py')
      writeFileSync(
        script,
        `import asyncio, asyncpg, psycopg, sys
async def main(port):
    db = await asyncpg.connect(host='127.0.0.1', port=port, user='app', database='app', ssl=False)
    print(await db.fetchval('select $1::int[]', [1, 2, 3]))
    print(await db.fetchval("select array_agg(status order by status) from (select distinct status from orders) s"))
    print(await db.fetchval('select $1::pg_catalog.int4range', asyncpg.Range(1, 5)))
    print(await db.fetch('select order_id from orders where order_id = any($1::bigint[]) order by 1', [3, 1]))
    row = await db.fetchrow('select customer_id, email, name from customers where customer_id = $1', 1)
    print('masked' if '*' in row['email'] else row['email'])
    async with db.transaction():
        async for r in db.cursor('select order_id from orders order by 1 limit 2'):
            print(r['order_id'])
    await db.close()
asyncio.run(main(int(sys.argv[1])))
with psycopg.connect(host='127.0.0.1', port=int(sys.argv[1]), user='app', dbname='app', sslmode='disable') as db:
    print(db.execute('select %s::text[]', [['a', 'b']]).fetchone())
    print(psycopg.types.TypeInfo.fetch(db, 'numeric').oid)
`,
      )
      const { stdout, stderr, code } = await run(PYTHON as string, [script, String(port.port)])
      expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
      expect(stdout.split('\n')).toEqual([
        '[1, 2, 3]',
        expect.stringContaining("'new'"),
        expect.stringContaining('Range'),
        expect.stringContaining('order_id=1'),
        'masked',
        '1',
        '2',
        "(['a', 'b'],)",
        '1700',
        '',
      ])
    },
    120_000,
  )

  it.skipIf(PGJDBC === undefined || !hasProgram('java'))(
    'pgjdbc reads tables, columns and keys',
    async () => {
      const source = join(directory, 'Meta.java')
      writeFileSync(
        source,
        `import java.sql.*;
public class Meta {
  public static void main(String[] a) throws Exception {
    try (Connection db = DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + a[0] + "/app?sslmode=disable", "app", "")) {
      DatabaseMetaData meta = db.getMetaData();
      System.out.println(meta.getDatabaseProductName());
      count(meta.getSchemas()); count(meta.getTables(null, "public", "%", null)); count(meta.getColumns(null, "public", "customers", "%"));
      count(meta.getPrimaryKeys(null, "public", "customers")); count(meta.getImportedKeys(null, "public", "orders"));
      count(meta.getIndexInfo(null, "public", "orders", false, false)); count(meta.getTypeInfo()); count(meta.getFunctions(null, "public", "%"));
      count(meta.getTablePrivileges(null, "public", "orders"));
    }
  }
  static void count(ResultSet rows) throws SQLException { int n = 0; while (rows.next()) n++; System.out.println(n); }
}
`,
      )
      const { stdout, stderr, code } = await run('java', ['-cp', PGJDBC as string, source, String(port.port)])
      expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
      const lines = stdout.trim().split('\n')
      expect(lines[0]).toBe('PostgreSQL')
      expect(lines.slice(3, 6)).toEqual(['6', '1', '1'])
    },
    120_000,
  )
})
