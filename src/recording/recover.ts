import { createHash, type Hash } from 'node:crypto'
import { createReadStream, existsSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { appendDetached, detachedFileOf } from './detached.ts'
import { BLOCK_EVENTS, firstBlockHash, nextBlockHash, type BlockContent } from './compact-format.ts'
import type { EndedEvent } from './event.ts'
import { decodePayload, encodeFrames, firstHash, nextFrame, nextHash, type Frame } from './frame.ts'
import { digestOfFile } from './homes/directory.ts'
import { removeFiles } from './journal-file.ts'
import type { SealedSoFar } from './journal-format.ts'
import { readJournals, type JournaledSession, type JournalFileReading } from './read-journal.ts'
import { OpenSegment } from './open-segment.ts'
import { isNoFile } from './ordinary-file.ts'
import { BrokenRecording, CUT_OFF, readSegments } from './read.ts'
import { CompactReader } from './read-compact.ts'
import { RecordingFile, type SealedRecording } from './recording-file.ts'
import type { RecoveredTail, SegmentSeal, Signer } from './seal.ts'
import { encodeCompact, encodeFramed, encodeUnpacked, type RecordVersion } from './segment.ts'
import { Broken, RecordingVerifier, type TrustedKey } from './verify.ts'

export type Recovered =
  | {
      readonly type: 'sealed'
      readonly file: string
      readonly sealed: SealedRecording
      readonly tail?: RecoveredTail
      /** What is wrong with it: segments that had been sealed are missing, or had to be written again from the journal. */
      readonly problem?: string
    }
  /** Not what the gateway wrote there: it is left as it is, and nothing is said for it. */
  | {
      readonly type: 'damaged'
      readonly session: string
      readonly file: string
      readonly reason: string
      /** The session has no record at this path, so its own record, if it has one, is not what is damaged. */
      readonly stray: boolean
    }

export interface Recovery {
  readonly recordings: readonly Recovered[]
  readonly journals: readonly JournalFileReading[]
  /** Removes the journals: once the store knows what was found. A stop before that changes nothing. */
  finish(): void
}

/** What the audit chain says of a session's record. */
export interface KnownRecording {
  /** Path below the spool; undefined where the chain has no opening of the session. */
  readonly file: string | undefined
  /** Of the sealed file. */
  readonly sha256?: string | undefined
  /** An earlier start found it damaged or missing, and left it alone. */
  readonly problem?: string | undefined
}

export interface RecoverOptions {
  readonly macKey: Uint8Array
  readonly signer: Signer
  /** Every key that the gateway has sealed with, and when: whatever recovery vouches for, `verify` must find genuine. */
  readonly keys: readonly TrustedKey[]
  /** Journals that the audit chain says were begun and are still needed. */
  readonly expected: readonly string[]
  /** What the chain says of each session's record. */
  readonly known: ReadonlyMap<string, KnownRecording>
  /** The chain does not verify, so nothing says what became of which record: each is left as it is. */
  readonly isAltered?: boolean
}

/**
 * After a stop: every recording in the spool that has no end is cut to its last whole event, closed as `gateway stopped`
 * and sealed. Throws where the disk does not let it: then nothing was lost, and the next start tries again.
 */
export async function recoverSpool(directory: string, options: RecoverOptions): Promise<Recovery> {
  const journalDirectory = join(directory, 'journal')
  const { sessions, files } = readJournals(journalDirectory, options.macKey)
  const missing = options.expected.filter((journal) => !files.some((file) => file.journal === journal))
  const journals: JournalFileReading[] = [
    ...files,
    ...missing.map((journal) => ({
      path: '',
      journal,
      tail: 'altered' as const,
      reason: 'is gone',
      announces: true,
    })),
  ]
  const spool: Spool = {
    directory,
    signer: options.signer,
    keys: options.keys,
    tail: worst(journals.map((file) => file.tail)),
    announces: files.every((file) => file.announces),
  }
  const standing = recordingsIn(directory)
  const { known } = options
  if (options.isAltered === true)
    return { recordings: standing.map(notVouchedFor), journals, finish: () => closeJournals(files, true) }
  const recordings: Recovered[] = []
  const own = new Map<string, string>()
  for (const session of [...standing.map(sessionOf), ...sessions.keys()]) {
    const { file } = known.get(session) ?? {}
    if (file !== undefined) own.set(session, file)
  }
  // An earlier start closed it before the chain said where it is: its digest shows whether it is the one.
  for (const file of standing) {
    const session = sessionOf(file)
    if (known.has(session) && !own.has(session)) own.set(session, file)
  }
  // A session that the chain does not know had its record opened, and the stop came before the chain said so.
  for (const [session, { file }] of sessions) if (file !== '' && !own.has(session)) own.set(session, file)
  for (const file of standing) {
    const session = sessionOf(file)
    if (own.get(session) !== file) {
      const reason = own.has(session)
        ? 'is not where the record of its session is kept'
        : 'is of a session that the gateway has not opened'
      recordings.push({ type: 'damaged', session, file, reason, stray: true })
    }
  }
  for (const [session, file] of own) {
    if ([file, detachedFileOf(file)].some((name) => isNoFile(join(directory, name)))) {
      recordings.push({ type: 'damaged', session, file, reason: 'is no ordinary file', stray: false })
      continue
    }
    const journaled = sessions.get(session)
    const { sha256, problem } = known.get(session) ?? {}
    const exists = existsSync(join(directory, file))
    if (sha256 !== undefined) {
      if (exists) recordings.push(await lookAtSealed(spool, file, session, sha256, journaled))
    } else if (problem !== undefined) {
      if (exists) recordings.push({ type: 'damaged', session, file, reason: problem, stray: false })
    } else if (exists || (journaled !== undefined && (known.has(session) || lastOf(journaled) >= 0)))
      recordings.push(await recoverRecording(spool, file, session, journaled))
  }
  return {
    recordings,
    journals,
    finish() {
      const isEvidence = recordings.some((found) =>
        found.type === 'damaged' ? !found.stray : found.problem !== undefined || found.tail === 'altered',
      )
      closeJournals(files, isEvidence)
    },
  }
}

/** Where something is missing or was changed, the journal is kept for an investigation. */
function closeJournals(files: readonly JournalFileReading[], isEvidence: boolean): void {
  for (const { path, tail } of files) {
    if (tail === 'altered' || isEvidence) renameSync(path, `${path}.altered-${Date.now()}`)
    removeFiles(path)
  }
}

const notVouchedFor = (file: string): Recovered => ({
  type: 'damaged',
  session: sessionOf(file),
  file,
  reason:
    'was in the spool when the audit chain did not verify, so nothing shows whether it is the record of this session',
  stray: false,
})

/** What holds for all records of one recovery. */
interface Spool {
  readonly directory: string
  readonly signer: Signer
  readonly keys: readonly TrustedKey[]
  /** Of the worst journal. */
  readonly tail: RecoveredTail
  /** Each session that was open is announced in the journals. */
  readonly announces: boolean
}

/** The chain has its digest already: nothing is added to it. */
async function lookAtSealed(
  { directory, keys }: Spool,
  file: string,
  session: string,
  sha256: string,
  journaled: JournaledSession | undefined,
): Promise<Recovered> {
  const path = join(directory, file)
  const damaged = (reason: string): Recovered => ({ type: 'damaged', session, file, reason, stray: false })
  if ((await digestOfFile(path)) !== sha256) return damaged('is not what was sealed')
  const standing = await readStanding(path, session, keys)
  if ('damaged' in standing) return damaged(standing.damaged)
  const { segments, events, bytes, hash, last } = standing
  if (last === undefined || last.status === 'more') return damaged('has no last segment')
  const beyond = beyondEnd(journaled, events)
  if (beyond !== undefined) return damaged(beyond)
  const status = last.status === 'recovered' ? 'recovered' : 'sealed'
  return {
    type: 'sealed',
    file,
    sealed: { session, status, events, segments, hash: hash.toString('hex'), bytes, sha256 },
  }
}

async function recoverRecording(
  { directory, signer, keys, tail, announces }: Spool,
  file: string,
  session: string,
  journaled: JournaledSession | undefined,
): Promise<Recovered> {
  const path = join(directory, file)
  const damaged = (reason: string): Recovered => ({ type: 'damaged', session, file, reason, stray: false })
  if (journaled !== undefined && journaled.detached.length > 0)
    await appendDetached(detachedFileOf(path), journaled.detached)
  // A record stays of the version that it was begun in.
  const version = journaled !== undefined && journaled.events.length > 0 ? 2 : 3
  const standing = await readStanding(path, session, keys, version)
  if ('damaged' in standing) return damaged(standing.damaged)
  if (standing.version !== version && lastOf(journaled) >= 0)
    return damaged('is not the file that the journal speaks of')
  let found: FollowUp
  try {
    found = standing.version === 2 ? framesAfter(journaled, standing) : segmentsAfter(journaled, standing)
  } catch (error) {
    return damaged(`has events in the journal that cannot be read: ${(error as Error).message}`)
  }
  const lost = lostSegments(journaled, standing, found, announces)
  if (lost?.isReplaced === true) return damaged(lost.problem)
  const recording = new RecordingFile(path, session, signer)
  recording.resume(standing)
  const problem = lost === undefined ? {} : { problem: lost.problem }
  if (standing.last !== undefined && standing.last.status !== 'more') {
    const status = standing.last.status === 'recovered' ? 'recovered' : 'sealed'
    const { tail: said } = standing.last
    return { type: 'sealed', file, sealed: recording.sealed(status), ...(said && { tail: said }), ...problem }
  }
  if (found.events === standing.events && standing.events === 0) return damaged(lost?.problem ?? 'has no opening')
  const ending = lost?.isGone === true ? 'altered' : found.gap && tail === 'whole' ? 'short' : tail
  await found.close(recording, ending)
  return { type: 'sealed', file, sealed: recording.sealed('recovered'), tail: ending, ...problem }
}

/** What the journal has of a session behind what stands in its file. */
interface FollowUp {
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
function segmentsAfter(journaled: JournaledSession | undefined, standing: Standing): FollowUp {
  const segments: Restored[] = []
  let events = standing.events
  let hash = standing.hash
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
  let after = standing.events
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
function framesAfter(journaled: JournaledSession | undefined, standing: Standing): FollowUp {
  const events: JournaledSession['events'] = []
  let hash = standing.hash
  let gap = false
  for (const event of journaled?.events ?? []) {
    const { seq, hidden, payload } = event
    const next = standing.events + events.length
    if (seq < next) continue
    gap = seq !== next || (!hidden && !nextHash(hash, payload).equals(event.hash))
    if (gap) break
    events.push(event)
    hash = event.hash
  }
  const last = events.at(-1)
  return {
    events: standing.events + events.length,
    gap,
    restores: (sealed) =>
      events.some((event) => event.seq === sealed.events - 1 && event.hash.toString('hex') === sealed.hash),
    async close(recording, tail) {
      const own = last?.ends === true ? [] : [endedFrame(standing.events + events.length, last ?? standing)]
      const end = { status: 'recovered', tail } as const
      if (last?.hidden !== true) return recording.append(await encodeFramed([...events, ...own], recording.hash), end)
      const { wrappedKey = '' } = journaled ?? {}
      const body = { encoding: 'hidden' as const, bytes: encodeFrames(events), events: events.length, hash: last.hash }
      await recording.append(body, own.length > 0 ? { ...MORE, wrappedKey } : { ...end, wrappedKey })
      if (own.length > 0) await recording.append(await encodeFramed(own, recording.hash), end)
    },
  }
}

interface Standing {
  readonly version: RecordVersion
  readonly bytes: number
  readonly digest: Hash
  readonly segments: number
  readonly events: number
  readonly hash: Buffer
  readonly last: SegmentSeal | undefined
  /** The hash after so many events, at the end of each segment. */
  readonly ends: ReadonlyMap<number, string>
}

/** What of the file stands; `otherwise`: its version where nothing does. A segment that was not written whole is in the journal as well, and is cut off. */
async function readStanding(
  path: string,
  session: string,
  keys: readonly TrustedKey[],
  otherwise: RecordVersion = 3,
): Promise<Standing | { damaged: string }> {
  const verifier = new RecordingVerifier(keys, undefined)
  const ends = new Map<number, string>()
  let version = otherwise
  let hash = version === 2 ? firstHash(session) : firstBlockHash(session)
  let bytes = 0
  let segments = 0
  let events = 0
  let last: SegmentSeal | undefined
  if (existsSync(path)) {
    try {
      for await (const segment of readSegments(path)) {
        const { seal, end } = segment
        await verifier.check(segment)
        if (seal.session !== session) return { damaged: `holds the record of ${seal.session}` }
        if (seal.status === 'unsealed') return { damaged: `segment ${segments} has no seal` }
        version = segment.version
        hash = Buffer.from(seal.hash, 'hex')
        bytes = end
        segments++
        events += seal.events
        ends.set(events, seal.hash)
        last = seal
      }
    } catch (error) {
      if (error instanceof Broken) return { damaged: `segment ${segments} ${error.message}` }
      if (!(error instanceof BrokenRecording)) throw error
      // Cut off at its end, within its first bytes at the earliest.
      if (error.message !== CUT_OFF && bytes > 0) return { damaged: error.message }
    }
  }
  const digest = createHash('sha256')
  if (bytes > 0) for await (const chunk of createReadStream(path, { end: bytes - 1 })) digest.update(chunk as Buffer)
  return { version, bytes, digest, segments, events, hash, last, ends }
}

interface Lost {
  readonly problem: string
  /** The journal does not have those events either. */
  readonly isGone: boolean
  /** The file is another one than the journal speaks of. */
  readonly isReplaced: boolean
}

/** Holds the file against what the journal says was sealed and flushed: nothing but a person takes that away again. */
function lostSegments(
  journaled: JournaledSession | undefined,
  standing: Standing,
  found: FollowUp,
  announces: boolean,
): Lost | undefined {
  // A record that the gateway has closed ends with its seal: there is no shorter one with a genuine end.
  if (standing.last !== undefined && standing.last.status !== 'more') {
    const problem =
      beyondEnd(journaled, standing.events) ??
      (standing.last.tail === 'altered' ? 'was closed by a start that found events missing or changed' : undefined)
    return problem === undefined ? undefined : { problem, isGone: true, isReplaced: false }
  }
  if (journaled === undefined || journaled.file === '') {
    // The journals have an entry for each session that is open; without one nobody can tell how much was sealed.
    const problem = 'the journal says nothing of this session, so sealed events may be missing'
    return announces ? { problem, isGone: true, isReplaced: false } : undefined
  }
  const { sealed } = journaled
  if (sealed === undefined || sealed.events === 0) return undefined
  if (sealed.events <= standing.events) {
    if (standing.ends.get(sealed.events) === sealed.hash) return undefined
    return { problem: 'is not the file that the journal speaks of', isGone: true, isReplaced: true }
  }
  const range = `events ${standing.events} to ${sealed.events - 1} were sealed and are missing from the file`
  return found.restores(sealed)
    ? { problem: `${range}; they were restored from the journal`, isGone: false, isReplaced: false }
    : { problem: range, isGone: true, isReplaced: false }
}

/** Nothing follows the end of a session: where the journal has more than the closed file, one of them is not the gateway's. */
function beyondEnd(journaled: JournaledSession | undefined, end: number): string | undefined {
  const last = Math.max(lastOf(journaled), (journaled?.sealed?.events ?? 0) - 1)
  return last < end ? undefined : `ends before event ${end}, and the journal has events up to ${last}`
}

/** Number of the last event that the journal has of a session. */
const lastOf = (journaled: JournaledSession | undefined): number =>
  journaled?.turns.at(-1)?.last ?? journaled?.events.at(-1)?.seq ?? -1

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

function worst(tails: readonly RecoveredTail[]): RecoveredTail {
  if (tails.includes('altered')) return 'altered'
  return tails.includes('short') ? 'short' : 'whole'
}

/** The recordings in the spool, as paths below it. */
export function recordingsIn(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.pamrec'))
    .toSorted()
}

const sessionOf = (file: string): string => file.slice(file.lastIndexOf('/') + 1, -'.pamrec'.length)
