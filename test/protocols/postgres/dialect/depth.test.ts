import { loadModule, parseSync } from 'libpg-query'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resolveFacts } from '../../../../src/protocols/postgres/dialect/command-facts.ts'
import { isShallow, MAX_DEPTH, TOO_DEEP } from '../../../../src/protocols/postgres/dialect/depth.ts'
import { readStatements } from '../../../../src/protocols/postgres/dialect/parse-statement.ts'
import type { SqlParser } from '../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { compiled } from '../../../helpers/compiled.ts'
import { EMAIL_MASKED, testPipeline } from '../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => {
  await loadModule()
  // The worker is a module of its own.
  const built = (await import(compiled('protocols/postgres/dialect/sql-parser.ts'))) as {
    createSqlParser: () => Promise<SqlParser>
  }
  parser = await built.createSqlParser()
})
afterAll(() => parser.close())

const nested = (before: string, inside: string, after: string) => (levels: number) =>
  `${before.repeat(levels)}${inside}${after.repeat(levels)}`
const SHAPES: Readonly<Record<string, (levels: number) => string>> = {
  'sub-selects': (n) => `select ${nested('(select ', '1', ')')(n)}`,
  'sub-selects in FROM': (n) => `select 1 from ${nested('(select 1 from ', 'people', ') x')(n)}`,
  CASE: (n) => `select ${nested('case when true then ', '1', ' end')(n)}`,
  arrays: (n) => `select array${nested('[', '1', ']')(n)}`,
  subscripts: (n) => `select ${nested('a[', '1', ']')(n)} from people`,
  casts: (n) => `select id${'::int'.repeat(n)} from people`,
  rows: (n) => `select ${nested('row(', '1', ')')(n)}`,
  calls: (n) => `select ${nested('abs(', '1', ')')(n)}`,
  sums: (n) => `select 1${'+1'.repeat(n)}`,
  concatenations: (n) => `select email${"||'a'".repeat(n)} from people`,
  'AND and OR': (n) => `select 1 from people where ${nested('(true or id=1 and ', 'true', ')')(n)}`,
  NOT: (n) => `select 1 from people where ${'not '.repeat(n)}true`,
  COLLATE: (n) => `select email${' collate "C"'.repeat(n)} from people`,
  tests: (n) => `select email${' is null'.repeat(n)} from people`,
  WITH: (n) => `${'with x as ('.repeat(n)}select 1${') select 1'.repeat(n)}`,
  joins: (n) => `select 1 from people${' cross join people'.repeat(n)}`,
  'set operations': (n) => `select id from people${' union all select 1'.repeat(n)}`,
  'the body of a view': (n) => `create view v as select 1${'+1'.repeat(n)}`,
  'the body of a function': (n) =>
    `create function f() returns int language sql begin atomic select 1${'+1'.repeat(n)}; end`,
  'a policy': (n) => `create policy p on people using (1=1${'+1'.repeat(n)})`,
}

/** The levels of objects in a tree. */
function depthOf(tree: unknown): number {
  if (typeof tree !== 'object' || tree === null) return 0
  const below = Object.values(tree).map(depthOf)
  return Math.max(0, ...below) + (Array.isArray(tree) ? 0 : 1)
}

/** The number of times that a shape may be nested: each time adds as many levels. */
function limitOf(shape: (times: number) => string): number {
  const depthAt = (times: number): number => depthOf(parseSync(shape(times)).stmts?.[0]?.stmt)
  const each = (depthAt(20) - depthAt(10)) / 10
  return 10 + Math.floor((MAX_DEPTH + 1 - depthAt(10)) / each)
}

describe.each(Object.entries(SHAPES))('%s', (_name, shape) => {
  it('is read up to a number of levels', async () => {
    const { pipeline } = testPipeline({ masking: EMAIL_MASKED })
    const { catalog, masking } = pipeline.known
    const most = limitOf(shape)
    expect(most).toBeGreaterThan(100)
    for (const levels of [most, most + 1]) {
      const sql = shape(levels)
      // Here and in the worker, which takes what is long.
      for (const parsed of [readStatements(parseSync(sql), sql), await parser.parse(sql.padEnd(5000))]) {
        if ('failure' in parsed) throw new Error(parsed.failure)
        const facts = resolveFacts(parsed, catalog, masking)
        expect(facts.statements[0]?.unknown.includes(TOO_DEEP)).toBe(levels > most)
        expect(isShallow(sql)).toBe(false)
      }
    }
  })
})

it('what the parser itself cannot take is unknown, and the next text is read', async () => {
  for (const text of ['select 1' + '+1'.repeat(40_000), `select ${'('.repeat(40_000)}1${')'.repeat(40_000)}`]) {
    const parsed = await parser.parse(text)
    const unknown = 'failure' in parsed ? [parsed.failure] : parsed[0]?.unknown
    expect(unknown?.[0]).toMatch(/nested too deeply|memory exhausted/)
  }
  expect(await parser.parse('select 1 as another')).toHaveLength(1)
})
