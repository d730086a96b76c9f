import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StatementFacts } from '../../../../../src/protocols/postgres/dialect/statement-facts.ts'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { assumedFacts } from '../../../../../src/protocols/postgres/gateway/assumed-facts.ts'
import {
  changesOf,
  commits,
  isNamed,
  namesIn,
  restsOn,
} from '../../../../../src/protocols/postgres/gateway/pipeline/touches.ts'
import { HARMLESS } from '../../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => void (parser = await createSqlParser()))
afterAll(() => parser.close())

async function factsOf(sql: string): Promise<StatementFacts> {
  const parsed = await parser.parse(sql)
  if ('failure' in parsed) throw new Error(sql)
  return assumedFacts(parsed)
}
const UNREAD: StatementFacts = { ...HARMLESS, changesCatalog: true }

describe('definitions that a text changes', () => {
  it.each<[string, readonly string[] | 'anything' | undefined]>([
    ['select * from a', undefined],
    ['insert into a values (1)', undefined],
    ['create table a.b (c int)', ['b']],
    ['alter table b add column c int', ['b']],
    ['drop table b', ['b']],
    ['drop table b cascade', 'anything'],
    ['create view v as select * from b', ['b', 'v']],
    ['create index on b (c)', ['b']],
    ['create function f() returns int language sql as $$select 1$$', 'anything'],
    ['create extension hstore', 'anything'],
    ['do $$ begin end $$', 'anything'],
    ['execute p', 'anything'],
    ['create table a (b int); create type t as enum ()', 'anything'],
    ['create table a (b int); drop table c', ['a', 'c']],
  ])('%s: %j', async (sql, names) => {
    const touches = changesOf(await factsOf(sql))
    expect(touches instanceof Set ? [...(touches as Set<string>)].toSorted() : touches).toEqual(names)
  })

  it('of a text that is not read: anything', () => {
    expect(changesOf(UNREAD)).toBe('anything')
    expect(isNamed(UNREAD)).toBe(false)
  })

  it.each([
    ['drop table a', true],
    ['do $$ begin end $$', false],
    ['drop table a; do $$ begin end $$', false],
  ])('%s says so itself: %s', async (sql, named) => {
    expect(isNamed(await factsOf(sql))).toBe(named)
  })
})

it.each([
  ['commit', true],
  ['end', true],
  ['rollback', false],
  ['select 1', false],
  ['begin', false],
  ['create table a (b int); rollback', true],
  ["prepare transaction 'x'", false],
])('%s may make definitions visible to others: %s', async (sql, may) => {
  expect(commits(await factsOf(sql))).toBe(may)
})

describe('what a text rests on', () => {
  it.each([
    ['select 1', []],
    ['select a from public.t where lower(b) = $1', ['=', 'lower', 't']],
    ['select $1::mood', ['mood']],
    ['insert into t select * from s', ['s', 't']],
  ])('%s: %j', async (sql, names) => {
    const found = [...namesIn(await factsOf(sql))]
    expect(found.toSorted()).toEqual(expect.arrayContaining(names))
    if (names.length === 0) expect(found).toEqual([])
  })

  it('is nothing where nothing is looked up, and anything where the text is not read', async () => {
    expect(restsOn(await factsOf('select 1'))).toBeUndefined()
    expect(restsOn(await factsOf('select * from t; select * from s'))).toMatchObject({ statements: 2 })
    expect(restsOn(UNREAD)).toMatchObject({ names: new Set(['']), statements: 1 })
  })
})
