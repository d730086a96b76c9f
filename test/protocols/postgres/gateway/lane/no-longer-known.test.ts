import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SharedDefinitions } from '../../../../../src/protocols/postgres/catalog/shared-definitions.ts'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import type { PipelineState } from '../../../../../src/protocols/postgres/gateway/pipeline/pipeline-state.ts'
import { SYNC } from '../../../../../src/protocols/postgres/wire/client-message.ts'
import { PamError } from '../../../../../src/shared/errors.ts'
import { EMAIL_RULES, LaneConnection, RULES, type ConnectionParts } from '../../../../helpers/lane-connections.ts'
import { D, E, P, Q } from '../../../../helpers/messages.ts'
import { bindOf } from '../../../../helpers/model-postgres.ts'
import { policyOf } from '../../../../helpers/session-parts.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

const IDS = 'select id from people where id = $1'
const statement = (word = '1'): Buffer => Buffer.concat([bindOf('ids', [word]), D(), E(), SYNC])

/** A connection whose next `statement()` the lane takes. */
function connection(parts: Partial<ConnectionParts> = {}): LaneConnection {
  const made = new LaneConnection({ parser, ...parts })
  for (const bytes of [Buffer.concat([P(IDS, 'ids'), SYNC]), statement(), statement()]) {
    made.fromClient(bytes)
    made.fromServer()
  }
  return made
}

/** Of one more statement: whether the lane took it, what is on record of it, and whether the server has it. */
function oneMore(made: LaneConnection, bytes = statement()) {
  const { taken } = made
  const events = made.events.length
  const sent = made.upstream.written.length
  made.fromClient(bytes)
  return {
    byLane: made.taken > taken,
    verdicts: made.events.slice(events).map((event) => (event.type === 'command' ? event.verdict : event.type)),
    tags: Buffer.concat(made.upstream.written.slice(sent))
      .toString('latin1')
      .replace(/[^BDES]/g, ''),
  }
}

const DENIES = RULES.replace('kinds: [select, ', 'kinds: [').replace(
  'allow: true',
  'allow: true\n  - { name: no more, match: { kinds: [select] }, deny: not today }',
)
const HOLDS = DENIES.replace('deny: not today', 'hold: { approvers: { groups: [sre] }, expires: 15m }')

describe('a statement that the lane takes', () => {
  it('is recorded before any of it goes on, and its result after it', () => {
    const made = connection()
    const written: number[] = []
    made.onEvent = ({ type }) => {
      if (type === 'command') written.push(made.upstream.written.length)
    }
    const before = made.upstream.written.length
    expect(oneMore(made)).toMatchObject({ byLane: true, verdicts: ['allow'] })
    expect([written, made.upstream.written.length]).toEqual([[before], before + 1])
    made.fromServer()
    expect(made.events.at(-1)).toMatchObject({ type: 'result', tag: 'SELECT 1', rows: 1 })
  })

  it('goes nowhere where it cannot be recorded, and the session ends', () => {
    const made = connection()
    made.onEvent = () => {
      throw new PamError('RECORDING_FAILED', 'the disk is full')
    }
    expect(oneMore(made, Buffer.concat([statement(), statement()])).tags).toBe('')
    expect((made.session.ended.reason as PamError).code).toBe('RECORDING_FAILED')
  })

  it('has no result passed on that cannot be recorded', () => {
    const made = connection()
    made.fromClient(statement())
    made.onEvent = () => {
      throw new PamError('RECORDING_FAILED', 'the disk is full')
    }
    const before = made.client.written.length
    made.fromServer()
    expect(made.client.written.length).toBe(before)
    expect((made.session.ended.reason as PamError).code).toBe('RECORDING_FAILED')
  })
})

describe('what the lane has taken goes the slow way', () => {
  it.each([
    ['denies it', DENIES, 'deny'],
    ['holds it', HOLDS, 'hold'],
    ['allows it', RULES, 'allow'],
  ])('once there are other rules, and is judged by them: a policy that %s', (_, rules, verdict) => {
    const made = connection()
    made.bench.policy = policyOf(rules)
    expect(oneMore(made)).toMatchObject({
      byLane: false,
      verdicts: [verdict],
      tags: verdict === 'allow' ? 'BDES' : expect.not.stringContaining('B'),
    })
    // Known again, by the rules of now.
    made.fromServer()
    if (verdict === 'allow') expect(oneMore(made).byLane).toBe(true)
  })

  it('once there are other rules, and is known again by those: a simple query', () => {
    const made = new LaneConnection({ parser })
    const next = (): boolean => {
      const { byLane } = oneMore(made, Q("select id from people where id = '1'"))
      made.fromServer()
      return byLane
    }
    expect([next(), next(), next()]).toEqual([false, false, true])
    made.bench.policy = policyOf(RULES)
    expect([next(), next()]).toEqual([false, true])
  })

  it('once its session is over: nothing of it is decided or sent', () => {
    const made = connection()
    made.session.end(new PamError('GRANT_REVOKED', 'revoked'))
    expect(oneMore(made)).toEqual({ byLane: false, verdicts: [], tags: '' })
  })

  it('while another session changes definitions, and until they were read again', () => {
    const definitions = new SharedDefinitions()
    const made = connection({ definitions })
    const other = new LaneConnection({ parser, definitions }).pipeline
    const change = definitions.publish(other, {
      by: 'definition',
      touches: new Set(['elsewhere']),
      renews: new Set(['elsewhere']),
      makesRules: false,
    })
    expect(oneMore(made).byLane).toBe(false)
    made.fromServer()
    change.finish()
    expect(oneMore(made).byLane).toBe(false)
  })

  it('while a change is on its way that began before the catalogs were read', () => {
    const definitions = new SharedDefinitions()
    const other = new LaneConnection({ parser, definitions }).pipeline
    const elsewhere = new Set(['elsewhere'])
    definitions.publish(other, { by: 'definition', touches: elsewhere, renews: elsewhere, makesRules: false })
    const made = connection({ definitions })
    expect(made.taken).toBe(0)
    expect(oneMore(made)).toMatchObject({ byLane: false, tags: 'BDES' })
  })

  it('once what it rests on has changed: nothing of it goes on before the catalogs were read', () => {
    const definitions = new SharedDefinitions()
    const made = connection({ definitions })
    definitions.note(new Set(['people']))
    const { byLane, verdicts } = oneMore(made)
    expect([byLane, verdicts]).toEqual([false, []])
  })

  it('where the catalogs are another reading than it was judged with', () => {
    const made = connection()
    made.pipeline.known.generation++
    expect(oneMore(made).byLane).toBe(false)
  })

  const touches = new Set(['x'])
  it.each<[string, (pipeline: PipelineState) => unknown]>([
    ['the catalogs cannot be relied on', ({ known }) => (known.uncertain = 'not read')],
    [
      'the transaction has changed definitions',
      ({ changes }) =>
        (changes.uncommitted = {
          by: 'definition',
          touches,
          renews: touches,
          makesRules: false,
          named: true,
          byCode: false,
        }),
    ],
    ['a setting was moved that names depend on', ({ known }) => (known.namesMoved = true)],
    ['the transaction has failed', (pipeline) => (pipeline.status = 'E')],
    ['a batch is open', (pipeline) => (pipeline.batchOpen = true)],
    ['the server skips to a Sync', (pipeline) => (pipeline.serverSkips = true)],
    ['the server waits for data', (pipeline) => (pipeline.copyIn = true)],
  ])('where %s', (_, set) => {
    const made = connection()
    set(made.pipeline)
    expect(oneMore(made).byLane).toBe(false)
  })

  it('where it stands under no name, and the lane itself has prepared something else there', () => {
    const made = connection()
    const text = (sql: string): Buffer => Buffer.concat([P(sql), bindOf('', ['1']), D(), E(), SYNC])
    const [first, second] = ['select id from people where id = $1', 'select id from people where id > $1']
    for (const sql of [first, second]) {
      made.fromClient(text(sql))
      made.fromServer()
    }
    expect(oneMore(made, Buffer.concat([bindOf('', ['1']), D(), E(), SYNC]))).toMatchObject({ byLane: true })
    made.fromServer()
    expect(oneMore(made, text(first)).byLane).toBe(true)
    made.fromServer()
    expect(oneMore(made, Buffer.concat([bindOf('', ['1']), D(), E(), SYNC])).byLane).toBe(false)
    expect(made.events.at(-1)).toMatchObject({ type: 'command', text: first })
  })

  it('where rows are kept on record', () => {
    const made = new LaneConnection({ parser, recordRows: 1000 })
    for (const bytes of [Buffer.concat([P(IDS, 'ids'), SYNC]), statement(), statement()]) {
      made.fromClient(bytes)
      made.fromServer()
    }
    expect(made.taken).toBe(0)
  })

  it('while something of its own is on the slow way', () => {
    const made = connection()
    made.fromClient(Buffer.concat([bindOf('ids', ['1'], { portal: 'p' }), D('p'), E('p'), SYNC]))
    expect(oneMore(made).byLane).toBe(false)
    made.fromServer()
    expect(oneMore(made).byLane).toBe(true)
  })

  it('with more than there is room for', () => {
    const made = connection()
    const many = Buffer.concat(Array.from({ length: 200 }, () => statement()))
    expect(oneMore(made, many).byLane).toBe(true)
    expect(oneMore(made, many)).toMatchObject({ byLane: false, tags: 'BDES'.repeat(200) })
    made.fromServer()
    expect(made.events.filter(({ type }) => type === 'result')).toHaveLength(2 + 400)
    expect(made.pipeline.inFlight.isIdle).toBe(true)
  })
})

describe('what the lane has on its way', () => {
  it('is seen by whoever changes definitions, and is waited for', async () => {
    const definitions = new SharedDefinitions()
    const made = connection({ definitions })
    made.fromClient(statement())
    expect(made.pipeline.lane.length).toBe(1)
    expect(made.pipeline.unanalysed().map(({ names }) => [...names])).toEqual([expect.arrayContaining(['people'])])
    const answered = made.pipeline.nextAnswer()
    made.fromServer()
    await answered
    expect(made.pipeline.unanalysed()).toEqual([])
  })

  it('is cancelled with a session that ends: it is not idle', () => {
    const made = connection()
    made.fromClient(statement())
    expect(made.pipeline.inFlight.isIdle).toBe(false)
    made.pipeline.abandon()
    expect(made.pipeline.inFlight.isIdle).toBe(true)
  })

  it('is settled before a gateway asks something of its own', async () => {
    const made = connection()
    made.fromClient(statement())
    let isSettled = false
    const settled = made.pipeline.settled().then(() => (isSettled = true))
    await Promise.resolve()
    expect(isSettled).toBe(false)
    made.fromServer()
    await settled
  })

  it('shows nothing masked where the server says other columns than before', () => {
    const made = connection({ rules: EMAIL_RULES })
    expect(oneMore(made, statement('other')).byLane).toBe(true)
    made.fromServer()
    expect(Buffer.concat(made.client.written).toString('latin1')).not.toContain('jane')
  })
})
