import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LocalMariadb } from '../../src/demo/local-mariadb.ts'
import { capabilities } from '../../src/protocols/mysql/wire/capabilities.ts'
import { commands } from '../../src/protocols/mysql/wire/command.ts'
import { encodePackets } from '../../src/protocols/mysql/wire/framer.ts'
import { PamError } from '../../src/shared/errors.ts'
import { isMariadbMissing, mariadbClient, MARIADB_VERSIONS, startTestMariadb } from '../helpers/mariadb.ts'
import { MysqlClient, executeCommand } from '../helpers/mysql-client.ts'
import { MysqlGateway } from '../helpers/mysql-gateway.ts'
import { decided } from '../helpers/session-parts.ts'

const ACCESS = 'access: [{ name: devs, who: { groups: [dev] }, targets: { labels: { env: prod } }, grant: standing }]'
const RULES = `${ACCESS}
commands:
  - { name: no truncating, match: { kinds: [truncate] }, deny: nobody empties tables }
  - { name: definitions, match: { kinds: [alter-table] }, hold: { approvers: { groups: [sre] } } }
  - { name: deletions, match: { kinds: [delete] }, hold: { approvers: { groups: [sre] } } }
  - { name: all else, allow: true }`

const run = promisify(execFile)
const byte = (command: number, ...rest: readonly (Buffer | string)[]): Buffer =>
  Buffer.concat([Buffer.of(command), ...rest.map((part) => Buffer.from(part))])
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** Commands that are served, by their first byte. */
const SERVED = new Set<number>([
  commands.quit,
  commands.initDb,
  commands.query,
  commands.fieldList,
  commands.statistics,
  commands.processInfo,
  commands.processKill,
  commands.ping,
  commands.changeUser,
  commands.stmtPrepare,
  commands.stmtExecute,
  commands.stmtSendLongData,
  commands.stmtClose,
  commands.stmtReset,
  commands.setOption,
  commands.stmtFetch,
  commands.resetConnection,
])

/** Each keeps the time when a table was made in another place. */
const ALIKE = [
  { table: 'alike', engine: 'ENGINE = InnoDB' },
  { table: 'alike_parts', engine: 'ENGINE = InnoDB PARTITION BY HASH (id) PARTITIONS 2' },
  { table: 'alike_aria', engine: 'ENGINE = Aria' },
  { table: 'alike_myisam', engine: 'ENGINE = MyISAM' },
] as const

for (const version of MARIADB_VERSIONS) {
  describe.skipIf(isMariadbMissing(version))(`a session with MariaDB ${version}`, () => {
    let server: LocalMariadb
    let gateway: MysqlGateway

    beforeAll(async () => {
      server = await startTestMariadb({
        version,
        accounts: [{ user: 'app', password: 'secret', grants: ['ALL ON shop.*', 'PROCESS ON *.*', 'FILE ON *.*'] }],
        settings: { 'max-allowed-packet': '64M' },
        script: `CREATE DATABASE shop; CREATE TABLE shop.people (id INT PRIMARY KEY, name VARCHAR(100)) CHARACTER SET utf8mb4;
        INSERT INTO shop.people VALUES (1, 'Ann'), (2, 'Bob'); CREATE TABLE shop.scratch (id INT, value LONGTEXT);
        CREATE TABLE shop.many SELECT seq FROM shop.seq_1_to_300000;
        ${ALIKE.map(({ table, engine }) => `CREATE TABLE shop.${table} (id INT PRIMARY KEY) ${engine};`).join(' ')}`,
      })
      gateway = await MysqlGateway.start({
        rules: RULES,
        target: { port: server.port },
        password: 'secret',
        statementBytes: 4 * 1024 * 1024,
      })
    })
    afterAll(async () => {
      await gateway?.stop()
      await server?.stop()
    })

    const connect = (options: Parameters<typeof MysqlClient.connect>[1] = {}): Promise<MysqlClient> =>
      MysqlClient.connect(gateway.port, options)
    const connections = (): number =>
      Number(
        server.sql("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app' AND db = 'shop'").trim(),
      )

    /** Capabilities that change what packets there are; the first connection has neither, since the target was not asked. */
    describe.each([
      ['without what is newer', capabilities.deprecateEof | capabilities.sessionTrack],
      ['without OK in the place of EOF', capabilities.deprecateEof],
      ['without session tracking', capabilities.sessionTrack],
      ['with all', 0],
    ])('%s', (_, without) => {
      let client: MysqlClient
      beforeAll(async () => (client = await connect({ without })))
      afterAll(() => client?.quit())

      it('text', async () => {
        expect(await client.rows('SELECT id, name FROM people ORDER BY id')).toEqual([
          ['1', 'Ann'],
          ['2', 'Bob'],
        ])
        await expect(client.query('SELEC 1')).rejects.toMatchObject({ code: 1064 })
        await expect(client.query('SELECT nothing FROM people')).rejects.toMatchObject({ code: 1054 })
        expect((await client.query('INSERT INTO scratch VALUES (1, NULL)'))[0]?.affectedRows).toBe(1n)
        expect(await client.rows('SELECT NULL, 1')).toEqual([[null, '1']])
      })

      it('several statements in a text', async () => {
        const results = await client.query('SELECT 1; INSERT INTO scratch VALUES (2, NULL); SELECT 3')
        expect(results.map(({ rows }) => rows)).toEqual([[['1']], [], [['3']]])
        const sent = client.query('SELECT 1; SELECT nothing FROM people; SELECT 3')
        await expect(sent).rejects.toMatchObject({ code: 1054 })
        expect(await client.rows('SELECT 4')).toEqual([['4']])
        await client.command(byte(commands.setOption, Buffer.of(1, 0)), 'done')
        await expect(client.query('SELECT 1; SELECT 2')).rejects.toMatchObject({ code: 1064 })
        await client.command(byte(commands.setOption, Buffer.of(0, 0)), 'done')
        expect(await client.query('SELECT 1; SELECT 2')).toHaveLength(2)
      })

      it('prepared statements', async () => {
        const { id, parameters, columns } = await client.prepare('SELECT name FROM people WHERE name = ? OR name = ?')
        expect([parameters, columns]).toEqual([2, 1])
        const [result] = await client.execute(id, ['Ann', null])
        expect(result?.rows).toEqual([['000003' + Buffer.from('Ann').toString('hex')]])
        expect(gateway.last.events.findLast(({ type }) => type === 'command')).toMatchObject({
          verdict: 'allow',
          parameters: ['Ann', null],
        })
        // A parameter in parts, then the same statement without.
        client.send(byte(commands.stmtSendLongData, uint32(id), Buffer.of(0, 0), 'Bo'))
        client.send(byte(commands.stmtSendLongData, uint32(id), Buffer.of(0, 0), 'b'))
        const head = executeCommand(id, []).subarray(0, 10)
        const long = Buffer.concat([head, Buffer.of(2, 1, 0xfc, 0, 0xfd, 0)])
        expect((await client.command(long, 'binary-results'))[0]?.rows).toEqual([['000003426f62']])
        expect(gateway.last.events.findLast(({ type }) => type === 'command')).toMatchObject({
          parameters: ['Bob', null],
        })
        expect((await client.execute(id, ['Ann', 'Bob']))[0]?.rows).toHaveLength(2)
        await client.command(byte(commands.stmtReset, uint32(id)), 'done')
        client.send(byte(commands.stmtClose, uint32(id)))
        await expect(client.execute(id, ['a', 'b'])).rejects.toMatchObject({ code: 1243 })
        await expect(client.prepare('TRUNCATE people')).rejects.toMatchObject({ code: 1227 })
        await expect(client.prepare('SELECT nothing FROM people')).rejects.toMatchObject({ code: 1054 })
      })

      it('cursors', async () => {
        const { id } = await client.prepare('SELECT name FROM people ORDER BY id')
        expect((await client.execute(id, [], 1)).flatMap(({ rows }) => rows)).toEqual([])
        const fetch = byte(commands.stmtFetch, uint32(id), uint32(1))
        expect((await client.command(fetch, 'rows'))[0]?.rows).toEqual([['000003416e6e']])
        expect((await client.command(fetch, 'rows'))[0]?.rows).toEqual([['000003426f62']])
        expect((await client.command(fetch, 'rows'))[0]?.rows).toEqual([])
        const { id: other } = await client.prepare('SELECT 1')
        const closed = client.command(byte(commands.stmtFetch, uint32(other), uint32(1)), 'rows')
        await expect(closed).rejects.toMatchObject({ code: 1421 })
      })

      it('the other commands', async () => {
        await client.command(byte(commands.ping), 'done')
        await client.command(byte(commands.initDb, 'information_schema'), 'done')
        expect(await client.rows('SELECT DATABASE()')).toEqual([['information_schema']])
        await client.command(byte(commands.initDb, 'shop'), 'done')
        await client.command(byte(commands.fieldList, 'people\0%'), 'fields')
        client.send(byte(commands.statistics))
        expect((await client.answer('text')).text).toMatch(/^Uptime/)
        expect((await client.command(byte(commands.processInfo), 'results'))[0]?.rows.length).toBeGreaterThan(0)
        await client.query('SET @kept = 1')
        await client.command(byte(commands.resetConnection), 'done')
        expect(await client.rows('SELECT @kept')).toEqual([[null]])
        const again = byte(commands.changeUser, 'app\0', Buffer.of(0), 'shop\0')
        await client.command(again, 'done')
        const other = byte(commands.changeUser, 'root\0', Buffer.of(0), 'shop\0')
        await expect(client.command(other, 'done')).rejects.toMatchObject({ code: 1045 })
        expect(await client.rows('SELECT DATABASE()')).toEqual([['shop']])
      })
    })

    it('every other command is refused by name, and the connection stays in step', async () => {
      const client = await connect()
      for (const command of Array.from({ length: 256 }, (_, value) => value)) {
        if (SERVED.has(command)) continue
        const sent = client.command(byte(command, 'x\0\0\0\0\0\0\0\0\0'), 'done')
        await expect(sent).rejects.toMatchObject({
          code: 1235,
          message: expect.stringMatching(/^pam: .* is not supported/),
        })
      }
      expect(await client.rows('SELECT 1')).toEqual([['1']])
      client.quit()
    })

    it('a table that is not there is said in the words of the server, where rules would allow the statement', async () => {
      const client = await connect()
      const missing = { code: 1146, message: expect.stringContaining("Table 'shop.nope' doesn't exist") }
      for (const text of ['SELECT * FROM nope', 'INSERT INTO nope VALUES (1)', 'SELECT 1 FROM people, shop.nope'])
        await expect(client.query(text), text).rejects.toMatchObject(missing)
      await expect(client.prepare('SELECT * FROM nope WHERE id = ?')).rejects.toMatchObject(missing)
      for (const text of ['TRUNCATE nope', 'SELECT secret() FROM nope', 'SELECT * FROM elsewhere.nope'])
        await expect(client.query(text), text).rejects.toMatchObject({ code: 1227 })
      client.quit()
    })

    it('what is refused is on record and never sent', async () => {
      const client = await connect()
      await expect(client.query('TRUNCATE people')).rejects.toMatchObject({
        code: 1227,
        sqlstate: '42000',
        message: expect.stringContaining('nobody empties tables'),
      })
      expect(await client.rows('SELECT COUNT(*) FROM people')).toEqual([['2']])
      const recorded = gateway.last.events.filter(({ type }) => type === 'command')
      expect(recorded.map((event) => (event.type === 'command' ? [event.verdict, event.text] : []))).toEqual([
        ['deny', 'TRUNCATE people'],
        ['allow', 'SELECT COUNT(*) FROM people'],
      ])
      expect(gateway.last.events.at(-1)).toMatchObject({
        type: 'result',
        rows: 1,
        durationMs: expect.toSatisfy(Number.isInteger),
      })
      client.quit()
    })

    it('reads each text as the server does then', async () => {
      const client = await connect()
      await client.query('SET sql_mode = CONCAT(@@sql_mode, ",ANSI_QUOTES")')
      expect(await client.rows('SELECT "name" FROM people WHERE id = 1')).toEqual([['Ann']])
      await client.query("SET sql_mode = ''")
      expect(await client.rows('SELECT "name" FROM people WHERE id = 1')).toEqual([['name']])
      await client.query('SET NAMES latin1')
      const text = Buffer.from('SELECT "\u00e9"', 'latin1')
      expect((await client.command(byte(commands.query, text), 'results'))[0]?.rows).toHaveLength(1)
      expect(gateway.last.events.findLast(({ type }) => type === 'command')).toMatchObject({ text: 'SELECT "\u00e9"' })
      await client.query('SET NAMES utf8mb4')
      await expect(client.command(byte(commands.query, text), 'results')).rejects.toMatchObject({ code: 1115 })
      await client.query('USE information_schema')
      await expect(client.query('SELECT * FROM people')).rejects.toMatchObject({ code: 1227 })
      client.quit()
    })

    it('a held statement runs once it is approved, and not when it is denied', async () => {
      const client = await connect()
      const { state } = gateway.bench
      const answers = ['approved', 'denied'] as const
      for (const answer of answers) {
        const filed = state.filed.length
        const sent = client.query('DELETE FROM people WHERE id = 2').then(
          (results) => results[0]?.affectedRows,
          (error: unknown) => error,
        )
        await gateway.until(() => gateway.last.notices.length > 0)
        expect(gateway.last.notices.splice(0)).toEqual([expect.stringContaining('needs approval by')])
        while (state.filed.length === filed) await new Promise((resolve) => setImmediate(resolve))
        const approval = state.filed.at(-1)
        if (approval === undefined) throw new Error('nothing was filed')
        expect(server.sql('SELECT COUNT(*) FROM shop.people').trim()).toBe(answer === 'approved' ? '2' : '1')
        gateway.last.session.decided(decided(approval, answer))
        if (answer === 'approved') expect(await sent).toBe(1n)
        else expect(await sent).toMatchObject({ code: 1227, message: expect.stringContaining('denied') })
      }
      await client.query("INSERT INTO people VALUES (2, 'Bob')")
      client.quit()
    })

    it('an approval covers the table that was there, not another one of the same definition under its name', async () => {
      const client = await connect()
      const { state } = gateway.bench
      for (const { table, engine } of ALIKE) {
        // The servers say in whole seconds when a table was made.
        server.sql('DO SLEEP(1.01 - MICROSECOND(NOW(6)) / 1000000)')
        server.sql(`CREATE TABLE shop.another LIKE shop.${table}; INSERT INTO shop.another VALUES (1)`)
        for (const isSwapped of [false, true]) {
          const filed = state.filed.length
          const sent = client.query(`DELETE FROM ${table} WHERE id = 1`)
          while (state.filed.length === filed) await new Promise((resolve) => setImmediate(resolve))
          const approval = state.filed.at(-1)
          if (approval === undefined) throw new Error('nothing was filed')
          if (isSwapped)
            server.sql(
              `RENAME TABLE shop.${table} TO shop.swap, shop.another TO shop.${table}, shop.swap TO shop.another`,
            )
          gateway.last.session.decided(decided(approval, 'approved'))
          await sent
          expect([engine, isSwapped, state.used.at(-1)?.[1] === approval.digest]).toEqual([
            engine,
            isSwapped,
            !isSwapped,
          ])
        }
        server.sql(`DROP TABLE shop.another`)
      }
      client.quit()
    })

    it('who decides on an ALTER is told how large the table is, and what depends on it', async () => {
      const client = await connect()
      for (const sql of [
        'CREATE TABLE parents (id INT PRIMARY KEY, note TEXT)',
        "INSERT INTO parents VALUES (1, ''), (2, ''), (3, '')",
        'CREATE TABLE children (parent INT, FOREIGN KEY (parent) REFERENCES parents (id))',
        'CREATE VIEW seen AS SELECT id FROM parents',
      ])
        await client.query(sql)
      const { state } = gateway.bench
      const effectOf = async (sql: string): Promise<string> => {
        const filed = state.filed.length
        let answer: unknown
        const sent = client.query(sql).catch((error: unknown) => (answer = error))
        while (state.filed.length === filed && answer === undefined)
          await new Promise((resolve) => setImmediate(resolve))
        const approval = state.filed[filed]
        if (approval === undefined) throw new Error('nothing was held', { cause: answer })
        gateway.last.session.decided(decided(approval, 'denied'))
        await sent
        return approval.effect
      }
      expect(await effectOf('ALTER TABLE parents DROP COLUMN note')).toMatch(
        /about \d+ rows?, \d+\.\d KB on disk; 1 view and 1 foreign key of another table depend on it$/,
      )
      server.sql('DROP VIEW shop.seen; DROP TABLE shop.children, shop.parents')
      client.quit()
    })

    it('KILL QUERY of another connection withdraws what is held, and ends what runs', async () => {
      const client = await connect()
      const { notices } = gateway.last
      const id = client.greeting.threadId
      const held = client.query('DELETE FROM people')
      await gateway.until(() => notices.length > 0)
      const second = await connect()
      await second.query(`KILL QUERY ${id}`)
      await expect(held).rejects.toMatchObject({ code: 1317 })
      const slept = client.rows('SELECT SLEEP(60)')
      while (!server.sql('SHOW PROCESSLIST').includes('SLEEP(60)'))
        await new Promise((resolve) => setTimeout(resolve, 10))
      await second.command(byte(commands.query, `kill query ${id};`), 'results')
      await expect(slept).rejects.toMatchObject({ code: 1317 })
      expect(await client.rows('SELECT 1')).toEqual([['1']])
      // By the server's own id, too; but not of others, and in no other form.
      const [[own]] = (await client.rows('SELECT CONNECTION_ID()')) as [[string]]
      await second.query(`KILL QUERY ${own}`)
      for (const other of [
        'KILL QUERY 1',
        'KILL 4294967295',
        `KILL USER app`,
        `SELECT 1; KILL ${own}`,
        'KILL QUERY @x',
      ])
        await expect(second.query(other)).rejects.toMatchObject({ code: 1227 })
      gateway.personId = 'bob'
      const stranger = await connect()
      gateway.personId = 'jane'
      await expect(stranger.query(`KILL QUERY ${id}`)).rejects.toMatchObject({ code: 1227 })
      const processKill = second.command(byte(commands.processKill, uint32(1)), 'done')
      await expect(processKill).rejects.toMatchObject({ code: 1227 })
      await second.command(byte(commands.processKill, uint32(id)), 'done')
      expect(await client.closed()).toMatchObject({ code: 1927 })
      second.quit()
      stranger.quit()
    })

    it.each([
      ['idle', undefined],
      ['while a statement runs', 'SELECT SLEEP(60)'],
      ['within a result', 'SELECT * FROM many, many m'],
      ['while one is held', 'DELETE FROM people'],
    ])('a session that ends %s: the client is told, and the server has let go of it', async (_, sql) => {
      const client = await connect()
      const { session, over, events, notices } = gateway.last
      const [[own]] = (await client.rows('SELECT CONNECTION_ID()')) as [[string]]
      if (sql !== undefined) {
        client.send(byte(commands.query, sql))
        if (sql.startsWith('DELETE')) await gateway.until(() => notices.length > 0)
        else
          while (!server.sql('SHOW PROCESSLIST').includes(sql)) await new Promise((resolve) => setTimeout(resolve, 10))
        if (sql.includes('many')) client.socket.pause()
      }
      session.end(new PamError('GRANT_REVOKED', 'your access was revoked'))
      client.socket.resume()
      await over
      expect(await client.closed()).toMatchObject({ code: 1927, message: 'pam: your access was revoked' })
      expect(server.sql(`SELECT COUNT(*) FROM information_schema.processlist WHERE id = ${own}`).trim()).toBe('0')
      expect(events.filter(({ type }) => type === 'notice')).toEqual([])
    })

    it('where rules only read, the server itself refuses to write, also when the connection begins anew', async () => {
      const reading = await MysqlGateway.start({
        rules: `${ACCESS}
commands: [{ use: read-only }, { name: what is not known, match: { unknown: true }, allow: true }, { name: all else, allow: true }]`,
        target: { port: server.port },
        password: 'secret',
      })
      const client = await MysqlClient.connect(reading.port)
      const isReadOnly = (): Promise<(string | null)[][]> => client.rows('SELECT @@session.tx_read_only')
      expect(await isReadOnly()).toEqual([['1']])
      for (const sql of [
        'SET SESSION TRANSACTION READ WRITE',
        'START TRANSACTION READ WRITE',
        'INSERT INTO people VALUES (9, 1)',
        // What may run anything.
        "PREPARE undo FROM 'SET tx_read_only = 0'; EXECUTE undo",
        "PREPARE undo FROM 'SET tx_read_only = 0'",
        'EXECUTE undo',
        "EXECUTE IMMEDIATE 'SET tx_read_only = 0'",
        'SELECT undo()',
        'SET tx_read_only = 0 nobody reads this',
      ])
        await expect(client.query(sql)).rejects.toMatchObject({ message: expect.stringMatching(/^pam: /) })
      expect(await isReadOnly()).toEqual([['1']])
      await client.command(byte(commands.resetConnection), 'done')
      expect(await isReadOnly()).toEqual([['1']])
      await client.command(byte(commands.changeUser, 'app\0', Buffer.of(0), '\0'), 'done')
      expect(await isReadOnly()).toEqual([['1']])
      client.quit()
      await reading.stop()
    })

    it('a file goes only to a LOAD DATA LOCAL that was allowed, and is on record', async () => {
      const client = await connect()
      const load = byte(commands.query, "LOAD DATA LOCAL INFILE '/etc/x' INTO TABLE scratch FIELDS TERMINATED BY ','")
      const [result] = await client.command(load, 'results', Buffer.from('7,seven\n8,eight\n'))
      expect(result?.affectedRows).toBe(2n)
      expect(await client.rows('SELECT value FROM scratch WHERE id = 7')).toEqual([['seven']])
      expect(gateway.last.events.find(({ type }) => type === 'file')).toMatchObject({
        operation: 'load-data-local',
        path: '/etc/x',
        bytes: 16,
      })
      client.quit()
    })

    it('long rows and statements pass, those that are too long are refused in step', async () => {
      const client = await connect()
      const long = 'x'.repeat(3_000_000)
      await client.query(`INSERT INTO scratch VALUES (100, '${long}')`)
      await client.query('UPDATE scratch SET value = CONCAT(value, value, value, value, value, value) WHERE id = 100')
      const [[value]] = (await client.rows('SELECT value FROM scratch WHERE id = 100')) as [[string]]
      expect(value).toHaveLength(18_000_000)
      for (const size of [5_000_000, 17_000_000, 34_000_000])
        await expect(client.query(`SELECT '${'x'.repeat(size)}'`)).rejects.toMatchObject({ code: 1153 })
      expect(await client.rows('SELECT 1')).toEqual([['1']])
      client.quit()
    })

    it('many rows go at the pace of the client', async () => {
      const client = await connect()
      client.send(byte(commands.query, 'SELECT seq FROM many'))
      client.socket.pause()
      await new Promise((resolve) => setTimeout(resolve, 50))
      client.socket.resume()
      const { results } = await client.answer('results')
      expect(results[0]?.rows).toHaveLength(300_000)
      client.quit()
    })

    it.each([
      ['another user', { user: 'root' }, 1045],
      ['another database', { database: 'mysql' }, 1045],
      ['a character set in which a quote may be half of a character', { collation: 28 }, 1115],
    ])('%s is refused', async (_, options, code) => {
      await expect(connect(options)).rejects.toMatchObject({ code })
    })

    it.each(['caching_sha2_password', 'client_ed25519', 'mysql_clear_password', 'dialog'])(
      'a client that proves by %s is let in',
      async (plugin) => {
        const client = await connect({ plugin, database: 'shop' })
        expect(await client.rows('SELECT 1')).toEqual([['1']])
        client.quit()
      },
    )

    describe('with the client of MariaDB', () => {
      const options = (port: number, password: string): string[] => [
        '--no-defaults',
        '--skip-ssl',
        '--host=127.0.0.1',
        `--port=${port}`,
        '--user=app',
        `--password=${password}`,
      ]
      const program = (name: 'mariadb' | 'mariadb-dump'): string => mariadbClient(version, name) ?? name
      const through = (...args: readonly string[]): string[] => [...options(gateway.port, 'whatever'), 'shop', ...args]

      it('statements run, and its own commands', async () => {
        const { stdout } = await run(
          'mariadb',
          through('--execute', 'SELECT name FROM people WHERE id = 1; STATUS; SHOW TABLES'),
        )
        expect(stdout).toContain('Ann')
        expect(stdout).toMatch(/Connection id:\s+\d{10}\n/)
        expect(stdout).toContain('Uptime:')
        expect(stdout).toContain('scratch')
      })

      it('Ctrl-C ends the statement that runs', async () => {
        const child = spawn(program('mariadb'), through('--execute', 'SELECT SLEEP(61)'))
        let said = ''
        child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()))
        child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
        const over = new Promise((resolve) => child.on('close', resolve))
        while (!server.sql('SHOW PROCESSLIST').includes('SLEEP(61)'))
          await new Promise((resolve) => setTimeout(resolve, 10))
        child.kill('SIGINT')
        await over
        expect(said).toContain('Query execution was interrupted')
      })

      it('a dump is what it is on a direct connection', async () => {
        const dumped = async (args: readonly string[]): Promise<string> =>
          (
            await run(program('mariadb-dump'), [...args, '--skip-dump-date', '--ignore-table=shop.many'], {
              maxBuffer: 1e9,
            })
          ).stdout
        const direct = await dumped([...options(server.port, 'secret'), 'shop'])
        expect(direct).toContain('Ann')
        expect((await dumped(through())) === direct).toBe(true)
      })
    })

    describe('whatever a client sends after its login', () => {
      it('it is answered, or the session ends, and others go on', async () => {
        const other = await connect()
        const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array))
        const command = fc.oneof(
          bytes,
          fc.tuple(fc.constantFrom(...SERVED), bytes).map(([head, rest]) => byte(head, rest)),
        )
        const packet = fc.oneof(
          fc.tuple(command, fc.constantFrom(0, 0, 0, 1, 7)).map(([payload, id]) => encodePackets(payload, id)),
          bytes,
        )
        await fc.assert(
          fc.asyncProperty(fc.array(packet, { minLength: 1, maxLength: 6 }), async (packets) => {
            const client = await connect()
            const { over } = gateway.last
            client.socket.end(Buffer.concat(packets))
            client.socket.resume()
            await over
          }),
          { numRuns: 60 },
        )
        expect(await other.rows('SELECT 1')).toEqual([['1']])
        expect(gateway.logged).toEqual([])
        other.quit()
      })

      it.each([
        ['a packet that is out of order', encodePackets(byte(commands.ping), 1)],
        ['an execution of too few bytes', encodePackets(byte(commands.stmtExecute, 'x'), 0)],
      ])('%s ends the session', async (_, bytes) => {
        const client = await connect()
        client.socket.write(bytes)
        expect(await client.closed()).toMatchObject({ code: 1835 })
        await gateway.last.over
      })
    })

    it('nothing is left on the server but connections of the gateway', async () => {
      await Promise.all(gateway.served.map(({ over }) => over))
      expect(connections()).toBeLessThanOrEqual(1)
    })
  })
}
