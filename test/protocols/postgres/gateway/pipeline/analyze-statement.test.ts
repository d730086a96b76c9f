import { afterAll, beforeAll, expect, it } from 'vitest'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { statementAnalyzer } from '../../../../../src/protocols/postgres/gateway/pipeline/analyze-statement.ts'
import { testPipeline } from '../../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

const [INT4, TEXT, DATE, TEXT_ARRAY, OF_A_USER] = [23, 25, 1082, 1009, 20_100]

/** Somebody has made a cast from text to integer, which runs their function. */
const CAST = {
  conversions: [['int4', 'text', 'e', 'public.wipe_text', String(TEXT)]],
  plainTypes: [['int4'], ['text'], ['date']],
  valueTypes: [
    [String(TEXT), 'textsend', '0', ','],
    [String(TEXT_ARRAY), 'array_send', String(TEXT), ','],
  ],
}

it.each([
  [[], false],
  [[0], false],
  [[INT4], false],
  [[DATE], false],
  [[TEXT], true],
  [[TEXT_ARRAY], true],
  [[OF_A_USER], true],
  [[0, TEXT], true],
])('a parameter that a Parse declares as %j may be converted by the cast of a user: %s', async (types, converts) => {
  const { pipeline } = testPipeline({ catalog: CAST })
  const facts = await statementAnalyzer(pipeline, parser).of('select $1::int', types)
  expect(facts.statements.map(({ unknown }) => unknown.length > 0)).toEqual([converts])
})

it('where nobody has made a cast, types of parameters are harmless', async () => {
  const { pipeline } = testPipeline()
  const facts = await statementAnalyzer(pipeline, parser).of('select $1::int', [TEXT])
  expect(facts.statements.map(({ unknown }) => unknown)).toEqual([[]])
})
