import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StatementFacts } from '../../../../../src/protocols/postgres/dialect/statement-facts.ts'
import type { ErrorExposure } from '../../../../../src/sql/facts/text-facts.ts'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { assumedFacts } from '../../../../../src/protocols/postgres/gateway/assumed-facts.ts'
import { detectors } from '../../../../../src/masking/replace.ts'
import { recordable, recordableParameters } from '../../../../../src/protocols/postgres/gateway/pipeline/recordable.ts'
import { sqlStatement } from '../../../../helpers/sql-statement.ts'
import { HARMLESS } from '../../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => void (parser = await createSqlParser()))
afterAll(() => parser.close())

/** A commitment shows here how long the value is, and no more. */
const session = { commitment: (value: string) => `#${value.length}`, masking: { kinds: [] } }
/** A commitment shows whose it is as well. */
const sessionOf = (id: string) => ({ ...session, commitment: (value: string) => `#${id}${value.length}` })
const sessions = { a: sessionOf('a'), b: sessionOf('b') }
async function kept(sql: string, parameters: (string | null)[] = [], more: Partial<StatementFacts> = {}) {
  const parsed = await parser.parse(sql)
  if ('failure' in parsed) throw new Error(sql)
  return recordable(sql, parameters, { ...assumedFacts(parsed), ...more }, session)
}

describe('a statement as it is kept', () => {
  it('has commitments of its own in each session, also where sessions share what is known of its text', async () => {
    const sql = "select id from people where email = 'jane@example.com'"
    const parsed = await parser.parse(sql)
    if ('failure' in parsed) throw new Error(sql)
    for (const errorExposure of ['none', 'quoted'] as const) {
      const facts = { ...assumedFacts(parsed), errorExposure }
      const texts = ['a', 'b', 'a', 'b'].map((id) => [id, sessions[id as 'a' | 'b']] as const)
      for (const [id, own] of texts)
        expect(recordable(sql, [], facts, own).text).toMatch(new RegExp(`email = '?‹#${id}\\d+›'?$`))
    }
  })

  it.each([
    ['select 1', 'select 1'],
    ["select 'x', 2 -- why", "select 'x', 2 -- why"],
    ["select 'to jane@example.com'", "select 'to ‹#16›'"],
    ["create role a password 'x'", 'create role a password ‹#3›'],
    [
      "alter user a password $$secret$$ /* secret */ valid until 'x'",
      'alter user a password ‹#10› /*…*/ valid until ‹#3›',
    ],
    ["select '‹forged›'", "select '‹U+2039›forged‹U+203A›'"],
  ])('%s', async (sql, text) => {
    expect(await kept(sql)).toEqual({ text, parameters: [] })
  })

  it.each<[ErrorExposure]>([['quoted'], ['named'], ['any']])(
    'one that has to do with masked columns (%s) shows no constant',
    async (errorExposure) => {
      const sql = "select id from people where email = $1 or email = 'a' or \"a'b\" = E'c\\'d' -- a"
      const { text, parameters } = await kept(sql, ['a', null], { errorExposure })
      expect(text).toBe('select id from people where email = $1 or email = ‹#3› or "a\'b" = ‹#7› /*…*/')
      expect(parameters).toEqual(['‹#1›', null])
    },
  )

  it.each<[string, 'x' | 'y', string]>([
    ['that has nothing to do with them', 'x', "select 1 from people where id = 'x' and email = ‹#3›"],
    ['whichever it is', 'y', "select ‹#1› from people where id = ‹#3› and email = 'y'"],
  ])('of one that touches masked columns a constant may stand %s', async (_, shown, text) => {
    const sql = "select 1 from people where id = 'x' and email = 'y'"
    const parsed = await parser.parse(sql)
    if ('failure' in parsed) throw new Error(sql)
    const known = new Set(parsed[0]?.literals.map(({ at }) => at))
    const one = sql.indexOf('1')
    const places = new Set(shown === 'x' ? [one, sql.indexOf("'x'")] : [sql.indexOf("'y'")])
    const facts = assumedFacts(parsed)
    const visible = { places, known, parameters: new Set<number>() }
    const lineage = [{ visible }] as unknown as StatementFacts['lineage']
    expect(recordable(sql, [], { ...facts, errorExposure: 'quoted', lineage }, session).text).toBe(text)
    // Where one constant was not read as one, none may stand.
    known.delete(one)
    expect(recordable(sql, [], { ...facts, errorExposure: 'quoted', lineage }, session).text).toBe(
      'select ‹#1› from people where id = ‹#3› and email = ‹#3›',
    )
  })

  it('a long list of values has one commitment', async () => {
    const list = Array.from({ length: 50 }, (_, index) => `'${index}'`).join(', ')
    const { text } = await kept(`select 1 from people where email in (${list})`, [], { errorExposure: 'any' })
    expect(text).toBe(`select ‹#1› from people where email in (‹50 values, #${list.length}›)`)
  })

  it('one without masked columns shows its parameters, except what looks like a masked kind', async () => {
    const { parameters } = await kept('select $1, $2, $3', ['plain', 'jane@example.com', null])
    expect(parameters).toEqual(['plain', '‹#16›', null])
  })

  it('a number of up to twelve digits is looked for in vain by all kinds that we know', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{0,12}$/), (digits) => {
        expect(Object.values(detectors).flatMap((kind) => kind.find(digits))).toEqual([])
        expect(recordableParameters([digits], HARMLESS, session)).toEqual([digits])
      }),
    )
  })

  it('a longer one may be a payment card, and a shorter one whatever a rule says', () => {
    expect(recordableParameters(['4111111111111111', '4222222222222'], HARMLESS, session)).toEqual(['‹#16›', '‹#13›'])
    const badge = { name: 'badge', find: (text: string) => [{ start: 0, end: text.length }] }
    const masking = {
      kinds: [{ kind: badge, style: 'redact', hashScope: 'session' }],
    } as unknown as typeof session.masking
    expect(recordableParameters(['1234'], HARMLESS, { ...session, masking })).toEqual(['‹#4›'])
  })

  it('detaches a text that could not be parsed', () => {
    const facts = { ...HARMLESS, statements: [sqlStatement({})] }
    expect(recordable('what is this', ['x', null], facts, session)).toEqual({
      text: '‹a text of 12 bytes that could not be read, #12›',
      parameters: ['‹#1›', null],
      detached: 'what is this',
    })
  })

  it('the same facts with another text are another text', async () => {
    const parsed = await parser.parse('select 1')
    if ('failure' in parsed) throw new Error('select 1')
    const facts = assumedFacts(parsed)
    expect(recordable('select 1', [], facts, session).text).toBe('select 1')
    expect(recordable('select 2', [], facts, session).text).toBe('select 2')
  })
})
