import { describe, expect, it, vi } from 'vitest'
import {
  OwnQueryFailed,
  shieldedQueries,
} from '../../../../../src/protocols/postgres/gateway/pipeline/gateway-query.ts'
import { namesOf } from '../../../../../src/protocols/postgres/gateway/pipeline/known-definitions.ts'
import type { OwnRows } from '../../../../../src/protocols/postgres/gateway/pipeline/pending.ts'
import type { PipelineState } from '../../../../../src/protocols/postgres/gateway/pipeline/pipeline-state.ts'
import { testPipeline } from '../../../../helpers/postgres-pipeline.ts'

describe('what was read before a change', () => {
  it('is relied on for a second, whatever it rests on', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { pipeline } = testPipeline()
    expect(pipeline.known.noted).toBeUndefined()
    pipeline.definitions.note(new Set(['made']))
    expect(pipeline.known.noted).toEqual(new Set(['made']))
    vi.advanceTimersByTime(1001)
    expect(pipeline.known.noted).toBe('anything')
  })

  it('is told from what was before so many changes that nobody remembers them', () => {
    const { pipeline } = testPipeline()
    for (let count = 0; count < 1000; count++) pipeline.definitions.note(new Set(['made']))
    expect(pipeline.known.noted).toBe('anything')
  })

  it('is no more to be relied on at all while another session may change anything', () => {
    const { pipeline } = testPipeline()
    const other = testPipeline({ definitions: pipeline.definitions }).pipeline
    const change = { touches: 'anything', renews: new Set(['made']), by: 'definition', makesRules: false } as const
    const publication = pipeline.definitions.publish(other, change, false)
    expect([pipeline.known.renewed, other.known.renewed]).toEqual(['anything', new Set(['made'])])
    publication.finish()
    expect(pipeline.known.renewed).toEqual(new Set(['made']))
  })

  it('is what this session knows to be old, and not what others know', () => {
    const { pipeline } = testPipeline()
    const other = testPipeline({ definitions: pipeline.definitions }).pipeline
    pipeline.known.noteStale(new Set(['made']))
    expect([pipeline.known.noted, other.known.noted]).toEqual([new Set(['made']), undefined])
  })
})

describe('a setting that names depend on', () => {
  it('makes everything old when it moves, and when the transaction may end that moved it', () => {
    const { known } = testPipeline().pipeline
    known.noteEnd()
    expect([known.isStale, known.namesMoved]).toEqual([false, false])
    known.notePathChange()
    expect([known.noted, known.namesMoved]).toEqual(['anything', true])
  })
})

it('definitions that cannot be read make what rests on them uncertain, and end nothing', async () => {
  const { pipeline, ended } = testPipeline()
  const { known } = pipeline
  const refreshed = known.refresh(true)
  await new Promise((resolve) => setImmediate(resolve))
  const { head } = pipeline.inFlight
  pipeline.answered()
  if (head?.type === 'own') head.done(new OwnQueryFailed('42501', 'permission denied'))
  await refreshed
  expect([known.uncertain, known.generation]).toEqual(['the definitions could not be read (42501)', 1])
  expect(ended.aborted).toBe(false)
})

describe('a query of the gateway’s own that fails', () => {
  const fail = (pipeline: ReturnType<typeof testPipeline>['pipeline'], sqlstate: string): void => {
    const { head } = pipeline.inFlight
    if (head?.type !== 'own') throw new Error('nothing is asked')
    pipeline.answered()
    head.done(new OwnQueryFailed(sqlstate, ''))
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  it.each(['57014', '40P01', '40001'])(
    'for %s, as by a cancel request that came late, is asked once more',
    async (sqlstate) => {
      const { pipeline, toUpstream } = testPipeline()
      const asked = shieldedQueries(pipeline, ['select 1'])
      fail(pipeline, sqlstate)
      await turn()
      const { head } = pipeline.inFlight
      if (head?.type !== 'own') throw new Error('nothing is asked')
      head.results.splice(0, 1, [['0']], [['settings']], [['1']])
      pipeline.answered()
      head.done()
      expect([await asked, toUpstream.length]).toEqual([[[['1']]], 2])
    },
  )

  it.each([
    ['for 57014 a second time', '57014', 2, 'I', 0],
    ['for another reason', '42501', 1, 'I', 0],
    ['when its time was over', '57014', 1, 'I', 6000],
  ] as const)('is not: %s', async (_name, sqlstate, times, status, takes) => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { pipeline, toUpstream } = testPipeline()
    pipeline.status = status
    const asked = shieldedQueries(pipeline, ['select 1']).catch((error: unknown) => error)
    vi.advanceTimersByTime(takes)
    for (let time = 0; time < times; time++) {
      fail(pipeline, sqlstate)
      await turn()
    }
    expect(await asked).toMatchObject({ sqlstate })
    expect(toUpstream.length).toBe(times)
    vi.useRealTimers()
  })
})

describe('queries of the gateway’s own within a transaction', () => {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const answer = (pipeline: PipelineState, rows: OwnRows[], error?: Error): void => {
    const { head } = pipeline.inFlight
    if (head?.type !== 'own') throw new Error('nothing is asked')
    pipeline.answered()
    head.results.splice(0, head.results.length, ...rows)
    head.done(error)
  }
  const inBlock = (): ReturnType<typeof testPipeline> => {
    const made = testPipeline()
    made.pipeline.status = 'T'
    return made
  }

  it('are one round trip, in a savepoint that restores what they set', async () => {
    const { pipeline, toUpstream } = inBlock()
    const asked = shieldedQueries(pipeline, ['select 1', 'select 2'], "'a'")
    const sent = Buffer.concat(toUpstream).toString('latin1')
    const order = ['savepoint pam_', "select 'a'", 'statement_timeout', 'select 1', 'select 2', 'rollback to savepoint']
    const found = order.map((text) => sent.indexOf(text))
    expect([found.includes(-1), found]).toEqual([false, found.toSorted((one, other) => one - other)])
    expect([sent.indexOf('release savepoint') > (found.at(-1) ?? 0), toUpstream.length]).toEqual([true, 1])
    answer(pipeline, [[], [['a', '0']], [['set']], [['1']], [['2']], [], [], []])
    expect(await asked).toEqual([[['a', '0']], [['1']], [['2']]])
  })

  it('leave the transaction as it was where they fail, and are not asked again', async () => {
    const { pipeline, toUpstream, ended } = inBlock()
    const asked = shieldedQueries(pipeline, ['select 1']).catch((error: unknown) => error)
    answer(pipeline, [[]], new OwnQueryFailed('57014', 'canceled'))
    await turn()
    const undone = toUpstream.at(-1)?.toString('latin1') ?? ''
    expect([undone.includes('rollback to savepoint pam_'), undone.includes('select 1')]).toEqual([true, false])
    answer(pipeline, [[], [], []])
    expect(await asked).toMatchObject({ sqlstate: '57014' })
    expect([toUpstream.length, ended.aborted]).toEqual([2, false])
  })

  it('are never in a savepoint whose name a client can have seen', () => {
    const { pipeline, toUpstream } = inBlock()
    const marks = [1, 2].map(() => {
      void shieldedQueries(pipeline, ['select 1'])
      const mark = /savepoint (pam_[0-9a-f_]+)/.exec(toUpstream.at(-1)?.toString('latin1') ?? '')?.[1]
      answer(pipeline, [[], [['0']], [['set']], [['1']], [], []])
      return mark
    })
    expect([marks.includes(undefined), new Set(marks).size]).toEqual([false, 2])
  })

  it('are prepared anew, once, where something took the place of what was', async () => {
    const { pipeline, toUpstream } = inBlock()
    const repeated = { sql: 'select $1', values: ['1'] }
    const first = shieldedQueries(pipeline, [repeated])
    answer(pipeline, [[], [['0']], [['set']], [['1']], [], [], []])
    expect(await first).toEqual([[['1']]])
    const second = shieldedQueries(pipeline, [repeated])
    expect(toUpstream.at(-1)?.includes('pg_prepared_statements')).toBe(true)
    answer(pipeline, [[], [['1']], [['set']], [['forged']], [], [], []])
    await turn()
    answer(pipeline, [[], [['0']], [['set']], [['1']], [], [], []])
    expect([await second, toUpstream.length]).toEqual([[[['1']]], 3])
  })
})

it.each([null, undefined, '{}', '"public"'])('%j is no search path', (text) => {
  expect(() => namesOf(text)).toThrow('the target has no search path')
})
