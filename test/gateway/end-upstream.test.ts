import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StaggeredClose } from '../../src/gateway/staggered-close.ts'
import { endUpstream, upstreamGone } from '../../src/gateway/end-upstream.ts'
import type { EventBody } from '../../src/recording/event.ts'
import { TestChannel } from '../helpers/test-channel.ts'

let channel: TestChannel
let calls: string[]
let notices: EventBody[]
let isTerminated: boolean
const end = (isIdle: boolean, gone: Promise<true>): Promise<void> =>
  endUpstream(
    {
      id: 'ses_1',
      target: { name: 'db' },
      recorder: { outcome: (event: EventBody) => void notices.push(event) },
      logger: { warn: (_: object, event: string) => void calls.push(event) },
    } as never,
    {
      channel,
      cancel: () => Promise.resolve(void calls.push('cancel')),
      terminate: () => {
        calls.push('terminate')
        return Promise.resolve(isTerminated)
      },
    },
    { gone, isIdle, goodbye: () => void channel.write(GOODBYE), staggeredClose: new StaggeredClose() },
  )
const GOODBYE = Buffer.from('goodbye')
const NEVER = new Promise<true>(() => {})

beforeEach(() => {
  vi.useFakeTimers()
  channel = new TestChannel()
  calls = []
  notices = []
  isTerminated = true
})
afterEach(() => void vi.useRealTimers())

describe('a connection to a target', () => {
  it('is ended by a farewell where it is idle', async () => {
    const gone = upstreamGone({ channel })
    const ended = end(true, gone)
    await vi.advanceTimersByTimeAsync(0)
    expect(Buffer.concat(channel.written)).toEqual(GOODBYE)
    expect(channel.isPaused).toBe(false)
    channel.handler.ended()
    await ended
    expect(calls).toEqual([])
  })

  it('is ended by a cancel where a command runs', async () => {
    const gone = upstreamGone({ channel })
    const ended = end(false, gone)
    await vi.advanceTimersByTimeAsync(0)
    expect(calls).toEqual(['cancel'])
    expect(Buffer.concat(channel.written)).toEqual(GOODBYE)
    channel.handler.closed()
    await ended
    expect(calls).toEqual(['cancel'])
  })

  it.each([true, false])('from another connection where that does not help (idle: %s)', async (isIdle) => {
    const ended = end(isIdle, NEVER)
    await vi.advanceTimersByTimeAsync(1900)
    expect(calls).not.toContain('terminate')
    await vi.advanceTimersByTimeAsync(200)
    await ended
    expect(calls.at(-1)).toBe('terminate')
    expect(notices).toEqual([])
  })

  it('that cannot be ended is noted in the record', async () => {
    isTerminated = false
    const ended = end(false, NEVER)
    await vi.advanceTimersByTimeAsync(2000)
    await ended
    expect(notices).toMatchObject([{ type: 'notice', message: expect.stringMatching(/^outcome unknown: /) as string }])
    expect(calls.at(-1)).toBe('session.outcome_unknown')
  })
})
