import { z } from 'zod'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Person, Target } from '../../../../../src/policy/command.ts'
import { decideCommand } from '../../../../../src/policy/decide.ts'
import { isDecidedByText } from '../../../../../src/policy/decided-by-text.ts'
import { policySchemas } from '../../../../../src/policy/parse-policy.ts'
import { NOTHING_PINNED } from '../../../../../src/sql/pinned-settings.ts'
import { policyLanguage } from '../../../../../src/protocols/policy-language.ts'
import { buildCatalog, prepareCatalog } from '../../../../../src/protocols/postgres/catalog/build-catalog.ts'
import { NO_ROWS, type CatalogRows } from '../../../../../src/protocols/postgres/catalog/rows.ts'
import { seenFirst } from '../../../../../src/protocols/postgres/catalog/change-log.ts'
import { SharedDefinitions } from '../../../../../src/protocols/postgres/catalog/shared-definitions.ts'
import { factsOfLastReading, resolveFacts } from '../../../../../src/protocols/postgres/dialect/command-facts.ts'
import { isGuardedByCatalogs } from '../../../../../src/protocols/postgres/dialect/guard.ts'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { createStatementRecorder } from '../../../../../src/protocols/postgres/gateway/pipeline/statement-recorder.ts'
import type { StatementFacts } from '../../../../../src/protocols/postgres/dialect/statement-facts.ts'
import {
  statementAnalyzer,
  type StatementAnalyzer,
} from '../../../../../src/protocols/postgres/gateway/pipeline/analyze-statement.ts'
import { draftCommand, noteChanges } from '../../../../../src/protocols/postgres/gateway/pipeline/command-draft.ts'
import { OwnQueryFailed } from '../../../../../src/protocols/postgres/gateway/pipeline/gateway-query.ts'
import { forgetNames } from '../../../../../src/protocols/postgres/gateway/pipeline/invalidate-names.ts'
import { STATE } from '../../../../../src/protocols/postgres/gateway/pipeline/known-definitions.ts'
import { changeOf, isNamed, dependenciesOf } from '../../../../../src/protocols/postgres/gateway/pipeline/touches.ts'
import { Framer } from '../../../../../src/protocols/postgres/wire/framer.ts'
import { maskingScope } from '../../../../../src/protocols/postgres/masking/scope.ts'
import { DEFINING_EVASIONS, EVASIONS, READ_ONLY_EVASIONS } from '../../../../fixtures/evasions.ts'
import { LEAKS } from '../../../../fixtures/leaks.ts'
import { CATALOG_ROWS, EMAIL_MASKED, NOTHING_MASKED, testPipeline } from '../../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())
afterEach(() => void vi.useRealTimers())

const recorder = createStatementRecorder()

type Options = Parameters<typeof testPipeline>[0]
type Tested = ReturnType<typeof testPipeline> & { readonly analyzer: StatementAnalyzer }
const byText = { decidesByText: () => true }
const tested = (options: Options = {}): Tested => {
  const made = testPipeline({ ...byText, ...options })
  return { ...made, analyzer: statementAnalyzer(made.pipeline, parser) }
}
const OLD = 'definitions may have changed since they were read; no rule depended on them'

/** What is said of a text at once; undefined: the target is asked first. */
function atOnce({ analyzer }: Tested, sql: string): StatementFacts | undefined {
  const facts = analyzer.of(sql)
  if (!(facts instanceof Promise)) return facts
  void facts.catch(() => undefined)
  return undefined
}
const unknownIn = ({ pipeline, analyzer }: Tested, sql: string, facts: StatementFacts): readonly string[] =>
  draftCommand({ pipeline, analyzer, recorder }, { sql, parameters: [], facts }).facts.statements.flatMap(
    ({ unknown }) => unknown,
  )

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
    definitions.publish(other.pipeline, { by: 'definition', touches: 'anything', renews: 'anything', makesRules: true })
    expect(atOnce(it, QUERY)?.lastRead).toBe('definition')
    it.pipeline.expect({ type: 'parse', change: { confirm() {}, undo() {} }, errorExposure: 'none', rests: RESTS })
    expect(it.pipeline.unanalysed()).toEqual([])
  })

  it('waits for an UPDATE of others where it makes a rule, of which that may then be', () => {
    const definitions = new SharedDefinitions()
    const [it, other] = [tested({ definitions }), tested({ definitions })]
    it.pipeline.expect({ type: 'sync' })
    const settles = (makesRules: boolean): boolean =>
      definitions.settle(
        other.pipeline,
        { touches: NO_NAME, makesRules },
        () => Promise.resolve(undefined),
        () => {},
      ) !== undefined
    expect(settles(true)).toBe(false)
    const rests = dependenciesOf(atOnce(it, 'update people set id = 2') as StatementFacts)
    it.pipeline.expect({ type: 'parse', change: { confirm() {}, undo() {} }, errorExposure: 'none', rests })
    expect([settles(true), settles(false)]).toEqual([true, false])
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

  it('is read no sooner than it is due, for all sessions together, and the record says how old the reading is', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const it = tested()
    it.pipeline.definitions.note('anything', 'code')
    vi.advanceTimersByTime(1001)
    await it.place.pace.keep(() => Promise.resolve(vi.advanceTimersByTime(500)))
    vi.advanceTimersByTime(9499)
    const facts = atOnce(it, QUERY)
    expect(facts?.lastRead).toBe('definition')
    expect(facts && unknownIn(it, QUERY, facts)).toEqual([OLD])
    vi.advanceTimersByTime(1)
    expect(atOnce(it, QUERY)).toBeUndefined()
  })

  it('is known from what another session has read, but for what an open transaction of its own has changed', async () => {
    const it = tested()
    const { pipeline, place } = it
    const read = { rows: { ...CATALOG_ROWS, relations: [['20001', 'public', 'made']] }, since: performance.now() }
    await prepareCatalog(read.rows)
    const shared = vi.spyOn(place, 'latest', 'get')
    pipeline.definitions.note('anything')
    shared.mockReturnValue({ ...read, seen: seenFirst(pipeline.definitions.changes) })
    pipeline.status = 'T'
    expect(atOnce(it, 'select 1 from made')?.unresolved).toBe(true)
    pipeline.status = 'I'
    expect(atOnce(it, 'select 1 from made')).toMatchObject({
      unresolved: false,
      statements: [{ reads: ['public.made'] }],
    })
    // What was read before its own changes says nothing of them.
    pipeline.known.noteStale('anything')
    pipeline.definitions.note('anything')
    shared.mockReturnValue({ ...read, rows: CATALOG_ROWS, seen: seenFirst(pipeline.definitions.changes - 1) })
    expect(atOnce(it, 'select 1 from made')).toMatchObject({ unresolved: false, lastRead: 'definition' })
    shared.mockReturnValue({ ...read, rows: CATALOG_ROWS, seen: seenFirst(pipeline.definitions.changes) })
    await prepareCatalog(CATALOG_ROWS)
    expect(atOnce(it, 'select 1 from made')?.unresolved).toBe(true)
  })

  it('is not read where names are looked up in another path: that is asked, and nothing else', async () => {
    const it = tested()
    const { pipeline, toUpstream } = it
    pipeline.known.notePathChange()
    const facts = it.analyzer.of('select 1 from people')
    await vi.waitFor(() => expect(toUpstream.length).toBe(1))
    expect(textsIn(toUpstream)).toEqual([STATE])
    answer(pipeline, [[['["pg_catalog","elsewhere"]', null, 'read committed']]])
    expect(await facts).toMatchObject({ unresolved: true, statements: [{ reads: ['?.people'] }] })
    expect(toUpstream.length).toBe(1)
  })

  describe('before an UPDATE, which may be of pg_settings through a view, asks the target for such views', () => {
    const UPDATE = 'update people set id = 2'
    const SOME = [['true', 'read committed']]
    const NONE = [['false', 'read committed']]
    const REPEATABLE = [['false', 'repeatable read']]
    type Answers = readonly (readonly (readonly (string | null)[])[])[]
    it.each([
      ['where there is none, nothing else is read', 'I', UPDATE, [NONE], 'not read'],
      ['the same within a transaction', 'T', UPDATE, [NONE], 'not read'],
      ['where there is one, the definitions are', 'I', UPDATE, [SOME], 'read'],
      ['a snapshot may be older than what names mean', 'T', UPDATE, [REPEATABLE], 'read'],
      ['outside a transaction it is not', 'I', UPDATE, [REPEATABLE], 'not read'],
      ['that view itself needs none', 'I', "update pg_settings set setting = ''", [], 'read'],
    ] as const)('%s', async (_name, status, sql, answers, expected) => {
      const it = tested()
      const { pipeline } = it
      const refresh = readingAt(it)
      pipeline.status = status
      pipeline.definitions.note('anything')
      const facts = it.analyzer.of(sql)
      for (const rows of answers as Answers) await own(it, rows)
      const { lastRead } = await facts
      expect([refresh.mock.calls.length > 0 ? 'read' : 'not read', lastRead === undefined]).toEqual([
        expected,
        expected === 'read' ? lastRead === undefined : false,
      ])
    })

    it('and again where somebody has made a rule meanwhile', async () => {
      const it = tested()
      const refresh = readingAt(it)
      it.pipeline.definitions.note('anything')
      const facts = it.analyzer.of(UPDATE)
      await own(it, NONE, () => it.pipeline.definitions.note('anything'))
      await own(it, SOME)
      await facts
      expect(refresh).toHaveBeenCalled()
    })

    /** What others have on its way, decided with definitions of before. */
    const changing = (it: Tested, sql: string) => {
      const other = tested({ definitions: it.pipeline.definitions })
      const change = changeOf(atOnce(other, sql) as StatementFacts)
      return other.pipeline.definitions.publish(other.pipeline, change as NonNullable<typeof change>)
    }
    it.each([
      ['create view shown as select * from pg_settings', 'read'],
      ['create rule r as on update to people do instead update pg_settings set setting = new.id::text', 'read'],
      ['create schema s create view shown as select * from pg_settings', 'read'],
      ['create materialized view shown as select 1', 'read'],
      ['create extension hstore', 'read'],
      ['alter table people add column note text', 'not read'],
      ['alter view shown rename to people', 'not read'],
      ['drop view people cascade', 'not read'],
      ["do $$begin execute 'create view shown as select * from pg_settings'; end$$", 'not read'],
    ])('while others have sent "%s", the definitions are %s', async (sql, expected) => {
      const it = tested()
      it.pipeline.definitions.note('anything')
      const publication = changing(it, sql)
      const refresh = readingAt(it, () => publication.finish())
      const facts = it.analyzer.of(UPDATE)
      if (expected === 'not read') await own(it, NONE, () => it.pipeline.definitions.note('anything', 'code'))
      const { lastRead } = await facts
      expect([refresh.mock.calls.length > 0 ? 'read' : 'not read', lastRead === undefined]).toEqual([
        expected,
        expected === 'read',
      ])
    })

    it('where it cannot be asked, the definitions are read', async () => {
      const it = tested()
      const { pipeline } = it
      const refresh = readingAt(it)
      pipeline.definitions.note('anything')
      const facts = it.analyzer.of(UPDATE)
      await vi.waitFor(() => expect(pipeline.inFlight.head?.type).toBe('own'))
      const { head } = pipeline.inFlight
      pipeline.answered()
      if (head?.type === 'own') head.done(new OwnQueryFailed('42501', 'permission denied'))
      await facts
      expect(refresh).toHaveBeenCalled()
    })
  })
})

describe('a verdict by rules that look at the text alone', () => {
  const { policyShape, toPolicy } = policySchemas(policyLanguage)
  const policyOf = (...rules: object[]) =>
    toPolicy(
      z.object(policyShape).parse({
        commands: rules.map((rule, index) => ({ name: `rule ${index}`, targets: {}, ...rule })),
      }),
    )
  const everything = { match: { unknown: true }, allow: true }
  const policies = [
    policyOf(everything),
    policyOf({ match: { kinds: ['drop-*', 'alter-*', 'do'] }, deny: 'no' }, { use: 'no-blind-writes' }, everything),
    policyOf({ match: { functions: ['pg_read_file', 'lo_*', 'set_config'] }, deny: 'no' }, everything),
    policyOf({ match: { kinds: ['select', 'explain'], unknown: true }, allow: true }),
    policyOf({ use: 'no-privilege-change' }, { use: 'read-only' }, everything),
  ]
  const jane: Person = { id: 'jane', kind: 'person', label: 'jane', groups: [] }
  const target: Target = { name: 'db', type: 'postgres', labels: {} }
  const NOW: CatalogRows = {
    ...NO_ROWS,
    relations: ['vault', 'ledger', 'log', 'people', 'notes', 'v_vault', 'shown']
      .map((name, index): (string | null)[] => [String(20_000 + index), 'public', name, name === 'shown' ? 'v' : 'r'])
      .concat([['12000', 'pg_catalog', 'pg_settings', 'v']]),
    sources: [
      ['20005', '20000'],
      ['20006', '12000'],
    ],
    functions: [['wipe', 'user', 'public', 'body', '20100']],
  }

  it('is the same by definitions of now and of before, for all that gets around rules or masks elsewhere', async () => {
    const now = buildCatalog(NOW)
    const before = buildCatalog(NO_ROWS)
    const masking = maskingScope(NOTHING_MASKED, now, new Map())
    const options = { readOnly: false, ownAccount: true, pinned: NOTHING_PINNED }
    const all = [...EVASIONS, ...DEFINING_EVASIONS, ...READ_ONLY_EVASIONS, ...LEAKS]
    const texts = new Set(all.filter((_, index) => index % 3 === 0).flatMap(({ script }) => script))
    expect(texts.size).toBeGreaterThan(300)
    let denied = 0
    for (const sql of [...texts, 'update shown set setting = 1', 'update pg_settings set setting = 1']) {
      const parsed = await parser.parse(sql)
      if ('failure' in parsed) continue
      const eager = resolveFacts(parsed, now, masking, undefined, options)
      const lazy = factsOfLastReading(resolveFacts(parsed, before, masking, undefined, options), before, 'definition')
      // The target is asked before these, and a refusal by definitions of before is asked again.
      if (!parsed.some(isGuardedByCatalogs) && lazy.refusal === undefined) expect(eager.refusal).toBeUndefined()
      for (const policy of policies) {
        expect(isDecidedByText(policy, jane, target)).toBe(true)
        const [one, other] = [eager, lazy].map(({ statements, lastRead }) => {
          const said = statements.map((of) => ({ ...of, unknown: [...of.unknown, ...(lastRead ? [OLD] : [])] }))
          const command = { protocol: 'postgres', kind: 'statement', text: sql, parameters: [] } as const
          const facts = { type: 'sql', statements: said } as const
          const { type, rule } = decideCommand(policy, jane, target, { ...command, facts })
          if (type === 'deny') denied++
          return `${type} by ${rule}`
        })
        expect([sql, other]).toEqual([sql, one])
      }
    }
    expect(denied).toBeGreaterThan(300)
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
    expect(change).toEqual({ by: 'unread', touches: 'anything', renews: 'anything', makesRules: false })
    expect(isNamed(facts)).toBe(false)
    const seen = definitions.changes
    noteChanges(it.pipeline, facts)
    const publication = definitions.publish(it.pipeline, change as NonNullable<typeof change>, false)
    const late = tested({ definitions, decidesByText: () => false })
    expect(late.pipeline.known.renewed).toBe('anything')
    publication.finish()
    expect(definitions.renewedSince(seenFirst(seen))).toBe('anything')
  })

  it('waits for a definition of others that was made with definitions of before', () => {
    const it = tested()
    it.pipeline.definitions.note('anything')
    const facts = atOnce(it, 'create view shown as select id from made') as StatementFacts
    expect(changeOf(facts)).toEqual({ by: 'definition', touches: 'anything', renews: 'anything', makesRules: true })
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
    definitions.publish(
      other.pipeline,
      { by: 'unread', touches: 'anything', renews: 'anything', makesRules: false },
      false,
    )
    expect(atOnce(one, QUERY)?.lastRead).toBe('unread')
    const late = tested({ definitions, decidesByText: () => false })
    expect(late.pipeline.known.renewed).toBe('anything')
  })
})

/** Has the definitions read as they are, at once. */
const readingAt = ({ pipeline }: Tested, meanwhile = (): void => {}) =>
  vi.spyOn(pipeline.known, 'refresh').mockImplementation(() => {
    meanwhile()
    pipeline.known.generation++
    for (const of of ['noted', 'redefined', 'mayHaveChanged'] as const)
      vi.spyOn(pipeline.known, of, 'get').mockReturnValue(undefined)
    return Promise.resolve()
  })

/** The texts of the gateway's own queries that were sent. */
function textsIn(sent: readonly Buffer[]): string[] {
  const texts: string[] = []
  const framer = new Framer(1_000_000, 'the gateway')
  framer.push(Buffer.concat(sent), ({ tag, bytes }) => {
    if (tag === 'P'.charCodeAt(0))
      texts.push(
        bytes
          .subarray(bytes.indexOf(0, 5) + 1)
          .toString()
          .split('\0')[0] ?? '',
      )
  })
  return texts
}

/** Answers the queries that are being asked. */
function answer(pipeline: Tested['pipeline'], results: readonly (readonly (readonly (string | null)[])[])[]): void {
  const { head } = pipeline.inFlight
  if (head?.type !== 'own') throw new Error('nothing is asked')
  head.results.splice(0, head.results.length, ...results.map((rows) => rows.map((row) => [...row])))
  pipeline.answered()
  head.done()
}

/** The answer to one shielded query; within a transaction it is behind a savepoint, to which the transaction is then rolled back. */
async function own(
  { pipeline }: Tested,
  rows: readonly (readonly (string | null)[])[],
  meanwhile = (): void => {},
): Promise<void> {
  const isAsked = (): void => expect(pipeline.inFlight.head?.type).toBe('own')
  await vi.waitFor(isAsked)
  meanwhile()
  const answered = [[['2']], [['settings']], rows]
  answer(pipeline, pipeline.status === 'T' ? [[], ...answered, [], []] : answered)
  await new Promise((resolve) => setImmediate(resolve))
}

const NO_NAMES = { errorExposure: 'none', outputs: undefined } as const
const NO_NAME: ReadonlySet<string> = new Set()
const RESTS = { names: new Set(['people']), since: 0, statements: 1, byRules: false }
