import { loadModule } from 'libpg-query'
import { describe, expect, it } from 'vitest'
import { definitionKinds } from '../../../../src/protocols/postgres/dialect/redefinitions.ts'
import { unparsed } from '../../../../src/protocols/postgres/dialect/resolve-statement.ts'
import { Redefinitions } from '../../../../src/sql/facts/redefinitions.ts'
import type { ParsedStatement } from '../../../../src/sql/facts/parsed-statement.ts'
import type { SqlStatement } from '../../../../src/sql/statement.ts'
import { readSql } from '../../../helpers/read-sql.ts'

await loadModule()

const resolved = ({ kinds }: ParsedStatement): SqlStatement => ({ ...unparsed(''), kinds, unknown: [] })

/** Whether the last statement of a text may say something else than the catalogs, which were read before it. */
function maySay(sql: string): boolean {
  const statements = readSql(sql)
  const redefined = new Redefinitions(definitionKinds)
  for (const statement of statements.slice(0, -1)) redefined.note(statement, resolved(statement))
  return statements.slice(-1).some((statement) => redefined.maySay(statement))
}

describe('what earlier statements of a text do to the names of later ones', () => {
  it.each([
    ['select 1; select * from t', false],
    ['insert into t values (1); select * from t', false],
    ['create table t (id int); create index on t (id)', false],
    ['create table t (id int); select * from t', true],
    ['drop table t; create index on t (id)', true],
    ['drop table t; create table t (id int); create index on t (id)', false],
    ['create function f() returns int language sql as $$select 1$$; create index on t (id)', true],
    ['commit; select * from t', true],
  ])('%s: %s', (sql, expected) => {
    expect(maySay(sql)).toBe(expected)
  })

  it('knows the tables that the text has made, until one is dropped', () => {
    const redefined = new Redefinitions(definitionKinds)
    const named = { schema: undefined, name: 't' }
    const note = (sql: string): void =>
      readSql(sql).forEach((statement) => redefined.note(statement, resolved(statement)))
    note('create table t (id int)')
    expect(redefined.made(named)).toBe(true)
    note('drop table t')
    expect(redefined.made(named)).toBe(false)
  })
})
