import { BLOCK_EVENTS, nextBlockHash, type BlockContent } from './compact-format.ts'
import type { EndedEvent } from './event.ts'
import { decodePayload, encodeFrames, nextFrame, nextHash, type Frame } from './frame.ts'
import type { SealedSoFar } from './journal-format.ts'
import type { JournaledSession } from './read-journal.ts'
import { OpenSegment } from './open-segment.ts'
import { CompactReader } from './read-compact.ts'
import { RecordingFile } from './recording-file.ts'
import type { RecoveredTail } from './seal.ts'
import { encodeCompact, encodeFramed, encodeUnpacked } from './segment.ts'
import type { ValidPrefix } from './valid-prefix.ts'

/** What the journal has of a session behind what stands in its file. */
export interface JournalRemainder {
  /** How many events the record has with it. */
  readonly events: number
  /** It does not go on without a gap. */
  readonly gap: boolean
  /** Whether so many events are restored with it, after which the chain had this hash. */
  restores(sealed: SealedSoFar): boolean
  /** Adds it, and an end where the session has none: it may have ended on record, and only its seal be missing. */
  close(recording: RecordingFile, tail: RecoveredTail): Promise<void>
}

/** Compact events, as far as they follow from each other, in the segments that they were added to. */
export function segmentsAfter(journaled: JournaledSession | undefined, prefix: ValidPrefix): JournalRemainder {
  const segments: Restored[] = []
  let events = prefix.events
  let hash = prefix.hash
  let hasEnded = false
  let gap = false
  for (const turn of journaled?.turns ?? []) {
    if (turn.last < events) continue
    let last = segments.at(-1)
    const count = turn.last - turn.first + 1
    // The file ends where a segment did, and what is behind the session's end is not the gateway's.
    gap = turn.first !== events || count < 1 || hasEnded || (last === undefined && !turn.begins)
    if (gap) break
    if (turn.begins || last === undefined) segments.push((last = { hidden: turn.hidden, first: events, turns: [] }))
    last.turns.push({ events: count, bytes: turn.bytes })
    events += count
    hasEnded = turn.ends
  }
  const blocks = segments.map(blocksOf)
  // Where it can be read, the event itself counts.
  const isOver = blocks.at(-1)?.isOver ?? hasEnded
  const ends = new Map<number, string>()
  let after = prefix.events
  for (const [index, { content }] of blocks.entries()) {
    for (const block of content) hash = nextBlockHash(hash, block)
    after += content.reduce((sum, block) => sum + block.events, 0)
    // What is hidden is hashed as it is here, not as it was sealed: that all of it is there is all that can be told.
    ends.set(after, segments[index]?.hidden === true ? ANY_HASH : hash.toString('hex'))
  }
  return {
    events,
    gap,
    restores: (sealed) => [sealed.hash, ANY_HASH].includes(ends.get(sealed.events) ?? ''),
    async close(recording, tail) {
      const { wrappedKey = '' } = journaled ?? {}
      const end = { status: 'recovered', tail } as const
      for (const [index, { content, hidden, lastMs }] of blocks.entries()) {
        const isLast = index === blocks.length - 1
        if (hidden) {
          const body = encodeUnpacked('compact-hidden', recording.hash, content)
          await recording.append(body, { ...(isLast && isOver ? end : MORE), wrappedKey })
        } else {
          const own = isLast && !isOver ? withEnd(segments[index] as Restored, events, lastMs) : content
          await recording.append(await encodeCompact(recording.hash, own, undefined), isLast ? end : MORE)
        }
      }
      if (isOver || blocks.at(-1)?.hidden === false) return
      const own = new OpenSegment(recording.events)
      own.add(STOPPED, undefined, Date.now(), 0)
      await recording.append(await encodeCompact(recording.hash, own.blocks(), undefined), end)
    },
  }
}

/** A segment as the journal has it: what was added in each turn. */
interface Restored {
  readonly hidden: boolean
  readonly first: number
  readonly turns: BlockContent[]
}

interface RestoredBlocks {
  readonly hidden: boolean
  readonly content: readonly BlockContent[]
  /** When the last event was, and whether it is the session's last, where that can be read. */
  readonly lastMs: number
  readonly isOver: boolean | undefined
}

/** In blocks as a segment is sealed; what is hidden, as it is. */
function blocksOf({ hidden, first, turns }: Restored): RestoredBlocks {
  if (hidden) return { hidden, content: turns, lastMs: 0, isOver: undefined }
  const bytes = Buffer.concat(turns.map((turn) => turn.bytes))
  const reader = new CompactReader(first)
  const content: BlockContent[] = []
  let start = 0
  let events = 0
  let isOver = false
  for (const { event } of reader.read(bytes)) {
    isOver = event.type === 'ended'
    if (++events % BLOCK_EVENTS > 0) continue
    content.push({ events: BLOCK_EVENTS, bytes: bytes.subarray(start, reader.at) })
    start = reader.at
  }
  if (events % BLOCK_EVENTS > 0) content.push({ events: events % BLOCK_EVENTS, bytes: bytes.subarray(start) })
  if (events !== turns.reduce((sum, turn) => sum + turn.events, 0))
    throw new Error('a turn has other events than it says')
  return { hidden, content, lastMs: reader.lastMs, isOver }
}

/** The same with the end that the session never got. */
function withEnd(segment: Restored, seq: number, ms: number): readonly BlockContent[] {
  const own = new OpenSegment(seq)
  own.add(STOPPED, undefined, Date.now(), ms)
  return blocksOf({ ...segment, turns: [...segment.turns, { events: 1, bytes: own.bytes }] }).content
}

const MORE = { status: 'more' } as const
/** In the place of a hash that cannot be told. */
const ANY_HASH = 'any'

/** Events of version 2, as far as they follow from each other. */
export function framesAfter(journaled: JournaledSession | undefined, prefix: ValidPrefix): JournalRemainder {
  const events: JournaledSession['events'] = []
  let hash = prefix.hash
  let gap = false
  for (const event of journaled?.events ?? []) {
    const { seq, hidden, payload } = event
    const next = prefix.events + events.length
    if (seq < next) continue
    gap = seq !== next || (!hidden && !nextHash(hash, payload).equals(event.hash))
    if (gap) break
    events.push(event)
    hash = event.hash
  }
  const last = events.at(-1)
  return {
    events: prefix.events + events.length,
    gap,
    restores: (sealed) =>
      events.some((event) => event.seq === sealed.events - 1 && event.hash.toString('hex') === sealed.hash),
    async close(recording, tail) {
      const own = last?.ends === true ? [] : [endedFrame(prefix.events + events.length, last ?? prefix)]
      const end = { status: 'recovered', tail } as const
      if (last?.hidden !== true) return recording.append(await encodeFramed([...events, ...own], recording.hash), end)
      const { wrappedKey = '' } = journaled ?? {}
      const body = { encoding: 'hidden' as const, bytes: encodeFrames(events), events: events.length, hash: last.hash }
      await recording.append(body, own.length > 0 ? { ...MORE, wrappedKey } : { ...end, wrappedKey })
      if (own.length > 0) await recording.append(await encodeFramed(own, recording.hash), end)
    },
  }
}

const STOPPED: EndedEvent = {
  type: 'ended',
  code: 'GATEWAY_STOPPED',
  message: 'the gateway stopped while the session was open',
}

function endedFrame(
  seq: number,
  last: { readonly hash: Buffer; readonly payload?: Buffer; readonly hidden?: boolean },
): Frame {
  const ms = last.payload === undefined || last.hidden === true ? 0 : decodePayload(last.payload).event.ms
  const header = { seq, at: new Date().toISOString(), ms }
  return nextFrame(last.hash, JSON.stringify({ ...header, ...STOPPED }))
}
