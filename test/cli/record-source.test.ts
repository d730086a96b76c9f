import { expect, it } from 'vitest'
import { watchedEvents } from '../../src/cli/record-source.ts'
import type { ReadEvent } from '../../src/recording/read.ts'
import type { ErrorCode } from '../../src/shared/error-codes.ts'
import { PamError } from '../../src/shared/errors.ts'

const ID = 'ses_0123456789abc'
const event = (seq: number, type = 'notice') => ({ seq, at: '2026-01-01T00:00:00Z', ms: seq, type, message: 'x' })

/** The numbers of the events that are seen, where reading the record gives these in turn, and the live stream those. */
async function watched(
  records: readonly number[][],
  live: readonly number[] | ErrorCode,
  last = -1,
): Promise<number[]> {
  const left = [...records]
  async function* read(): AsyncGenerator<ReadEvent> {
    for (const seq of left.shift() ?? []) yield { event: event(seq, seq === last ? 'ended' : 'notice') } as ReadEvent
  }
  const tail = async function* (): AsyncGenerator<string> {
    if (typeof live === 'string') throw new PamError(live, 'no')
    for (const seq of live) yield JSON.stringify({ ...event(seq), data: 'AA==' })
  }
  const client = () => Promise.resolve({ sessions: { tail } } as never)
  const seen: number[] = []
  for await (const found of watchedEvents({ client }, ID, read)) seen.push(found.event.seq)
  return seen
}

it.each<[string, number[][], number[] | ErrorCode, number[]]>([
  ['what is on record, then what happens', [[0, 1]], [2, 3], [0, 1, 2, 3]],
  ['what is in both, once', [[0, 1, 2]], [1, 2, 3], [0, 1, 2, 3]],
  [
    'what was sealed between the two',
    [
      [0, 1],
      [0, 1, 2, 3, 4],
    ],
    [4, 5],
    [0, 1, 2, 3, 4, 5],
  ],
  ['the record of a session that has ended', [[0, 1, 9]], 'ALREADY_DECIDED', [0, 1, 9]],
  [
    'the end of one that ended meanwhile',
    [
      [0, 1],
      [0, 1, 2, 9],
    ],
    'ALREADY_DECIDED',
    [0, 1, 2, 9],
  ],
])('shows %s', async (_, records, live, expected) => {
  expect(await watched(records, live, 9)).toEqual(expected)
})

it('says what prevents following', async () => {
  await expect(watched([[0]], 'NOT_ALLOWED')).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
})
