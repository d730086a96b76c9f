import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { CredentialLease } from '../../src/credentials/credential.ts'
import { localSecrets } from '../helpers/local-secrets.ts'
import type { LocalMariadb } from '../../src/demo/local-mariadb.ts'
import { openOwnConnection } from '../../src/protocols/mysql/gateway/login/connect-upstream.ts'
import {
  leaseAccount,
  reapAccounts,
  type EphemeralTarget,
} from '../../src/protocols/mysql/gateway/ephemeral/ephemeral-accounts.ts'
import { KnownServers } from '../../src/protocols/mysql/gateway/known-servers.ts'
import { mysqlTarget, type MysqlTarget } from '../../src/protocols/mysql/target.ts'
import { commands } from '../../src/protocols/mysql/wire/command.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { isMariadbMissing, MARIADB_VERSIONS, startTestMariadb } from '../helpers/mariadb.ts'
import { MysqlClient } from '../helpers/mysql-client.ts'
import { MysqlGateway } from '../helpers/mysql-gateway.ts'
import { SecretSearch } from '../helpers/secret-search.ts'

const rowsOf = async (client: MysqlClient, sql: string): Promise<unknown> => (await client.query(sql))[0]?.rows

const everythingOf = (value: unknown): string =>
  inspect(value, { depth: Infinity, maxStringLength: Infinity, maxArrayLength: Infinity })

const GATEWAY = '0123456789abcdef'
const ADMIN_PASSWORD = 'of-the-administrator'
/** As docs/credentials.md has it. */
const SETUP = `
  CREATE DATABASE pam_gateway;
  CREATE ROLE app_rw;
  GRANT app_rw TO pam_admin WITH ADMIN OPTION;
  GRANT CREATE USER, CONNECTION ADMIN, PROCESS ON *.* TO pam_admin;
  GRANT SELECT, INSERT, DELETE, CREATE ON pam_gateway.* TO pam_admin;
  GRANT SELECT ON mysql.* TO pam_admin;
  GRANT SHOW VIEW, TRIGGER, EVENT, EXECUTE ON shop.* TO pam_admin;
  CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, v VARCHAR(20)); INSERT INTO shop.t VALUES (1, 'one');
  GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, CREATE VIEW, CREATE ROUTINE, ALTER ROUTINE, EXECUTE, EVENT, TRIGGER, LOCK TABLES ON shop.* TO app_rw;
`

for (const version of MARIADB_VERSIONS)
  describe.skipIf(isMariadbMissing(version))(`an account for each session of MariaDB ${version}`, () => {
    let server: LocalMariadb
    let directory: string
    let count = 10
    const clients: MysqlClient[] = []

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'pam-mysql-eph-'))
      writeFileSync(join(directory, 'password'), ADMIN_PASSWORD, { mode: 0o600 })
      server = await startTestMariadb({
        version,
        accounts: [
          { user: 'pam_admin', password: ADMIN_PASSWORD },
          { user: 'somebody', password: 'x' },
        ],
        settings: { 'event-scheduler': 'ON', ...(version === '10.11' ? { 'plugin-load-add': 'auth_ed25519' } : {}) },
        script: SETUP,
      })
    })
    afterEach(() => {
      for (const client of clients.splice(0)) client.socket.destroy()
      // One failure is not that of all that follow.
      server.sql('DELETE FROM pam_gateway.session_accounts')
      for (const account of accounts()) server.sql(`DROP USER '${account}'@'%'`)
    })
    afterAll(async () => {
      await server?.stop()
      rmSync(directory, { recursive: true, force: true })
    })

    const isMysql = (config: { readonly type: string }): config is MysqlTarget => config.type === 'mysql'
    function target(grantedRole = 'app_rw', name = 'direct'): EphemeralTarget {
      const config = mysqlTarget.schema.parse({
        name,
        type: 'mysql',
        host: '127.0.0.1',
        port: server.port,
        database: 'shop',
        user: 'app',
        tls: 'disable',
        ephemeral: { administrator: { user: 'pam_admin', password: 'file:password' }, grantedRole },
      })
      if (!isMysql(config) || config.ephemeral === undefined) throw new Error('not such a target')
      return { config, settings: config.ephemeral, secrets: localSecrets(directory) }
    }
    function lease(grantedRole?: string, label = 'eve'): Promise<CredentialLease> {
      const at = Date.now()
      return leaseAccount(target(grantedRole), {
        session: `ses_00000000000${count++}`,
        person: { id: 'x', label },
        at,
        endsAt: at + 60_000,
        gateway: GATEWAY,
      })
    }
    /** As the account itself, past the gateway, as if a statement that it could not read had given its password away. */
    async function as({ user, password }: CredentialLease): Promise<(sql: string) => Promise<unknown>> {
      const connection = await openOwnConnection(
        {
          config: target().config,
          lease: { user, password, release: () => Promise.resolve() },
          baseDirectory: directory,
          limits: { handshake: 5000, catalogs: 20_000, catalogBytes: 1e7 },
          knownServers: new KnownServers(),
        },
        new AbortController().signal,
        ['SET ROLE app_rw', 'USE shop'],
      )
      return (sql) => connection.ask(sql)
    }
    const accounts = (): string[] =>
      server.sql("SELECT user FROM mysql.user WHERE user LIKE '%\\_ses\\_%'").split('\n').filter(Boolean)
    const rows = (): string => server.sql('SELECT COUNT(*) FROM pam_gateway.session_accounts').trim()

    it('is named after person and session, has what its role has, and is gone when it is given back', async () => {
      const made = await lease(undefined, 'Jäne.Doe-Smith-Miller@example.com')
      expect(made).toMatchObject({ user: 'jane.doe-smith_ses_0000000000010'.slice(0, 32), account: 'app' })
      expect(accounts()).toEqual([made.user])
      const ask = await as(made)
      expect(await ask('SELECT CURRENT_USER(), CURRENT_ROLE()')).toEqual([[`${made.user}@%`, 'app_rw']])
      expect(await ask('SELECT v FROM shop.t')).toEqual([['one']])
      const plugin = server.sql(`SELECT plugin FROM mysql.user WHERE user = '${made.user}'`).trim()
      expect(plugin).toBe(version === '10.11' ? 'ed25519' : 'mysql_native_password')
      await Promise.all([made.release(), made.release()])
      expect([accounts(), rows()]).toEqual([[], '0'])
      // A server that drops an account lets its connections go on.
      await expect(ask('SELECT 1')).rejects.toThrow()
      await expect(as(made)).rejects.toMatchObject({ code: 'TARGET_CREDENTIAL' })
    })

    it('ends later where the access is extended', async () => {
      const made = await lease()
      const left = (): number[] =>
        server
          .sql(
            `SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), ends_at), (SELECT password_lifetime FROM (SELECT JSON_VALUE(priv, '$.password_lifetime') AS password_lifetime FROM mysql.global_priv WHERE user = '${made.user}') p) FROM pam_gateway.session_accounts`,
          )
          .split(/\s/)
          .filter(Boolean)
          .map(Number)
      const [seconds = 0, days] = left()
      expect([seconds > 100 && seconds <= 120, days]).toEqual([true, 1])
      const at = Date.now()
      await made.extend?.({ at, endsAt: at + 2 * 86_400_000 })
      const [later = 0, moreDays] = left()
      expect([later > 172_800 && later <= 172_860, moreDays]).toEqual([true, 3])
      await made.release()
      expect([accounts(), rows()]).toEqual([[], '0'])
    })

    it.each<[string, string[]]>([
      ['an open transaction', ['BEGIN', "UPDATE shop.t SET v = 'held' WHERE id = 1"]],
      ['locked tables', ['LOCK TABLES shop.t WRITE']],
      ['a lock by name', ["SELECT GET_LOCK('mine', 0)"]],
      ['a password of its own', ["SET PASSWORD = PASSWORD('known-to-eve')"]],
      ['a role that it does not use', ['SET ROLE NONE']],
      ['a temporary table, a prepared statement and a variable', ["PREPARE p FROM 'SELECT 1'", "SET @a = 'x'"]],
      [
        'a transaction that is prepared for two-phase commit',
        ["XA START 'eve'", "UPDATE shop.t SET v = 'x' WHERE id = 1", "XA END 'eve'", "XA PREPARE 'eve'"],
      ],
    ])('goes with its session, whatever it has left: %s', async (_, statements) => {
      const made = await lease()
      const ask = await as(made)
      for (const statement of statements) await ask(statement)
      await made.release()
      expect([accounts(), rows()]).toEqual([[], '0'])
      expect(server.sql(`SELECT id FROM information_schema.processlist WHERE user = '${made.user}'`)).toBe('')
      await expect(as({ ...made, password: 'known-to-eve' })).rejects.toMatchObject({ code: 'TARGET_CREDENTIAL' })
      if (statements.some((text) => text.startsWith('XA'))) server.sql("XA ROLLBACK 'eve'")
    })

    it('has its running statement ended', async () => {
      const made = await lease()
      const ask = await as(made)
      const running = ask('SELECT SLEEP(60)').catch((error: unknown) => error)
      await eventually(async () => (server.sql('SHOW PROCESSLIST').includes('SLEEP(60)') ? true : undefined), 'it runs')
      await made.release()
      expect(await running).toBeInstanceOf(Error)
      expect(accounts()).toEqual([])
    })

    it.each<[string, string, string]>([
      ['a view', 'CREATE VIEW shop.left_view AS SELECT * FROM shop.t', 'DROP VIEW shop.left_view'],
      [
        'a trigger',
        "CREATE TRIGGER shop.left_trigger BEFORE INSERT ON shop.t FOR EACH ROW SET NEW.v = 'eve'",
        'DROP TRIGGER shop.left_trigger',
      ],
      [
        'an event',
        "CREATE EVENT shop.left_event ON SCHEDULE EVERY 1 SECOND DO INSERT INTO shop.t VALUES (UNIX_TIMESTAMP(), 'by event')",
        'DROP EVENT shop.left_event',
      ],
      [
        'a function',
        'CREATE FUNCTION shop.left_function() RETURNS INT SQL SECURITY DEFINER RETURN (SELECT COUNT(*) FROM shop.t)',
        'DROP FUNCTION shop.left_function',
      ],
    ])('that is the definer of %s can do nothing any more, and goes once that is gone', async (what, make, undo) => {
      const made = await lease()
      const ask = await as(made)
      await ask(make)
      await expect(made.release()).rejects.toThrow(`such as ${what.split(' ')[1]} shop.left_`)
      expect(accounts()).toEqual([made.user])
      expect(server.sql(`SHOW GRANTS FOR '${made.user}'@'%'`)).toMatch(/^GRANT USAGE ON \*\.\*[^\n]*\n$/)
      await expect(as(made)).rejects.toMatchObject({ code: 'TARGET_CREDENTIAL' })
      const before = server.sql("SELECT COUNT(*) FROM shop.t WHERE v = 'by event'")
      if (what === 'a function') expect(() => server.sql('SELECT shop.left_function()')).toThrow(/denied|definer/)
      if (what === 'a view') expect(() => server.sql('SELECT * FROM shop.left_view')).toThrow(/denied|definer/)
      if (what === 'a trigger')
        expect(() => server.sql("INSERT INTO shop.t VALUES (99, 'x')")).toThrow(/denied|definer/)
      const { dropped, failed } = await reapAccounts(target(), GATEWAY)
      expect([dropped, failed.map(({ account }) => account)]).toEqual([[], [made.user]])
      expect(server.sql("SELECT COUNT(*) FROM shop.t WHERE v = 'by event'")).toBe(before)
      server.sql(undo)
      expect(await reapAccounts(target(), GATEWAY)).toEqual({ dropped: [made.user], failed: [] })
    })

    it.each<[string, string, RegExp]>([
      ['creates accounts', 'GRANT CREATE USER ON *.* TO worse', /on the whole server/],
      ['may do anything', 'GRANT ALL ON *.* TO worse', /on the whole server/],
      ['reads all that the server keeps of passwords', 'GRANT SELECT ON *.* TO worse', /on the whole server/],
      ['writes to mysql', 'GRANT UPDATE ON mysql.* TO worse', /reaches the database mysql/],
      ['writes to a table of mysql', 'GRANT UPDATE ON mysql.global_priv TO worse', /reaches the database mysql/],
      ['writes to mysql by a pattern', 'GRANT UPDATE ON `my%`.* TO worse', /reaches the database mysql/],
      ['writes to the registry', 'GRANT DELETE ON `pam_gateway`.* TO worse', /reaches the database pam_gateway/],
      ['gives its rights away', 'GRANT SELECT ON shop.* TO worse WITH GRANT OPTION', /give its rights/],
      ['gives a role away', 'GRANT app_rw TO worse WITH ADMIN OPTION', /give its rights/],
      [
        'is the administrator by a role',
        'CREATE ROLE beyond; GRANT SUPER ON *.* TO beyond; GRANT beyond TO worse',
        /on the whole server/,
      ],
      ['acts as another definer', 'GRANT SET USER ON *.* TO worse', /on the whole server/],
      [
        'has what everybody may do (PUBLIC), and that is more',
        'GRANT CREATE USER ON *.* TO PUBLIC',
        /on the whole server/,
      ],
    ])('is not made where its role %s', async (_, grant, why) => {
      server.sql(`CREATE ROLE worse; GRANT worse TO pam_admin WITH ADMIN OPTION; ${grant}`)
      try {
        const failed: unknown = await lease('worse').catch((error: unknown) => error)
        expect(failed).toMatchObject({ code: 'CONFIG_INVALID', cause: { message: expect.stringMatching(why) } })
        expect(String(failed)).not.toMatch(/GRANT|worse/)
        expect(accounts()).toEqual([])
      } finally {
        server.sql('DROP ROLE worse; DROP ROLE IF EXISTS beyond')
        if (grant.endsWith('PUBLIC')) server.sql('REVOKE CREATE USER ON *.* FROM PUBLIC')
      }
    })

    it('the reaper drops what no living gateway uses, and touches nobody else', async () => {
      const used = await lease()
      const as = (account: string, more: Record<string, string> = {}): string => {
        const entry = {
          session: account.slice(-17),
          target: 'direct',
          gateway: GATEWAY,
          run: 'f'.repeat(16),
          ends: 'UTC_TIMESTAMP() + INTERVAL 1 HOUR',
          ...more,
        }
        return `CREATE USER IF NOT EXISTS '${account}'@'%' IDENTIFIED BY 'x'; INSERT INTO pam_gateway.session_accounts VALUES ('${account}', '%', '${entry.session}', '${entry.target}', 'app_rw', '${entry.gateway}', '${entry.run}', ${entry.ends});`
      }
      const shown = `pam-gateway ${'a'.repeat(16)} `
      server.sql(
        as('dead_ses_00000000000aa') +
          as('late_ses_00000000000ab', { gateway: 'f'.repeat(16), ends: 'UTC_TIMESTAMP() - INTERVAL 6 MINUTE' }) +
          as('othr_ses_00000000000ac', { gateway: 'f'.repeat(16) }) +
          as('elsw_ses_00000000000ad', { target: 'other' }) +
          as('live_ses_00000000000ae', { run: 'a'.repeat(16) }) +
          as('forg_ses_00000000000af', { run: 'b'.repeat(16) }) +
          as('somebody', { session: 'ses_00000000000ag' }),
      )
      // The lock of a run that lives, and one that a session holds in the name of another.
      const digest = server.sql("SELECT LEFT(SHA2('direct', 256), 16)").trim()
      const hold = async (user: string, password: string, name: string): Promise<void> => {
        const client = await MysqlClient.connect(server.port, { user, password, database: '' })
        clients.push(client)
        expect(await rowsOf(client, `SELECT GET_LOCK('${name}', 0)`)).toEqual([['1']])
      }
      await hold('pam_admin', ADMIN_PASSWORD, shown + digest)
      await hold('somebody', 'x', `pam-gateway ${'b'.repeat(16)} ${digest}`)
      const { dropped, failed } = await reapAccounts(target(), GATEWAY)
      expect(failed).toEqual([])
      expect(dropped.toSorted()).toEqual(['dead_ses_00000000000aa', 'forg_ses_00000000000af', 'late_ses_00000000000ab'])
      expect(accounts().toSorted()).toEqual(
        ['elsw_ses_00000000000ad', used.user, 'live_ses_00000000000ae', 'othr_ses_00000000000ac'].toSorted(),
      )
      expect(server.sql("SELECT COUNT(*) FROM mysql.user WHERE user = 'somebody'").trim()).toBe('1')
      await used.release()
    })

    it('is what sessions through the gateway have, without anything that outlives it; nobody is told its password', async () => {
      const leases: CredentialLease[] = []
      const search = new SecretSearch()
      server.sql("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = 1")
      const gateway = await MysqlGateway.start({
        rules: `access: [{ name: devs, who: { groups: [dev] }, targets: { labels: { env: prod } }, grant: standing }]
commands: [{ name: all, match: { unknown: true }, allow: true }, { name: rest, allow: true }]`,
        target: { port: server.port, ephemeral: target().config.ephemeral },
        async lease() {
          const made = await lease()
          leases.push(made)
          return made
        },
      })
      const client = await MysqlClient.connect(gateway.port, { user: 'app' })
      expect(await rowsOf(client, 'SELECT CURRENT_ROLE(), v FROM t')).toEqual([['app_rw', 'one']])
      await client.command(Buffer.of(commands.resetConnection), 'done')
      expect(await rowsOf(client, 'SELECT CURRENT_ROLE()')).toEqual([['app_rw']])
      for (const statement of [
        'CREATE VIEW v AS SELECT 1',
        'CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET NEW.v = 1',
        'CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO DELETE FROM t',
        'CREATE FUNCTION f() RETURNS INT RETURN 1',
        'CREATE PROCEDURE p() SELECT 1',
        "XA START 'x'",
        "SET PASSWORD = PASSWORD('x')",
        "ALTER USER CURRENT_USER() IDENTIFIED BY 'x'",
      ]) {
        const failure: unknown = await client.query(statement).catch((error: unknown) => error)
        expect([statement, String(failure)]).toEqual([statement, expect.stringContaining('not allowed')])
        search.add('error', everythingOf(failure))
      }
      search.add('accounts as the server keeps them', server.sql('SELECT * FROM mysql.global_priv'))
      search.add('registry of accounts', server.sql('SELECT * FROM pam_gateway.session_accounts'))
      client.socket.destroy()
      await gateway.last.over
      expect([accounts(), rows(), gateway.logged]).toEqual([[], '0', []])
      await gateway.stop()
      const { events, notices } = gateway.last
      search.add('record', everythingOf(events))
      search.add('log of the gateway', everythingOf([gateway.logged, gateway.refusals, notices]))
      search.add('statements', server.sql('SELECT argument FROM mysql.general_log'))
      server.sql("SET GLOBAL general_log = 0, GLOBAL log_output = 'FILE'; TRUNCATE mysql.general_log")
      search.add('log of the server', server.log())
      const [made] = leases
      const password = made?.password ?? ''
      const user = made?.user ?? ''
      expect(password.length).toBeGreaterThan(40)
      for (const place of [/^statements$/, /^accounts/, /^registry/]) expect(search.has(user, place)).toBe(true)
      expect(search.has('SET PASSWORD', /^record$/)).toBe(true)
      expect(search.find({ password, administrator: ADMIN_PASSWORD })).toEqual([])
      search.add('on purpose', password)
      expect(search.find({ password })).toContain('password in on purpose as text')
    })
  })
