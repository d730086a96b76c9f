import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Steps } from '../../../../../src/gateway/steps.ts'
import { resolveFacts } from '../../../../../src/protocols/postgres/dialect/command-facts.ts'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import type { StatementFacts } from '../../../../../src/protocols/postgres/dialect/statement-facts.ts'
import {
  boundNow,
  changedSinceBind,
  factsSinceParse,
  refusedFetch,
} from '../../../../../src/protocols/postgres/gateway/pipeline/bound.ts'
import type { Portal } from '../../../../../src/protocols/postgres/gateway/pipeline/name-table.ts'
import type { PipelineState } from '../../../../../src/protocols/postgres/gateway/pipeline/pipeline-state.ts'
import { PamError } from '../../../../../src/shared/errors.ts'
import { HARMLESS, testPipeline } from '../../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

const portalOf = (pipeline: PipelineState, facts: StatementFacts): Portal => {
  const bound = boundNow(pipeline, facts)
  const names = { errorExposure: 'none', outputs: undefined } as const
  const prepared = { sql: 'copy', parameterTypes: [], columns: undefined, described: undefined, names, bound }
  return { decision: 'dec_1', prepared, facts, bound, resultFormats: [] }
}
/** The result of steps that wait for nothing. */
const resultOf = <T>(steps: Steps<T>): T => {
  const { done, value } = steps.next()
  if (done !== true) throw new Error('it waits')
  return value
}
/** An analyzer for which everything has these facts now, and how often it was asked. */
const analyzerOf = (facts: StatementFacts) => {
  const asked: string[] = []
  const of = (sql: string): StatementFacts => {
    asked.push(sql)
    return facts
  }
  return { asked, analyzer: { of, again: () => Promise.resolve(facts) } }
}
const OTHERS = { ...HARMLESS, objects: '[20001]' }
const REFUSED = new PamError('SETTING_REFUSED', 'it is another relation now')

it('is determined again only after definitions may have changed', () => {
  const { pipeline } = testPipeline()
  const portal = portalOf(pipeline, HARMLESS)
  const { analyzer, asked } = analyzerOf({ ...HARMLESS })
  const both = (): unknown[] => [
    resultOf(changedSinceBind(pipeline, analyzer, portal)),
    resultOf(factsSinceParse(pipeline, analyzer, portal.prepared)),
  ]
  expect(both()).toEqual([undefined, undefined])
  expect(asked).toEqual([])
  pipeline.known.noteStale(new Set(['people']))
  expect(resultOf(factsSinceParse(pipeline, analyzer, portal.prepared))).toEqual(HARMLESS)
  expect(resultOf(changedSinceBind(pipeline, analyzer, portal))).toBeUndefined()
  expect(asked).toEqual(['copy', 'copy'])
  // It means the same, and is as good as bound now.
  expect(resultOf(changedSinceBind(pipeline, analyzer, portal))).toBeUndefined()
  expect(asked).toHaveLength(2)
  portal.bound.at -= 10_000
  expect(resultOf(changedSinceBind(pipeline, analyzer, portal))).toBeUndefined()
  expect(asked).toHaveLength(3)
})

it.each([
  [OTHERS, {}, 'APPROVAL_VOID'],
  [{ ...HARMLESS, refusal: REFUSED }, {}, 'SETTING_REFUSED'],
  // Nothing rests on definitions but what is refused whatever the rules say.
  [OTHERS, { decidesByText: (): boolean => true }, undefined],
  [{ ...HARMLESS, refusal: REFUSED }, { decidesByText: (): boolean => true }, 'SETTING_REFUSED'],
] as const)('does not run as something else: %#', (facts, session, code) => {
  const { pipeline } = testPipeline(session)
  const portal = portalOf(pipeline, HARMLESS)
  pipeline.known.notePathChange()
  expect(resultOf(changedSinceBind(pipeline, analyzerOf(facts).analyzer, portal))?.code).toBe(code)
})

it.each([
  ['execute p', 'fetch all from c', true],
  ['execute p', 'move 1 in c', true],
  ['execute p', 'fetch all from d', false],
  ['select 1', 'fetch all from c', false],
])('a portal of %s, and %s', async (bound, sql, isRefused) => {
  const { pipeline } = testPipeline()
  const { catalog, masking } = pipeline.known
  const factsOf = async (text: string): Promise<StatementFacts> => {
    const parsed = await parser.parse(text)
    if ('failure' in parsed) throw new Error(parsed.failure)
    return resolveFacts(parsed, catalog, masking)
  }
  pipeline.names.portals.set('c', portalOf(pipeline, await factsOf(bound)), pipeline.batch)
  expect(refusedFetch(pipeline, await factsOf(sql))?.code).toBe(isRefused ? 'FEATURE_REFUSED' : undefined)
})
