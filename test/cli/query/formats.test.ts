import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { uniqueNames, valueJson, writeResults, type QueryFormat } from '../../../src/cli/query/formats.ts'
import { ResultCollector, type ResultSet } from '../../../src/cli/query/results.ts'
import { createIo } from '../../../src/cli/output/io.ts'
import { parametersOf } from '../../../src/cli/query/parameters.ts'

const column = (json: 'string' | 'number' | 'boolean' | 'json', name = 'c') => ({ name, type: 'x', json })

async function written(results: readonly ResultSet[], format: QueryFormat): Promise<{ out: string; err: string }> {
  let [out, err] = ['', '']
  const io = createIo(
    { stdin: {}, stdout: { write: (text) => (out += text) }, stderr: { write: (text) => (err += text) } },
    {},
    () => 0,
  )
  await writeResults(results, format, io)
  return { out, err }
}

describe('values as JSON', () => {
  it.each([
    ['number', '7', '7'],
    ['number', '-1.50', '-1.50'],
    ['number', '9223372036854775807', '9223372036854775807'],
    ['number', '1e+300', '1e+300'],
    ['number', 'NaN', '"NaN"'],
    ['number', '-Infinity', '"-Infinity"'],
    // A masked number need not be one, and must not become one.
    ['number', '***', '"***"'],
    ['number', '007', '"007"'],
    ['number', '1,"x":2', String.raw`"1,\"x\":2"`],
    ['boolean', 't', 'true'],
    ['boolean', 'f', 'false'],
    ['boolean', 'true}', '"true}"'],
    ['json', '{"a": 1}', '{"a": 1}'],
    ['json', '{"a": 1', String.raw`"{\"a\": 1"`],
    ['json', '1} , {', '"1} , {"'],
    ['string', '7', '"7"'],
  ] as const)('%s %s', (json, text, expected) => {
    expect(valueJson(text, column(json))).toBe(expected)
  })

  it('whatever the value is, a row is one line of JSON with the columns asked for', async () => {
    const kinds = fc.constantFrom('string', 'number', 'boolean', 'json')
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(
            kinds,
            fc.string({ unit: 'binary' }),
            fc.option(fc.constantFrom('7', '1e5', '{"a": [1]}', '"', 't', '\u2028', '')),
          ),
          {
            maxLength: 5,
          },
        ),
        async (cells) => {
          const result = {
            columns: cells.map(([json, name]) => column(json, name)),
            rows: [cells.map(([, , value]) => value)],
            hasMore: false,
          }
          const { out } = await written([result], 'ndjson')
          expect(out.split('\n')).toHaveLength(2)
          expect(Object.keys(JSON.parse(out) as object).toSorted()).toEqual(uniqueNames(result.columns).toSorted())
          JSON.parse((await written([result], 'json')).out)
        },
      ),
      { numRuns: 30 },
    )
  })
})

it('columns of the same name get numbers that are not taken', () => {
  expect(uniqueNames(['id', 'id_2', 'id', 'id'].map((name) => ({ name })))).toEqual(['id', 'id_2', 'id_3', 'id_4'])
})

it('a table has the columns in the order of the statement, whatever they are called', async () => {
  const columns = ['z', '10', '2', '__proto__', 'z'].map((name) => column('string', name))
  const rows = [['a', 'b', 'c', 'd', 'e']]
  expect((await written([{ columns, rows, hasMore: false }], 'table')).out).toBe('a\tb\tc\td\te\n')
})

it('CSV distinguishes NULL from an empty text', async () => {
  const rows = [[null, '', 'a\nb', 'x,"y"']]
  const columns = ['a', 'b', 'c', 'd'].map((name) => column('string', name))
  expect((await written([{ columns, rows, hasMore: false }], 'csv')).out).toBe('a,b,c,d\n,"","a\nb","x,""y"""\n')
})

it('keeps a limited number of bytes, and says of which result', () => {
  const collector = new ResultCollector(30)
  const row = (value: string) => collector.hear({ type: 'row', values: [value] })
  collector.hear({ type: 'columns', columns: [column('string')] })
  row('0123456789')
  row('0123456789')
  collector.hear({ type: 'end', end: { hasMore: false } })
  collector.hear({ type: 'end', end: { command: 'INSERT', affected: 1, hasMore: false } })
  expect(collector.results).toMatchObject([
    { rows: [['0123456789']], hasMore: true, isCutBySize: true },
    { rows: [], hasMore: false },
  ])
  expect(collector.results[1]).not.toHaveProperty('isCutBySize')
})

it.each([
  [[], true, 1, 'no rows are shown: the result is larger than 32 MiB; select fewer columns or rows'],
  [['a'], true, 1, 'only the first 1 row is shown: the result is larger than 32 MiB; select fewer columns or rows'],
  [
    ['a', 'b'],
    true,
    2,
    'only the first 2 rows are shown: the results are larger than 32 MiB; select fewer columns or rows',
  ],
  [['a', 'b'], false, 1, 'only the first 2 rows are shown; give a larger --max-rows, or ask for less'],
])('says which limit left out rows: %j, by size: %s, of %i', async (values, isCutBySize, of, said) => {
  const cut = { columns: [column('string')], rows: values.map((value) => [value]), hasMore: true }
  const results = [...Array.from({ length: of - 1 }, () => ({ columns: [], rows: [], hasMore: false })), cut]
  const { err } = await written(
    results.map((result) => (result === cut && isCutBySize ? { ...cut, isCutBySize } : result)),
    'ndjson',
  )
  expect(err).toBe(`${said}\n`)
})

it('parameters are texts, or NULL', () => {
  expect(parametersOf({ params: '[1, "a", null, true, {"a": 1}]' })).toEqual(['1', 'a', null, 'true', '{"a":1}'])
  expect(parametersOf({ param: ['null'] })).toEqual(['null'])
  expect(parametersOf({})).toEqual([])
  expect(() => parametersOf({ params: '[1' })).toThrow('--params: expected a JSON array, and this is not JSON')
  expect(() => parametersOf({ params: '[]', param: [] })).toThrow('both give parameters')
})
