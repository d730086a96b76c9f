import { createHash, type Hash } from 'node:crypto'
import { createReadStream, existsSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { appendDetached, detachedFileOf } from './detached.ts'
import { eventJson } from './event-json.ts'
import { decodePayload, encodeFrames, firstHash, nextFrame, nextHash, type Frame } from './frame.ts'
import { digestOfFile } from './homes/directory.ts'
import { removeFiles } from './journal-file.ts'
import type { SealedSoFar } from './journal-format.ts'
import { readJournals, type JournaledSession, type JournalFileReading } from './read-journal.ts'
import { isNoFile } from './ordinary-file.ts'
import { BrokenRecording, CUT_OFF, readSegments } from './read.ts'
import { RecordingFile, type SealedRecording } from './recording-file.ts'
import type { RecoveredTail, SegmentSeal, Signer } from './seal.ts'
import { encodeBody } from './segment.ts'
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
    } else if (exists || (journaled !== undefined && (known.has(session) || journaled.events.length > 0)))
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
  const standing = await readStanding(path, session, keys)
  if ('damaged' in standing) return damaged(standing.damaged)
  const { events, gap } = followUp(journaled, standing.events, standing.hash)
  const lost = lostSegments(journaled, standing, events, announces)
  if (lost?.isReplaced === true) return damaged(lost.problem)
  const recording = new RecordingFile(path, session, signer)
  recording.resume(standing)
  if (standing.last !== undefined && standing.last.status !== 'more') {
    const status = standing.last.status === 'recovered' ? 'recovered' : 'sealed'
    const { tail: said } = standing.last
    const sealed = recording.sealed(status, standing.hash)
    return {
      type: 'sealed',
      file,
      sealed,
      ...(said === undefined ? {} : { tail: said }),
      ...(lost === undefined ? {} : { problem: lost.problem }),
    }
  }
  if (standing.events + events.length === 0) return damaged(lost?.problem ?? 'has no opening')
  const ending = lost?.isGone === true ? 'altered' : gap && tail === 'whole' ? 'short' : tail
  const last = events.at(-1)
  // The session may have ended on record, and only its seal be missing.
  const own = last?.ends === true ? [] : [endedFrame(standing.events + events.length, last ?? standing)]
  const end = { status: 'recovered', tail: ending } as const
  if (last?.hidden === true) {
    const body = { encoding: 'hidden' as const, bytes: encodeFrames(events) }
    const { wrappedKey = '' } = journaled ?? {}
    await recording.append(events, body, own.length > 0 ? { status: 'more', wrappedKey } : { ...end, wrappedKey })
    if (own.length > 0) await recording.append(own, await encodeBody(own, undefined), end)
  } else {
    const frames = [...events, ...own]
    await recording.append(frames, await encodeBody(frames, undefined), end)
  }
  const { hash } = own[0] ?? last ?? standing
  const sealed = recording.sealed('recovered', hash)
  return { type: 'sealed', file, sealed, tail: ending, ...(lost === undefined ? {} : { problem: lost.problem }) }
}

interface Standing {
  readonly bytes: number
  readonly digest: Hash
  readonly segments: number
  readonly events: number
  readonly hash: Buffer
  readonly last: SegmentSeal | undefined
  /** The hash after so many events, at the end of each segment. */
  readonly ends: ReadonlyMap<number, string>
}

/** What of the file stands. A segment that was not written whole is in the journal as well, and is cut off. */
async function readStanding(
  path: string,
  session: string,
  keys: readonly TrustedKey[],
): Promise<Standing | { damaged: string }> {
  const verifier = new RecordingVerifier(keys, undefined)
  const ends = new Map<number, string>()
  let hash = firstHash(session)
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
  return { bytes, digest, segments, events, hash, last, ends }
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
  events: JournaledSession['events'],
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
  return reaches(events, sealed)
    ? { problem: `${range}; they were restored from the journal`, isGone: false, isReplaced: false }
    : { problem: range, isGone: true, isReplaced: false }
}

/** Nothing follows the end of a session: where the journal has more than the closed file, one of them is not the gateway's. */
function beyondEnd(journaled: JournaledSession | undefined, end: number): string | undefined {
  const last = Math.max(journaled?.events.at(-1)?.seq ?? -1, (journaled?.sealed?.events ?? 0) - 1)
  return last < end ? undefined : `ends before event ${end}, and the journal has events up to ${last}`
}

const reaches = (events: JournaledSession['events'], sealed: SealedSoFar): boolean =>
  events.some(({ seq, hash }) => seq === sealed.events - 1 && hash.toString('hex') === sealed.hash)

/** The journal's events that come after those in the file, as far as they follow from each other. */
function followUp(
  journaled: JournaledSession | undefined,
  from: number,
  after: Buffer,
): { events: JournaledSession['events']; gap: boolean } {
  const events: JournaledSession['events'] = []
  let hash = after
  for (const event of journaled?.events ?? []) {
    const { seq, hidden, payload } = event
    if (seq < from + events.length) continue
    const follows = seq === from + events.length && (hidden || nextHash(hash, payload).equals(event.hash))
    if (!follows) return { events, gap: true }
    events.push(event)
    hash = event.hash
  }
  return { events, gap: false }
}

function endedFrame(
  seq: number,
  last: { readonly hash: Buffer; readonly payload?: Buffer; readonly hidden?: boolean },
): Frame {
  const ms = last.payload === undefined || last.hidden === true ? 0 : decodePayload(last.payload).event.ms
  const header = { seq, at: new Date().toISOString(), ms }
  const json = eventJson(header, {
    type: 'ended',
    code: 'GATEWAY_STOPPED',
    message: 'the gateway stopped while the session was open',
  })
  return nextFrame(last.hash, json)
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
