import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { statementAnalyzer } from '../../../../../src/protocols/postgres/gateway/pipeline/analyze-statement.ts'
import { testPipeline } from '../../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

const TEXT = 25
const CAST = { conversions: [['int4', 'text', 'e', 'public.wipe_text', String(TEXT)]] }

it('says at once what a text does that was parsed before', async () => {
  const { pipeline } = testPipeline()
  const sql = 'select id from people where id = 1'
  await parser.parse(sql)
  const facts = statementAnalyzer(pipeline, parser).of(sql)
  expect(facts).not.toBeInstanceOf(Promise)
  expect(facts).toMatchObject({ statements: [{ kinds: ['select'], unknown: [] }] })
})

it('counts types that parameters are declared with, at first and again', async () => {
  const { pipeline } = testPipeline({ catalog: CAST })
  vi.spyOn(pipeline.known, 'refresh').mockResolvedValue()
  const analyzer = statementAnalyzer(pipeline, parser)
  for (const facts of [await analyzer.of('select $1::int', [TEXT]), await analyzer.again('select $1::int', [TEXT])])
    expect(facts.statements[0]?.unknown).toEqual([
      'the cast from text to int4 runs public.wipe_text, which may convert a parameter',
    ])
  expect((await analyzer.of('select $1::int')).statements[0]?.unknown).toEqual([])
})

it('reads the catalogs again before something approved goes on', async () => {
  const { pipeline } = testPipeline()
  const refresh = vi.spyOn(pipeline.known, 'refresh').mockResolvedValue()
  const analyzer = statementAnalyzer(pipeline, parser)
  await analyzer.of('select id from people')
  expect(refresh).not.toHaveBeenCalled()
  await analyzer.again('select id from people')
  expect(refresh).toHaveBeenCalledExactlyOnceWith(true)
})
