import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cutText } from '../../../../src/protocols/mysql/gateway/pipeline/cut-text.ts'
import { killOf } from '../../../../src/protocols/mysql/gateway/pipeline/kill.ts'
import { readStatements, type ParsedText } from '../../../../src/protocols/mysql/dialect/parse-statement.ts'
import type { createSqlParser, SqlParser } from '../../../../src/protocols/mysql/dialect/sql-parser.ts'
import { statementParts } from '../../../../src/sql/parts.ts'
import { readingContext } from '../../../helpers/read-mysql.ts'
import { compiled } from '../../../helpers/compiled.ts'

let parser: SqlParser
beforeAll(async () => {
  // Compiled: the worker is a file beside it.
  const built = (await import(compiled('protocols/mysql/dialect/sql-parser.ts'))) as {
    createSqlParser: typeof createSqlParser
  }
  parser = built.createSqlParser()
})
afterAll(() => parser.close())

const rows = (count: number): string =>
  `INSERT INTO people VALUES ${Array.from({ length: count }, (_, id) => `(${id}, 'Ann')`).join(', ')}`
const conditions = (count: number): string =>
  `SELECT 1 FROM people WHERE ${Array.from({ length: count }, (_, id) => `id = ${id}`).join(' OR ')}`

describe('texts are read', () => {
  it('at once where they are short, and once', () => {
    const context = readingContext()
    const first = parser.parse('SELECT 1', context)
    expect(first).toEqual(readStatements('SELECT 1', context))
    expect(parser.parse('SELECT 1', readingContext())).toBe(first)
  })

  it.each([
    ['a mode', { mode: 'ANSI_QUOTES' }],
    ['a server', { version: '8.4.0' }],
    ['a version', { version: '11.4.5-MariaDB' }],
    ['a database', { database: 'other' }],
    ['no database', { database: undefined }],
    ['a character set', { charset: 'latin1' }],
    ['several statements', { multiStatements: true }],
    ['names in any case', { foldsTableNames: true }],
  ] as const)('anew with another reading: %s', (_, reading) => {
    const sql = 'SELECT "a" FROM People'
    const other = parser.parse(sql, readingContext(reading))
    expect(other).not.toBe(parser.parse(sql, readingContext()))
    expect(other).toEqual(readStatements(sql, readingContext(reading)))
  })

  it('elsewhere where they are long, and say the same', async () => {
    const sql = rows(1000)
    const context = readingContext()
    const reading = parser.parse(sql, context)
    expect(reading).toBeInstanceOf(Promise)
    const read = await reading
    expect(read).toEqual(readStatements(sql, context))
    expect(parser.parse(sql, context)).toBe(read)
  })

  it('without the places of constants where the record shows the beginning alone', async () => {
    const sql = rows(10_000)
    const [one, ...others] = (await parser.parse(sql, readingContext())) as Exclude<ParsedText, { failure: string }>
    expect(others).toEqual([])
    expect(one).toMatchObject({ kinds: ['insert'], literals: [], tree: { source: { rows: { length: 10_000 } } } })
    expect(JSON.stringify(one)).not.toContain('others')
    // Rows that are one are gone through once.
    const tree = one?.tree
    if (tree?.kind !== 'insert' || tree.source === undefined) throw new Error('it is no INSERT')
    expect(statementParts(tree.source).expressions.length).toBeLessThan(200)
    expect(cutText(sql, readingContext()).at(-1)).toMatchObject({ end: sql.length, isComment: false })
  })

  it.each([
    ['parts', conditions(30_000), {}],
    ['statements', 'SELECT 1;'.repeat(1001), { multiStatements: true }],
  ])('not at all where they have too many %s', async (what, sql, reading) => {
    expect(await parser.parse(sql, readingContext(reading))).toMatchObject({ failure: expect.stringContaining(what) })
  })
})

it.each(['kill 1', 'KILL QUERY 7 ;'])('%s is for a connection', (sql) => expect(killOf(sql)).toBeDefined())

it('spaces without end are no KILL', () => expect(killOf(`kill 1${' '.repeat(2_000_000)}x`)).toBeUndefined())
