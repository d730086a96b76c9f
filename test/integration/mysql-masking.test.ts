import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LocalMariadb } from '../../src/demo/local-mariadb.ts'
import { capabilities } from '../../src/protocols/mysql/wire/capabilities.ts'
import { commands } from '../../src/protocols/mysql/wire/command.ts'
import { isMariadbMissing, startTestMariadb } from '../helpers/mariadb.ts'
import { MysqlClient } from '../helpers/mysql-client.ts'
import { MysqlGateway } from '../helpers/mysql-gateway.ts'

const RULES = `
access: [{ name: devs, who: { groups: [dev] }, targets: { labels: { env: prod } }, grant: standing }]
commands: [{ name: all, match: { unknown: true }, allow: true }, { name: all else, allow: true }]
masking:
  - { name: addresses, targets: { labels: { env: prod } }, columns: [people.email], style: redact }
  - { name: cards, targets: { labels: { env: prod } }, kinds: [payment-card], style: redact }`

const CARD = '4111111111111111'
const SECRETS = ['ann@example.com', 'bob@example.com']

describe.skipIf(isMariadbMissing())('masked columns of MariaDB', () => {
  let server: LocalMariadb
  let gateway: MysqlGateway
  let client: MysqlClient

  beforeAll(async () => {
    server = await startTestMariadb({
      accounts: [{ user: 'app', password: 'secret', grants: ['ALL ON shop.*'] }],
      script: `CREATE DATABASE shop; USE shop;
        CREATE TABLE people (id INT PRIMARY KEY, email VARCHAR(100) UNIQUE, age INT) CHARACTER SET utf8mb4;
        INSERT INTO people VALUES (1, '${SECRETS[0]}', 30), (2, '${SECRETS[1]}', 40);
        CREATE TABLE orders (card VARCHAR(20) DEFAULT '${CARD}');
        CREATE VIEW addresses AS SELECT id, email AS address FROM people;`,
    })
    gateway = await MysqlGateway.start({
      rules: RULES,
      target: { port: server.port, recordRows: 10_000 },
      password: 'secret',
    })
    client = await MysqlClient.connect(gateway.port)
  })
  afterAll(async () => {
    client?.quit()
    await gateway?.stop()
    await server?.stop()
  })

  it.each([
    'SELECT email FROM people',
    'SELECT * FROM people',
    'SELECT address FROM addresses',
    'SELECT UPPER(email) FROM people',
    'SELECT x.e FROM (SELECT email e FROM people) x',
    'WITH c AS (SELECT email FROM people) SELECT * FROM c',
    'SELECT email FROM people UNION SELECT 1',
    'SELECT GROUP_CONCAT(email) FROM people',
    'SELECT @x := email FROM people',
    'SELECT email INTO @y FROM people WHERE id = 1; SELECT @y',
    'TABLE people',
    'SELECT CAST(email AS SIGNED) FROM people; SHOW WARNINGS',
    // Each result is masked as that of its own statement.
    'SHOW WARNINGS; SELECT email AS `Level`, 1050 AS `Code`, email AS `Message` FROM people',
    'SELECT email AS `Level`, 1050 AS `Code`, email AS `Message` FROM people; SHOW ERRORS',
    'INSERT INTO people VALUES (3, (SELECT email FROM people p WHERE id = 1), 1)',
    'EXPLAIN FORMAT=JSON SELECT * FROM people WHERE email > "a"',
  ])('%s shows none', async (sql) => {
    let shown = ''
    try {
      const results = await client.query(sql)
      shown = JSON.stringify(results.map(({ rows }) => rows))
    } catch (error) {
      shown = String(error)
    }
    for (const secret of SECRETS) expect(shown).not.toContain(secret)
    expect(JSON.stringify(gateway.last.events)).not.toContain(SECRETS[0])
  })

  it('values of masked kinds are hidden in the defaults of columns, however they are listed', async () => {
    expect(JSON.stringify(await client.rows('SHOW COLUMNS FROM orders'))).toContain('****')
    client.send(Buffer.concat([Buffer.of(commands.fieldList), Buffer.from('orders\0')]))
    const listed = (await client.payload()).toString('latin1')
    await client.payload()
    expect(listed).toMatch(/orders.*card.*\*{4}$/s)
    expect(listed).not.toContain(CARD)
  })

  it('rows of prepared statements are masked, in full and from cursors', async () => {
    const { id } = await client.prepare('SELECT id, email, age FROM people WHERE id = ?')
    const [result] = await client.execute(id, ['1'])
    const row = Buffer.from(result?.rows[0]?.[0] ?? '', 'hex').toString('latin1')
    expect(row).toContain('****')
    expect(row).not.toContain('ann')
    const { id: opened } = await client.prepare('SELECT email FROM people ORDER BY id')
    await client.execute(opened, [], 1)
    const bytes = Buffer.alloc(9)
    bytes[0] = 0x1c
    bytes.writeUInt32LE(opened, 1)
    bytes.writeUInt32LE(10, 5)
    const [fetched] = await client.command(bytes, 'rows')
    expect(fetched?.rows).toHaveLength(2)
    expect(Buffer.from(String(fetched?.rows.flat().join('')), 'hex').toString('latin1')).not.toContain('example')
  })

  it.each([0, capabilities.deprecateEof])(
    'a cursor whose statement then failed gives no rows (without %d)',
    async (without) => {
      const other = await MysqlClient.connect(gateway.port, { without })
      const { id } = await other.prepare('SELECT email FROM people WHERE id > ? ORDER BY id')
      const fetch = Buffer.from([0x1c, id, 0, 0, 0, 1, 0, 0, 0])
      await other.execute(id, ['0'], 1)
      const [first] = await other.command(fetch, 'rows')
      expect(Buffer.from(first?.rows[0]?.[0] ?? '', 'hex').toString('latin1')).toContain('****')
      // A type that the server does not take.
      const wrong = Buffer.from([0x17, id, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 6, 0])
      await expect(other.command(wrong, 'binary-results')).rejects.toThrow('Incorrect arguments')
      await expect(other.command(fetch, 'rows')).rejects.toMatchObject({ code: 1421 })
      other.quit()
    },
  )

  it.each([
    'SHOW INDEX FROM people WHERE Cardinality = 2',
    'SHOW TABLE STATUS WHERE 1 + Data_length > 1',
    'SET STATEMENT max_statement_time = 1 FOR SHOW TABLE STATUS WHERE `Rows` = 2',
  ])('%s could tell of values', async (sql) => {
    await expect(client.query(sql)).rejects.toThrow('could reveal')
  })

  it('what the server checks the password of the account with is hidden', async () => {
    const password = '*14E65567ABDB5135D0CFD9A70B3032C179A49EE7'
    expect(server.sql("SHOW GRANTS FOR app@'%'")).toContain(password)
    const open = await MysqlGateway.start({
      rules: RULES.split('masking:')[0] ?? '',
      target: { port: server.port },
      password: 'secret',
    })
    const plain = await MysqlClient.connect(open.port)
    for (const session of [client, plain]) {
      for (const sql of ['SHOW GRANTS', 'SHOW CREATE USER CURRENT_USER', "EXECUTE IMMEDIATE 'SHOW GRANTS'"]) {
        const shown = JSON.stringify((await session.query(sql)).map(({ rows }) => rows))
        expect(shown).not.toContain(password)
        if (session === plain) expect(shown).toContain("PASSWORD '<hidden>'")
      }
      const { id } = await session.prepare('SHOW GRANTS')
      const shown = (await session.execute(id, [])).flatMap(({ rows }) => rows.flat())
      expect(shown.map((row) => Buffer.from(row ?? '', 'hex').toString('latin1')).join()).not.toContain(password)
    }
    plain.quit()
    await open.stop()
  })

  it('what was prepared under a mode that reads it otherwise is not run', async () => {
    const { id } = await client.prepare('SELECT UPPER("email"), ? AS given FROM people ORDER BY id')
    await client.query("SET sql_mode = 'ANSI_QUOTES'")
    await expect(client.execute(id, ['x'])).rejects.toThrow('prepare it again')
    await client.query("SET sql_mode = 'STRICT_ALL_TABLES'")
    expect(await client.execute(id, ['x'])).toHaveLength(1)
    await client.query('SET sql_mode = DEFAULT')
  })

  it('what is not masked passes as it is, and rows are kept as the client got them', async () => {
    expect(await client.rows('SELECT id, age FROM people WHERE id < 3 ORDER BY id')).toEqual([
      ['1', '30'],
      ['2', '40'],
    ])
    expect(await client.rows('SELECT id, email FROM people WHERE id = 1 ORDER BY id')).toEqual([['1', '****']])
    expect(gateway.served[0]?.events.findLast(({ type }) => type === 'rows')).toMatchObject({
      columns: ['id', 'email'],
      rows: [['1', '****']],
    })
  })
})
