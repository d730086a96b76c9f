import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CatalogRows } from '../../../../../src/protocols/postgres/catalog/rows.ts'
import { seenFirst, type Seen } from '../../../../../src/protocols/postgres/catalog/change-log.ts'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { statementAnalyzer } from '../../../../../src/protocols/postgres/gateway/pipeline/analyze-statement.ts'
import { ClientSide } from '../../../../../src/protocols/postgres/gateway/pipeline/client-side.ts'
import { OwnQueryFailed } from '../../../../../src/protocols/postgres/gateway/pipeline/gateway-query.ts'
import { ServerSide } from '../../../../../src/protocols/postgres/gateway/pipeline/server-side.ts'
import { SYNC } from '../../../../../src/protocols/postgres/wire/client-message.ts'
import { WireError } from '../../../../../src/wire/wire-error.ts'
import { B, E, P, Q } from '../../../../helpers/messages.ts'
import { CATALOG_ROWS, testPipeline } from '../../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

const MAKES = 'create table made (id int)'
const USES = 'insert into made values (1)'
const ANOTHER = 'create view another as select id from people'
const READS = 'select id from people'
const DROPS = 'drop table people'
const ALTERS = 'alter table people add note text'
const MADE = new Set(['made'])
const EXTENDED = (sql: string): Buffer => Buffer.concat([P(sql), B(), E(), SYNC])
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const ready = (status: string): Buffer => Buffer.from(`Z\0\0\0\x05${status}`, 'latin1')
const done = (tag: string): Buffer => Buffer.from(`C\0\0\0${String.fromCharCode(5 + tag.length)}${tag}\0`, 'latin1')
const SEEN: Seen = { changes: 0, also: new Set() }

function connection(options: Parameters<typeof testPipeline>[0] = {}) {
  const made = testPipeline(options)
  const { pipeline, place } = made
  const asked: ReadonlySet<string>[] = []
  let rows: CatalogRows | undefined
  const changes: boolean[] = []
  vi.spyOn(place, 'readAllAhead').mockImplementation(async (removes, ask, seen) => {
    changes.push(removes('pg_class'))
    const answer = await ask([{ sql: 'all changes since $1', values: ['700'] }])
    if (answer === undefined || rows === undefined) return undefined
    return { rows, since: performance.now(), seen: seen() }
  })
  vi.spyOn(place, 'readAhead').mockImplementation(async (names, ask, seenWith) => {
    asked.push(names)
    const answer = await ask([{ sql: 'the relations in $1', values: ['{}'] }])
    if (answer === undefined || rows === undefined) return undefined
    return { rows, since: performance.now(), seen: seenWith(SEEN) }
  })
  /** What the target answers to the gateway. */
  const answer = (found: CatalogRows | undefined, error?: Error): Promise<void> | undefined => {
    const { head } = pipeline.inFlight
    if (head?.type !== 'own') throw new Error('nothing is asked')
    rows = found
    head.results.splice(0, 1, [['["pg_catalog","public"]', null, 'read committed', '0']], [[]], [])
    pipeline.answered()
    head.done(error)
    return pipeline.ahead.running
  }
  return {
    ...made,
    asked,
    changes,
    client: new ClientSide(pipeline, statementAnalyzer(pipeline, parser)),
    server: new ServerSide(pipeline),
    found: (found = CATALOG_ROWS) => answer(found),
    nothing: () => answer(undefined),
    fail: (error: Error) => answer(undefined, error),
  }
}

let it1: ReturnType<typeof connection>
beforeEach(async () => {
  it1 = connection()
  for (const sql of [
    MAKES,
    USES,
    ANOTHER,
    DROPS,
    ALTERS,
    'begin',
    'do $$ $$',
    `${MAKES}; select 1`,
    `${DROPS}; select 1`,
    READS,
  ])
    await parser.parse(sql)
})

describe('what a statement makes', () => {
  it('is asked for by its names right behind it, and is known once that is answered', async () => {
    it1.client.push(Q(MAKES))
    expect(it1.asked).toEqual([MADE])
    const sent = Buffer.concat(it1.toUpstream).toString('latin1')
    expect([sent.startsWith(Q(MAKES).toString('latin1')), sent.indexOf('the relations in') > 0]).toEqual([true, true])
    it1.server.push(Buffer.concat([done('CREATE TABLE'), ready('I')]))
    expect(it1.pipeline.known.noted).toEqual(MADE)
    await it1.found()
    expect([it1.pipeline.ahead.running, it1.pipeline.known.noted]).toEqual([undefined, undefined])
  })

  it('is asked for behind the Sync of an extended query', async () => {
    it1.client.push(EXTENDED(MAKES))
    await turn()
    expect(it1.asked).toEqual([MADE])
  })

  it.each([
    ['in a transaction', () => void (it1.pipeline.status = 'T'), Q(MAKES)],
    ['in a failed transaction', () => void (it1.pipeline.status = 'E'), Q(MAKES)],
    ['behind something else that is on its way', () => it1.client.push(Q(READS)), Q(MAKES)],
    ['of a text with several statements', () => {}, Q(`${MAKES}; select 1`)],
    ['of two statements before one Sync', () => {}, Buffer.concat([P(MAKES), B(), E(), EXTENDED(MAKES)])],
    ['where something else is old as well', () => it1.pipeline.definitions.note('anything'), Q(MAKES)],
    ['where more changes: in a transaction', () => void (it1.pipeline.status = 'T'), Q(DROPS)],
    ['where more changes: behind something else', () => it1.client.push(Q(READS)), Q(DROPS)],
    ['where more changes: of a text with several statements', () => {}, Q(`${DROPS}; select 1`)],
    ['where more changes: under another search path', () => it1.pipeline.known.notePathChange(), Q(DROPS)],
    ['where more changes: while nothing is certain', () => void (it1.pipeline.known.uncertain = 'x'), Q(DROPS)],
    ['where code may change anything', () => {}, Q('do $$ $$')],
  ])('is not: %s', async (_where, prepare, bytes) => {
    vi.spyOn(it1.pipeline.known, 'refresh').mockResolvedValue()
    prepare()
    it1.client.push(bytes)
    await turn()
    expect([it1.asked, it1.changes]).toEqual([[], []])
  })

  it.each([
    [DROPS, true],
    [ALTERS, false],
  ])('is asked for with all changes where it is more than relations: %s', async (sql, removes) => {
    it1.client.push(Q(sql))
    expect([it1.asked, it1.changes]).toEqual([[], [removes]])
    const sent = Buffer.concat(it1.toUpstream).toString('latin1')
    expect([sent.startsWith(Q(sql).toString('latin1')), sent.indexOf('all changes since') > 0]).toEqual([true, true])
    it1.server.push(Buffer.concat([done('DONE'), ready('I')]))
    expect(it1.pipeline.known.noted).toBe('anything')
    await it1.found()
    expect([it1.pipeline.ahead.running, it1.pipeline.known.noted]).toEqual([undefined, undefined])
  })

  it('is not where no decision rests on it', () => {
    const other = connection({ decidesByText: () => true })
    other.client.push(Q(MAKES))
    expect(other.asked).toEqual([])
  })

  it('is not once nothing has rested on what was read so, and is again once something does', async () => {
    const again = async (): Promise<void> => {
      it1.client.push(Q(MAKES))
      it1.server.push(Buffer.concat([done('CREATE TABLE'), ready('I')]))
      await it1.found()
    }
    const { known, definitions } = it1.pipeline
    vi.spyOn(known, 'refresh').mockImplementation(() => {
      const read = { rows: CATALOG_ROWS, since: performance.now(), seen: seenFirst(definitions.changes) }
      return known.take(read, known.catalog.searchPath, known.generation)
    })
    await again()
    it1.client.push(Q(ANOTHER))
    it1.server.push(Buffer.concat([done('CREATE VIEW'), ready('I')]))
    expect(it1.asked).toEqual([MADE])
    it1.client.push(Q(READS))
    await vi.waitFor(() => expect(it1.pipeline.inFlight.isIdle).toBe(false))
    it1.server.push(Buffer.concat([done('SELECT 1'), ready('I')]))
    await again()
    expect(it1.asked).toHaveLength(2)
  })
})

describe('a statement that comes while it is being read', () => {
  const sent = (): string => Buffer.concat(it1.toUpstream).toString('latin1')

  it('waits for that, and asks for nothing itself', async () => {
    const refresh = vi.spyOn(it1.pipeline.known, 'refresh').mockResolvedValue()
    it1.client.push(Buffer.concat([Q(MAKES), Q(USES)]))
    it1.server.push(Buffer.concat([done('CREATE TABLE'), ready('I')]))
    await turn()
    expect(sent()).not.toContain(USES)
    await it1.found({ ...CATALOG_ROWS, relations: [...CATALOG_ROWS.relations, ['20001', 'public', 'made']] })
    await turn()
    expect([sent().includes(USES), refresh.mock.calls.length]).toEqual([true, 0])
  })

  it.each([
    ['brought nothing', () => it1.nothing()],
    ['failed', () => it1.fail(new OwnQueryFailed('57014', 'canceled'))],
  ])('has it read again where that %s', async (_what, end) => {
    const refresh = vi.spyOn(it1.pipeline.known, 'refresh').mockResolvedValue()
    it1.client.push(Q(MAKES))
    it1.server.push(Buffer.concat([done('CREATE TABLE'), ready('I')]))
    await end()
    expect(it1.pipeline.known.noted).toEqual(MADE)
    it1.client.push(Q(USES))
    await turn()
    expect([refresh.mock.calls.length > 0, it1.ended.aborted]).toEqual([true, false])
  })

  it('does not come to the target where the answer was none of a server', async () => {
    it1.client.push(Buffer.concat([Q(MAKES), Q(USES)]))
    it1.server.push(Buffer.concat([done('CREATE TABLE'), ready('I')]))
    await it1.fail(new WireError('rows that were not asked for'))
    await turn()
    expect([it1.ended.aborted, sent().includes(USES)]).toEqual([true, false])
  })

  it('begins a transaction without waiting, and what was changed before is committed', () => {
    it1.client.push(Q(MAKES))
    it1.server.push(Buffer.concat([done('CREATE TABLE'), ready('I')]))
    expect(it1.pipeline.changes.uncommitted).toBeUndefined()
    it1.client.push(Q('begin'))
    expect(sent()).toContain('begin')
  })
})

describe('what was read ahead', () => {
  it('says nothing of what others have changed meanwhile, though it is all that was changed before', async () => {
    const other = connection({ definitions: it1.pipeline.definitions })
    it1.client.push(Q(DROPS))
    const change = { touches: MADE, renews: MADE, by: 'definition', makesRules: false } as const
    const publication = it1.pipeline.definitions.publish(other.pipeline, change)
    it1.server.push(Buffer.concat([done('DROP TABLE'), ready('I')]))
    await it1.found()
    expect(it1.pipeline.known.noted).toEqual(MADE)
    publication.finish()
    expect(it1.pipeline.known.noted).toEqual(MADE)
  })

  it('says nothing of what others change, or of what was sent after it', async () => {
    it1.client.push(Q(MAKES))
    it1.pipeline.definitions.note(MADE)
    it1.server.push(Buffer.concat([done('CREATE TABLE'), ready('I')]))
    await it1.found()
    expect(it1.pipeline.known.noted).toEqual(MADE)
  })

  it.each([
    ['something was read meanwhile', (): void => void it1.pipeline.known.generation++, MADE],
    ['the search path moved', (): void => it1.pipeline.known.notePathChange(), 'anything'],
  ] as const)('does not count where %s', async (_what, meanwhile, noted) => {
    it1.client.push(Q(MAKES))
    it1.server.push(Buffer.concat([done('CREATE TABLE'), ready('I')]))
    meanwhile()
    await it1.found()
    expect(it1.pipeline.known.noted).toEqual(noted)
  })
})
