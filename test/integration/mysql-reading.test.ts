import { createConnection, type Connection } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LocalMariadb } from '../../src/demo/local-mariadb.ts'
import { isPlainWord, mayBeCalled } from '../../src/sql/called.ts'
import { readStatements } from '../../src/protocols/mysql/dialect/parse-statement.ts'
import type { ReadingContext } from '../../src/protocols/mysql/dialect/reading-context.ts'
import { MARIADB_STATEMENTS } from '../fixtures/mysql/statements.ts'
import { isMariadbMissing, MARIADB_VERSIONS, startTestMariadb } from '../helpers/mariadb.ts'
import { RandomMysql } from '../helpers/random-mysql.ts'
import { readingContext } from '../helpers/read-mysql.ts'

const MODES = ['', 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', 'PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE,IGNORE_SPACE']

/** Kinds of statements that are read to their end. Of others, what comes behind what is asked of them is left to the server. */
const WHOLE =
  /^(select|insert|replace|update|delete|do|set|set-user-variable|select-into-.*|select-for-update|explain|describe|show|begin|commit|rollback|savepoint|use|truncate|lock|unlock)$/

const SYNTAX_ERROR = 1064

/** Expressions that are called in ways of their own. */
const NAMED = [
  '(id)',
  '+id',
  '{x id}',
  '(SELECT id)',
  'id/**/DIV/**/1',
  'NOT/**/id',
  'BINARY/**/b',
  'id IS NULL',
  '-id',
  '- 5',
  '5',
  '1e3',
  'UPPER(b)',
  'UPPER/**/(b)',
  "NAME_CONST('id', 5)",
  "_utf8mb4'id'",
  "'id'",
  "' id'",
  "'id '",
  "('id')",
  "'i' 'd'",
  '"id"',
  "X'6964'",
  '@id',
  '@`id`',
  '@id := 5',
  '@@version',
  'CURRENT_USER',
  'CURRENT_DATE',
  'USER()',
  'CASE/**/WHEN/**/id/**/THEN/**/1/**/END',
  'COUNT(*) OVER ()',
  'id = 1',
  '(((id)))',
  '(id + 1)',
  '/*! (UPPER*/(b))',
  'id/*!+*/1',
  '( SELECT b FROM t LIMIT 1)',
  'NULL',
  'TRUE',
  'b COLLATE/**/utf8mb4_bin',
  'EXISTS/**/(SELECT 1)',
  '! id',
  'NOT NOT (id)',
  '!!id',
  'LAST_INSERT_ID()',
  '(SELECT (b))',
  "N'id'",
  "DATE'2020-01-01'",
  "'id' COLLATE utf8mb4_bin",
  "_utf8mb4 'id' COLLATE utf8mb4_bin",
  '(SELECT "id")',
  "{d '2020-01-01'}",
  "+'id'",
  `id${' '.repeat(300)}+ 1`,
  `id${'/**/'.repeat(100)}DIV/**/1`,
  "'\\id'",
  "'i\\d'",
  "'\tid'",
  "'é'",
  'MAX(b)',
  'id IN (1)',
  'id BETWEEN 1 AND 2',
]

for (const version of MARIADB_VERSIONS) {
  describe.skipIf(isMariadbMissing(version))(`MariaDB ${version} and the reader`, () => {
    let server: LocalMariadb
    let connection: Connection
    let context: ReadingContext

    beforeAll(async () => {
      server = await startTestMariadb({
        version,
        accounts: [{ user: 'reader', password: 'reader', grants: ['ALL ON *.*'] }],
        script: 'CREATE DATABASE empty;',
      })
      connection = await createConnection({
        host: '127.0.0.1',
        port: server.port,
        user: 'reader',
        password: 'reader',
        database: 'empty',
      })
      const [rows] = await connection.query('SELECT VERSION() AS version')
      context = readingContext({ version: (rows as { version: string }[])[0]?.version ?? '' })
    })
    afterAll(async () => {
      await connection?.end()
      await server?.stop()
    })

    /** What PREPARE says of a text: nothing is run. */
    const prepare = async (sql: string): Promise<{ errno: number; message: string }> => {
      try {
        await connection.query(`PREPARE s FROM CONVERT(x'${Buffer.from(sql).toString('hex')}' USING utf8mb4)`)
        return { errno: 0, message: '' }
      } catch (error) {
        const { errno, message } = error as { errno: number; message: string }
        return { errno, message }
      }
    }

    /** Where the two do not agree. */
    const differences = async (statements: readonly string[], mode: string): Promise<readonly string[]> => {
      await connection.query(`SET sql_mode = '${mode}'`)
      const reading: ReadingContext = { ...context, sqlMode: new Set(mode.split(',').filter((name) => name !== '')) }
      const found: string[] = []
      for (const sql of statements) {
        const { errno, message } = await prepare(sql)
        const read = readStatements(sql, reading)
        if ('failure' in read || read.length === 0) continue
        const statement = read[0]
        if (statement === undefined || statement.unknown.length > 0) continue
        if (errno === SYNTAX_ERROR && statement.kinds.every((kind) => WHOLE.test(kind)))
          found.push(`refused by the server: ${sql}: ${message}`)
        const missing = /^Table '[^']*\.([^'.]*)' doesn't exist$/.exec(message)?.[1]
        const named = [...statement.reads, ...statement.writes].map(({ name }) => name)
        if (missing !== undefined && !named.includes(missing)) found.push(`without its table ${missing}: ${sql}`)
      }
      return found
    }

    it('agree on statements of every kind', async () => {
      const refused: string[] = []
      await connection.query("SET sql_mode = ''")
      for (const [sql] of MARIADB_STATEMENTS)
        if ((await prepare(sql)).errno === SYNTAX_ERROR && !sql.includes('COUNT (a)')) refused.push(sql)
      expect(refused).toEqual([])
    })

    it.each(MODES)('agree on statements by chance, under %j', async (mode) => {
      const random = new RandomMysql(17)
      const generated = Array.from({ length: 400 }, () => random.statement())
      const all = [...MARIADB_STATEMENTS.map(([sql]) => sql), ...generated]
      const mutated = Array.from({ length: 600 }, () => random.mutated(all))
      expect(await differences(generated, mode)).toEqual([])
      expect(await differences(mutated, mode)).toEqual([])
    })

    it('agree on what a column without an alias may be called', async () => {
      await connection.query("SET sql_mode = ''")
      await connection.query('CREATE TABLE IF NOT EXISTS t (id INT, a INT, b VARCHAR(20) CHARACTER SET utf8mb4)')
      const random = new RandomMysql(11)
      const wrong: string[] = []
      let words = 0
      for (const expression of [...NAMED, ...Array.from({ length: 300 }, () => random.expression(2))]) {
        const sql = `SELECT ${expression} FROM t LIMIT 0`
        const read = readStatements(sql, context)
        const tree = 'failure' in read ? undefined : read[0]?.tree
        const target = tree?.kind === 'select' ? tree.targets[0] : undefined
        if (target === undefined || target.name !== undefined) continue
        const called = await connection.query(sql).then(
          ([, fields]) => fields[0]?.name.toLowerCase(),
          () => undefined,
        )
        if (called === undefined) continue
        if (target.word !== undefined) words++
        if (isPlainWord(called) && !mayBeCalled(target, called)) wrong.push(`${expression} is called ${called}`)
      }
      expect(wrong).toEqual([])
      expect(words).toBeGreaterThan(50)
    })

    it('both read most of what the grammar makes', async () => {
      const random = new RandomMysql(5)
      await connection.query("SET sql_mode = ''")
      const accepted: string[] = []
      const unread: string[] = []
      for (let count = 0; count < 300; count++) {
        const sql = random.statement()
        if ((await prepare(sql)).errno === SYNTAX_ERROR) continue
        accepted.push(sql)
        const read = readStatements(sql, context)
        if ('failure' in read) unread.push(`${read.failure}: ${sql}`)
      }
      expect(unread).toEqual([])
      expect(accepted.length).toBeGreaterThan(200)
    })
  })
}
