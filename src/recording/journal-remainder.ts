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

/** The events of a session that the journal has beyond those in the session's file. */
export interface JournalRemainder {
  /** The number of events in the record with these included. */
  readonly events: number
  /** Events are missing in between. */
  readonly gap: boolean
  /** Whether these events restore the record to at least the sealed number, and the chain had the sealed hash there. */
  restores(sealed: SealedSoFar): boolean
  /** Adds these events, and an end if the session has none: its end may be recorded and only the seal missing. */
  close(recording: RecordingFile, tail: RecoveredTail): Promise<void>
}

/** The compact events that follow without a gap, in the segments that they were added to. */
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
    // The file ends with a complete segment, and the gateway writes nothing after the session's end.
    gap = turn.first !== events || count < 1 || hasEnded || (last === undefined && !turn.begins)
    if (gap) break
    if (turn.begins || last === undefined) segments.push((last = { hidden: turn.hidden, first: events, turns: [] }))
    last.turns.push({ events: count, bytes: turn.bytes })
    events += count
    hasEnded = turn.ends
  }
  const blocks = segments.map(blocksOf)
  // If the event can be read, it decides.
  const hasSessionEnded = blocks.at(-1)?.hasSessionEnded ?? hasEnded
  const ends = new Map<number, string>()
  let after = prefix.events
  for (const [index, { content }] of blocks.entries()) {
    for (const block of content) hash = nextBlockHash(hash, block)
    after += content.reduce((sum, block) => sum + block.events, 0)
    // Hidden events are hashed as the journal has them, not as they were sealed: only their number can be checked.
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
          await recording.append(body, { ...(isLast && hasSessionEnded ? end : MORE), wrappedKey })
        } else {
          const own =
            isLast && !hasSessionEnded
              ? withEnd(segments[index] as Restored, events, { at: recording.now, ms: lastMs })
              : content
          await recording.append(await encodeCompact(recording.hash, own, undefined), isLast ? end : MORE)
        }
      }
      if (hasSessionEnded || blocks.at(-1)?.hidden === false) return
      const own = new OpenSegment(recording.events)
      own.add(STOPPED, undefined, recording.now, 0)
      await recording.append(await encodeCompact(recording.hash, own.blocks(), undefined), end)
    },
  }
}

/** A segment as the journal has it: the events added in each turn. */
interface Restored {
  readonly hidden: boolean
  readonly first: number
  readonly turns: BlockContent[]
}

interface RestoredBlocks {
  readonly hidden: boolean
  readonly content: readonly BlockContent[]
  /** The time of the last event, and whether it is the session's last; undefined if it cannot be read. */
  readonly lastMs: number
  readonly hasSessionEnded: boolean | undefined
}

/** The events in blocks as in a sealed segment; hidden ones unchanged. */
function blocksOf({ hidden, first, turns }: Restored): RestoredBlocks {
  if (hidden) return { hidden, content: turns, lastMs: 0, hasSessionEnded: undefined }
  const bytes = Buffer.concat(turns.map((turn) => turn.bytes))
  const reader = new CompactReader(first)
  const content: BlockContent[] = []
  let start = 0
  let events = 0
  let hasSessionEnded = false
  for (const { event } of reader.read(bytes)) {
    hasSessionEnded = event.type === 'ended'
    if (++events % BLOCK_EVENTS > 0) continue
    content.push({ events: BLOCK_EVENTS, bytes: bytes.subarray(start, reader.at) })
    start = reader.at
  }
  if (events % BLOCK_EVENTS > 0) content.push({ events: events % BLOCK_EVENTS, bytes: bytes.subarray(start) })
  if (events !== turns.reduce((sum, turn) => sum + turn.events, 0))
    throw new Error('a turn has other events than it says')
  return { hidden, content, lastMs: reader.lastMs, hasSessionEnded }
}

/** The same with the end event that the session never got. */
function withEnd(
  segment: Restored,
  seq: number,
  { at, ms }: { readonly at: number; readonly ms: number },
): readonly BlockContent[] {
  const own = new OpenSegment(seq)
  own.add(STOPPED, undefined, at, ms)
  return blocksOf({ ...segment, turns: [...segment.turns, { events: 1, bytes: own.bytes }] }).content
}

const MORE = { status: 'more' } as const
/** In place of an unknown hash. */
const ANY_HASH = 'any'

/** The events of version 2 that follow without a gap. */
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
      const own = last?.ends === true ? [] : [endedFrame(prefix.events + events.length, last ?? prefix, recording.now)]
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
  now: number,
): Frame {
  const ms = last.payload === undefined || last.hidden === true ? 0 : decodePayload(last.payload).event.ms
  const header = { seq, at: new Date(now).toISOString(), ms }
  return nextFrame(last.hash, JSON.stringify({ ...header, ...STOPPED }))
}
