import { beforeAll, describe, expect, it } from 'vitest'
import type * as pg from '@pgsql/types'
import { loadModule, parseSync } from 'libpg-query'
import { Reader } from '../../../../src/protocols/postgres/dialect/to-expression.ts'
import { toStatement } from '../../../../src/protocols/postgres/dialect/to-query.ts'
import { cascades, Found, make, walk, write } from '../../../../src/protocols/postgres/dialect/walk-utility.ts'

beforeAll(loadModule)

const found = () => new Found(new Reader(toStatement))
const node = (sql: string): pg.Node => parseSync(sql).stmts?.[0]?.stmt as pg.Node

describe('what is found anywhere in a statement', () => {
  it('expressions, types and tables, in lists as well', () => {
    const all = found()
    const { CreateStmt: table } = node('CREATE TABLE t (a s.kind DEFAULT s.f(1))') as { CreateStmt: pg.CreateStmt }
    walk([table.tableElts, undefined], all)
    expect(all.types.map(({ name }) => name)).toContain('kind')
    expect(all.expressions.length).toBeGreaterThan(0)
  })

  it('a query within it is a statement of its own', () => {
    const all = found()
    walk(node('SELECT 1'), all)
    expect(all.statements.map(({ kind }) => kind)).toEqual(['select'])
  })

  it('a node that no table has is opaque', () => {
    const all = found()
    walk({ MadeUpNode: { a: 1 } }, all)
    expect(all.expressions.map(({ kind }) => kind)).toEqual(['opaque'])
  })
})

it('relations that are written, or made, have their names', () => {
  const all = found()
  write({ schemaname: 's', relname: 't' }, all)
  make({ relname: 'n' }, all)
  write(undefined, all)
  const { writes, makes } = all.finish()
  expect([writes, makes].map((names) => names.map(({ name }) => name))).toEqual([['t'], ['n']])
})

it('CASCADE drops whatever depends on it, which is unknown; RESTRICT does not', () => {
  const [cascading, restricted] = [found(), found()]
  cascades('DROP_CASCADE', cascading)
  cascades('DROP_RESTRICT', restricted)
  expect([cascading.unknown.length, restricted.unknown.length]).toEqual([1, 0])
})
