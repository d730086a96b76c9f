import { describe, expect, it, vi } from 'vitest'
import { OwnQueryFailed } from '../../../../../src/protocols/postgres/gateway/pipeline/gateway-query.ts'
import { namesOf } from '../../../../../src/protocols/postgres/gateway/pipeline/known-definitions.ts'
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
    const change = { touches: 'anything', renews: new Set(['made']), by: 'definition' } as const
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

it.each([null, undefined, '{}', '"public"'])('%j is no search path', (text) => {
  expect(() => namesOf(text)).toThrow('the target has no search path')
})
