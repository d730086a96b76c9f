import { beforeAll, describe, expect, it } from 'vitest'
import type * as pg from '@pgsql/types'
import { loadModule, parseSync } from 'libpg-query'
import { NotRead } from '../../../../src/protocols/postgres/dialect/syntax.ts'
import { Reader } from '../../../../src/protocols/postgres/dialect/to-expression.ts'
import { toStatement } from '../../../../src/protocols/postgres/dialect/to-query.ts'
import { opaqueUtility, toUtility } from '../../../../src/protocols/postgres/dialect/to-utility.ts'
import type { Utility } from '../../../../src/sql/query.ts'

beforeAll(loadModule)

const utility = (sql: string): Utility => toUtility(parseSync(sql).stmts?.[0]?.stmt as pg.Node, new Reader(toStatement))

describe('a statement that is neither a query nor a write of rows', () => {
  it.each<[string, Partial<Utility>]>([
    ['LOCK TABLE s.t', { reads: [{ schema: 's', name: 't' }] }],
    ['CHECKPOINT', { does: ['checkpoint'], unknown: [] }],
    ['VACUUM t', { does: ['vacuum'] }],
    ['ANALYZE t', { does: ['analyze'] }],
    ['CREATE TABLE s.t (a int)', { does: ['create-table'], makes: [{ schema: 's', name: 't' }] }],
  ])('%s', (sql, expected) => {
    expect(utility(sql)).toMatchObject(expected)
  })

  it('is of unknown effect where it runs code', () => {
    expect(utility('DO $$ BEGIN END $$').unknown).not.toEqual([])
  })

  it('is secret where its text holds a password', () => {
    expect(utility("ALTER ROLE ann PASSWORD 'x'").detail.secret).toBe(true)
    expect(utility("CREATE SUBSCRIPTION s CONNECTION 'password=x' PUBLICATION p").detail.secret).toBe(true)
    expect(utility('CHECKPOINT').detail.secret).toBe(false)
  })

  it('is not read where neither table knows it', () => {
    expect(() => toUtility({ Integer: { ival: 1 } }, new Reader(toStatement))).toThrow(NotRead)
  })
})

it('a statement that could not be read may do anything with all that it names', () => {
  const name = { schema: 's', name: 't' }
  const found = opaqueUtility({ kind: 'opaque', what: 'NewStmt', reads: [name] } as never)
  expect(found).toMatchObject({ does: ['unknown'], reads: [name], writes: [name], unknown: ['NewStmt is not read'] })
})
