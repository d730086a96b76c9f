import fc from 'fast-check'
import { loadModule } from 'libpg-query'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { createSqlParser, ParsedText, SqlParser } from '../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { readSql } from '../../../helpers/read-sql.ts'
import { sampledRuns } from '../../../helpers/sampled.ts'
import { compiled } from '../../../helpers/compiled.ts'

let parser: SqlParser
beforeAll(async () => {
  await loadModule()
  // Compiled: the worker is a file beside it.
  const built = (await import(compiled('protocols/postgres/dialect/sql-parser.ts'))) as {
    createSqlParser: typeof createSqlParser
  }
  parser = await built.createSqlParser()
})
afterAll(() => parser.close())

const alone = (sql: string): ParsedText => readSql(sql)
/** Without the values of constants, which nobody asks for; where they stand, as the how manieth of the text. */
const said = (parsed: ParsedText): string => {
  const literals = 'failure' in parsed ? [] : parsed.flatMap((statement) => statement.literals)
  return JSON.stringify(parsed, (key, value: unknown) => {
    if (key === 'literals') return literals.length
    if (key === 'at') return literals.findIndex(({ at, signAt }) => at === value || signAt === value)
    return (value as { kind?: unknown } | null)?.kind === 'constant'
      ? { ...(value as { type: unknown }), value: undefined }
      : value
  })
}

const integer = fc.integer({ min: 0, max: 999_999_999 }).map(String)
const string = fc.string({
  unit: fc.constantFrom('a', 'Z', '0', ' ', '.', ',', '(', ';', '=', '-', '*'),
  minLength: 1,
  maxLength: 8,
})
const constant = fc.oneof(
  integer,
  string.filter((text) => !/--|\/\*/.test(text)).map((text) => `'${text}'`),
)
const column = fc.constantFrom('a', 'b', 't.c', 'public.t.d')
const comparison = fc.constantFrom('=', '<>', '<', '>=', '<=')
/** Texts as a list of pieces; at the odd places stand constants. */
const condition = fc.oneof(
  fc.tuple(column, comparison, constant).map(([name, operator, value]) => [`${name} ${operator} `, value, '']),
  fc.tuple(column, constant, constant).map(([name, one, other]) => [`${name} in (`, one, ', ', other, ')']),
  fc.tuple(column, constant, constant).map(([name, one, other]) => [`${name} between `, one, ' and ', other, '']),
)
const join = (one: string[], between: string, other: string[]): string[] => [
  ...one.slice(0, -1),
  `${one.at(-1)}${between}${other[0]}`,
  ...other.slice(1),
]
const where = fc
  .array(condition, { minLength: 1, maxLength: 3 })
  .map((all) => all.slice(1).reduce((sum, next) => join(sum, ' and ', next), all[0] as string[]))
const statement = fc.oneof(
  fc
    .tuple(where, integer)
    .map(([all, limit]) => join(['select a, b from t where '], '', join(all, ' limit ', ['', limit, '']))),
  where.map((all) => join(['delete from t where '], '', all)),
  fc
    .tuple(constant, integer, where)
    .map(([value, step, all]) => join(['update t set a = ', value, ', b = b + ', step, ' where '], '', all)),
  fc
    .array(constant, { minLength: 2, maxLength: 4 })
    .map((values) => [
      'insert into t values (',
      ...values.slice(0, -1).flatMap((value) => [value, ', ']),
      values.at(-1) as string,
      ')',
    ]),
)

describe('texts that differ in constants alone', () => {
  it('are read once, and say what they would have said', () => {
    fc.assert(
      fc.property(statement, fc.infiniteStream(integer), fc.infiniteStream(string), (pieces, integers, strings) => {
        const isConstant = (index: number): boolean => index % 2 === 1
        const other = pieces.map((piece, index) =>
          !isConstant(index)
            ? piece
            : piece.startsWith("'")
              ? `'${(strings.next().value as string).replaceAll(/--|\/\*/g, 'x')}'`
              : (integers.next().value as string),
        )
        const first = parser.parse(pieces.join(''))
        const before = parser.counts.read
        const again = parser.parse(other.join(''))
        expect(parser.counts.read).toBe(before)
        expect(again).toBe(first)
        expect(said(again as ParsedText)).toBe(said(alone(other.join(''))))
      }),
      { numRuns: sampledRuns(500) },
    )
  })

  it.each([
    ['a constant condition', 'delete from t where 1 = 1', 'delete from t where 1 = 2'],
    [
      'a constant beside a condition',
      "delete from t where a = 5 or 'x' = 'x'",
      "delete from t where a = 5 or 'x' = 'y'",
    ],
    ['one of two comparisons', 'delete from t where a = 5 or a <> 5', 'delete from t where a = 5 or a <> 6'],
    [
      'a comparison turned around',
      'delete from t where not (a = 5 and a = 6)',
      'delete from t where not (a = 5 and a = 5)',
    ],
    [
      'a comparison in a write within',
      'with d as (delete from t where a < 9 or a > 5) select a from t where b = 1',
      'with d as (delete from t where a < 5 or a > 9) select a from t where b = 1',
    ],
    ['a bare constant', 'delete from t where a = 5 and 1::bool', 'delete from t where a = 5 and 0::bool'],
    ['a setting', "set search_path = 'a'", "set search_path = 'b'"],
    [
      'a setting by function',
      "select set_config('a.b', 'c', false) from t where a = 5",
      "select set_config('a.c', 'c', false) from t where a = 5",
    ],
    [
      'a setting by view',
      "update pg_settings set setting = 'a' where name = 'work_mem'",
      "update pg_settings set setting = 'a' where name = 'search_path'",
    ],
    ['a place in the list', 'select a, b from t order by 1', 'select a, b from t order by 2'],
    ['a place to group by', 'select a, b from t group by 1', 'select a, b from t group by 2'],
    ['an argument', "select pg_read_file('a')", "select pg_read_file('b')"],
    ['a name in a constant', "select 'a'::regclass from t where a = 5", "select 'b'::regclass from t where a = 5"],
    ['a program', "copy t to program 'a'", "copy t to program 'b'"],
    ['code', "do 'begin end'", "do 'begin  end'"],
    ['a password', "alter role a password 'b'", "alter role a password 'c'"],
    ['a number that is another type', 'select a from t where a = 2147483647', 'select a from t where a = 2147483648'],
    ['an escape string', "select a from t where a = E'b'", "select a from t where a = E'c'"],
    ['a doubled quote', "select a from t where a = 'b''c'", "select a from t where a = 'b''d'"],
    ['a comment', 'select a from t where a = 5 -- 1', 'select a from t where a = 5 -- 2'],
    ['a dollar quote', 'select a from t where a = $$b$$', 'select a from t where a = $$c$$'],
    ['a quoted name', 'select "1" from t where a = 5', 'select "2" from t where a = 5'],
    ['a question mark', 'select a from t where a ? 5', 'select a from t where a ? 6'],
    ['a type with a length', 'select a::varchar(5) from t where a = 5', 'select a::varchar(6) from t where a = 5'],
    [
      'a literal of a type',
      "select a from t where a = date '2020-01-01'",
      "select a from t where a = date '2020-01-02'",
    ],
    [
      'two statements',
      'select a from t where a = 5; select a from t where a = 6',
      'select a from t where a = 6; select a from t where a = 6',
    ],
  ])('are read each for itself where something may depend on one: %s', (_what, one, other) => {
    const { template } = parser.counts
    const first = parser.parse(one)
    const second = parser.parse(other)
    expect(parser.counts.template).toBe(template)
    expect(second).not.toBe(first)
  })
})

describe('a text that comes again', () => {
  it('is not read again, whoever parses it, short or long', async () => {
    const long = `select a from t where a in (${Array.from({ length: 1500 }, (_, i) => i + 1_000_000).join(', ')})`
    for (const sql of ['select distinct on (a) a from t order by 1', long]) {
      const first = await parser.parse(sql)
      const { read, known } = parser.counts
      expect(parser.parse(sql)).toBe(first)
      expect(parser.counts).toMatchObject({ read, known: known + 1 })
    }
  })
})

describe('a long list of constants', () => {
  it('comes from the worker as one constant many times over: how many there are counts, not what they are', async () => {
    const list = Array.from({ length: 2000 }, (_, i) => i + 1).join(', ')
    const [statement] = (await parser.parse(`delete from t where a in (${list}) and b = 7`)) as readonly {
      tree: object
    }[]
    const values = (tree: object | undefined): string[] =>
      [...JSON.stringify(tree).matchAll(/"kind":"constant","type":"integer","value":"(\d+)"/g)].map(([, value]) =>
        String(value),
      )
    const items = values(statement).slice(0, -1)
    expect(items.length).toBe(2000)
    expect(new Set(items).size).toBe(1)
    const rows = Array.from({ length: 900 }, (_, i) => `(${i}, 'x')`).join(', ')
    const [insert] = (await parser.parse(`insert into t values ${rows}`)) as readonly { tree: object }[]
    expect(JSON.stringify(insert).match(/"kind":"constant"/g)).toHaveLength(1800)
    // Where it is a place in the select list, each stays what it is.
    const places = Array.from({ length: 1200 }, (_, i) => (i % 3) + 1).join(', ')
    const [group] = (await parser.parse(`select a, b, c from t group by ${places}`)) as readonly { tree: object }[]
    expect(new Set(values(group)).size).toBe(3)
  })
})

describe('the parser of long texts', () => {
  it('is replaced after an error that breaks it, and what comes next is read', async () => {
    const deep = `select 1${'+1'.repeat(40_000)}`
    for (let attempt = 0; attempt < 3; attempt++)
      expect(await parser.parse(`${deep} -- ${attempt}`)).toEqual({ failure: 'it is nested too deeply to be read' })
    const after = await parser.parse(`select a from t where a = 5 ${' '.repeat(5000)}`)
    expect(after).toMatchObject([{ kinds: ['select'] }])
  })
})
