import { createHash, createPublicKey, type Hash } from 'node:crypto'
import { createReadStream, existsSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { appendApart, apartFileOf } from './apart.ts'
import { eventJson } from './event-json.ts'
import { decodePayload, encodeFrames, firstHash, nextFrame, nextHash, type Frame } from './frame.ts'
import { removeFiles } from './journal-file.ts'
import { readJournals, type JournaledSession, type JournalFileReading } from './read-journal.ts'
import { BrokenRecording, CUT_OFF, readSegments } from './read.ts'
import { RecordingFile, type SealedRecording } from './recording-file.ts'
import { keyIdOf, SEAL_PURPOSE, statementVerifies, type RecoveredTail, type SegmentSeal, type Signer } from './seal.ts'
import { encodeBody } from './segment.ts'

export type Recovered =
  | { readonly type: 'sealed'; readonly file: string; readonly sealed: SealedRecording; readonly tail?: RecoveredTail }
  /** The file is not what the gateway wrote: it is left as it is. */
  | { readonly type: 'damaged'; readonly session: string; readonly file: string; readonly reason: string }

export interface Recovery {
  readonly recordings: readonly Recovered[]
  readonly journals: readonly JournalFileReading[]
}

/**
 * After a stop: every recording in the spool that has no end is cut to its last whole event, closed as `gateway stopped`
 * and sealed. Throws where the disk does not let it: then nothing was lost, and the next start tries again.
 */
export async function recoverSpool(
  directory: string,
  options: {
    readonly macKey: Uint8Array
    readonly signer: Signer
    /** Journals that the audit chain says were begun and are still needed. */
    readonly expected: readonly string[]
  },
): Promise<Recovery> {
  const journalDirectory = join(directory, 'journal')
  const { sessions, files } = readJournals(journalDirectory, options.macKey)
  const missing = options.expected.filter((journal) => !files.some((file) => file.journal === journal))
  const journals: JournalFileReading[] = [
    ...files,
    ...missing.map((journal) => ({ path: '', journal, tail: 'altered' as const, reason: 'is gone' })),
  ]
  const tail = worst(journals.map((file) => file.tail))
  const found = new Map<string, { file: string; journaled: JournaledSession | undefined }>()
  for (const file of recordingsIn(directory))
    found.set(sessionOf(file), { file, journaled: sessions.get(sessionOf(file)) })
  for (const [session, journaled] of sessions) {
    if (!found.has(session) && journaled.file !== '') found.set(session, { file: journaled.file, journaled })
  }
  const recordings: Recovered[] = []
  for (const [session, { file, journaled }] of found) {
    recordings.push(await recoverRecording(directory, file, session, journaled, tail, options.signer))
  }
  for (const { path, tail: how } of files) {
    // What somebody else wrote is kept for whoever looks into it.
    if (how === 'altered') renameSync(path, `${path}.altered-${Date.now()}`)
    removeFiles(path)
  }
  return { recordings, journals }
}

async function recoverRecording(
  directory: string,
  file: string,
  session: string,
  journaled: JournaledSession | undefined,
  tail: RecoveredTail,
  signer: Signer,
): Promise<Recovered> {
  const path = join(directory, file)
  if (journaled !== undefined && journaled.apart.length > 0) await appendApart(apartFileOf(path), journaled.apart)
  const standing = await readStanding(path, session, signer)
  if ('damaged' in standing) return { type: 'damaged', session, file, reason: standing.damaged }
  const recording = new RecordingFile(path, session, signer)
  recording.resume(standing)
  if (standing.last !== undefined && standing.last.status !== 'more') {
    const status = standing.last.status === 'recovered' ? 'recovered' : 'sealed'
    return { type: 'sealed', file, sealed: recording.sealed(status, standing.hash) }
  }
  const { events, gap } = followUp(journaled, standing.events, standing.hash)
  const ending = gap && tail === 'whole' ? 'short' : tail
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
  return { type: 'sealed', file, sealed: recording.sealed('recovered', hash), tail: ending }
}

interface Standing {
  readonly bytes: number
  readonly digest: Hash
  readonly segments: number
  readonly events: number
  readonly hash: Buffer
  readonly last: SegmentSeal | undefined
}

/** What of the file stands. A segment that was not written whole is in the journal as well, and is cut off. */
async function readStanding(path: string, session: string, signer: Signer): Promise<Standing | { damaged: string }> {
  const key = createPublicKey(signer.publicKeyPem)
  let hash = firstHash(session)
  let bytes = 0
  let segments = 0
  let events = 0
  let last: SegmentSeal | undefined
  if (existsSync(path)) {
    try {
      for await (const { seal, end } of readSegments(path)) {
        const whole =
          seal.session === session &&
          seal.segment === segments &&
          seal.first === events &&
          seal.previous === hash.toString('hex') &&
          // Sealed before the key was changed: `verify` knows the older ones.
          (seal.key !== keyIdOf(key) || statementVerifies(SEAL_PURPOSE, seal, key))
        if (!whole) return { damaged: `segment ${segments} is not what the gateway wrote` }
        hash = Buffer.from(seal.hash, 'hex')
        bytes = end
        segments++
        events += seal.events
        last = seal
      }
    } catch (error) {
      if (!(error instanceof BrokenRecording)) throw error
      // Cut off at its end, within its first bytes at the earliest.
      if (error.message !== CUT_OFF && bytes > 0) return { damaged: error.message }
    }
  }
  const digest = createHash('sha256')
  if (bytes > 0) for await (const chunk of createReadStream(path, { end: bytes - 1 })) digest.update(chunk as Buffer)
  return { bytes, digest, segments, events, hash, last }
}

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
