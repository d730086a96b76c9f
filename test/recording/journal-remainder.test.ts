import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { firstBlockHash } from '../../src/recording/compact-format.ts'
import { firstHash, nextFrame } from '../../src/recording/frame.ts'
import { framesAfter, segmentsAfter } from '../../src/recording/journal-remainder.ts'
import { OpenSegment } from '../../src/recording/open-segment.ts'
import type { JournaledSession } from '../../src/recording/read-journal.ts'
import type { ValidPrefix } from '../../src/recording/valid-prefix.ts'
import { command, opened } from '../helpers/recordings.ts'

type Turn = JournaledSession['turns'][number]

const prefix = (events: number, hash: Buffer): ValidPrefix => ({
  version: 3,
  bytes: 0,
  digest: createHash('sha256'),
  segments: 0,
  events,
  hash,
  last: undefined,
  ends: new Map(),
})
const session = (turns: readonly Turn[], events: JournaledSession['events'] = []): JournaledSession => ({
  file: 'a.pamrec',
  wrappedKey: undefined,
  turns: [...turns],
  events,
  detached: [],
  sealed: undefined,
})

describe('turns of compact events', () => {
  const segment = new OpenSegment(0)
  segment.add(opened(), undefined, 0, 0)
  const first = Buffer.from(segment.bytes)
  segment.add(command('SELECT 1'), undefined, 0, 1)
  const second = Buffer.from(segment.bytes.subarray(first.length))
  const turn = (number: number, more: Partial<Turn> = {}): Turn => ({
    first: number,
    last: number,
    begins: number === 0,
    ends: false,
    hidden: false,
    bytes: number === 0 ? first : second,
    ...more,
  })
  const start = prefix(0, firstBlockHash('ses_1'))
  const read = (...turns: Turn[]) => {
    const { events, gap } = segmentsAfter(session(turns), start)
    return { events, gap }
  }

  it('are read as far as each follows the one before', () => {
    expect(read(turn(0), turn(1))).toEqual({ events: 2, gap: false })
    expect(segmentsAfter(undefined, start)).toMatchObject({ events: 0, gap: false })
  })

  it.each<[string, Turn[], number]>([
    ['one is missing at the beginning', [turn(1, { begins: true })], 0],
    ['one is missing in between', [turn(0), turn(2)], 1],
    ['the first begins no segment', [turn(0, { begins: false })], 0],
    ['one follows the end of the session', [turn(0, { ends: true }), turn(1)], 1],
  ])('%s: there is a gap', (_, turns, events) => {
    expect(read(...turns)).toEqual({ events, gap: true })
  })

  it('what the file has already is left out', () => {
    expect(segmentsAfter(session([turn(0)]), prefix(5, Buffer.alloc(32)))).toMatchObject({ events: 5, gap: false })
  })

  it('restore a segment whose hash is theirs, and no other', () => {
    const remainder = segmentsAfter(session([turn(0), turn(1)]), start)
    expect(remainder.restores({ events: 2, hash: 'other', segments: 1 })).toBe(false)
    const hidden = segmentsAfter(session([turn(0, { hidden: true }), turn(1, { hidden: true })]), start)
    // They are encrypted otherwise than they were sealed: only their number can be compared.
    expect([2, 1, 3].map((events) => hidden.restores({ events, hash: 'other', segments: 1 }))).toEqual([
      true,
      false,
      false,
    ])
  })

  it('that hold other events than they say are an error, not a shorter record', () => {
    expect(() => segmentsAfter(session([turn(0, { bytes: Buffer.concat([first, second]) })]), start)).toThrow(
      'a turn has other events than it says',
    )
  })
})

describe('frames of version 2', () => {
  const begin = firstHash('ses_1')
  const one = nextFrame(begin, JSON.stringify({ seq: 0, ms: 0, type: 'a' }))
  const two = nextFrame(one.hash, JSON.stringify({ seq: 1, ms: 1, type: 'b' }))
  const frame = (seq: number, { hash, payload }: typeof one, hidden = false) => ({
    seq,
    hidden,
    hash,
    payload,
    ends: false,
  })
  const after = (...events: JournaledSession['events']) => framesAfter(session([], events), prefix(0, begin))

  it('are read as far as the chain of their hashes holds', () => {
    expect(after(frame(0, one), frame(1, two))).toMatchObject({ events: 2, gap: false })
    expect(after(frame(1, two))).toMatchObject({ events: 0, gap: true })
    expect(after(frame(0, one), frame(1, one))).toMatchObject({ events: 1, gap: true })
    expect(after(frame(0, one), frame(0, one), frame(1, two))).toMatchObject({ events: 2, gap: false })
  })

  it('restore what was sealed up to one of them', () => {
    const remainder = after(frame(0, one), frame(1, two))
    const sealed = (events: number, hash: Buffer) => ({ events, hash: hash.toString('hex'), segments: 1 })
    expect([remainder.restores(sealed(1, one.hash)), remainder.restores(sealed(2, two.hash))]).toEqual([true, true])
    expect([remainder.restores(sealed(2, one.hash)), remainder.restores(sealed(3, two.hash))]).toEqual([false, false])
  })
})
