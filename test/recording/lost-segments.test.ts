import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { lostSegments } from '../../src/recording/lost-segments.ts'
import type { JournalRemainder } from '../../src/recording/journal-remainder.ts'
import type { JournaledSession } from '../../src/recording/read-journal.ts'
import type { SegmentSeal } from '../../src/recording/seal.ts'
import type { ValidPrefix } from '../../src/recording/valid-prefix.ts'

/** A file of ten events in two segments, which is not closed. */
const open: ValidPrefix = {
  version: 3,
  bytes: 100,
  digest: createHash('sha256'),
  segments: 2,
  events: 10,
  hash: Buffer.alloc(32),
  last: undefined,
  ends: new Map([
    [4, 'four'],
    [10, 'ten'],
  ]),
}
const closed = (tail?: SegmentSeal['tail']): ValidPrefix => ({
  ...open,
  last: { status: 'sealed', ...(tail === undefined ? {} : { tail }) } as SegmentSeal,
})
const journaled = (events?: number, hash = ''): JournaledSession => ({
  file: 'a.pamrec',
  wrappedKey: undefined,
  turns: [],
  events: [],
  detached: [],
  sealed: events === undefined ? undefined : { events, hash, segments: 1 },
})
const remainder = (restores: boolean): JournalRemainder => ({
  events: 0,
  gap: false,
  restores: () => restores,
  close: () => Promise.resolve(),
})

describe('a file, compared with what the journal says was sealed', () => {
  it.each<[string, JournaledSession | undefined, ValidPrefix, string | undefined]>([
    ['nothing was sealed', journaled(), open, undefined],
    ['all of it is there', journaled(10, 'ten'), open, undefined],
    ['a segment of it is there', journaled(4, 'four'), open, undefined],
    ['another hash', journaled(4, 'other'), open, 'is not the file that the journal names'],
    ['no journal', undefined, open, 'the journal has no entry for this session, so sealed events may be missing'],
    ['events are missing', journaled(12, 'x'), open, 'events 10 to 11 were sealed and are missing from the file'],
    ['closed, with everything', journaled(10, 'ten'), closed(), undefined],
    ['closed too early', journaled(12, 'x'), closed(), 'ends before event 10, and the journal has events up to 11'],
    [
      'closed as altered',
      journaled(10, 'ten'),
      closed('altered'),
      'was closed by a start that found events missing or changed',
    ],
  ])('%s', (_, session, prefix, problem) => {
    expect(lostSegments(session, prefix, remainder(false), true)?.problem).toBe(problem)
  })

  it('what the journal restores is not gone', () => {
    expect(lostSegments(journaled(12, 'x'), open, remainder(true), true)).toMatchObject({ isGone: false })
    expect(lostSegments(journaled(12, 'x'), open, remainder(false), true)).toMatchObject({ isGone: true })
  })

  it('journals that announce no sessions say nothing by their silence', () => {
    expect(lostSegments(undefined, open, remainder(false), false)).toBeUndefined()
  })
})
