import { expect, it } from 'vitest'
import type { ApiClient } from '../../src/gateway-client/api-client.ts'
import { parseProblem } from '../../src/gateway-client/api-calls.ts'
import type { ServerEvent } from '../../src/gateway-client/server-events.ts'
import { createIo } from '../../src/cli/output/io.ts'
import { watchReviews } from '../../src/cli/watch-reviews.ts'
import { PamError } from '../../src/shared/errors.ts'

const signedOut = new PamError('NOT_SIGNED_IN', 'you were signed out')
const limited = (retryAfter: string | null): PamError =>
  parseProblem(
    JSON.stringify({ code: 'RATE_LIMITED', detail: 'too many calls in a short time' }),
    retryAfter,
  ) as PamError

/** Streams that yield and fail as they are told; what was asked for, waited and said. */
async function watch(
  streams: readonly (readonly (ServerEvent | Error)[])[],
  limits: readonly Error[] = [],
  reviews: Readonly<Record<string, object>> = {},
) {
  const [asked, waited, said]: [(number | undefined)[], number[], string[]] = [[], [], []]
  let lists = 0
  const api = {
    reviews: {
      list: async () => {
        const limit = limits[lists++]
        if (limit !== undefined) throw limit
        return []
      },
      get: (id: string) =>
        reviews[id] === undefined ? Promise.reject(new Error('not asked for')) : Promise.resolve(reviews[id]),
    },
    events: async function* (after: number | undefined) {
      asked.push(after)
      for (const event of streams[asked.length - 1] ?? [signedOut])
        if (event instanceof Error) throw event
        else yield event
    },
  } as unknown as ApiClient
  const stream = { isTTY: false, write: (text: string) => said.push(text.trimEnd()) }
  const io = createIo({ stdin: {}, stdout: stream, stderr: stream }, {}, Date.now)
  const watching = watchReviews(
    { io, environment: {}, client: async () => api },
    { notify: false },
    async (milliseconds) => void waited.push(milliseconds),
  )
  const error: unknown = await watching.catch((error: unknown) => error)
  return {
    error,
    asked,
    waited,
    said: said.filter((text) => text !== 'nothing is waiting for you yet; Ctrl-C ends the watch'),
    lists,
  }
}

it('waits as long as the gateway says after too many calls, says so once, and continues', async () => {
  const { error, asked, waited, said } = await watch([
    [{ type: 'ready', seq: 7 }, limited('42')],
    [limited('17')],
    [limited(null)],
    [{ type: 'ready', seq: 9 }],
  ])
  expect(asked).toEqual([undefined, 7, 7, 7, 9])
  expect(error).toBe(signedOut)
  expect(waited).toEqual([42_000, 30_000, 30_000, 500])
  expect(said).toEqual(['too many calls in a short time; trying again in 42 s', 'connected again'])
})

it('waits before the first list as well, says so once, and then follows', async () => {
  const { error, asked, waited, said } = await watch([], [limited('42'), limited(null)])
  expect(error).toBe(signedOut)
  expect(asked).toEqual([undefined])
  expect(waited).toEqual([42_000, 30_000])
  expect(said).toEqual(['too many calls in a short time; trying again in 42 s'])
})

it('ends if the first list fails for another reason', async () => {
  const { error, asked } = await watch([], [signedOut])
  expect(error).toBe(signedOut)
  expect(asked).toEqual([])
})

it('waits some seconds if the gateway does not say how long', async () => {
  const { waited } = await watch([[limited(null)], [limited('soon')]])
  expect(waited).toEqual([5000, 10_000])
})

it('starts over if the gateway no longer has the last event', async () => {
  const { asked, said, lists } = await watch([
    [{ type: 'ready', seq: 70 }],
    [new PamError('USAGE', 'event 70 does not exist: the audit chain ends at 12')],
    [{ type: 'resync', seq: 12 }],
  ])
  expect(asked).toEqual([undefined, 70, undefined, 12])
  expect(lists).toBe(2)
  expect(said).toEqual(['the gateway has no record of the last event seen here; reading everything again'])
})

it('ends with the error of a gateway that serves no events at all', async () => {
  const usage = new PamError('USAGE', 'no such field')
  expect(await watch([[usage]])).toMatchObject({ error: usage, asked: [undefined] })
})

it('tells of what a rule approved those who could have decided on it, and nobody else', async () => {
  const review = {
    kind: 'request',
    createdAt: '2026-01-05T09:00:00Z',
    requester: { label: 'jane' },
    target: 'db',
    state: 'approved',
    status: 'approved by the schedule of rule "r"',
    mayDecide: false,
    decisions: [{ automatic: { by: 'schedule', rules: ['r'] } }],
  }
  const reviews = {
    req_1: { ...review, id: 'req_1' },
    req_2: { ...review, id: 'req_2', whyNot: 'you cannot decide on your own request' },
    req_3: { ...review, id: 'req_3', decisions: [{}] },
  }
  const changed = Object.keys(reviews).map(
    (id, seq) => ({ type: 'changed', seq, kind: 'review', id, change: 'request.approved' }) as const,
  )
  const { said } = await watch([[{ type: 'ready', seq: 7 }, ...changed, signedOut]], [], reviews)
  expect(said).toEqual([
    expect.stringMatching(/^2026-01-0\d \d\d:\d\d  req_1  jane  db  approved by the schedule of rule "r"$/),
  ])
})
