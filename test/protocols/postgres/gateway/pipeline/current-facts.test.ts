import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import type { StatementFacts } from '../../../../../src/protocols/postgres/dialect/statement-facts.ts'
import { CHANGING, CurrentFacts } from '../../../../../src/protocols/postgres/gateway/pipeline/current-facts.ts'
import type { PipelineState } from '../../../../../src/protocols/postgres/gateway/pipeline/pipeline-state.ts'
import { ResolvedFacts } from '../../../../../src/protocols/postgres/gateway/pipeline/resolved-facts.ts'
import { testPipeline } from '../../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

const PEOPLE = new Set(['people'])
const CHANGE = { touches: PEOPLE, renews: PEOPLE, by: 'definition', makesRules: false } as const
let pipeline: PipelineState
let other: PipelineState
let current: CurrentFacts
/** What was read of the catalogs: everything, or what is known to have changed. */
let reads: ('all' | 'changed')[]
let hasRead: Promise<void>
beforeEach(() => {
  ;({ pipeline } = testPipeline())
  other = testPipeline({ definitions: pipeline.definitions }).pipeline
  reads = []
  let tell = (): void => {}
  hasRead = new Promise((resolve) => (tell = resolve))
  vi.spyOn(pipeline.known, 'refresh').mockImplementation((all) => {
    reads.push(all ? 'all' : 'changed')
    pipeline.known.generation++
    tell()
    return Promise.resolve()
  })
  current = new CurrentFacts(pipeline, new ResolvedFacts(pipeline, parser))
})

async function factsOf(sql: string): Promise<StatementFacts> {
  const parsed = await parser.parse(sql)
  return current.of(parsed, sql)
}

describe('a text', () => {
  it('that looks nothing up asks nothing, whatever has changed', async () => {
    pipeline.definitions.publish(other, {
      touches: 'anything',
      renews: 'anything',
      by: 'definition',
      makesRules: false,
    })
    await factsOf('begin')
    expect(reads).toEqual([])
  })

  it('of relations that are known asks nothing', async () => {
    await factsOf('select id from people')
    expect(reads).toEqual([])
  })

  it('that rests on what has changed has that read again', async () => {
    pipeline.definitions.note(PEOPLE)
    await factsOf('select id from people')
    expect(reads).toEqual(['changed'])
  })

  it('with a name that nothing has is looked at again, once', async () => {
    await factsOf('select id from nobody')
    await factsOf('select id from nobody')
    expect(reads).toEqual(['all'])
    await factsOf('select id from nobody_else')
    expect(reads).toEqual(['all', 'all'])
  })

  it('is not looked at again where nothing can be asked', async () => {
    pipeline.status = 'E'
    await factsOf('select id from nobody')
    expect(reads).toEqual([])
  })
})

describe('a text that rests on what another session changes', () => {
  it('waits for it, and is looked at again', async () => {
    const publication = pipeline.definitions.publish(other, CHANGE)
    const facts = factsOf('select id from people')
    await hasRead
    await new Promise((resolve) => setImmediate(resolve))
    publication.finish()
    expect((await facts).statements[0]?.unknown).toEqual([])
    expect(reads.length).toBeGreaterThan(1)
  })

  it('is unknown where that does not end, and does not wait for it a second time', async () => {
    pipeline.definitions.publish(other, CHANGE)
    const ended = new Promise<void>((resolve) => setImmediate(resolve))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const first = factsOf('select id from people')
    await ended
    await vi.advanceTimersByTimeAsync(1000)
    expect((await first).statements[0]?.unknown).toContain(CHANGING)
    const second = factsOf('select id from people')
    await vi.advanceTimersByTimeAsync(1)
    expect((await second).statements[0]?.unknown).toContain(CHANGING)
  })

  it('is old once that is known, unless nothing can be relied on or asked anyway', async () => {
    const facts = await factsOf('select id from people')
    expect(current.isOld(facts)).toBe(false)
    pipeline.definitions.publish(other, CHANGE)
    expect(current.isOld(facts)).toBe(true)
    pipeline.status = 'E'
    expect(current.isOld(facts)).toBe(false)
    pipeline.status = 'I'
    pipeline.known.uncertain = 'not read'
    expect(current.isOld(facts)).toBe(false)
  })
})
