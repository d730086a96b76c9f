import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { assumedFacts } from '../../../../../src/protocols/postgres/gateway/assumed-facts.ts'
import type { Names } from '../../../../../src/protocols/postgres/gateway/lane/hand-over.ts'
import { forgetNames } from '../../../../../src/protocols/postgres/gateway/pipeline/invalidate-names.ts'
import { NameTable } from '../../../../../src/protocols/postgres/gateway/pipeline/name-table.ts'

let parser: SqlParser
let names: Names
beforeAll(async () => void (parser = await createSqlParser()))
afterAll(() => parser.close())
beforeEach(() => {
  names = { statements: new NameTable(), portals: new NameTable(), cursors: new Map([['c', []]]) }
  names.statements.set('s', {} as never, 1).confirm()
  names.portals.set('c', {} as never, 1).confirm()
})

const known = (): Record<string, boolean> => ({
  statement: names.statements.lookUp('s', 2).value !== undefined,
  portal: names.portals.lookUp('c', 2).value !== undefined,
  cursor: names.cursors.has('c'),
})
async function run(sql: string): Promise<() => void> {
  const parsed = await parser.parse(sql)
  if ('failure' in parsed) throw new Error(sql)
  return forgetNames(names, assumedFacts(parsed))
}
const ALL = { statement: true, portal: true, cursor: true }

describe('SQL that makes or drops names', () => {
  it.each<[string, Partial<typeof ALL>]>([
    ['select 1', {}],
    ['prepare s as select 1', { statement: false }],
    ['prepare other as select 1', {}],
    ['deallocate s', { statement: false }],
    ['deallocate all', { statement: false }],
    ['declare c cursor for select 1', { portal: false }],
    ['declare other cursor for select 1', {}],
    ['close c', {}],
    ['fetch 1 from c', {}],
    ['move 1 from c', {}],
    ['discard plans', {}],
    ['discard sequences', {}],
    ['discard all', { statement: false, portal: false, cursor: false }],
    ['select 1; deallocate s', { statement: false }],
    ['do $$ begin execute $a$ deallocate s $a$; end $$', { statement: false, portal: false, cursor: false }],
  ])('%s', async (sql, less) => {
    await run(sql)
    expect(known()).toEqual({ ...ALL, ...less })
  })

  it('what may have run and did not brings back what was confirmed', async () => {
    const restore = await run('do $$ begin end $$')
    restore()
    // What a cursor holds is known no more: its rows are refused.
    expect(known()).toEqual({ statement: true, portal: true, cursor: false })
  })

  it('what says that it drops a name is believed', async () => {
    const restore = await run('deallocate s')
    restore()
    expect(known()).toEqual({ ...ALL, statement: false })
  })
})
