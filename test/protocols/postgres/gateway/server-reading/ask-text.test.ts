import { loadModule, parseSync } from 'libpg-query'
import { expect, it } from 'vitest'
import { readStatements } from '../../../../../src/protocols/postgres/dialect/parse-statement.ts'
import {
  queryOf,
  splitText,
  textOfQuery,
  withoutConstants,
} from '../../../../../src/protocols/postgres/gateway/server-reading/ask-text.ts'
import type { ParsedText } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import type { Statement } from '../../../../../src/sql/query.ts'

await loadModule()

/** Parses as the gateway does, and counts how often. */
function parser() {
  const counted = { calls: 0 }
  const parse = (sql: string): ParsedText => {
    counted.calls++
    try {
      return readStatements(parseSync(sql), sql)
    } catch (error) {
      return { failure: String(error) }
    }
  }
  return { counted, parse }
}

const statementsOf = (sql: string) => readStatements(parseSync(sql), sql)

function queryIn(sql: string): Statement {
  const [statement] = statementsOf(sql)
  const query = statement && queryOf(statement)
  if (query === undefined) throw new Error(`${sql} has no query`)
  return query
}

const split = (sql: string, { parse } = parser()) => splitText(sql, statementsOf(sql), parse)

it.each([
  ['select 1; select 2', ['select 1', ' select 2']],
  ['select 1;; select 2;', ['select 1', ' select 2']],
  ["select ';'; select 2 /* ; */", ["select ';'", ' select 2 /* ; */']],
  ['select 1 as "a;b"; select 2', ['select 1 as "a;b"', ' select 2']],
  ['create rule r as on insert to t do (select 1; select 2); select 3', undefined],
  ['create function f() returns int begin atomic select 1; select 2; end; select 3', undefined],
  ['create function f() returns int begin atomic select case when a then 1 end; select 2; end; select 3', undefined],
  ['create function f() returns int begin atomic select 1 as end; select 1 end; select 2; end; select 3', undefined],
  ['create function f() returns int begin atomic select 1 as case; select 2; end; select 3', undefined],
])('cuts %s', async (sql, pieces) => {
  const at = sql.lastIndexOf(';')
  expect(await split(sql)).toEqual(pieces ?? [sql.slice(0, at), sql.slice(at + 1)])
})

it('does not parse a body of a function at each of its semicolons', async () => {
  const { counted, parse } = parser()
  const sql = `create function f() returns int begin atomic ${'select a from t; '.repeat(500)} end; select 1`
  expect(await split(sql, { counted, parse })).toHaveLength(2)
  expect(counted.calls).toBe(2)
})

it('gives up on a text in which many places look like the end of a statement', async () => {
  const { counted, parse } = parser()
  const sql = `create function f() returns int begin atomic ${'select 1 end; '.repeat(500)} end; select 1`
  expect(await split(sql, { counted, parse })).toBeUndefined()
  expect(counted.calls).toBeLessThan(30)
})

it.each([
  ['explain select a from t', 'select a from t'],
  ['create table n as select a from t with no data', 'select a from t '],
  ['create table n as (with w as (select 1) select * from w)', 'with w as (select 1) select * from w'],
  ['copy (select a from t where b in (select 1)) to stdout', 'select a from t where b in (select 1)'],
])('finds the query of %s', async (sql, query) => {
  expect(await textOfQuery(sql, queryIn(sql), parser().parse)).toBe(query)
})

it('does not parse what is behind the parenthesis around a query for each parenthesis that follows', async () => {
  const { counted, parse } = parser()
  const sql = `create table n as with w as (select 1) select ${'f(), '.repeat(2000)} 1 from w`
  expect(await textOfQuery(sql, queryIn(sql), parse)).toBe(sql.slice('create table n as '.length))
  expect(counted.calls).toBeLessThan(10)
})

it.each([
  ["select a from t where b = 'x'", 'select a from t where b =  $1 '],
  ["select a from t where b in ('x', 'y')", 'select a from t where b in ( $1 ,  $2 )'],
  ["select date '2020-01-01', 'x'", "select date '2020-01-01',  $1 "],
  ["select 'x'", 'select  $1 '],
  ['select - 1.5000', 'select - 1.5000'],
  ["select 'x' where a = $2", 'select  $3  where a = $2'],
])('puts parameters in place of the constants of %s', async (sql, bare) => {
  expect(await withoutConstants({ sql, types: [] }, queryIn(sql), parser().parse)).toMatchObject({ sql: bare })
})

// With an expression that looked for the word before each constant from the beginning of the text, this took minutes.
it('reads many constants of a long text at once', async () => {
  const query = queryIn('select 1')
  const sql = `select ${"x'1', ".repeat(30_000)} 1`
  expect(await withoutConstants({ sql, types: [] }, query, () => [])).toMatchObject({ sql, hasStrings: true })
})
