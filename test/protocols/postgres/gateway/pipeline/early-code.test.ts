import { afterAll, beforeAll, expect, it } from 'vitest'
import { seenFirst } from '../../../../../src/protocols/postgres/catalog/change-log.ts'
import { resolveFacts } from '../../../../../src/protocols/postgres/dialect/command-facts.ts'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { noteEarlyCode } from '../../../../../src/protocols/postgres/gateway/pipeline/early-code.ts'
import { EMAIL_MASKED, testPipeline } from '../../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

it.each([
  // A constant may be of the type of an argument, whose input function runs at Parse.
  ["select mine('x')", true, true],
  ['select mine($1)', false, true],
  ['select email from people where id = $1', false, false],
  ['create view shown as select 1', false, false],
  ['create view shown as select mine($1)', false, true],
  ['select 1; selec', true, true],
])('%s', async (sql, atParse, atBind) => {
  for (const [at, runs] of [
    ['parse', atParse],
    ['bind', atBind],
  ] as const) {
    const { pipeline } = testPipeline({ masking: EMAIL_MASKED, catalog: { functions: [['mine', 'user', null]] } })
    const parsed = await parser.parse(sql)
    const { known } = pipeline
    const facts =
      'failure' in parsed
        ? { ...resolveFacts([], known.catalog, known.masking), changesCatalog: true, errorExposure: 'any' as const }
        : resolveFacts(parsed, known.catalog, known.masking)
    const change = noteEarlyCode(pipeline, facts, at)
    expect([at, change]).toEqual([at, runs ? expect.objectContaining({ by: 'code', renews: 'anything' }) : undefined])
    // Of code that runs before the Execute others learn at the Sync.
    expect(pipeline.publishes(undefined, false)?.touches).toBe(runs ? 'anything' : undefined)
    expect(pipeline.definitions.renewedSince(seenFirst(0))).toBe(runs ? 'anything' : undefined)
    expect(pipeline.ranUnread).toBe(runs)
  }
})
