import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import type { DetachedEntry } from './detached.ts'
import { decodePayload } from './frame.ts'
import { headOf, journalFiles } from './journal-file.ts'
import {
  decodeEntries,
  decodeEvents,
  entryKinds,
  type EntryKind,
  firstKey,
  headToken,
  JOURNAL_MAGIC,
  JOURNAL_VERSION,
  magicOfVersion,
  MAC,
  nextKey,
  recordMac,
  type JournaledEvents,
  type SealedSoFar,
} from './journal-format.ts'
import { isNoFile } from './ordinary-file.ts'
import type { RecoveredTail } from './seal.ts'

/** The content of the journals for one session, in order. */
export interface JournaledSession {
  /** Path of its recording, relative to the spool. */
  readonly file: string
  readonly wrappedKey: string | undefined
  /** The events added in one turn; `last`: number of the last event. */
  readonly turns: (JournaledEvents & { readonly last: number })[]
  /** Single events, as older versions wrote them. */
  readonly events: {
    /** Whether it is the session's last event. */
    readonly ends: boolean
    readonly seq: number
    readonly hidden: boolean
    readonly hash: Buffer
    readonly payload: Buffer
  }[]
  readonly detached: DetachedEntry[]
  /** The most segments that the journals say were sealed; undefined if only a gateway of a version without such entries wrote them. */
  readonly sealed: SealedSoFar | undefined
}

export interface JournalReading {
  readonly sessions: ReadonlyMap<string, JournaledSession>
  readonly files: readonly JournalFileReading[]
}

export interface JournalFileReading {
  readonly path: string
  readonly journal: string | undefined
  readonly tail: RecoveredTail
  readonly reason: string | undefined
  /** Whether every open session is announced in it, with the content of its file. */
  readonly announces: boolean
}

/** Reads the journals of a stopped gateway, each up to the first byte that the gateway did not write. */
export function readJournals(directory: string, macKey: Uint8Array): JournalReading {
  const found = new Map<string, JournaledSession[]>()
  const files = existsSync(directory)
    ? journalFiles(directory).map((path) => {
        const { payloads, ...reading } = readRecords(path, macKey)
        const sessions = new Map<string, JournaledSession>()
        for (const payload of payloads) addEntries(payload, sessions)
        for (const [session, part] of sessions) found.set(session, [...(found.get(session) ?? []), part])
        return reading
      })
    : []
  return { sessions: new Map([...found].map(([session, parts]) => [session, joined(parts)])), files }
}

/** Joins the parts of one session from several files. Only the names of the files give their order, and anybody can change those. */
function joined(parts: readonly JournaledSession[]): JournaledSession {
  const { file, wrappedKey } = parts.findLast((part) => part.file !== '') ?? newSession()
  const inOrder = parts.toSorted((one, other) => firstOf(one) - firstOf(other))
  return {
    file,
    wrappedKey,
    turns: inOrder.flatMap(({ turns }) => turns),
    events: inOrder.flatMap(({ events }) => events),
    detached: inOrder.flatMap(({ detached }) => detached),
    sealed: parts.reduce<SealedSoFar | undefined>((most, { sealed }) => more(most, sealed), undefined),
  }
}

/** The order of a part without events does not matter. */
const firstOf = ({ turns, events }: JournaledSession): number =>
  turns[0]?.first ?? events[0]?.seq ?? Number.MAX_SAFE_INTEGER

function addEntries(payload: Buffer, sessions: Map<string, JournaledSession>): void {
  for (const { session, kind, seq, bytes } of decodeEntries(payload)) {
    // If the opening was in a file that has been removed, the events here are sealed, or belong to a known name.
    const known = sessions.get(session) ?? newSession()
    if (kind === entryKinds.opened) {
      const opening = JSON.parse(bytes.toString('utf8')) as { file: string; wrappedKey?: string; sealed?: SealedSoFar }
      const { file, wrappedKey, sealed } = opening
      sessions.set(session, { ...known, file, wrappedKey, sealed: more(known.sealed, sealed) })
      continue
    }
    if (kind === entryKinds.sealed) {
      const sealed = more(known.sealed, JSON.parse(bytes.toString('utf8')) as SealedSoFar)
      sessions.set(session, { ...known, sealed })
      continue
    }
    sessions.set(session, known)
    if (kind === entryKinds.detached) known.detached.push(JSON.parse(bytes.toString('utf8')) as DetachedEntry)
    else if (kind === entryKinds.events) known.turns.push({ ...decodeEvents(bytes), last: seq })
    else
      known.events.push({
        seq,
        hidden: kind !== entryKinds.event,
        ends: kind === entryKinds.hiddenEnd || isEnd(kind, bytes.subarray(HASH)),
        hash: bytes.subarray(0, HASH),
        payload: bytes.subarray(HASH),
      })
  }
}

const newSession = (): JournaledSession => ({
  file: '',
  wrappedKey: undefined,
  turns: [],
  events: [],
  detached: [],
  sealed: undefined,
})

const more = (one: SealedSoFar | undefined, other: SealedSoFar | undefined): SealedSoFar | undefined =>
  one === undefined || (other !== undefined && other.events >= one.events) ? other : one

const isEnd = (kind: EntryKind, payload: Buffer): boolean =>
  kind === entryKinds.event && decodePayload(payload).event.type === 'ended'

function readRecords(path: string, macKey: Uint8Array): JournalFileReading & { payloads: Buffer[] } {
  const payloads: Buffer[] = []
  if (isNoFile(path) || isNoFile(headOf(path)))
    return { path, journal: undefined, tail: 'altered', reason: 'is not a regular file', announces: true, payloads }
  const bytes = readFileSync(path)
  let journal: string | undefined
  const magic = bytes.toString('latin1', 0, JOURNAL_MAGIC.length)
  let announces = true
  const reading = (tail: RecoveredTail, reason?: string) => ({ path, journal, tail, reason, announces, payloads })
  // A file that never got its first record contains nothing.
  if (bytes.length < JOURNAL_MAGIC.length + 4) return reading('whole')
  if (!VERSIONS.some((version) => magicOfVersion(version) === magic)) return reading('altered', 'is not a journal')
  const head = readHead(path)
  let key: Buffer = Buffer.alloc(0)
  let headHolds = false
  let number = 0
  let at = JOURNAL_MAGIC.length
  let cut: string | undefined
  for (; at < bytes.length; number++) {
    const end = at + 4 > bytes.length ? Infinity : at + 4 + bytes.readUInt32BE(at) + MAC
    if (end > bytes.length) {
      cut = 'ends within a record'
      break
    }
    const payload = bytes.subarray(at + 4, end - MAC)
    if (number === 0) {
      const header = parseHeader(payload)
      if (header === undefined) return reading('altered', 'has no header')
      journal = header.journal
      key = firstKey(macKey, journal)
      if (createHash('sha256').update(key).digest('hex') !== header.commitment)
        return reading('altered', 'was not made with the key of this gateway')
      announces = header.version > 1
      if (magic !== magicOfVersion(header.version)) return reading('altered', 'begins as a journal of another version')
    }
    if (!recordMac(key, number, payload).equals(bytes.subarray(end - MAC, end))) {
      if (bytes.subarray(at).every((byte) => byte === 0)) {
        cut = 'ends in bytes that were never written'
        break
      }
      return reading('altered', `record ${number} is not what the gateway wrote`)
    }
    key = nextKey(key)
    if (head?.records === number + 1) headHolds = headToken(key).equals(head.token)
    if (number > 0) payloads.push(payload)
    at = end
  }
  if (head === undefined) return reading('altered', 'has no head')
  for (let more = number; more < head.records && more < number + MAX_LOST; more++) {
    key = nextKey(key)
    if (more + 1 === head.records) headHolds = headToken(key).equals(head.token)
  }
  if (!headHolds) return reading('altered', 'has a head that the gateway did not write')
  if (head.records > number) return reading('short', `${head.records - number} records are missing at its end`)
  // Records beyond the number in the head are genuine as well, because only the gateway has their keys: it stopped before it wrote the
  // head.
  return reading('whole', cut)
}

function readHead(path: string): { records: number; token: Buffer } | undefined {
  try {
    const bytes = readFileSync(headOf(path))
    return bytes.length === 8 + MAC && bytes.readUInt16BE() === 0
      ? { records: bytes.readUIntBE(2, 6), token: bytes.subarray(8) }
      : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function parseHeader(payload: Buffer): { journal: string; commitment: string; version: number } | undefined {
  try {
    const header = JSON.parse(payload.toString('utf8')) as Record<string, unknown>
    const { journal, commitment, version = 1 } = header
    return typeof journal === 'string' && typeof commitment === 'string' && VERSIONS.includes(version as number)
      ? { journal, commitment, version: version as number }
      : undefined
  } catch {
    return undefined
  }
}

const HASH = 32
const VERSIONS = [1, 2, JOURNAL_VERSION]
/** More records than a file can contain: a forged head costs the reader a second at most. */
const MAX_LOST = 1_000_000
