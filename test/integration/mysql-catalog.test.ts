import { createConnection, type Connection } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MaskingPlan } from '../../src/masking/plan.ts'
import { CatalogShelf } from '../../src/protocols/mysql/catalog/catalog-shelf.ts'
import { inSession, type Ask, type Catalog, type Definitions } from '../../src/protocols/mysql/catalog/catalog.ts'
import type { Relation } from '../../src/protocols/mysql/catalog/relation.ts'
import { nativeFunctions } from '../../src/protocols/mysql/dialect/native-functions.ts'
import { readBody } from '../../src/protocols/mysql/dialect/read-body.ts'
import { maskingScope } from '../../src/protocols/mysql/masking/scope.ts'
import { parseServerVersion, type ServerVersion } from '../../src/protocols/mysql/wire/server-version.ts'
import type { LocalMariadb } from '../../src/demo/local-mariadb.ts'
import { isMasked } from '../../src/sql/lineage/origin.ts'
import { isMariadbMissing, MARIADB_VERSIONS, startTestMariadb } from '../helpers/mariadb.ts'
import { mask } from '../helpers/mysql-facts.ts'

const SECRET = 'Zx9-secret-value'

const SCHEMA = `
CREATE DATABASE shop CHARACTER SET utf8mb4; CREATE DATABASE hr CHARACTER SET utf8mb4; USE shop;
CREATE TABLE customers (id INT PRIMARY KEY, email VARCHAR(100), name VARCHAR(50), ssn CHAR(20), country CHAR(2), salary DECIMAL(10,2), born DATE,
  domain VARCHAR(100) AS (substring_index(email, '@', -1)) VIRTUAL, up VARCHAR(100) AS (upper(name)) STORED, note VARCHAR(100) INVISIBLE,
  UNIQUE KEY (email), KEY by_country (country, email), CHECK (length(ssn) <= 20));
CREATE TABLE orders (id INT PRIMARY KEY, customer INT, total INT,
  FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE items (id INT PRIMARY KEY, ord INT, FOREIGN KEY (ord) REFERENCES orders (id) ON DELETE SET NULL);
CREATE TABLE parts (id INT, k VARCHAR(10), PRIMARY KEY (id, k)) PARTITION BY LIST COLUMNS (k) (PARTITION a VALUES IN ('a'), PARTITION b VALUES IN ('b'));
CREATE TABLE hashed (id INT PRIMARY KEY, v INT) PARTITION BY KEY () PARTITIONS 2;
CREATE TABLE ranged (id INT, born DATE) PARTITION BY RANGE (year(born)) (PARTITION old VALUES LESS THAN (2000), PARTITION new VALUES LESS THAN MAXVALUE);
CREATE TABLE history (id INT) WITH SYSTEM VERSIONING;
CREATE SEQUENCE counter;
CREATE VIEW swiss AS SELECT id, email FROM customers WHERE country = 'CH';
CREATE VIEW marked AS SELECT id, concat(email, '!') AS c, _latin1'x' AS x FROM swiss;
CREATE VIEW joined AS SELECT c.name, o.* FROM customers c LEFT JOIN orders o ON o.customer = c.id WHERE c.id IN (SELECT ord FROM items);
CREATE VIEW grouped AS SELECT country, count(*) AS n, max(salary) AS top, sum(total) OVER (ORDER BY o.id) AS s FROM customers c JOIN orders o ON o.customer = c.id GROUP BY country;
CREATE VIEW both_of AS SELECT name FROM customers UNION ALL SELECT 'x' UNION SELECT ssn FROM customers;
CREATE VIEW many AS WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i, CASE WHEN i > 2 THEN 'a' ELSE cast(i AS CHAR) END AS k, i BETWEEN 1 AND 3 AS b, i LIKE '1%' AS l, date_add('2000-01-01', INTERVAL i DAY) AS d, i IS NULL AS e FROM n;
SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'; CREATE VIEW odd AS SELECT "email" || 'a\\b"c''d' AS "q\`x" FROM "customers"; SET sql_mode = DEFAULT;
CREATE FUNCTION f (a INT) RETURNS INT DETERMINISTIC RETURN a + 1;
CREATE PROCEDURE p () SELECT 1;
CREATE VIEW calling AS SELECT f(id) AS x FROM items;
CREATE TRIGGER on_insert BEFORE INSERT ON orders FOR EACH ROW SET NEW.total = 1;
CREATE TABLE hr.people (id INT PRIMARY KEY, salary INT); CREATE VIEW pay AS SELECT salary FROM hr.people;
CREATE TABLE hr.badges (id INT PRIMARY KEY, code VARCHAR(20), pin VARCHAR(20)); CREATE VIEW pins AS SELECT pin FROM hr.badges;
CREATE TABLE Cased (Id INT);
INSERT INTO customers (id, email, name, ssn, country, salary) VALUES (1, '${SECRET}@x', '${SECRET}', '${SECRET}', 'CH', 1), (2, 'b@x', 'b', '2', 'DE', 2);
ANALYZE TABLE customers PERSISTENT FOR ALL;
`

for (const version of MARIADB_VERSIONS) {
  describe.skipIf(isMariadbMissing(version))(`definitions of MariaDB ${version}`, () => {
    let server: LocalMariadb
    let definitions: Definitions
    let connection: Connection
    let limited: Connection
    let serverVersion: ServerVersion

    const connect = (user: string, password: string): Promise<Connection> =>
      createConnection({ host: '127.0.0.1', port: server.port, user, password, multipleStatements: true })
    const asking =
      (on: Connection): Ask =>
      async (sql) => {
        const [rows] = await on.query({ sql, rowsAsArray: true, typeCast: (field) => field.string() })
        return rows as unknown as readonly (readonly (string | null)[])[]
      }
    const read = (on: Connection, safeRoutines: readonly string[] = []): Promise<Definitions> =>
      new CatalogShelf(readBody).find('x', serverVersion, { safeRoutines, noOtherTriggers: false }).current(asking(on))
    const relation = (name: string, of = definitions): Relation => {
      const found = [...of.byOid.values()].find((candidate) => candidate.name === name)
      if (found === undefined) throw new Error(`no ${name}`)
      return found
    }
    const names = (oids: readonly number[]): readonly string[] =>
      oids.map((oid) => String(definitions.byOid.get(oid)?.name))
    const session = (of = definitions): Catalog => inSession(of, { database: 'shop', temporary: new Set() })
    const planOf = (...columns: readonly string[]): MaskingPlan => ({
      columns: columns.map((name) => mask(name)),
      kinds: [],
    })
    /** Columns of a relation that are made of masked ones. */
    const maskedIn = (name: string, plan: MaskingPlan, of = definitions): readonly string[] => {
      const { sources } = maskingScope(plan, session(of), of.trees)
      const { schema, columns } = relation(name, of)
      const outputs = sources.relation({ schema, name: name.slice(schema.length + 1) })
      if (outputs.some(({ repeats }) => repeats === true))
        return outputs.some(({ origin }) => isMasked(origin)) ? ['*'] : []
      expect(outputs).toHaveLength(columns.size)
      return outputs.flatMap(({ name: column, origin }) => (isMasked(origin) ? [String(column)] : []))
    }

    beforeAll(async () => {
      server = await startTestMariadb({
        version,
        settings: {
          'performance-schema': 'ON',
          'log-bin-trust-function-creators': '1',
          'general-log': '1',
          'log-output': 'TABLE',
        },
        accounts: [{ user: 'app', password: 'app', grants: ['SELECT, INSERT, UPDATE, DELETE, SHOW VIEW ON shop.*'] }],
        script: SCHEMA,
      })
      server.sql("GRANT SELECT (id, code) ON hr.badges TO 'app'@'%'; GRANT TRIGGER ON shop.items TO 'app'@'%'")
      const parsed = parseServerVersion(server.version)
      if (parsed === undefined) throw new Error(server.version)
      serverVersion = parsed
      connection = await connect(server.superuser.user, server.superuser.password)
      limited = await connect('app', 'app')
      definitions = await read(connection)
    }, 120_000)
    afterAll(async () => {
      await connection?.end()
      await limited?.end()
      await server?.stop()
    })

    it('have tables with their columns, types and keys', () => {
      const customers = relation('shop.customers')
      expect([...customers.columns.keys()]).toEqual('id email name ssn country salary born domain up note'.split(' '))
      expect(Object.fromEntries(customers.types)).toMatchObject({
        id: 'int',
        email: 'varchar',
        salary: 'decimal',
        born: 'date',
      })
      expect([...(customers.invisible ?? [])]).toEqual(['note'])
      expect([...customers.generated.keys()].toSorted()).toEqual(['domain', 'up'])
      expect([...customers.unique].toSorted()).toEqual(['email', 'id'])
      expect(customers.ties.find(({ kind }) => kind === 'check')?.own).toEqual(new Set(['ssn']))
      expect([...customers.exact].toSorted()).toEqual(['born', 'id', 'salary'])
      expect(relation('shop.counter').kind).toBe('sequence')
      expect(relation('shop.history').columns.has('id')).toBe(true)
      expect(relation('shop.Cased').columns.has('id')).toBe(true)
    })

    it('have what changes with a table, and the triggers that the account may see', () => {
      expect(names(relation('shop.customers').cascades.delete)).toEqual(['shop.orders'])
      expect(names(relation('shop.customers').cascades.update)).toEqual(['shop.orders'])
      expect(names(relation('shop.orders').cascades.deleteSets)).toEqual(['shop.items'])
      expect(relation('shop.orders').triggers.map(({ event }) => event)).toEqual(['insert'])
      expect(relation('shop.items').triggers).toEqual([])
    })

    it('have by which columns rows are kept apart', () => {
      const partition = (name: string): readonly string[] => [
        ...(relation(name).ties.find(({ kind }) => kind === 'parts')?.own ?? []),
      ]
      expect(partition('shop.parts')).toEqual(['k'])
      expect(partition('shop.hashed')).toEqual(['id'])
      expect(partition('shop.ranged')).toEqual(['born'])
    })

    it('have views whose bodies are read, whatever modes they were made under', () => {
      const unread = [...definitions.byOid.values()].filter(
        ({ kind, runs, name }) => kind === 'view' && runs.length > 0 && name !== 'shop.calling',
      )
      expect(unread.map(({ name, runs }) => [name, runs])).toEqual([])
      expect(names(relation('shop.marked').viewOf)).toEqual(['shop.swiss'])
      expect(names(relation('shop.joined').viewOf).toSorted()).toEqual(['shop.customers', 'shop.items', 'shop.orders'])
      expect(relation('shop.calling').runs).toHaveLength(1)
    })

    it('follow masked columns through views and generated columns', () => {
      const plan = planOf('shop.customers.email', 'shop.customers.salary')
      // What a generated column is made of may be any column of its table.
      expect(maskedIn('shop.customers', plan)).toEqual(['email', 'salary', 'domain', 'up'])
      expect(maskedIn('shop.swiss', plan)).toEqual(['email'])
      expect(maskedIn('shop.marked', plan)).toEqual(['c'])
      expect(maskedIn('shop.joined', plan)).toEqual([])
      expect(maskedIn('shop.grouped', plan)).toEqual(['top'])
      expect(maskedIn('shop.many', plan)).toEqual([])
      expect(maskedIn('shop.odd', plan)).toEqual(['q`x'])
      expect(maskedIn('shop.calling', plan)).toEqual(['x'])
      expect(maskedIn('shop.both_of', planOf('shop.customers.ssn'))).toEqual(['name'])
      expect(maskedIn('shop.pay', planOf('hr.people.salary'))).toEqual(['salary'])
    })

    it('are closed where the account may not see them', async () => {
      const seen = await read(limited)
      expect(
        relation('shop.orders', seen)
          .triggers.map(({ what }) => what)
          .join(),
      ).toMatch(/TRIGGER/)
      expect(relation('shop.items', seen).triggers).toEqual([])
      // The tables behind are of another database, or have columns that are not shown.
      expect(maskedIn('shop.pay', planOf('hr.people.salary'), seen)).not.toEqual([])
      expect(maskedIn('shop.pins', planOf('hr.badges.pin'), seen)).not.toEqual([])
      expect(maskedIn('shop.swiss', planOf('shop.customers.email'), seen)).toEqual(['email'])
    })

    it('name native functions that are native in the server, and no other', async () => {
      const isStored = async (name: string, args: string): Promise<boolean> => {
        const failure = await connection.query(`SELECT ${name}(${args})`).then(
          () => undefined,
          (error: { errno?: number }) => error.errno,
        )
        // FUNCTION does not exist.
        return failure === 1305 || failure === 1630
      }
      const wrong: string[] = []
      for (const name of nativeFunctions(serverVersion)) {
        if (name === 'sleep' || name === 'benchmark') continue
        const answers = await Promise.all(['', '1', '1, 2', '1, 2, 3'].map((args) => isStored(name, args)))
        if (answers.every(Boolean)) wrong.push(name)
      }
      expect(wrong).toEqual([])
      const listed = await asking(connection)('SELECT LOWER(`FUNCTION`) FROM information_schema.SQL_FUNCTIONS')
      const missing = listed.flatMap(([name]) =>
        nativeFunctions(serverVersion).has(String(name)) ? [] : [String(name)],
      )
      // Of other SQL modes, of replication, and a cast, which is no call. What is missing is of unknown effect.
      expect(missing.filter((name) => !/(_oracle|^wsrep_|^cast$)/.test(name))).toEqual([])
    })

    it('show no value of a row in what counts as harmless of the server’s own tables', async () => {
      const plan = planOf('shop.customers.email')
      const catalog = session()
      const { sources } = maskingScope(plan, catalog, catalog.trees)
      const others = await connect(server.superuser.user, server.superuser.password)
      await others.query(`USE shop; SET @kept = '${SECRET}'; BEGIN; UPDATE customers SET born = '2000-01-01' WHERE email = '${SECRET}@x';
        DO GET_LOCK('${SECRET}', 0); PREPARE s FROM 'SELECT ''${SECRET}'''; HANDLER customers OPEN;`)
      await connection.query(
        `SET profiling = 1, optimizer_trace = 'enabled=on'; SET @mine = '${SECRET}'; SELECT '${SECRET}', email FROM shop.customers WHERE email = '${SECRET}@x'`,
      )
      const told: string[] = []
      let looked = 0
      for (const { schema, name, kind } of catalog.byOid.values()) {
        if (kind !== 'system') continue
        const table = name.slice(schema.length + 1)
        const columns = sources
          .relation({ schema, name: table })
          .flatMap(({ name: column, origin }) => (column === undefined || isMasked(origin) ? [] : [column]))
        for (const column of columns) {
          looked++
          const rows = await asking(connection)(
            `SELECT COUNT(*) FROM \`${schema}\`.\`${table}\` WHERE CAST(\`${column}\` AS CHAR) LIKE '%${SECRET}%' AND CAST(\`${column}\` AS CHAR) NOT LIKE '%LIKE%'`,
          ).catch(() => [])
          if (rows[0] !== undefined && rows[0][0] !== '0') told.push(`${name}.${column}`)
        }
      }
      await others.query('ROLLBACK')
      await others.end()
      expect(looked).toBeGreaterThan(300)
      expect(told).toEqual([])
    }, 60_000)

    it('are read again when something was changed through the gateway, and past it', async () => {
      const shelf = new CatalogShelf(readBody)
      const place = shelf.find('x', serverVersion, { safeRoutines: [], noOtherTriggers: false })
      const ask = asking(connection)
      const [one, other] = await Promise.all([place.current(ask), place.current(ask)])
      expect(one).toBe(other)
      // Nothing has changed, whether the target was asked for the digest or not.
      expect(await place.current(ask)).toBe(one)
      server.sql('CREATE TABLE shop.fresh (id INT)')
      shelf.changed()
      const again = await place.current(ask)
      expect(again).not.toBe(one)
      expect(relation('shop.fresh', again).columns.has('id')).toBe(true)
      server.sql('DROP TABLE shop.fresh')
      shelf.changed()
      expect([...(await place.current(ask)).byOid.values()].some(({ name }) => name === 'shop.fresh')).toBe(false)
      // Whoever reads for others may fail: each asks for itself then.
      shelf.changed()
      const failing = place.current(() => Promise.reject(new Error('gone')))
      const waiting = place.current(ask)
      await expect(failing).rejects.toThrow('gone')
      expect((await waiting).byOid.size).toBeGreaterThan(100)
    })
  })
}
