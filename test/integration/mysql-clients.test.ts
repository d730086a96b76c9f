import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LocalMariadb } from '../../src/demo/local-mariadb.ts'
import { isMariadbMissing, MARIADB_VERSIONS, mariadbClient, startTestMariadb } from '../helpers/mariadb.ts'
import { MYSQL_CLIENTS } from '../helpers/mysql-clients.ts'
import { MysqlGateway } from '../helpers/mysql-gateway.ts'
import { run } from '../helpers/run.ts'

/** Command lines and drivers as they are: what they print through the gateway is what they print of a direct connection. */
const RULES = `
access: [{ name: devs, who: { groups: [dev] }, targets: { labels: { env: prod } }, grant: standing }]
commands: [{ name: all, match: { unknown: true }, allow: true }, { name: known, allow: true }]`

const SCHEMA = `
CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop;
CREATE TABLE kinds (id INT PRIMARY KEY, tiny TINYINT, small SMALLINT UNSIGNED, middle MEDIUMINT, large BIGINT, huge BIGINT UNSIGNED, exact DECIMAL(20, 5),
  single FLOAT, twice DOUBLE, bits BIT(10), day DATE, moment DATETIME(6), stamp TIMESTAMP(3), span TIME(2), annum YEAR, word VARCHAR(100), fixed CHAR(5),
  old VARCHAR(50) CHARACTER SET latin1, long_text LONGTEXT, bytes VARBINARY(50), blob_ BLOB, choice ENUM('x', 'y'), picks SET('a', 'b', 'c'));
INSERT INTO kinds VALUES (1, -5, 65535, -8388608, -9223372036854775808, 18446744073709551615, -12345.67890, 1.5, 2.25, b'1000000001', '2020-02-29', '2020-02-29 23:59:59.123456',
  '2020-02-29 12:00:00.125', '-12:34:56.78', 1999, 'Zoë 😀', 'abc', 'éü', REPEAT('long ', 100), X'00ff10', X'deadbeef', 'y', 'c'),
  (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2021-01-01 00:00:00', NULL, NULL, '', '', '', '', '', '', NULL, '');
CREATE TABLE note (id INT PRIMARY KEY AUTO_INCREMENT, text VARCHAR(50) UNIQUE);
CREATE VIEW words AS SELECT id, word FROM kinds;
CREATE PROCEDURE two() BEGIN SELECT 1 AS one; SELECT 2 AS two; END;
`

/** Each changes nothing that the next run would see. */
const STATEMENTS = [
  'SELECT * FROM kinds ORDER BY id',
  'SELECT * FROM kinds WHERE id = ?\t1',
  'SELECT word, ? AS given FROM kinds WHERE word = ? ORDER BY id\tZoë\tZoë 😀',
  'SELECT id FROM words WHERE id > ?\t5',
  'SHOW TABLES',
  'SHOW CREATE TABLE kinds',
  'DESCRIBE note',
  "SHOW VARIABLES LIKE 'character_set_connection'",
  'SELECT @@sql_mode, @@session.autocommit, @@version',
  "INSERT INTO note (id, text) VALUES (1, 'a'), (2, 'b')",
  'INSERT INTO note (id, text) VALUES (3, ?)\tc',
  "INSERT INTO note (id, text) VALUES (4, 'a')",
  "UPDATE note SET text = 'z' WHERE id = 1",
  'DELETE FROM note WHERE id <= ?\t9',
  'SELECT nothing FROM note',
  'SELECT * FROM nowhere',
  "SELECT CAST('x' AS SIGNED)",
  'START TRANSACTION',
  "INSERT INTO note (id, text) VALUES (7, 'x')",
  'SELECT COUNT(*) FROM note',
  'ROLLBACK',
  'SELECT COUNT(*) FROM note',
  'CALL two()',
  'SET @a = 5',
  'SELECT @a + 1',
  "SELECT REPEAT('x', 70000)",
  'SELECT seq, REPEAT(seq, 10) FROM seq_1_to_2000',
  "PREPARE p FROM 'SELECT 1 + ?'",
  'EXECUTE p USING @a',
]

describe.each(MARIADB_VERSIONS)('MariaDB %s', (version) => {
  const isMissing = isMariadbMissing(version)
  let server: LocalMariadb
  let gateway: MysqlGateway

  beforeAll(async () => {
    if (isMissing) return
    server = await startTestMariadb({
      version,
      accounts: [{ user: 'app', password: 'secret', grants: ['ALL ON shop.*', 'SELECT ON mysql.*'] }],
    })
    server.sql(SCHEMA.replace(/CREATE PROCEDURE.*END;/, ''))
    server.sql('DELIMITER //\nCREATE PROCEDURE shop.two() BEGIN SELECT 1 AS one; SELECT 2 AS two; END//\n')
    gateway = await MysqlGateway.start({ rules: RULES, target: { port: server.port }, password: 'secret' })
  })
  afterAll(async () => {
    await gateway?.stop()
    await server?.stop()
  })

  it.each(MYSQL_CLIENTS.map((client) => [client.name, client] as const))(
    '%s prints what it prints directly',
    async (_name, client) => {
      if (isMissing || client.isMissing) return
      const port = { database: 'shop', user: 'app', password: 'secret' }
      // Twice: the first connection of all is greeted before the target was asked what it is.
      await client.runs({ ...port, port: gateway.port }, ['SELECT 1'])
      const direct = await client.runs({ ...port, port: server.port }, STATEMENTS)
      const through = await client.runs({ ...port, port: gateway.port }, STATEMENTS)
      expect(comparable(through)).toBe(comparable(direct))
      expect(direct.split('\n').length).toBeGreaterThan(STATEMENTS.length)
    },
  )

  it.skipIf(isMissing)('mariadb-dump dumps what it dumps directly', async () => {
    const dump = async (port: number) => {
      // prettier-ignore
      const args = ['--no-defaults', '--host=127.0.0.1', `--port=${port}`, '--user=app', '--skip-ssl', '--skip-dump-date', '--hex-blob', '--routines', '--single-transaction', 'shop']
      return run(mariadbClient(version, 'mariadb-dump') as string, args, { env: { MYSQL_PWD: 'secret' } })
    }
    const direct = await dump(server.port)
    expect(direct).toMatchObject({ code: 0, stderr: '' })
    const through = await dump(gateway.port)
    expect([through.code, through.stderr]).toEqual([0, ''])
    expect(through.stdout).toBe(direct.stdout)
    expect(through.stdout).toContain('INSERT INTO `kinds` VALUES')
  })
})

/** Thread ids are the gateway's own. */
const comparable = (text: string): string => text.replaceAll(/\(conn=\d+\)/g, '(conn)')
