import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CredentialLease } from '../../src/credentials/credential.ts'
import { localSecrets } from '../helpers/local-secrets.ts'
import { startPostgres, type LocalPostgres } from '../../src/demo/local-postgres.ts'
import {
  leaseRole,
  reapRoles,
  type EphemeralTarget,
} from '../../src/protocols/postgres/gateway/ephemeral/ephemeral-roles.ts'
import { postgresTarget, type PostgresTarget } from '../../src/protocols/postgres/target.ts'

/**
 * What somebody does to keep the access of a session's role: as the role itself, past the gateway, as if a statement that it could not read had
 * given it another password.
 */
const GATEWAY = '0123456789abcdef'
let postgres: LocalPostgres
let superuser: pg.Client
let directory: string
const clients: pg.Client[] = []
let count = 10

beforeAll(async () => {
  postgres = await startPostgres({
    directory: mkdtempSync(join(tmpdir(), 'pamctl-test-pg-')),
    settings: { max_prepared_transactions: '10' },
  })
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  writeFileSync(join(directory, 'password'), 'of-the-administrator')
  superuser = await connect(postgres.superuser.user, postgres.superuser.password, 'postgres')
  for (const statement of [
    "create role pam_admin login createrole password 'of-the-administrator'",
    'create role app_rw nologin',
    'grant app_rw to pam_admin with admin option',
    'grant pg_signal_backend to pam_admin',
    'create database shop owner app_rw',
    'create role makes_roles createrole',
    'create role leads_there in role makes_roles',
    'grant leads_there to pam_admin with admin option',
    'grant pg_execute_server_program to pam_admin with admin option',
  ])
    await superuser.query(statement)
})
afterAll(async () => {
  for (const client of clients) await client.end().catch(() => {})
  await postgres?.stop()
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
})

async function connect(user: string, password: string | undefined, database = 'shop'): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port: postgres.port, user, password, database })
  client.on('error', () => {})
  await client.connect()
  clients.push(client)
  return client
}

const isPostgres = (config: { readonly type: string }): config is PostgresTarget => config.type === 'postgres'

function target(grantedRoles = ['app_rw']): EphemeralTarget {
  const config = postgresTarget.schema.parse({
    name: 'direct',
    type: 'postgres',
    host: '127.0.0.1',
    port: postgres.port,
    database: 'shop',
    user: 'app',
    tls: 'disable',
    ephemeral: { administrator: { user: 'pam_admin', password: 'file:password' }, grantedRoles },
  })
  if (!isPostgres(config) || config.ephemeral === undefined) throw new Error('not such a target')
  return { config, settings: config.ephemeral, secrets: localSecrets(directory) }
}

function lease(grantedRoles?: string[]): Promise<CredentialLease> {
  const at = Date.now()
  const session = `ses_00000000000${count++}`
  return leaseRole(target(grantedRoles), {
    session,
    person: { id: 'x', label: 'eve' },
    at,
    endsAt: at + 60_000,
    gateway: GATEWAY,
  })
}

/** Backends, memberships and members other than the administrator; undefined where the role is gone. */
async function leftOf(role: string): Promise<unknown> {
  const { rows } = await superuser.query<Record<string, unknown>>(
    `select (select count(*)::int from pg_stat_activity where usename = rolname) as backends,
      (select count(*)::int from pg_auth_members where member = r.oid) as memberships,
      (select count(*)::int from pg_auth_members m where roleid = r.oid and member <> 'pam_admin'::regrole) as members
      from pg_roles r where rolname = $1`,
    [role],
  )
  return rows[0]
}
const POWERLESS = { backends: 0, memberships: 0, members: 0 }

describe('a role goes with its session', () => {
  it.each([
    ['a change of itself that is never committed', ['begin', 'alter role current_user password $$x$$']],
    [
      'a change of itself that is prepared for two-phase commit',
      ['begin', 'alter role current_user password $$x$$', "prepare transaction 'own'"],
    ],
    ['another role in the settings of the database', ['set role app_rw', "alter database shop set role = 'app_rw'"]],
    [
      'limits in the settings of the database',
      [
        'set role app_rw',
        'alter database shop set default_transaction_read_only = on',
        'alter database shop set statement_timeout = 1',
      ],
    ],
    ['a locked catalog of its own objects', ['create table held (id int)', 'begin', 'lock table held']],
    ['rights that are given away by default', ['alter default privileges grant all on tables to public']],
    ['a large object', ['select lo_create(4711)']],
    ['an advisory lock', ['select pg_advisory_lock(1)']],
  ])('whatever it has left: %s', async (_, statements) => {
    const made = await lease()
    const client = await connect(made.user, made.password)
    for (const statement of statements) await client.query(statement)
    await made.release()
    expect(await leftOf(made.user)).toBeUndefined()
    await superuser.query('alter database shop reset all')
  })
})

describe('a role that cannot be dropped is worth nothing', () => {
  it.each([
    [
      'its change is prepared by a role that it has become',
      ['begin', 'alter role current_user password $$x$$', 'set local role app_rw', "prepare transaction 'as another'"],
      "rollback prepared 'as another'",
    ],
    [
      'its function is where the owner may make none',
      [
        'create function public.f() returns text language sql security definer as $$ select current_user::text $$',
        'create schema own',
        'alter function public.f() set schema own',
      ],
      'drop schema own cascade',
    ],
    [
      'it lets nobody into the database',
      ['set role app_rw', 'alter database shop connection limit 0'],
      'alter database shop connection limit -1',
    ],
  ])('%s', async (_, statements, undone) => {
    const made = await lease()
    const client = await connect(made.user, made.password)
    for (const statement of statements) await client.query(statement)
    await expect(made.release()).rejects.toThrow()
    expect(await leftOf(made.user)).toEqual(POWERLESS)
    const mending = await connect(postgres.superuser.user, postgres.superuser.password)
    await mending.query(undone)
    await mending.end()
    expect((await reapRoles(target(), GATEWAY)).dropped).toEqual([made.user])
  })
})

it.each([
  ['makes_roles', 'makes_roles'],
  ['leads_there', 'makes_roles'],
  ['pg_execute_server_program', 'pg_execute_server_program'],
])('is not made with %s, by which a session could undo its end', async (role, named) => {
  const failed: unknown = await lease(['app_rw', role]).catch((error: unknown) => error)
  expect(failed).toMatchObject({ code: 'CONFIG_INVALID', cause: { message: expect.stringContaining(named) } })
  expect(String(failed)).not.toContain(named)
})
