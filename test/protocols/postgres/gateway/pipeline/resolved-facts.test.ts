import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createSqlParser,
  type ParsedText,
  type SqlParser,
} from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { ResolvedFacts } from '../../../../../src/protocols/postgres/gateway/pipeline/resolved-facts.ts'
import { EMAIL_MASKED, testPipeline } from '../../../../helpers/postgres-pipeline.ts'

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
  const resolved = new ResolvedFacts(pipeline, parser)
  const facts = resolved.withTypes(resolved.of(await parser.parse('select $1::int')), types)
  expect(facts.statements.map(({ unknown }) => unknown.length > 0)).toEqual([converts])
})

it('where nobody has made a cast, types of parameters are harmless', async () => {
  const { pipeline } = testPipeline()
  const resolved = new ResolvedFacts(pipeline, parser)
  const facts = resolved.withTypes(resolved.of(await parser.parse('select $1::int')), [TEXT])
  expect(facts.statements.map(({ unknown }) => unknown)).toEqual([[]])
})

describe('facts of a text', () => {
  const FAILED: ParsedText = { failure: 'no SQL' }

  it('are found out once for each reading of the catalogs', async () => {
    const { pipeline } = testPipeline()
    const resolved = new ResolvedFacts(pipeline, parser)
    const parsed = await parser.parse('select id from people')
    const facts = resolved.of(parsed)
    expect(resolved.of(parsed)).toBe(facts)
    pipeline.known.generation++
    expect(resolved.of(parsed)).not.toBe(facts)
  })

  it('are not kept where nothing can be relied on, or where it depends on what a name stands for', async () => {
    const { pipeline } = testPipeline()
    const resolved = new ResolvedFacts(pipeline, parser)
    const parsed = await parser.parse('select id from people')
    expect(resolved.of(parsed, 'not read').statements[0]?.unknown).toContain('not read')
    expect(resolved.of(parsed).statements[0]?.unknown).toEqual([])
    const execute = await parser.parse('execute s')
    expect(resolved.of(execute)).not.toBe(resolved.of(execute))
  })

  it('of EXECUTE are those of what stands under the name, once nothing is on its way', async () => {
    const { pipeline } = testPipeline()
    const resolved = new ResolvedFacts(pipeline, parser)
    const sql = 'delete from people'
    await parser.parse(sql)
    const prepared = {
      sql,
      parameterTypes: [],
      columns: undefined,
      described: undefined,
      names: { errorExposure: 'none', outputs: undefined },
    } as const
    pipeline.names.statements.set('s', prepared, 0).confirm()
    const execute = await parser.parse('execute s')
    expect(resolved.of(execute).statements[0]).toMatchObject({ kinds: expect.arrayContaining(['delete']), unknown: [] })
    pipeline.expect({ type: 'sync' })
    expect(resolved.of(execute).statements[0]?.unknown).not.toEqual([])
  })

  it('that take more stack than there is are unknown', async () => {
    const { pipeline } = testPipeline({ masking: EMAIL_MASKED })
    const { known } = pipeline
    known.catalog = Object.defineProperty({ ...known.catalog }, 'systemFunctions', {
      get() {
        throw new RangeError('Maximum call stack size exceeded')
      },
    })
    const facts = new ResolvedFacts(pipeline, parser).of(await parser.parse('select abs(id) from people'))
    expect(facts).toMatchObject({ errorExposure: 'any', changesCatalog: true })
    expect(facts.statements.map(({ unknown }) => unknown)).toEqual([['it is nested too deeply']])
  })

  it('that cannot be read: it may do anything, and show anything where columns are masked', () => {
    for (const [masking, errorExposure] of [
      [EMAIL_MASKED, 'any'],
      [undefined, 'none'],
    ] as const) {
      const { pipeline } = testPipeline(masking === undefined ? {} : { masking })
      const facts = new ResolvedFacts(pipeline, parser).of(FAILED)
      expect(facts).toMatchObject({ parsed: [], errorExposure, changesCatalog: true, refusal: undefined })
      expect(facts.statements.map(({ unknown }) => unknown.length > 0)).toEqual([true])
    }
  })
})
