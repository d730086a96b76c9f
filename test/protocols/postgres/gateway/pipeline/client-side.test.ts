import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CommandDraft, Hold, Verdict } from '../../../../../src/gateway/engine.ts'
import { ClientSide } from '../../../../../src/protocols/postgres/gateway/pipeline/client-side.ts'
import { bind } from '../../../../../src/protocols/postgres/wire/bind.ts'
import { SYNC, TERMINATE, clientTags } from '../../../../../src/protocols/postgres/wire/client-message.ts'
import { execute } from '../../../../../src/protocols/postgres/wire/execute.ts'
import { parse } from '../../../../../src/protocols/postgres/wire/parse.ts'
import { query } from '../../../../../src/protocols/postgres/wire/query.ts'
import { encodeMessage } from '../../../../../src/protocols/postgres/wire/server-message.ts'
import type { StatementFacts } from '../../../../../src/protocols/postgres/dialect/statement-facts.ts'
import { SharedDefinitions } from '../../../../../src/protocols/postgres/catalog/shared-definitions.ts'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { statementAnalyzer } from '../../../../../src/protocols/postgres/gateway/pipeline/analyze-statement.ts'
import type { PipelineState } from '../../../../../src/protocols/postgres/gateway/pipeline/pipeline-state.ts'
import { startRun } from '../../../../../src/protocols/postgres/gateway/pipeline/pending.ts'
import { PamError } from '../../../../../src/shared/errors.ts'
import { assumedFacts } from '../../../../../src/protocols/postgres/gateway/assumed-facts.ts'
import type { ParsedStatement } from '../../../../../src/sql/facts/parsed-statement.ts'
import { EMAIL_MASKED, HARMLESS, testPipeline } from '../../../../helpers/postgres-pipeline.ts'

const Q = (sql: string): Buffer => encodeMessage(query, { type: 'query', sql })
const P = (sql: string, statement = ''): Buffer =>
  encodeMessage(parse, { type: 'parse', statement, sql, parameterTypes: [] })
const B = (statement = '', ...parameters: Buffer[]): Buffer =>
  encodeMessage(bind, { type: 'bind', portal: '', statement, parameterFormats: [], parameters, resultFormats: [] })
const E = encodeMessage(execute, { type: 'execute', portal: '', maxRows: 0 })
const EXTENDED = (sql: string): Buffer => Buffer.concat([P(sql), B(), E, SYNC])
const DENIED = new PamError('COMMAND_REFUSED', 'no')

/** The tags of whole messages. */
function tags(written: readonly Buffer[]): string {
  const bytes = Buffer.concat(written)
  let found = ''
  for (let at = 0; at < bytes.length; at += 1 + bytes.readUInt32BE(at + 1)) found += String.fromCharCode(bytes[at] ?? 0)
  return found
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A client's side; texts that begin with "slow" are understood when it is said. */
function clientSide(parts: Parameters<typeof testPipeline>[0] = {}) {
  const made = testPipeline(parts)
  const later: (() => void)[] = []
  const understand = (sql: string): StatementFacts | Promise<StatementFacts> =>
    sql.startsWith('slow') ? new Promise((resolve) => later.push(() => resolve(HARMLESS))) : HARMLESS
  const side = new ClientSide(made.pipeline, { of: understand, again: async () => HARMLESS })
  return { ...made, side, later }
}

/** A hold that a person decides on, and what became of it. */
function hold() {
  let decide!: (verdict: Verdict) => void
  const verdict = new Promise<Verdict>((resolve) => (decide = resolve))
  let withdrawn = false
  const held: Hold = {
    type: 'hold',
    id: 'apr_1',
    approval: 'apr_1',
    waitsFor: '',
    notice: 'waiting',
    filed: Promise.resolve(true),
    verdict,
    withdraw() {
      withdrawn = true
      decide({ type: 'refuse', id: 'apr_1', error: DENIED })
    },
  }
  return { held, decide, isWithdrawn: () => withdrawn }
}

describe('a message that takes time', () => {
  it('keeps back what follows it, and all goes on in order', async () => {
    const { side, later, toUpstream } = clientSide()
    side.push(Buffer.concat([Q('fast 1'), Q('slow 2'), Q('fast 3')]))
    side.push(Q('slow 4'))
    side.push(Q('fast 5'))
    expect(Buffer.concat(toUpstream)).toEqual(Q('fast 1'))
    later.shift()?.()
    await turn()
    expect(Buffer.concat(toUpstream)).toEqual(Buffer.concat([Q('fast 1'), Q('slow 2'), Q('fast 3')]))
    later.shift()?.()
    await turn()
    expect(Buffer.concat(toUpstream)).toEqual(
      Buffer.concat([Q('fast 1'), Q('slow 2'), Q('fast 3'), Q('slow 4'), Q('fast 5')]),
    )
  })

  it.each([
    ['a query', Q('slow')],
    ['a Parse', P('slow')],
    ['an Execute', Buffer.concat([P('fast'), B(), E])],
  ])('is void, with all up to the Sync, when the server has failed meanwhile: %s', async (_what, bytes) => {
    const { side, later, toUpstream, pipeline } = clientSide()
    const first = Buffer.concat([Q('slow'), bytes, P('fast'), SYNC, Q('after')])
    side.push(first)
    expect(toUpstream).toEqual([])
    pipeline.serverSkips = true
    for (const resolve of later.splice(0)) resolve()
    await turn()
    expect(tags(toUpstream)).toBe('SQ')
  })

  it('goes nowhere once the session has ended, and nobody decides about it', async () => {
    const decided: string[] = []
    const decide = ({ text }: CommandDraft): Verdict => {
      decided.push(text)
      return { type: 'forward', id: 'dec_1' }
    }
    const { side, later, toUpstream, session } = clientSide({ decide })
    side.push(Buffer.concat([Q('slow'), Q('fast')]))
    session.end(DENIED)
    later.shift()?.()
    await turn()
    expect([toUpstream, decided]).toEqual([[], []])
  })

  it('ends the session where it fails', async () => {
    const { pipeline, ended, toUpstream } = testPipeline()
    const side = new ClientSide(pipeline, {
      of: () => Promise.reject(new Error('unforeseen')),
      again: () => Promise.resolve(HARMLESS),
    })
    side.push(Buffer.concat([Q('x'), Q('y')]))
    await turn()
    expect(ended.aborted).toBe(true)
    expect(toUpstream).toEqual([])
  })
})

describe('a held statement', () => {
  it('tells the client, waits, and goes on as it came when approved', async () => {
    const { held, decide } = hold()
    const decisions = [held, { type: 'forward', id: 'dec_2' } as const]
    const { side, toClient, toUpstream } = clientSide({ decide: () => decisions.shift() as Hold })
    side.push(Buffer.concat([Q('held'), Q('next')]))
    await turn()
    expect([tags(toClient), tags(toUpstream)]).toEqual(['N', ''])
    decide({ type: 'forward', id: 'apr_1' })
    await turn()
    expect(Buffer.concat(toUpstream)).toEqual(Buffer.concat([Q('held'), Q('next')]))
  })

  it('is withdrawn when the client leaves, and nothing of it goes on', async () => {
    const { held, isWithdrawn } = hold()
    const { side, toUpstream } = clientSide({ decide: () => held })
    side.push(Q('held'))
    side.end()
    await turn()
    expect([isWithdrawn(), tags(toUpstream)]).toEqual([true, ''])
  })

  it('is withdrawn at once where the client has left before', async () => {
    const { held, isWithdrawn } = hold()
    const { side, later, toUpstream } = clientSide({ decide: () => held })
    side.push(Q('slow'))
    side.end()
    later.shift()?.()
    await turn()
    expect([isWithdrawn(), tags(toUpstream)]).toEqual([true, ''])
  })

  it('is withdrawn by a cancel request; what follows goes on', async () => {
    const { held, isWithdrawn } = hold()
    const decisions: (Hold | Verdict)[] = [held, { type: 'forward', id: 'dec_2' }]
    const { side, toClient, toUpstream } = clientSide({ decide: () => decisions.shift() as Verdict })
    side.push(Buffer.concat([Q('held'), Q('next')]))
    expect(side.cancelHold()).toBe(true)
    await turn()
    expect(isWithdrawn()).toBe(true)
    expect([tags(toClient), Buffer.concat(toUpstream)]).toEqual(['NEZ', Q('next')])
    expect(side.cancelHold()).toBe(false)
  })

  it('is asked for within a pipeline: what was sent before is flushed first', async () => {
    const { held } = hold()
    const forward = { type: 'forward', id: 'dec_1' } as const
    const { side, toUpstream } = clientSide({ decide: ({ text }: CommandDraft) => (text === 'held' ? held : forward) })
    side.push(Buffer.concat([P('fast'), B(), E, P('held'), B(), E, SYNC]))
    await turn()
    expect(tags(toUpstream)).toBe('PBEPH')
  })
})

describe('a change of definitions that a person has approved', () => {
  let parser: SqlParser
  beforeAll(async () => {
    parser = await createSqlParser()
  })
  afterAll(() => parser.close())

  /** A change is held; meanwhile another session sends what rests on the same table. */
  async function approved() {
    const definitions = new SharedDefinitions()
    const { held, decide } = hold()
    const { pipeline, toUpstream, toClient } = testPipeline({ definitions, decide: () => held })
    const side = new ClientSide(pipeline, statementAnalyzer(pipeline, parser))
    side.push(Q('alter table people add note text'))
    const { pipeline: other } = testPipeline({ definitions })
    const rests = { names: new Set(['people']), since: performance.now(), statements: 1, byRules: false }
    other.expect({ type: 'query', run: startRun('dec_2', 'select', HARMLESS), rests })
    decide({ type: 'forward', id: 'apr_1' })
    await turn()
    expect(tags(toUpstream)).toBe('')
    return { other, toUpstream, toClient, definitions }
  }

  it('waits for what others have sent meanwhile, which was decided with what was before', async () => {
    const { other, toUpstream } = await approved()
    other.answered()
    await turn()
    expect(tags(toUpstream)).toBe('Q')
  })

  it('is not sent where they have changed definitions, too', async () => {
    const { other, toUpstream, toClient, definitions } = await approved()
    definitions.note('anything')
    other.answered()
    await turn()
    expect([tags(toUpstream), tags(toClient)]).toEqual(['', 'NEZ'])
  })
})

describe('a refusal within a transaction', () => {
  /** Whether the client is told that the transaction is open. */
  async function isTold(bytes: Buffer, state: (pipeline: PipelineState) => void): Promise<boolean> {
    const { side, pipeline, toClient } = clientSide({ decide: () => ({ type: 'refuse', id: 'dec_1', error: DENIED }) })
    const names = { errorExposure: 'none', outputs: [] } as const
    const prepared = { sql: 'x', parameterTypes: [], columns: [], described: 0, names }
    pipeline.names.statements.set('s', prepared, 0).confirm()
    state(pipeline)
    side.push(bytes)
    await turn()
    const told = Buffer.concat(toClient)
    expect(told.includes(DENIED.message)).toBe(true)
    return told.includes('Nothing of this ran, and the transaction is still open.')
  }

  it.each([
    ['a query', Q('drop')],
    ['a Bind', Buffer.concat([B('s'), SYNC])],
  ])('says that it is open, and only where it is: %s', async (_what, bytes) => {
    const of = (status: PipelineState['status']) => isTold(bytes, (pipeline) => (pipeline.status = status))
    expect([await of('T'), await of('I'), await of('E')]).toEqual([true, false, false])
  })

  it('does not say so of one that the same batch has ended', async () => {
    const ended = isTold(Buffer.concat([B('s'), SYNC]), (pipeline) => {
      pipeline.status = 'T'
      pipeline.batchOpen = true
      pipeline.block = { batch: pipeline.batch, isOpen: false }
    })
    expect(await ended).toBe(false)
  })
})

describe('a refused message of an extended query', () => {
  it.each<[string, Parameters<typeof testPipeline>[0], Buffer]>([
    ['at Parse', { preview: () => DENIED }, EXTENDED('denied')],
    ['at Bind', { decide: () => ({ type: 'refuse', id: 'dec_1', error: DENIED }) }, Buffer.concat([B('s'), E, SYNC])],
  ])('%s: one error, and nothing up to the Sync goes on', async (_what, parts, bytes) => {
    const { side, toClient, toUpstream, pipeline } = clientSide(parts)
    pipeline.names.statements
      .set(
        's',
        { sql: 'x', parameterTypes: [], columns: [], described: 0, names: { errorExposure: 'none', outputs: [] } },
        0,
      )
      .confirm()
    side.push(bytes)
    await turn()
    expect([tags(toClient), tags(toUpstream)]).toEqual(['E', 'S'])
  })

  it('a name that was never judged is not passed on: one that nobody has goes in its place', () => {
    const { side, toUpstream } = clientSide()
    side.push(Buffer.concat([B('unseen'), E, SYNC]))
    expect(Buffer.concat(toUpstream).toString('latin1')).not.toContain('unseen')
    expect(tags(toUpstream)).toBe('BES')
  })
})

describe('a message that is too long to be judged', () => {
  const long = Buffer.alloc(5000, 0x61)
  it('is refused, and no piece of it goes on', async () => {
    const { side, toClient, toUpstream } = clientSide()
    const bytes = Buffer.concat([Q(`select '${long.toString()}'`), Q('next')])
    for (let at = 0; at < bytes.length; at += 700) side.push(bytes.subarray(at, at + 700))
    await turn()
    expect([tags(toClient), Buffer.concat(toUpstream)]).toEqual(['EZ', Q('next')])
  })

  it('of COPY goes on as it comes; skipped, no piece does', async () => {
    const data = Buffer.concat([Buffer.from([clientTags.copyData, 0, 0, 0, 0]), long])
    data.writeUInt32BE(data.length - 1, 1)
    const { side, toUpstream, pipeline } = clientSide()
    for (let at = 0; at < data.length; at += 700) side.push(data.subarray(at, at + 700))
    expect(Buffer.concat(toUpstream)).toEqual(data)
    toUpstream.length = 0
    pipeline.serverSkips = true
    for (let at = 0; at < data.length; at += 700) side.push(data.subarray(at, at + 700))
    side.push(SYNC)
    await turn()
    expect(tags(toUpstream)).toBe('S')
  })

  it('a Bind goes on in pieces where nothing is masked and nobody has to decide; else it is refused', () => {
    const bytes = Buffer.concat([P('fast'), B('', long), E, SYNC])
    const open = clientSide()
    open.side.push(bytes)
    expect(tags(open.toUpstream)).toBe('PBES')
    const masked = clientSide({ masking: EMAIL_MASKED })
    masked.side.push(bytes)
    expect([tags(masked.toUpstream), tags(masked.toClient)]).toEqual(['PHS', ''])
    const { held, isWithdrawn } = hold()
    const holding = clientSide({ decide: () => held })
    holding.side.push(bytes)
    expect([tags(holding.toUpstream), isWithdrawn()]).toEqual(['P', true])
  })
})

it('a FunctionCall is answered with an error and goes nowhere', () => {
  const { side, toClient, toUpstream } = clientSide()
  side.push(Buffer.from([clientTags.functionCall, 0, 0, 0, 8, 0, 0, 0, 1]))
  expect([tags(toClient), tags(toUpstream)]).toEqual(['EZ', ''])
})

it('a client that says goodbye takes the target with it once all that it sent has gone on', async () => {
  const { side, later, toUpstream } = clientSide()
  side.push(Buffer.concat([Q('slow'), TERMINATE]))
  expect(side.left).toBe(false)
  later.shift()?.()
  await turn()
  expect([side.left, tags(toUpstream)]).toEqual([true, 'QX'])
})

it('bytes that are no message end the session', () => {
  const { side, ended, toUpstream } = clientSide()
  side.push(Buffer.concat([Q('fast'), Buffer.from([0xff, 0, 0, 0, 4])]))
  expect([ended.aborted, toUpstream]).toEqual([true, []])
})

describe('many small messages', () => {
  const syncs = (count: number): Buffer => Buffer.concat(Array<Buffer>(count).fill(SYNC))
  const sent = (written: readonly Buffer[]): number => Buffer.concat(written).length / SYNC.length

  it('go on as the server answers: what is on its way is bounded, and each costs the same', async () => {
    const { side, pipeline, toUpstream } = clientSide()
    side.push(syncs(25_000))
    expect(sent(toUpstream)).toBe(10_000)
    await turn()
    expect(sent(toUpstream)).toBe(10_000)
    for (let answers = 0; answers < 5000; answers++) pipeline.answered()
    await turn()
    expect(sent(toUpstream)).toBe(15_000)
    for (let answers = 0; answers < 10_000; answers++) pipeline.answered()
    await turn()
    for (let answers = 0; answers < 10_000; answers++) pipeline.answered()
    await turn()
    expect(sent(toUpstream)).toBe(25_000)
    expect(pipeline.inFlight.isIdle).toBe(true)
  })

  it('are not read without end while one waits, and read on afterwards', async () => {
    const { side, pipeline, toUpstream, later } = clientSide()
    const reads: string[] = []
    pipeline.client.pause = () => void reads.push('pause')
    pipeline.client.resume = () => void reads.push('resume')
    side.push(Q('slow'))
    side.push(syncs(1000))
    expect(reads).toEqual([])
    side.push(syncs(9000))
    expect(reads).toEqual(['pause'])
    later.shift()?.()
    await turn()
    expect(reads).toEqual(['pause', 'resume'])
    expect(Buffer.concat(toUpstream).length).toBeGreaterThan(9000 * SYNC.length)
  })

  it('end with a session that ends while they wait', async () => {
    const { side, pipeline, toUpstream, session } = clientSide()
    side.push(syncs(12_000))
    session.end(DENIED)
    pipeline.abandon()
    await turn()
    expect(sent(toUpstream)).toBe(10_000)
  })
})

describe('a statement that shows prepared statements', () => {
  const SHOWN = 'select from pg_catalog.pg_prepared_statements'
  let showing: StatementFacts
  beforeAll(async () => {
    const parser = await createSqlParser()
    showing = assumedFacts((await parser.parse(SHOWN)) as readonly ParsedStatement[])
    await parser.close()
  })

  it.each([
    ['as a simple query', Q(SHOWN), 'CSQ'],
    ['as an extended query', EXTENDED(SHOWN), 'CSPBES'],
  ])(
    'follows the messages that close the gateway’s own without waiting, so that its decision cannot get old: %s',
    (_what, message, expected) => {
      const { pipeline, toUpstream } = testPipeline()
      const side = new ClientSide(pipeline, { of: () => showing, again: async () => showing })
      const own = pipeline.kept.keep('select 1')
      pipeline.expect({ type: 'query', run: startRun('dec_0', 'earlier', HARMLESS), of: undefined, rests: undefined })
      side.push(message)
      expect(tags(toUpstream)).toBe(expected)
      expect(Buffer.concat(toUpstream).includes(own)).toBe(true)
      expect(pipeline.kept.isEmpty).toBe(true)
    },
  )

  it('shows them in a batch of the client: a Sync in it would have the server run what it skips after an error', () => {
    const { pipeline, toUpstream } = testPipeline()
    const side = new ClientSide(pipeline, {
      of: (sql) => (sql === SHOWN ? showing : HARMLESS),
      again: async () => showing,
    })
    pipeline.kept.keep('select 1')
    side.push(Buffer.concat([P('select 1/0'), B(), E, Q(SHOWN)]))
    expect(tags(toUpstream)).toBe('PBEQ')
  })

  it('leaves them alone where it is refused', () => {
    const { pipeline, toUpstream } = testPipeline({ decide: () => ({ type: 'refuse', id: 'dec_1', error: DENIED }) })
    const side = new ClientSide(pipeline, { of: () => showing, again: async () => showing })
    pipeline.kept.keep('select 1')
    side.push(Q(SHOWN))
    expect([toUpstream, pipeline.kept.isEmpty]).toEqual([[], false])
  })
})
