import { describe, expect, it } from 'vitest'
import { mysqlKinds } from '../../../../src/protocols/mysql/kinds.ts'
import { OUTSIDE_CHARSET } from '../../../../src/protocols/mysql/dialect/lexer.ts'
import { readStatements, readTrees } from '../../../../src/protocols/mysql/dialect/parse-statement.ts'
import { statementParts } from '../../../../src/sql/parts.ts'
import { MARIADB_STATEMENTS, MYSQL_STATEMENTS } from '../../../fixtures/mysql/statements.ts'
import { readingContext, said } from '../../../helpers/read-mysql.ts'
import { sampledRuns } from '../../../helpers/sampled.ts'

const MYSQL = '8.4.3'

const OUTSIDE = `FAILURE ${OUTSIDE_CHARSET}`

describe('what statements say', () => {
  it.each(MARIADB_STATEMENTS)('%s', (sql, expected) => {
    expect(said(sql)).toBe(expected)
  })

  it.each(MYSQL_STATEMENTS)('of MySQL: %s', (sql, expected) => {
    expect(said(sql, { version: MYSQL })).toBe(expected)
    expect(said(sql)).not.toBe(expected)
  })

  it('is all of kinds that are listed', () => {
    const known = new Set(mysqlKinds)
    const kinds = [...MARIADB_STATEMENTS, ...MYSQL_STATEMENTS].flatMap(([, expected]) =>
      expected
        .replace(/ [<>()=!?].*/, '')
        .split(' ')
        .filter((word) => /^[a-z-]+$/.test(word)),
    )
    expect(kinds.filter((kind) => !known.has(kind))).toEqual([])
    expect(kinds.length).toBeGreaterThan(150)
  })
})

describe('where texts and comments begin and end', () => {
  it.each([
    // sql, mode, version, said
    ['SELECT "a" FROM t', '', '', 'select < t'],
    ['SELECT "a" FROM "t"', '', '', 'FAILURE expected a name at character 17'],
    ['SELECT "a" FROM "t"', 'ANSI_QUOTES', '', 'select < t'],
    ['SELECT "a\\" FROM secret -- " FROM t', 'ANSI_QUOTES', '', 'select < secret'],
    ['SELECT "a\\" FROM secret -- " FROM t', '', '', 'select < t'],
    ["SELECT 'a\\' FROM secret -- ' FROM t", 'NO_BACKSLASH_ESCAPES', '', 'select < secret'],
    ["SELECT 'a\\' FROM secret -- ' FROM t", '', '', 'select < t'],
    ["SELECT 'it''s' FROM t", '', '', 'select < t'],
    ['SELECT 1 --1 FROM t', '', '', 'select < t'],
    ['SELECT 1--1', '', '', 'select'],
    ['SELECT 1 -- 1\n FROM t', '', '', 'select < t'],
    ['SELECT 1 --\tx\n FROM t', '', '', 'select < t'],
    ['SELECT 1 --', '', '', 'select'],
    ['SELECT 1 # FROM u\r FROM t', '', '', 'select'],
    ['SELECT 1 /* FROM u /* */ FROM t', '', '', 'select < t'],
    ['SELECT 1 /* FROM u', '', '', 'FAILURE an unterminated comment'],
    ['SELECT 1 /*! FROM t */', '', '', 'select < t'],
    ['SELECT 1 /*!50000 FROM t */', '', '', 'select < t'],
    ['SELECT 1 /*!50700 FROM t */', '', '', 'select'],
    ['SELECT 1 /*!50700 FROM t */', '', MYSQL, 'select < t'],
    ['SELECT 1 /*!99999 FROM t */', '', '', 'select'],
    ['SELECT 1 /*!101119 FROM t */', '', '', 'select < t'],
    ['SELECT 1 /*!101120 FROM t */', '', '', 'select'],
    [
      'SELECT 1 /*!101119 FROM t */',
      '',
      MYSQL,
      'FAILURE an executable comment whose version has more than five digits',
    ],
    ['SELECT 1 /*M!50700 FROM t */', '', '', 'select < t'],
    ['SELECT 1 /*M! FROM t */', '', '', 'select < t'],
    ['SELECT 1 /*M! FROM t */', '', MYSQL, 'select'],
    ['SELECT 1 /*!99999 /* */ FROM t */ FROM u', '', '', 'select < u'],
    ['SELECT 1 /*!50000 /* */ FROM t */', '', '', 'select < t'],
    ['SELECT 1 /*!50000 FROM t', '', '', 'FAILURE an unterminated comment'],
    ['SELECT 1 */ FROM t', '', '', 'FAILURE expected an expression at character 11'],
    ['SELECT /*+ NO_ICP(t) */ 1 FROM t', '', MYSQL, 'select < t'],
    ['SELECT /*+ SET_VAR(sql_mode = 1) */ 1', '', MYSQL, 'FAILURE an optimizer hint with quotes or settings'],
    ['SELECT /*+ QB_NAME(`*/`) */ 1', '', MYSQL, 'FAILURE an optimizer hint with quotes or settings'],
    ['SELECT a\0 FROM t', '', '', 'FAILURE a NUL outside of quotes'],
    ["SELECT 'a\0' FROM t", '', '', 'select < t'],
    ['SELECT `a\0` FROM t', '', '', 'FAILURE a NUL in a name'],
    ['SELECT 1 -- \0\n FROM t', '', '', 'FAILURE a NUL in a comment'],
    ["SELECT 'a FROM t", '', '', 'FAILURE an unterminated string'],
    ["SELECT N'a', _latin1'b', x'4a', 0x4a, b'01', 0b01 FROM t", '', '', 'select < t'],
    ["SELECT x'4' FROM t", '', '', 'FAILURE a malformed x or b literal'],
    ["SELECT _nothing'b' FROM t", '', '', 'FAILURE expected a known character set at character 8'],
    ['SELECT 0X4a FROM t', '', '', 'select < t'],
    ['SELECT 1e3, .5, 1.e2, 1a, t.1b FROM 2t t', '', '', 'select < 2t'],
    ['SELECT t.select FROM t', '', '', 'select < t'],
    ['SELECT t. select FROM t', '', '', 'FAILURE expected a name at character 11'],
    ['SELECT 1=!0', '', '', 'FAILURE the operator =!'],
    ['SELECT `a``b` FROM `c"d`', '', '', 'select < c"d'],
    ['SELECT \\N FROM t', '', '', 'select < t'],
    ['SELECT \\N FROM t', '', MYSQL, 'FAILURE expected an operand at character 8'],
    ['SELECT é FROM tä', '', '', 'select < tä'],
    // Bytes that are no characters, as `decodeStatement` shows them.
    ["SELECT _binary'\udcff\udce2' FROM t", '', '', 'select < t'],
    ["SELECT _BINARY '\udcff' FROM t WHERE a = '\udcff'", '', '', OUTSIDE],
    ["INSERT INTO t VALUES ('\udcff', 😀)", '', '', 'FAILURE a name with characters beyond U+FFFF'],
    ["INSERT INTO t VALUES ('\udcff', '😀')", '', '', 'insert > t'],
    ["SELECT '\udcff' FROM t", '', '', OUTSIDE],
    ['SELECT 1 FROM t /* \udcff */', '', '', OUTSIDE],
    ['INSERT INTO t VALUES (1) -- \udcff', '', '', OUTSIDE],
    ["SELECT @'\udcff' FROM t", '', '', OUTSIDE],
    ["INSERT INTO t VALUES (_binary'a', N'\udcff')", '', '', OUTSIDE],
    ['SELECT _binary`\udcff` FROM t', '', '', 'FAILURE a name with characters beyond U+FFFF'],
    ['SELECT 😀 FROM t', '', '', 'FAILURE a name with characters beyond U+FFFF'],
    ["SELECT '😀' FROM t", '', '', 'select < t'],
    ['DELIMITER //', '', '', 'FAILURE expected a statement at character 1'],
    ['SELECT rank FROM t', '', '', 'select < t'],
    ['SELECT rank FROM t', '', MYSQL, 'FAILURE expected a name at character 8'],
    ['SELECT offset FROM t', '', '', 'FAILURE expected a name at character 8'],
    ['SELECT COUNT (*) FROM t', '', '', 'FAILURE expected an expression at character 15'],
    ['SELECT COUNT (*) FROM t', 'IGNORE_SPACE', '', 'select < t () count'],
    ['SELECT COUNT/**/(a) FROM t', 'IGNORE_SPACE', '', 'select < t ?'],
    ['SELECT 1', 'ORACLE', '', 'FAILURE the SQL mode ORACLE is not supported'],
    ['SELECT 1', 'MSSQL', '', 'FAILURE the SQL mode MSSQL is not supported'],
    ['SELECT 1', 'SOMETHING_NEW', '', 'FAILURE the SQL mode SOMETHING_NEW is not supported'],
    ['', '', '', ''],
    [' ; ; ', '', '', ''],
    ['SELECT 1; ;', '', '', 'select'],
  ])('%j under %j %s', (sql, mode, version, expected) => {
    expect(said(sql, { mode, ...(version === '' ? {} : { version }) })).toBe(expected)
  })

  it('depend on the character set of the connection', () => {
    expect(said('SELECT 1\u00a0FROM t', { charset: 'latin1' })).toContain('FAILURE characters beyond ASCII')
    expect(said('SELECT 1 --\u00a0FROM t', { charset: 'latin1' })).toContain('FAILURE two minus signs')
    expect(said('SELECT `é` FROM t', { charset: 'latin1' })).toBe('select < t')
    expect(said('SELECT `é` FROM t', { charset: 'binary' })).toContain('FAILURE characters beyond ASCII')
    expect(said("SELECT 'é' FROM t", { charset: 'binary' })).toBe('select < t')
  })
})

describe('operators', () => {
  const whereOf = (sql: string, mode = ''): unknown => {
    const [first] = readTrees(`SELECT 1 FROM t WHERE ${sql}`, readingContext({ mode }))
    return first?.tree.kind === 'select' ? shape(first.tree.where) : undefined
  }
  /** `(or a (and b c))`. */
  const shape = (node: unknown): string => {
    const { kind, ...more } = node as Record<string, unknown>
    const all = (args: unknown): string => (args as unknown[]).map(shape).join(' ')
    if (kind === 'column') return String((more['path'] as string[]).at(-1))
    if (kind === 'constant') return String(more['value'])
    if (kind === 'logic') return `(${String(more['how'])} ${all(more['args'])})`
    if (kind === 'operation')
      return `(${(more['operators'] as { name: string }[]).map(({ name }) => name).join()} ${all(more['args'])})`
    if (kind === 'test') return `(is ${String(more['is'])} ${shape(more['arg'])})`
    return String(kind)
  }
  it.each([
    ['a OR b AND c', '', '(or a (and b c))'],
    ['a OR b OR c', '', '(or a b c)'],
    ['a XOR b AND c', '', '(xor a (and b c))'],
    ['a || b', '', '(or a b)'],
    ['a || b', 'PIPES_AS_CONCAT', '(|| a b)'],
    ['a && !b', '', '(and a (not b))'],
    ['NOT a = b', '', '(not (= a b))'],
    ['NOT a = b', 'HIGH_NOT_PRECEDENCE', '(= (not a) b)'],
    ['! a = b', '', '(= (not a) b)'],
    ['a = b IS NULL', '', '(is null (= a b))'],
    ['a = b = c', '', '(= (= a b) c)'],
    ['a + b * c - d', '', '(- (+ a (* b c)) d)'],
    ['a | b & c << d + e', '', '(| a (& b (<< c (+ d e))))'],
    ['- a ^ b', '', '(^ (- a) b)'],
    ['-1 = - -2', '', '(= -1 (- -2))'],
    ['a BETWEEN b AND c AND d', '', '(and (>=,<= a b c) d)'],
    ['a NOT LIKE b AND c', '', '(and (not like a b) c)'],
    ['a LIKE b LIKE c', '', '(like (like a b) c)'],
    ['a != b <=> c', '', '(<=> (<> a b) c)'],
    ['a DIV b MOD c', '', '(% (div a b) c)'],
    ['a IN (1, 2) = b', '', '(= (= a 1 2) b)'],
  ])('%s %s', (sql, mode, expected) => {
    expect(whereOf(sql, mode)).toBe(expected)
  })
})

describe('names', () => {
  it('of columns are the same in any case, of tables where the server says so', () => {
    const columns = (sql: string): unknown => {
      const [first] = readTrees(sql, readingContext())
      return first?.tree.kind === 'select' ? first.tree.targets.map(({ value }) => value) : undefined
    }
    expect(columns('SELECT Email, T.emaİl FROM T')).toEqual([
      { kind: 'column', path: ['email'] },
      { kind: 'column', path: ['T', 'email'] },
    ])
    expect(said('SELECT T.a FROM Shop.T', { foldsTableNames: true })).toBe('select < shop.t')
    expect(said('SELECT T.a FROM Shop.T')).toBe('select < Shop.T')
  })
})

describe('several statements', () => {
  it('are told apart by the grammar, where the connection allows them', () => {
    expect(said("SELECT ';'; DELETE FROM t", { multiStatements: true })).toBe('select; delete > t !where')
    expect(said('SELECT 1; SELECT 2')).toBe('FAILURE more than one statement')
    expect(said('CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END; DROP TABLE t', { multiStatements: true })).toBe(
      'create-procedure ?; drop-table > t',
    )
    expect(said('CREATE PROCEDURE p() SELECT 1; DROP TABLE t', { multiStatements: true })).toBe(
      'create-procedure ?; drop-table > t',
    )
    expect(said('SELECT 1; SELEC 2', { multiStatements: true })).toContain('FAILURE')
  })

  it.each(["SET sql_mode = 'ANSI_QUOTES'", 'SET NAMES latin1', 'EXECUTE s', "EXECUTE IMMEDIATE 'SET sql_mode = 1'"])(
    'are not read behind %s, which moves how they are read',
    (sql) => {
      expect(said(`${sql}; SELECT "a" FROM t`, { multiStatements: true })).toBe(
        'FAILURE an earlier statement in the text changes how the rest is parsed: send the statements separately',
      )
      expect(said(sql, { multiStatements: true })).not.toContain('FAILURE')
    },
  )
})

describe('literals', () => {
  const placesOf = (sql: string): { literals: number[]; tree: number[] } => {
    const read = readStatements(sql, readingContext())
    if ('failure' in read) throw new Error(read.failure)
    const tree: number[] = []
    const walk = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      if ((value as { kind?: string }).kind === 'constant') {
        const { at, others } = value as { at: number; others?: number[] }
        tree.push(at, ...(others ?? []))
      }
      for (const part of Object.values(value)) walk(part)
    }
    for (const statement of read) walk(statement.tree)
    return {
      literals: read.flatMap(({ literals }) => literals.map(({ at }) => at)),
      tree: [...new Set(tree)].toSorted((one, other) => one - other),
    }
  }
  it.each([
    "SELECT 'a', 1, -2, x'41', _utf8mb4'b', N'c', 'd' 'e' FROM t WHERE a = 5 LIMIT 3",
    "SELECT /*!50000 'x', */ 1 -- 'y'\n",
    "INSERT INTO t VALUES (1, 'é', DATE '2020-01-01') ON DUPLICATE KEY UPDATE a = 'z'",
    `INSERT INTO t VALUES ${"(1, 'x'), ".repeat(200)}(2, 'y')`,
    `SELECT * FROM t WHERE a IN (${'7, '.repeat(300)}8)`,
    "SELECT CAST(a AS CHAR(10)), GROUP_CONCAT(b SEPARATOR ';'), JSON_VALUE(c, '$.d') FROM t",
    "SET @x = 'a', sql_mode = 'b'",
    "LOAD DATA INFILE 'f' INTO TABLE t FIELDS TERMINATED BY ',' IGNORE 1 LINES",
  ])('are all in the tree, where they stand: %.60s', (sql) => {
    const { literals, tree } = placesOf(sql)
    expect(literals.length).toBeGreaterThan(0)
    expect(tree).toEqual(literals)
  })

  it('count in long lists as many as there are, in one node', () => {
    const [first] = readTrees(`INSERT INTO t VALUES ${'(1, 2),'.repeat(5000)}(3, 4)`, readingContext())
    if (first?.tree.kind !== 'insert' || first.tree.source?.kind !== 'values') throw new Error('no INSERT')
    expect(first.tree.source.rows).toHaveLength(5001)
    expect(new Set(first.tree.source.rows).size).toBeLessThan(60)
  })
})

describe('whatever is sent', () => {
  const context = readingContext({ multiStatements: true })
  /** It is read, or not, and never throws anything else. */
  const read = (sql: string): number => {
    const found = readStatements(sql, context)
    if ('failure' in found) {
      expect(found.failure).not.toBe('')
      return 0
    }
    for (const { tree } of found) expect(statementParts(tree)).toBeDefined()
    return found.length
  }
  /** The same numbers each time. */
  const random = (seed: number): ((below: number) => number) => {
    let state = seed
    return (below) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return (state >>> 8) % below
    }
  }

  it('is read or is not', () => {
    const next = random(1)
    const all = MARIADB_STATEMENTS.map(([sql]) => sql)
    const pieces = all.flatMap((sql) => sql.split(/(?<=\W)|(?=\W)/))
    let count = 0
    for (let round = 0; round < sampledRuns(4000); round++) {
      const sql = all[next(all.length)] ?? ''
      const at = next(sql.length)
      const piece = pieces[next(pieces.length)] ?? ''
      count += read(sql.slice(0, at) + piece + sql.slice(at + next(4)))
      count += read(sql.slice(0, at))
    }
    for (let round = 0; round < sampledRuns(500); round++)
      read(String.fromCharCode(...Array.from({ length: next(60) }, () => next(next(2) === 0 ? 128 : 65536))))
    expect(count).toBeGreaterThan(sampledRuns(500))
  })

  it.each([
    ['parentheses', '('.repeat(100_000)],
    ['subqueries', `SELECT ${'(SELECT '.repeat(50_000)}`],
    ['operators', `SELECT ${'1+'.repeat(50_000)}1`],
    ['NOT', `SELECT ${'NOT '.repeat(50_000)}1`],
    ['minus signs', `SELECT ${'- '.repeat(50_000)}1`],
    ['CASE', `SELECT ${'CASE WHEN '.repeat(50_000)}`],
    ['UNION', `SELECT 1 ${'UNION ALL SELECT 1 '.repeat(50_000)}`],
    ['joins', `SELECT 1 FROM t ${'JOIN t ON 1 '.repeat(50_000)}`],
    ['blocks', `BEGIN NOT ATOMIC ${'BEGIN '.repeat(50_000)}`],
    ['intervals', `SELECT ${'INTERVAL('.repeat(50_000)}`],
    ['COLLATE', `SELECT a ${'COLLATE b '.repeat(50_000)}`],
    ['tests', `SELECT a ${'IS NULL '.repeat(50_000)}`],
  ])('within one another so often is too deep: %s', (_, sql) => {
    expect(said(sql)).toBe('FAILURE it is nested too deeply')
  })

  it('one beside another may be many', () => {
    expect(said(`SELECT 1 FROM t WHERE ${'a = 1 AND b = 2 OR '.repeat(20_000)}c = 3`)).toBe('select < t')
    expect(said(`SELECT ${"'a' ".repeat(20_000)}`)).toBe('select')
    expect(said(`SELECT 1 ${'/* */'.repeat(50_000)}`)).toBe('select')
  })
})
