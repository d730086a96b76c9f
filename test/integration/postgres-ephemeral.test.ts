import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { localSecrets } from '../helpers/local-secrets.ts'
import { freePort } from '../../src/demo/local-postgres.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import {
  leaseRole,
  reapRoles,
  type EphemeralTarget,
} from '../../src/protocols/postgres/gateway/ephemeral/ephemeral-roles.ts'
import { scramVerifier } from '../../src/protocols/postgres/gateway/ephemeral/scram-verifier.ts'
import { postgresTarget, type PostgresTarget } from '../../src/protocols/postgres/target.ts'
import { pamctlWithMemory } from '../helpers/agent-memory.ts'
import { eventually, grantFor, openPort, signIn, type Port, type SignedIn } from '../helpers/gateway-client.ts'
import { hostGateway } from '../helpers/hosted-gateway.ts'
import { ownGateways, type OwnGateways } from '../helpers/own-gateway.ts'
import { NotedSecrets } from '../helpers/noted-secrets.ts'
import { eventsOf, filesIn } from '../helpers/recordings.ts'
import { PSQL } from '../helpers/run.ts'
import { searchGateway } from '../helpers/search-gateway.ts'
import { SecretSearch } from '../helpers/secret-search.ts'

/** Roles that exist for one session, on a real server, by a gateway that can be killed. */
const ADMIN_PASSWORD = 'only-the-administrator-knows'
const noted = new NotedSecrets()
let own: OwnGateways
let directory: string
let gateway: RunningGateway
let superuser: pg.Client
let jane: SignedIn
let port: Port

beforeAll(async () => {
  own = await ownGateways({ log_statement: 'all', log_connections: 'on' })
  superuser = await own.superuser('app_dev')
  for (const statement of [
    `create role pam_admin login createrole password '${ADMIN_PASSWORD}'`,
    'create role app_rw nologin',
    'grant app_rw to pam_admin with admin option',
    'create schema work authorization app_rw',
    'grant pg_signal_backend to pam_admin',
  ])
    await superuser.query(statement)
  directory = await own.configured((config, where) => {
    writeFileSync(join(where, 'admin-password'), `${ADMIN_PASSWORD}\n`, { mode: 0o600 })
    return config
      .replace(
        'targets:\n',
        ['own-role', 'own-role-prod']
          .map(
            (name) => `  - name: ${name}
    type: postgres
    labels: { env: ${name.endsWith('prod') ? 'prod' : 'dev'} }
    host: 127.0.0.1
    port: ${own.postgres.port}
    database: app_dev
    user: app
    tls: disable
    ephemeral:
      administrator: { user: pam_admin, password: "file:admin-password" }
      grantedRoles: [app_rw]
      settings: { search_path: [work, public], statement_timeout: 40s }
`,
          )
          .reduce((all, one) => all + one, 'targets:\n'),
      )
      .replace(
        'commands:\n',
        'commands:\n  - { name: anything with own roles, targets: { names: [own-role] }, match: { unknown: true }, allow: true }\n',
      )
  })
  await start()
})
afterAll(async () => {
  port?.close()
  await superuser?.end()
  await own?.stop()
  noted.remove()
})

const isPostgres = (config: { readonly type: string }): config is PostgresTarget => config.type === 'postgres'
async function start(): Promise<void> {
  port?.close()
  gateway = await own.start(directory, noted.prefix)
  jane = await signIn(gateway.url, 'jane')
  port = await openPort(jane, 'own-role')
}
async function session(through = port): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port: through.port, user: 'app', database: 'app_dev', ssl: false })
  client.on('error', () => {})
  await client.connect()
  return client
}
const one = async (client: pg.Client, text: string, values: unknown[] = []): Promise<Record<string, unknown>> =>
  (await client.query<Record<string, unknown>>(text, values)).rows[0] ?? {}
const roles = async (pattern = '%\\_ses\\_%'): Promise<string[]> =>
  (
    await superuser.query<{ rolname: string }>('select rolname from pg_roles where rolname like $1 order by 1', [
      pattern,
    ])
  ).rows.map(({ rolname }) => rolname)
const noRoles = (): Promise<true> =>
  eventually(async () => ((await roles()).length === 0 ? true : undefined), 'roles are dropped')

describe('a role for each session', () => {
  it('names person and session, has what it is granted, and is gone when the session is', async () => {
    const client = await session()
    const { role, current } = await one(client, 'select session_user as role, current_user as current')
    expect(role).toMatch(/^jane_ses_[0-9a-z]{13}$/)
    expect(current).toBe(role)
    expect(await one(client, "select current_setting('statement_timeout') as t")).toEqual({ t: '40s' })
    const found = await one(
      superuser,
      `select r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls as more, a.rolpassword like 'SCRAM-SHA-256$4096:%' as hashed,
        extract(epoch from r.rolvaliduntil - now())::int as left, pg_has_role(r.oid, 'app_rw', 'member') as member
        from pg_roles r join pg_authid a using (oid) where r.rolname = $1`,
      [role],
    )
    expect(found).toMatchObject({ more: false, hashed: true, member: true })
    // By the server's clock: the grant, which is at most twelve hours long, and a minute.
    expect(found['left']).toBeGreaterThan(60)
    expect(found['left']).toBeLessThanOrEqual(12 * 3600 + 60)
    await client.end()
    await noRoles()
    const id = String(role).slice(-'ses_0123456789abc'.length)
    const file = await eventually(() => filesIn(join(directory, 'data'), `${id}.pamrec`)[0], 'its record')
    expect((await eventsOf(file))[0]).toMatchObject({ type: 'opened', account: role })
    expect(own.postgres.log()).toContain(`user=${String(role)} database=app_dev`)
  })

  it('is another one for each of two sessions of one person; what they make goes to the owner', async () => {
    const [a, b] = await Promise.all([session(), session()])
    expect(await roles()).toHaveLength(2)
    await a.query('create table work.made (id int)')
    await a.query('insert into work.made values (1)')
    await a.end()
    await eventually(async () => ((await roles()).length === 1 ? true : undefined), 'one is dropped')
    expect(await one(b, 'select count(*)::int as n from work.made')).toEqual({ n: 1 })
    expect(await one(superuser, "select tableowner from pg_tables where tablename = 'made'")).toEqual({
      tableowner: 'app_rw',
    })
    await b.end()
    await noRoles()
  })

  it.each([
    'alter role current_user password $$x$$',
    'alter role current_user valid until $$infinity$$',
    'alter user current_user set search_path to public',
    'drop owned by current_user',
    'reassign owned by current_user to app_rw',
    'set session authorization app_rw',
    'grant app_rw to postgres',
    'comment on role app_rw is $$x$$',
  ])('cannot be changed by its session: %s', async (statement) => {
    const client = await session()
    try {
      await expect(client.query(statement)).rejects.toThrow(/^pam: |^permission denied|^must have/)
    } finally {
      await client.end()
    }
  })

  it('may log in until a minute after the access, also where that is extended', async () => {
    const bob = await signIn(gateway.url, 'bob')
    const grant = await grantFor(jane, bob, 'own-role-prod', 600_000)
    const prod = await openPort(jane, 'own-role-prod')
    const client = await session(prod)
    try {
      const [role] = await roles()
      const left = async (): Promise<number> =>
        Number(
          (
            await one(
              superuser,
              'select extract(epoch from rolvaliduntil - now())::int as left from pg_roles where rolname = $1',
              [role],
            )
          )['left'],
        )
      expect(await left()).toBeLessThanOrEqual(660)
      // As pamctl extend asks, twice.
      for (const lengthMs of [600_000, 900_000]) {
        const asked = await jane.api.requests.create({
          target: 'own-role-prod',
          reason: 'more',
          lengthMs,
          extends: grant,
        })
        await bob.api.reviews.decide(asked.id, { verdict: 'approve', comment: '' })
      }
      const now = await eventually(async () => {
        const seconds = await left()
        return seconds > 1260 ? seconds : undefined
      }, 'its end is moved')
      expect(now).toBeLessThanOrEqual(600 + 600 + 900 + 60)
      expect(gateway.log()).not.toContain('credential.extend_failed')
    } finally {
      await client.end()
      prod.close()
    }
    await noRoles()
  })

  it('has its running statement ended with the session, and then goes', async () => {
    const client = await session()
    const running = client.query('select pg_sleep(60)').catch((error: unknown) => error)
    const [role] = await eventually(async () => {
      const found = await superuser.query<{ usename: string }>(
        "select usename from pg_stat_activity where usename like 'jane\\_ses\\_%' and query like '%pg_sleep(60)%'",
      )
      return found.rows.length === 1 ? found.rows.map(({ usename }) => usename) : undefined
    }, 'it runs')
    const id = String(role).slice(-'ses_0123456789abc'.length)
    const bob = await signIn(gateway.url, 'bob')
    await bob.api.sessions.kill(id, 'enough')
    expect(String(await running)).toContain('ended')
    await noRoles()
  })

  it('is not made where the administrator may not: the session is refused, and the log has the reason', async () => {
    await noRoles()
    await superuser.query('alter role pam_admin nocreaterole')
    try {
      await expect(session()).rejects.toThrow('own-role did not let the gateway make an account for this session')
      expect(await roles()).toEqual([])
    } finally {
      await superuser.query('alter role pam_admin createrole')
    }
  })

  it('that something depends on can log in no more, and goes once nothing does', async () => {
    const client = await session()
    const [role = ''] = await roles()
    const elsewhere = await own.superuser('app')
    await elsewhere.query(`create table kept (id int); alter table kept owner to "${role}"`)
    await client.end()
    await eventually(() => (gateway.log().includes('credential.release_failed') ? true : undefined), 'it says so')
    expect(
      await one(superuser, 'select rolcanlogin, rolpassword is null as bare from pg_authid where rolname = $1', [role]),
    ).toEqual({
      rolcanlogin: false,
      bare: true,
    })
    await elsewhere.query('drop table kept')
    await elsewhere.end()
    await gateway.stop('SIGTERM')
    await start()
    await noRoles()
  })
})

/** The same server, as a gateway within this process has it. */
function ephemeralTarget(name: string): EphemeralTarget {
  const config = postgresTarget.schema.parse({
    name,
    type: 'postgres',
    host: '127.0.0.1',
    port: own.postgres.port,
    database: 'app_dev',
    user: 'app',
    tls: 'disable',
    ephemeral: { administrator: { user: 'pam_admin', password: 'file:admin-password' }, grantedRoles: ['app_rw'] },
  })
  if (!isPostgres(config) || config.ephemeral === undefined) throw new Error('not such a target')
  return { config, settings: config.ephemeral, secrets: localSecrets(directory) }
}

describe('the reaper', () => {
  it('leaves alone the roles of open sessions; giving one back twice drops it once', async () => {
    const target = ephemeralTarget('direct')
    const name = '0123456789abcdef'
    const at = Date.now()
    const lessee = {
      session: 'ses_00000000000cc',
      person: { id: 'x', label: 'Zoë "x"' },
      at,
      endsAt: at + 60_000,
      gateway: name,
    }
    const lease = await leaseRole(target, lessee)
    expect(lease.user).toBe('zoe_x_ses_00000000000cc')
    expect(await reapRoles(target, name)).toEqual({ dropped: [], failed: [] })
    expect(await roles('zoe%')).toEqual([lease.user])
    // The last extension counts, and none follows the end of the lease.
    const until = (minutes: number) => lease.extend?.({ at, endsAt: at + minutes * 60_000 })
    await Promise.all([until(30), until(20)])
    const [found] = (
      await superuser.query<{ minutes: number }>(
        'select round(extract(epoch from rolvaliduntil - now()) / 60)::int as minutes from pg_roles where rolname = $1',
        [lease.user],
      )
    ).rows
    expect(found).toEqual({ minutes: 21 })
    const released = [lease.release(), lease.release()]
    await Promise.all([until(40), ...released])
    expect(await roles('zoe%')).toEqual([])
  })

  it('of a copied data directory leaves alone what the living gateway uses, and drops it once that is killed', async () => {
    const open = await session()
    const [mine = ''] = await roles('jane%')
    const copy = mkdtempSync(join(tmpdir(), 'pamctl-test-copy-'))
    // On another machine the lock would be of no process.
    cpSync(directory, copy, { recursive: true, filter: (file) => !file.endsWith('.lock') })
    const config = join(copy, 'pam.yaml')
    const port = await freePort()
    writeFileSync(config, readFileSync(config, 'utf8').replaceAll(new URL(gateway.url).port, String(port)))
    // What nobody has used for long: once it is gone, the reaper has been through.
    const stale = 'rosa_ses_00000000000dd'
    await superuser.query(`set role pam_admin; create role "${stale}" valid until 'yesterday'; reset role`)
    const mark = `pam-gateway: made for session ${stale.slice(5)} with own-role by gateway ${'f'.repeat(16)}`
    await superuser.query(`comment on role "${stale}" is ${pg.escapeLiteral(mark)}`)
    try {
      // One that lost its connection is back before the other one has looked twice.
      await superuser.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'pam-gateway %'",
      )
      const other = await hostGateway(config, join(copy, 'gateway.log'))
      await eventually(async () => ((await roles(stale)).length === 0 ? true : undefined), 'it has been through')
      await other.stop('SIGKILL')
      expect(await roles('jane%')).toEqual([mine])
      expect(await one(open, 'select session_user as role')).toEqual({ role: mine })
      // A session that calls itself as the gateway does is not taken for it.
      const { name } = await one(
        superuser,
        "select application_name as name from pg_stat_activity where usename = 'pam_admin'",
      )
      expect(name).toMatch(/^pam-gateway [0-9a-f]{16}$/)
      const forger = await own.superuser('app_dev')
      await forger.query(`set application_name = ${pg.escapeLiteral(String(name))}`)
      const made = await one(superuser, "select shobj_description($1::regrole, 'pg_authid') as by", [mine])
      const gatewayName = String(made['by']).slice(-16)
      expect(await reapRoles(ephemeralTarget('own-role'), gatewayName)).toEqual({ dropped: [], failed: [] })
      await gateway.stop('SIGKILL')
      expect(await reapRoles(ephemeralTarget('own-role'), gatewayName)).toEqual({ dropped: [mine], failed: [] })
      await forger.end()
    } finally {
      await open.end().catch(() => {})
      rmSync(copy, { recursive: true, force: true })
      await gateway.stop('SIGKILL')
      await start()
    }
  })

  it('drops what a killed gateway has left, and nothing of anybody else', async () => {
    const client = await session()
    const [left = ''] = await roles()
    await client.query('create table work.left_behind (id int)')
    const comment = (name: string): Promise<Record<string, unknown>> =>
      one(superuser, "select shobj_description(oid, 'pg_authid') as text from pg_roles where rolname = $1", [name])
    const text = String((await comment(left))['text'])
    const session2 = 'ses_00000000000aa'
    const others: [string, string | undefined, string][] = [
      // A person's own, called as ours are.
      [`jane_${session2}`, undefined, ''],
      // With a comment that is not quite ours.
      [`kate_${session2}`, `${text} `, ''],
      ['mary', text, ''],
      // Of a gateway whose session may still be open, and of another target of the same server.
      [
        `anna_${session2}`,
        text.replace(/ses_\w{13}/, session2).replace(/\w{16}$/, 'f'.repeat(16)),
        "valid until 'tomorrow'",
      ],
      [`emma_${session2}`, text.replace(/ses_\w{13}/, session2).replace('own-role', 'other'), ''],
      // With rights that none of ours has.
      [`lisa_${session2}`, text.replace(/ses_\w{13}/, session2), 'createdb'],
    ]
    // From version 16 on only who has made a role may drop it; the right to make databases is not the administrator's to give.
    for (const [name, mark, more] of others) {
      await superuser.query(more === 'createdb' ? 'reset role' : 'set role pam_admin')
      await superuser.query(`create role "${name}" ${more}`)
      if (mark !== undefined) await superuser.query(`comment on role "${name}" is ${pg.escapeLiteral(mark)}`)
    }
    // Of another gateway, which has not come back.
    const stale = 'rosa_ses_00000000000bb'
    await superuser.query(`set role pam_admin; create role "${stale}" valid until 'yesterday'; reset role`)
    const ofStale = text.replace(/ses_\w{13}/, 'ses_00000000000bb').replace(/\w{16}$/, 'f'.repeat(16))
    await superuser.query(`comment on role "${stale}" is ${pg.escapeLiteral(ofStale)}`)
    await gateway.stop('SIGKILL')
    expect(await roles('jane%')).toContain(left)
    await start()
    const open = await session()
    const [mine] = (await roles('jane%')).filter((name) => name !== `jane_${session2}` && name !== left)
    await eventually(async () => {
      const names = new Set(await roles('%'))
      return names.has(left) || names.has(stale) ? undefined : true
    }, 'what was left is dropped')
    const names = await roles('%')
    for (const [name] of others) expect(names).toContain(name)
    // The one that was made meanwhile stays.
    expect(names).toContain(mine)
    expect(await one(open, 'select session_user as role')).toEqual({ role: mine })
    expect(await one(superuser, "select tableowner from pg_tables where tablename = 'left_behind'")).toEqual({
      tableowner: 'app_rw',
    })
    expect(gateway.log()).toContain('account.dropped')
    await open.end()
    for (const [name] of others) await superuser.query(`drop role "${name}"`)
    await noRoles()
  })
})

it.skipIf(!PSQL)(
  'the passwords of roles and of their administrator are in no log, record, file, error, answer or memory of the agent',
  async () => {
    const search = new SecretSearch()
    const { home, start: pamctl, agentMemory } = await pamctlWithMemory(gateway.url, 'jane')
    const open = pamctl(['connect', 'own-role', '--', 'sh', '-c', '(echo "select 4711;"; sleep 60) | psql'])
    const [role = ''] = await eventually(async () => {
      const found = await roles('jane%')
      return found.length === 1 ? found : undefined
    }, 'a session that is open')
    const { verifier } = await one(superuser, 'select rolpassword as verifier from pg_authid where rolname = $1', [
      role,
    ])
    const password = await passwordOf(String(verifier))
    search.add('memory of the agent', await agentMemory())
    await superuser.query('alter role pam_admin nocreaterole')
    const refused = pamctl(['connect', 'own-role', '--', 'psql', '-c', 'select 1'])
    search.add('refusal', `${await refused.closed} ${refused.output()}`)
    await superuser.query('alter role pam_admin createrole')
    open.kill()
    await pamctl(['agent', 'stop']).closed
    await noRoles()
    search.addDirectory(home)
    await searchGateway(search, gateway, directory, (path) => path.endsWith('admin-password'))
    expect(search.has('own-role', /^memory of the agent$/)).toBe(true)
    expect(search.has('did not let the gateway make an account', /^refusal$/)).toBe(true)
    expect(search.has(role, /^record /)).toBe(true)
    expect(search.has('session.opened', /^audit log$/)).toBe(true)
    const secrets = { password, administrator: ADMIN_PASSWORD }
    expect(search.find(secrets)).toEqual([])
    // The server was given what it keeps, and never a password: that of the administrator is this test's own statement.
    const log = own.postgres.log()
    search.add('log of the server', log)
    expect(search.has(`create role "${role}"`, /^log of the server$/)).toBe(true)
    for (const [, given] of log.matchAll(/create role "jane_ses_.* password '([^']*)'/g))
      expect(given).toMatch(/^SCRAM-SHA-256\$/)
    expect(search.find({ password })).toEqual([])
    search.add('on purpose', password)
    expect(search.find({ password })).toContain('password in on purpose as text')
  },
)

/** The password that a verifier is of, among all that the gateway has made. */
async function passwordOf(verifier: string): Promise<string> {
  const [, salt = ''] = /^SCRAM-SHA-256\$4096:([^$]+)\$/.exec(verifier) ?? []
  for (const bytes of noted.random.toReversed()) {
    const password = bytes.toString('base64url')
    if ((await scramVerifier(password, Buffer.from(salt, 'base64'))) === verifier) return password
  }
  throw new Error('the gateway has made no such password')
}
