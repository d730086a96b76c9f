import { beforeAll, expect, it } from 'vitest'
import type * as pg from '@pgsql/types'
import { loadModule, parseSync } from 'libpg-query'
import { toStatement } from '../../../../src/protocols/postgres/dialect/to-query.ts'
import type { Name, Utility } from '../../../../src/sql/query.ts'

beforeAll(loadModule)

const names = (all: readonly Name[]): readonly string[] =>
  all.map(({ schema, name }) => (schema === undefined ? name : `${schema}.${name}`))
const read = (sql: string): Utility => toStatement(parseSync(sql).stmts?.[0]?.stmt as pg.Node) as Utility

it.each([
  ['CREATE VIEW v AS SELECT a FROM t', [], ['v'], 1],
  ['CREATE TABLE n AS SELECT a FROM t', [], ['n'], 1],
  ['CREATE MATERIALIZED VIEW s.m AS SELECT a FROM t', [], ['s.m'], 1],
  ['REFRESH MATERIALIZED VIEW s.m', ['s.m'], [], 0],
  ['CREATE INDEX i ON s.t (a)', ['s.t'], [], 0],
  ['CREATE SEQUENCE s.q', [], ['s.q'], 0],
  ['ALTER SEQUENCE s.q RESTART', ['s.q'], [], 0],
  ['CREATE TYPE s.c AS (a int)', [], ['s.c'], 0],
  ['CREATE POLICY p ON s.t USING (a > 1)', ['s.t'], [], 0],
  ['CREATE TRIGGER g BEFORE INSERT ON s.t EXECUTE FUNCTION f()', ['s.t'], [], 0],
  ['CREATE FOREIGN TABLE s.f (a int) SERVER x', [], ['s.f'], 0],
])('%s: what it writes, makes, and runs', (sql, writes, makes, statements) => {
  const found = read(sql)
  expect([names(found.writes), names(found.makes), found.statements.length]).toEqual([writes, makes, statements])
})

it('a relation that statistics are about is read', () => {
  const found = read('CREATE STATISTICS st ON a, b FROM s.t')
  expect([names(found.reads), found.on?.name]).toEqual([['s.t'], 't'])
})

it('an index has its columns and its predicate', () => {
  const { index } = read('CREATE INDEX i ON t (a, b) WHERE c > 1').detail
  expect([index?.columns, index?.predicate === undefined]).toEqual([['a', 'b'], false])
  expect(read('CREATE INDEX i ON t (a)').detail.index?.predicate).toBeUndefined()
})

it('CALL computes its procedure', () => {
  expect(read('CALL s.p(1)').expressions).toHaveLength(1)
})
