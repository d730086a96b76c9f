import { afterAll, beforeAll, expect, it } from 'vitest'
import { resolveFacts } from '../../../../../src/protocols/postgres/dialect/command-facts.ts'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { noteChanges } from '../../../../../src/protocols/postgres/gateway/pipeline/command-draft.ts'
import { testPipeline } from '../../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

const relations = ['people', 'plain', 'shown'].map((name, index) => [String(20_000 + index), 'public', name, 'r'])
const CATALOG = { relations, functions: [['now', 'system', null]] }

it('what a pipeline changes that has ended the transaction is for others as well', async () => {
  const { pipeline } = testPipeline({ catalog: CATALOG })
  const note = async (sql: string): Promise<void> => {
    const parsed = await parser.parse(sql)
    if ('failure' in parsed) throw new Error(parsed.failure)
    noteChanges(pipeline, resolveFacts(parsed, pipeline.known.catalog, pipeline.known.masking))
  }
  pipeline.status = 'T'
  pipeline.batchOpen = true
  await note('create or replace view shown as select 1')
  expect(pipeline.publishes(undefined, false)).toBeUndefined()
  await note('commit')
  await note('create or replace view plain as select 1')
  // The server says that it is over only after the Sync, and with that all is committed.
  expect(pipeline.publishes(undefined, false)?.touches).toEqual(new Set(['shown', 'plain']))
  expect(pipeline.definitions.renewedSince(0)).toEqual(new Set(['shown', 'plain']))
  await note('begin')
  expect(pipeline.publishes(undefined, false)).toBeUndefined()
})
