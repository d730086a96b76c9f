import { seenFirst } from '../../../../../src/protocols/postgres/catalog/change-log.ts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { resolveFacts, type FindPrepared } from '../../../../../src/protocols/postgres/dialect/command-facts.ts'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import type { StatementFacts } from '../../../../../src/protocols/postgres/dialect/statement-facts.ts'
import type { Portal } from '../../../../../src/protocols/postgres/gateway/pipeline/name-table.ts'
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
  expect(pipeline.definitions.renewedSince(seenFirst(0))).toEqual(new Set(['shown', 'plain']))
  await note('begin')
  expect(pipeline.publishes(undefined, false)).toBeUndefined()
})

it('names are looked up again after what moves the search path by way of another statement', async () => {
  const { pipeline } = testPipeline({ catalog: { functions: [['set_config', 'volatile', null]] } })
  const { known, names, batch } = pipeline
  const factsOf = async (sql: string, find?: FindPrepared): Promise<StatementFacts> => {
    const parsed = await parser.parse(sql)
    if ('failure' in parsed) throw new Error(parsed.failure)
    return resolveFacts(parsed, known.catalog, known.masking, find)
  }
  const moving = await factsOf("select set_config('search_path', 'other', false)")
  const prepared = { sql: '', parameterTypes: [], columns: undefined, described: undefined }
  const portalOf = (facts: StatementFacts): Portal => ({
    decision: 'dec_1',
    prepared: { ...prepared, names: { errorExposure: 'none', outputs: undefined } },
    facts,
    bound: { facts, changes: 0, at: 0 },
    resultFormats: [],
  })
  names.portals.set('moving', portalOf(moving), batch)
  names.portals.set('still', portalOf(await factsOf('select 1')), batch)
  for (const [facts, moves] of [
    [await factsOf('execute p', () => moving), true],
    [await factsOf('explain analyze execute p', () => moving), true],
    [await factsOf('fetch 1 from moving'), true],
    [await factsOf('move 1 in moving'), true],
    [await factsOf('fetch 1 from still'), false],
    [await factsOf('select 1'), false],
  ] as const) {
    known.namesMoved = false
    noteChanges(pipeline, facts)
    expect(known.namesMoved).toBe(moves)
  }
})
