import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { SharedDefinitions } from '../../../../../src/protocols/postgres/catalog/shared-definitions.ts'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import type { StatementFacts } from '../../../../../src/protocols/postgres/dialect/statement-facts.ts'
import {
  statementAnalyzer,
  type StatementAnalyzer,
} from '../../../../../src/protocols/postgres/gateway/pipeline/analyze-statement.ts'
import { draftCommand, noteChanges } from '../../../../../src/protocols/postgres/gateway/pipeline/command-draft.ts'
import { forgetNames } from '../../../../../src/protocols/postgres/gateway/pipeline/invalidate-names.ts'
import { changeOf, isNamed } from '../../../../../src/protocols/postgres/gateway/pipeline/touches.ts'
import { EMAIL_MASKED, testPipeline } from '../../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())
afterEach(() => void vi.useRealTimers())

type Options = Parameters<typeof testPipeline>[0]
type Tested = ReturnType<typeof testPipeline> & { readonly analyzer: StatementAnalyzer }
const byText = { decidesByText: () => true }
const tested = (options: Options = {}): Tested => {
  const made = testPipeline({ ...byText, ...options })
  return { ...made, analyzer: statementAnalyzer(made.pipeline, parser) }
}
const OLD = 'definitions may have changed since they were read, and no rule depended on them'

/** What is said of a text at once; undefined: the target is asked first. */
function atOnce({ analyzer }: Tested, sql: string): StatementFacts | undefined {
  const facts = analyzer.of(sql)
  if (!(facts instanceof Promise)) return facts
  void facts.catch(() => undefined)
  return undefined
}
const unknownIn = ({ pipeline, analyzer }: Tested, sql: string, facts: StatementFacts): readonly string[] =>
  draftCommand(pipeline, analyzer, sql, [], facts).facts.statements.flatMap(({ unknown }) => unknown)

const QUERY = 'select id from people'

describe('where no decision rests on definitions, a change of them', () => {
  it.each([
    QUERY,
    'insert into people values (1)',
    'delete from people',
    'create table made (id int)',
    'drop table people',
    'select id from made',
    'insert into made values (1)',
  ])('is not waited for: %s', (sql) => {
    const it = tested()
    it.pipeline.definitions.note('anything')
    const facts = atOnce(it, sql)
    expect(facts?.lastRead).toBe('definition')
    expect(facts?.statements.flatMap(({ unknown }) => unknown)).toEqual([])
    expect(facts && unknownIn(it, sql, facts)).toEqual([OLD])
  })

  it('is noted on record where it concerns the statement, and not elsewhere', () => {
    const it = tested()
    it.pipeline.definitions.note(new Set(['made']))
    const facts = atOnce(it, QUERY)
    expect(facts?.lastRead).toBeUndefined()
    expect(facts && unknownIn(it, QUERY, facts)).toEqual([])
    expect(atOnce(it, 'select id from made')?.lastRead).toBe('definition')
  })

  it('by code of unknown effect is not noted on record', () => {
    const it = tested()
    it.pipeline.definitions.note('anything', 'code')
    const facts = atOnce(it, QUERY)
    expect(facts?.lastRead).toBe('code')
    expect(facts && unknownIn(it, QUERY, facts)).toEqual([])
  })

  it('is waited for by nobody while it is on its way', () => {
    const definitions = new SharedDefinitions()
    const [it, other] = [tested({ definitions }), tested({ definitions })]
    definitions.publish(other.pipeline, { by: 'definition', touches: 'anything', renews: 'anything' })
    expect(atOnce(it, QUERY)?.lastRead).toBe('definition')
    it.pipeline.expect({ type: 'parse', change: { confirm() {}, undo() {} }, errorExposure: 'none', rests: RESTS })
    expect(it.pipeline.unanalysed()).toEqual([])
  })

  it('leaves the names of prepared statements what they are', () => {
    const it = tested()
    it.pipeline.definitions.note('anything')
    const prepared = { sql: QUERY, parameterTypes: [], columns: undefined, described: undefined, names: NO_NAMES }
    it.pipeline.names.statements.set('kept', prepared, 0).confirm()
    const facts = atOnce(it, 'insert into made values (1)')
    if (facts !== undefined) forgetNames(it.pipeline.names, facts)
    expect(it.pipeline.names.statements.confirmed('kept')).toBe(prepared)
  })

  it.each([
    ['what is an UPDATE of may be a view of the settings', {}, 'update people set id = 2'],
    ['so may be what is merged into', {}, 'merge into people using people p on true when matched then delete'],
    ['a refusal is the one of now', {}, "select pg_reload_conf() from people; set client_encoding = 'latin1'"],
    ['kinds of data are masked', { masking: { columns: [], kinds: [{ kind: 'email' }] } }, QUERY],
    ['columns are masked', { masking: EMAIL_MASKED }, QUERY],
    ['the session may not write', { readOnly: true }, QUERY],
    ['the target has to read it alike', { reading: 'agreed' }, QUERY],
    ['rules look at more than the text', { decidesByText: () => false }, QUERY],
  ] as const)('is read first: %s', (_name, options, sql) => {
    const it = tested(options as unknown as Options)
    it.pipeline.definitions.note('anything')
    expect(atOnce(it, sql)).toBeUndefined()
  })

  it('is read once the last reading is a second old', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const it = tested()
    it.pipeline.definitions.note('anything')
    expect(atOnce(it, QUERY)).toBeDefined()
    vi.advanceTimersByTime(1001)
    expect(atOnce(it, QUERY)).toBeUndefined()
  })

  it('is read at once where the names mean something else, by a search path', () => {
    const it = tested()
    it.pipeline.known.notePathChange()
    expect(atOnce(it, QUERY)).toBeUndefined()
  })

  it('that may have made a name is not looked for while the last reading is young, and then it is', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const it = tested()
    expect(atOnce(it, 'select id from made')?.lastRead).toBe('definition')
    vi.advanceTimersByTime(1001)
    expect(atOnce(it, QUERY)?.lastRead).toBeUndefined()
    expect(atOnce(it, 'select id from made')).toBeUndefined()
  })
})

describe('a session whose decisions rest on definitions', () => {
  it('makes all sessions of its database read them, from when it is there until it is over', () => {
    const definitions = new SharedDefinitions()
    const it = tested({ definitions })
    definitions.note('anything')
    expect(atOnce(it, QUERY)).toBeDefined()
    const other = tested({ definitions, masking: EMAIL_MASKED })
    expect(atOnce(it, QUERY)).toBeUndefined()
    other.pipeline.abandon()
    const third = tested({ definitions })
    definitions.note('anything')
    expect(atOnce(third, QUERY)?.lastRead).toBe('definition')
  })

  it('takes what others have sent without reading them for code that may change anything', () => {
    const definitions = new SharedDefinitions()
    const it = tested({ definitions })
    definitions.note(new Set(['people']))
    const facts = atOnce(it, QUERY) as StatementFacts
    const change = changeOf(facts)
    expect(change).toEqual({ by: 'unread', touches: 'anything', renews: 'anything' })
    expect(isNamed(facts)).toBe(false)
    const seen = definitions.changes
    noteChanges(it.pipeline, facts)
    const publication = definitions.publish(it.pipeline, change as NonNullable<typeof change>, false)
    const late = tested({ definitions, decidesByText: () => false })
    expect(late.pipeline.known.renewed).toBe('anything')
    publication.finish()
    expect(definitions.renewedSince(seen)).toBe('anything')
  })

  it('waits for a definition of others that was made with definitions of before', () => {
    const it = tested()
    it.pipeline.definitions.note('anything')
    const facts = atOnce(it, 'create view shown as select id from made') as StatementFacts
    expect(changeOf(facts)).toEqual({ by: 'definition', touches: 'anything', renews: 'anything' })
    expect(isNamed(facts)).toBe(true)
  })

  it('is what one becomes by a reload: what it knows is old from that moment on', () => {
    let rulesLookAtText = true
    const it = tested({ decidesByText: () => rulesLookAtText })
    it.pipeline.definitions.note('anything')
    const facts = atOnce(it, QUERY) as StatementFacts
    const code = tested({ decidesByText: () => rulesLookAtText })
    code.pipeline.definitions.note('anything', 'code')
    const byCode = atOnce(code, QUERY) as StatementFacts
    expect(unknownIn(code, QUERY, byCode)).toEqual([])
    rulesLookAtText = false
    // Decided at this very moment, with what was found out before it.
    expect(unknownIn(it, QUERY, facts)).toEqual([OLD])
    expect(unknownIn(code, QUERY, byCode)).toEqual([OLD])
    expect(atOnce(it, QUERY)).toBeUndefined()
    expect(atOnce(code, QUERY)).toBeUndefined()
  })

  it('is not one among those that make each other read without end', () => {
    const definitions = new SharedDefinitions()
    const [one, other] = [tested({ definitions }), tested({ definitions })]
    definitions.note('anything', 'unread')
    const facts = atOnce(one, QUERY) as StatementFacts
    expect([facts.lastRead, changeOf(facts)]).toEqual(['unread', undefined])
    expect(one.pipeline.isSteady).toBe(true)
    definitions.publish(other.pipeline, { by: 'unread', touches: 'anything', renews: 'anything' }, false)
    expect(atOnce(one, QUERY)?.lastRead).toBe('unread')
    const late = tested({ definitions, decidesByText: () => false })
    expect(late.pipeline.known.renewed).toBe('anything')
  })
})

const NO_NAMES = { errorExposure: 'none', outputs: undefined } as const
const RESTS = { names: new Set(['people']), since: 0, statements: 1 }
