import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ParsedStatement } from '../../../../src/sql/facts/parsed-statement.ts'
import { createSqlParser, type SqlParser } from '../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { kebab, KINDS, objectKind, RUNS, SECRET } from '../../../../src/protocols/postgres/dialect/utility-kinds.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())
async function statement(sql: string): Promise<ParsedStatement> {
  const parsed = await parser.parse(sql)
  if ('failure' in parsed) throw new Error(sql)
  return parsed[0] as ParsedStatement
}

describe('a statement that is no query', () => {
  it.each([
    ['create table t (a int)', 'create-table'],
    ['refresh materialized view v', 'refresh-materialized-view'],
    ['create type t as enum ()', 'create-type'],
    ['alter type t add value $$a$$', 'alter-type'],
    ['alter database d set work_mem = 1', 'alter-database'],
    ['show work_mem', 'show'],
    ['checkpoint', 'checkpoint'],
    ['set constraints all deferred', 'set-constraints'],
    ['notify c', 'notify'],
    ['drop database d', 'drop-database'],
    ['create language l handler f', 'create-language'],
  ])('%s is of the kind %s', async (sql, kind) => {
    expect((await statement(sql)).kinds).toContain(kind)
  })

  it.each([
    ['do $$begin end$$', true],
    ['call f()', true],
    ['create extension hstore', true],
    ['load $$x$$', true],
    ['create rule r as on insert to t do nothing', true],
    ['create table t (a int)', false],
    ['truncate t', false],
  ])('%s runs code that is not read: %s', async (sql, runs) => {
    expect((await statement(sql)).unknown.length > 0).toBe(runs)
  })

  it('has one kind, in the words that rules use', () => {
    expect([...KINDS.values()].filter((kind) => !/^[a-z]+(-[a-z]+)*$/.test(kind))).toEqual([])
    for (const type of [...RUNS.keys(), ...SECRET])
      expect([type, KINDS.has(type) || type === 'CreateForeignTableStmt']).toEqual([type, true])
  })
})

it.each([
  ['OBJECT_TABLE', 'table'],
  ['OBJECT_MATVIEW', 'materialized-view'],
  ['OBJECT_FOREIGN_TABLE', 'foreign-table'],
  ['OBJECT_TSCONFIGURATION', 'text-search-configuration'],
])('%s is called %s', (type, name) => {
  expect(objectKind(type)).toBe(name)
})

it.each([
  ['CreateTableAs', 'create-table-as'],
  ['A_B', 'a-b'],
])('%s in the form of kinds is %s', (text, expected) => {
  expect(kebab(text)).toBe(expected)
})
