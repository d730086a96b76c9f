import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ResultCollector } from '../../src/cli/query/results.ts'
import { listenLocally, type LocalListener } from '../../src/agent/local-listener.ts'
import type { LocalMariadb } from '../../src/demo/local-mariadb.ts'
import type { ListenerInfo } from '../../src/protocols/client-half.ts'
import { mysqlClient } from '../../src/protocols/mysql/client.ts'
import { connectMysql } from '../../src/protocols/mysql/query/connect.ts'
import { mysqlLocal } from '../../src/protocols/mysql/local.ts'
import type { Channel } from '../../src/shared/channel.ts'
import { socketChannel } from '../../src/shared/socket-channel.ts'
import { isMariadbMissing, mariadbClient, startTestMariadb } from '../helpers/mariadb.ts'
import { run, type Outcome } from '../helpers/run.ts'
import { cached } from '../helpers/test-clients.ts'
import { MYSQL_CLIENTS } from '../helpers/mysql-clients.ts'

const TARGET = { name: 'shop', type: 'mysql', accounts: ["o'app"], database: 'shop' } as never
let home: string
let server: LocalMariadb
/** One that sees whose connection it is, and one that asks for a secret: whoever comes through it has an account with that. */
let [seeing, asking]: LocalListener[] = []
let asked: string[] = []

beforeAll(async () => {
  if (isMariadbMissing()) return
  home = mkdtempSync(join(tmpdir(), 'pam-'))
  mkdirSync(join(home, 'run'), { mode: 0o700 })
  server = await startTestMariadb({
    script: 'CREATE DATABASE shop; CREATE TABLE shop.t (a INT); INSERT INTO shop.t VALUES (7);',
  })
  const options = {
    port: undefined,
    protocol: mysqlLocal,
    private: false,
    runtime: join(home, 'run'),
    uid: userInfo().uid,
    turnedAway: (reason: string) => asked.push(reason),
    accept,
  }
  seeing = await listenLocally({ ...options, name: 'seeing' })
  asking = await listenLocally({ ...options, name: 'asking', ownerOf: () => 'unknown' })
  server.sql(`CREATE USER "o'app"@'%'; GRANT ALL ON shop.* TO "o'app"@'%'`)
})
afterAll(async () => {
  await Promise.all([seeing?.close(), asking?.close(), server?.stop()])
  if (home !== undefined) rmSync(home, { recursive: true, force: true })
})

function accept(client: Channel): void {
  const upstream = socketChannel(connect(server.port, '127.0.0.1'))
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const)
    from.handler = {
      data: (bytes) => void to.write(bytes),
      drained() {},
      ended: () => to.end(),
      closed: () => to.destroy(),
    }
  client.resume()
  upstream.resume()
}

/** Without a Unix socket, as on Windows. */
const onlyTcp = ({ host, port, secret }: ListenerInfo): ListenerInfo => ({
  host,
  port,
  ...(secret === undefined ? {} : { secret }),
})

/** What a client prints that pamctl starts. */
async function start(
  program: string,
  args: readonly string[],
  listener: ListenerInfo,
  environment: NodeJS.ProcessEnv = {},
  input = '',
): Promise<Outcome> {
  server.sql(
    `SET PASSWORD FOR "o'app"@'%' = PASSWORD('${listener.socketDirectory === undefined ? (listener.secret ?? '') : ''}')`,
  )
  const prepared = mysqlClient.prepare({
    program,
    args,
    target: TARGET,
    listener,
    login: [],
    environment: { PATH: process.env['PATH'], HOME: home, ...environment },
  })
  if (listener.secret !== undefined) expect(prepared.args.join(' ')).not.toContain(listener.secret)
  const directory = dirname(prepared.environment['MYSQL_TEST_LOGIN_FILE'] as string)
  expect(statSync(join(directory, 'my.cnf')).mode & 0o777).toBe(0o600)
  const outcome = await run(program, prepared.args, { env: cleared(prepared.environment), input })
  prepared.cleanUp()
  expect(existsSync(directory)).toBe(false)
  return outcome
}

/** Nothing of this process's own environment, to which `run` adds. */
const cleared = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined])),
  ...environment,
})

const ways: [string, () => ListenerInfo][] = [
  ['a Unix socket', () => seeing?.info as ListenerInfo],
  ['a port', () => onlyTcp(seeing?.info as ListenerInfo)],
  ['a port that asks for a secret', () => onlyTcp(asking?.info as ListenerInfo)],
]
const mariadb11 = mariadbClient('11.4', 'mariadb')
const mycli = cached('python', 'bin', 'mycli')

describe.skipIf(isMariadbMissing())('clients that pamctl starts', () => {
  describe.each(ways)('come through %s', (_way, listener) => {
    it.each<[string, string[], string]>([
      ['mariadb', ['-BN', '-e', 'SELECT a, CURRENT_USER(), DATABASE() FROM t'], "7\to'app@%\tshop\n"],
      ['mysql', ['-BN', '-e', 'SELECT a FROM t'], '7\n'],
      ['mariadb-dump', ['--compact', '--no-create-info', 'shop', 't'], 'INSERT INTO `t` VALUES\n(7);\n'],
      ['mysqldump', ['--compact', '--no-create-info', 'shop'], 'INSERT INTO `t` VALUES\n(7);\n'],
      ['mysqladmin', ['ping'], 'mysqld is alive\n'],
      ['mariadb-show', ['shop'], '| t      |'],
    ])('%s', async (program, args, shown) => {
      expect(await start(program, args, listener())).toMatchObject({
        code: 0,
        stderr: '',
        stdout: expect.stringContaining(shown) as string,
      })
    })

    it.skipIf(mariadb11 === undefined)('mariadb 11.4', async () => {
      const outcome = await start(mariadb11 as string, ['-BN', '-e', 'SELECT a FROM t'], listener())
      expect(outcome).toEqual({ code: 0, stdout: '7\n', stderr: '' })
    })

    it.skipIf(mycli === undefined)('mycli', async () => {
      const outcome = await start(mycli as string, ['-e', 'SELECT a FROM t'], listener())
      expect(outcome).toMatchObject({ code: 0, stdout: 'a\n7\n' })
    })
  })

  it('keep what the user has set, but not where it leads', async () => {
    const own = join(home, '.my.cnf')
    writeFileSync(
      own,
      // prettier-ignore
      ['[client]', 'host = 203.0.113.1', 'port = 1', 'protocol = TCP', 'user = other', 'password = other', 'ssl-verify-server-cert',
        'ssl', 'ssl-ca = /nowhere', 'socket = /nowhere', '[mysql]', 'database = nowhere', 'prompt = "mine> "', 'default-character-set = latin1', '',
      ].join('\n'),
    )
    try {
      for (const [, listener] of ways)
        for (const program of ['mariadb', ...(mariadb11 === undefined ? [] : [mariadb11])]) {
          const { stdout, stderr } = await start(
            program,
            ['-BN', '-e', 'SELECT a, DATABASE(), @@character_set_client FROM t'],
            listener(),
          )
          expect([stdout, stderr]).toEqual(['7\tshop\tlatin1\n', ''])
        }
    } finally {
      rmSync(own)
    }
  })

  it('take no other way from the environment', async () => {
    const elsewhere = {
      MYSQL_HOST: '203.0.113.1',
      MYSQL_TCP_PORT: '1',
      MYSQL_UNIX_PORT: '/nowhere',
      MYSQL_PWD: 'other',
      MYSQL_GROUP_SUFFIX: '_other',
      MYSQL_HOME: '/nowhere',
    }
    for (const [, listener] of ways)
      expect(await start('mariadb', ['-BN', '-e', 'SELECT a FROM t'], listener(), elsewhere)).toEqual({
        code: 0,
        stdout: '7\n',
        stderr: '',
      })
  })

  it.each([['--no-defaults'], ['--defaults-file=/dev/null'], ['--defaults-extra-file=/dev/null']])(
    'with %s of the user come, too',
    async (reading) => {
      for (const [, listener] of ways) {
        const { stdout, stderr } = await start(
          'mariadb',
          [reading, '--skip-ssl', '-BN', '-e', 'SELECT a FROM shop.t'],
          listener(),
        )
        expect([stdout, stderr]).toEqual(['7\n', ''])
      }
    },
  )

  it('may name another database, and take a script from their standard input', async () => {
    const outcome = await start(
      'mariadb',
      ['-BN', 'information_schema'],
      seeing?.info as ListenerInfo,
      {},
      'SELECT DATABASE();',
    )
    expect(outcome).toEqual({ code: 0, stdout: 'information_schema\n', stderr: '' })
  })
})

describe.skipIf(isMariadbMissing())('what is said of an open port', () => {
  it('leads there', async () => {
    for (const [, listener] of ways.slice(1)) {
      const info = listener()
      server.sql(`SET PASSWORD FOR "o'app"@'%' = PASSWORD('${info.secret ?? ''}')`)
      const { lines, json } = mysqlClient.describe(TARGET, info, home)
      expect(lines[0]).toBe(`shop is at 127.0.0.1:${info.port}, user o'app, database shop, without TLS`)
      expect(lines.at(-1)).toBe(info.secret === undefined ? '  no password' : `  password: ${info.secret}`)
      const url = new URL(json['url'] as string)
      const port = {
        port: Number(url.port),
        database: url.pathname.slice(1),
        user: decodeURIComponent(url.username),
        password: url.password,
      }
      for (const client of MYSQL_CLIENTS.filter(
        ({ name, isMissing }) => !isMissing && (name === 'mysql2' || name === 'go-sql-driver'),
      ))
        expect(await client.runs(port, ['SELECT a FROM t'])).toMatch(/row: (\[7\]|int64 7)/)
    }
  })

  it('has the Unix socket, where there is one', () => {
    const { lines, json } = mysqlClient.describe(TARGET, seeing?.info as ListenerInfo, home)
    expect(json['socket']).toMatch(/mysql\.sock$/)
    expect(lines[2]).toBe(`  mariadb --socket=${json['socket'] as string} --user='o'\\''app' --skip-ssl shop`)
    const port = String(json['port'])
    expect(lines).toContain(`  jdbc:mysql://127.0.0.1:${port}/shop?user=o'app&sslMode=DISABLED`)
  })
})

describe.skipIf(isMariadbMissing())('pamctl query', () => {
  const asked = async (sql: string, parameters: readonly (string | null)[], listener: ListenerInfo, maxRows = 10) => {
    const connection = await connectMysql({ target: TARGET, listener })
    const collector = new ResultCollector()
    try {
      await connection.run({ sql, parameters, maxRows }, (part) => collector.hear(part))
    } finally {
      connection.close()
    }
    return collector.results
  }
  const open = (listener: LocalListener | undefined): ListenerInfo => {
    if (listener === undefined) throw new Error('it is not open')
    return listener.info
  }
  // Over TCP it proves that it knows the secret.
  it.each([
    ['a port with a secret', () => onlyTcp(open(asking))],
    ['the socket', () => open(seeing)],
  ])('reads typed rows through %s', async (_, listener) => {
    const sql = `select 7 as a, 2.50 as b, null as c, 'é' as d, x'00ff' as e, 18446744073709551615 as g, date '2026-01-05' as h`
    const { secret = '', socketDirectory } = listener()
    server.sql(`SET PASSWORD FOR "o'app"@'%' = PASSWORD('${socketDirectory === undefined ? secret : ''}')`)
    const [result] = await asked(sql, [], listener())
    expect(result?.rows).toEqual([['7', '2.50', null, 'é', '\\x00ff', '18446744073709551615', '2026-01-05']])
    expect(result?.columns.map(({ json }) => json).join(' ')).toBe('number number string string string number string')
  })

  it('gives parameters as values, and reads rows in binary form', async () => {
    const sql =
      "select a, a + ? as b, ? as c, ? as d, cast(1.5 as double) as e, timestamp '2026-01-05 10:00:00' as f from t"
    const [result] = await asked(sql, ['1', null, "x' or 1=1"], open(seeing))
    expect(result?.rows).toEqual([['7', '8', null, "x' or 1=1", '1.5', '2026-01-05 10:00:00']])
    await expect(asked('select ?', ['1', '2'], open(seeing))).rejects.toThrow('1 parameters, and 2 were given')
  })

  it('reads several results, hands over as many rows as are wanted, and says what was written', async () => {
    const sql = 'create temporary table w (n int); insert into w values (1), (2), (3); select n from w; select 1 as x'
    const results = await asked(sql, [], open(seeing), 2)
    expect(results.map(({ affected, rows, hasMore }) => [affected, rows.length, hasMore])).toEqual([
      [0, 0, false],
      [3, 0, false],
      [undefined, 2, true],
      [undefined, 1, false],
    ])
  })

  it('tells errors of the server', async () => {
    await expect(asked('select nothing from t', [], open(seeing))).rejects.toMatchObject({
      code: 'STATEMENT_FAILED',
      sqlstate: '42S22',
    })
    await expect(asked("load data local infile '/etc/passwd' into table t", [], open(seeing))).rejects.toThrow()
  })
})
