import { existsSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { appendDetached, detachedFileOf } from './detached.ts'
import { digestOfFile } from './homes/directory.ts'
import { removeFiles } from './journal-file.ts'
import { readJournals, type JournaledSession, type JournalFileReading } from './read-journal.ts'
import { isNoFile } from './ordinary-file.ts'
import { RecordingFile, type SealedRecording } from './recording-file.ts'
import type { RecoveredTail, Signer } from './seal.ts'
import type { TrustedKey } from './verify.ts'
import { type JournalRemainder, segmentsAfter, framesAfter } from './journal-remainder.ts'
import { readValidPrefix, beyondEnd, lastOf } from './valid-prefix.ts'
import { lostSegments } from './lost-segments.ts'

export type Recovered =
  | {
      readonly type: 'sealed'
      readonly file: string
      readonly sealed: SealedRecording
      readonly tail?: RecoveredTail
      /** The problem: sealed segments are missing, or had to be written again from the journal. */
      readonly problem?: string
    }
  /** The file is not what the gateway wrote: it is left as it is, and nothing is sealed for it. */
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
  /** Removes the journals, once the store has the results. A stop before that changes nothing. */
  finish(): void
}

/** A session's record according to the audit chain. */
export interface KnownRecording {
  /** Path relative to the spool; undefined if the chain has no opening of the session. */
  readonly file: string | undefined
  /** The digest of the sealed file. */
  readonly sha256?: string | undefined
  /** An earlier start found it damaged or missing, and left it as it was. */
  readonly problem?: string | undefined
}

export interface RecoverOptions {
  readonly macKey: Uint8Array
  readonly signer: Signer
  /** Every key that the gateway has sealed with, and its period: `verify` must accept whatever recovery seals. */
  readonly keys: readonly TrustedKey[]
  /** Journals that were begun and are still needed according to the audit chain. */
  readonly expected: readonly string[]
  /** Each session's record according to the chain. */
  readonly known: ReadonlyMap<string, KnownRecording>
  /** The chain does not verify, so the state of each record is unknown: all are left as they are. */
  readonly isAltered?: boolean
}

/**
 * Completes the recordings after a stop: every recording in the spool without an end is cut to its last complete event, closed as `gateway
 * stopped` and sealed. Throws if the disk fails: then nothing is lost, and the next start tries again.
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
  const present = recordingsIn(directory)
  const { known } = options
  if (options.isAltered === true)
    return { recordings: present.map(notVouchedFor), journals, finish: () => closeJournals(files, true) }
  const own = filesOfSessions(present, sessions, known)
  const recordings: Recovered[] = straysAmong(present, own)
  for (const [session, file] of own) {
    if ([file, detachedFileOf(file)].some((name) => isNoFile(join(directory, name)))) {
      recordings.push({ type: 'damaged', session, file, reason: 'is not a regular file', stray: false })
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

/** The file that each session's record is in, relative to the spool. */
function filesOfSessions(
  present: readonly string[],
  sessions: ReadonlyMap<string, JournaledSession>,
  known: RecoverOptions['known'],
): ReadonlyMap<string, string> {
  const own = new Map<string, string>()
  for (const session of [...present.map(sessionOf), ...sessions.keys()]) {
    const { file } = known.get(session) ?? {}
    if (file !== undefined) own.set(session, file)
  }
  // An earlier start closed it before the chain had its path: its digest shows whether it is the right file.
  for (const file of present) {
    const session = sessionOf(file)
    if (known.has(session) && !own.has(session)) own.set(session, file)
  }
  // If the chain does not know a session, the gateway stopped after opening its record and before adding that to the chain.
  for (const [session, { file }] of sessions) if (file !== '' && !own.has(session)) own.set(session, file)
  return own
}

/** Files in the spool that are no session's record. */
const straysAmong = (present: readonly string[], own: ReadonlyMap<string, string>): Recovered[] =>
  present
    .filter((file) => own.get(sessionOf(file)) !== file)
    .map((file) => ({
      type: 'damaged',
      session: sessionOf(file),
      file,
      reason: own.has(sessionOf(file))
        ? 'is not where the record of its session is kept'
        : 'is of a session that the gateway has not opened',
      stray: true,
    }))

/** If anything is missing or was changed, the journal is kept for an investigation. */
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

/** What all records of one recovery have in common. */
interface Spool {
  readonly directory: string
  readonly signer: Signer
  readonly keys: readonly TrustedKey[]
  /** The tail of the worst journal. */
  readonly tail: RecoveredTail
  /** Whether each open session is announced in the journals. */
  readonly announces: boolean
}

/** Checks a record whose digest the chain already has: nothing is added to it. */
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
  const prefix = await readValidPrefix(path, session, keys)
  if ('damaged' in prefix) return damaged(prefix.damaged)
  const { segments, events, bytes, hash, last } = prefix
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
  // A record keeps the version that it was begun with.
  const version = journaled !== undefined && journaled.events.length > 0 ? 2 : 3
  const prefix = await readValidPrefix(path, session, keys, version)
  if ('damaged' in prefix) return damaged(prefix.damaged)
  if (prefix.version !== version && lastOf(journaled) >= 0) return damaged('is not the file that the journal names')
  let found: JournalRemainder
  try {
    found = prefix.version === 2 ? framesAfter(journaled, prefix) : segmentsAfter(journaled, prefix)
  } catch (error) {
    return damaged(`has events in the journal that cannot be read: ${(error as Error).message}`)
  }
  const lost = lostSegments(journaled, prefix, found, announces)
  if (lost?.isReplaced === true) return damaged(lost.problem)
  const recording = new RecordingFile(path, session, signer)
  recording.resume(prefix)
  const problem = lost === undefined ? {} : { problem: lost.problem }
  if (prefix.last !== undefined && prefix.last.status !== 'more') {
    const status = prefix.last.status === 'recovered' ? 'recovered' : 'sealed'
    const { tail: said } = prefix.last
    return { type: 'sealed', file, sealed: recording.sealed(status), ...(said && { tail: said }), ...problem }
  }
  if (found.events === prefix.events && prefix.events === 0) return damaged(lost?.problem ?? 'has no opening')
  const ending = lost?.isGone === true ? 'altered' : found.gap && tail === 'whole' ? 'short' : tail
  await found.close(recording, ending)
  return { type: 'sealed', file, sealed: recording.sealed('recovered'), tail: ending, ...problem }
}

function worst(tails: readonly RecoveredTail[]): RecoveredTail {
  if (tails.includes('altered')) return 'altered'
  return tails.includes('short') ? 'short' : 'whole'
}

/** The paths of the recordings in the spool, relative to it. */
export function recordingsIn(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.pamrec'))
    .toSorted()
}

export const sessionOf = (file: string): string => file.slice(file.lastIndexOf('/') + 1, -'.pamrec'.length)
