import { createHmac, hash } from 'node:crypto'
import { BLOCK, padKey } from '../shared/hmac.ts'

/** The bytes of a journal. Format: docs/recording-format.md, The journal. */
export interface JournalEntry {
  readonly session: string
  readonly kind: EntryKind
  /** Sequence number of the event: for `events` the last one, for `sealed` the last sealed one, otherwise 0. */
  readonly seq: number
  readonly bytes: Buffer
}

/** Only older versions write `event`, `hidden` and `hiddenEnd`. */
export const entryKinds = { event: 0, hidden: 1, detached: 2, opened: 3, hiddenEnd: 4, sealed: 5, events: 6 } as const
export type EntryKind = (typeof entryKinds)[keyof typeof entryKinds]

/** Whether it contains events of the session: only these keep a journal file from being deleted. */
export const isEvent = ({ kind }: JournalEntry): boolean =>
  kind === entryKinds.events || kind === entryKinds.event || kind === entryKinds.hidden || kind === entryKinds.hiddenEnd

/** Compact events of a session, of one turn: the bytes of an entry of kind `events`. */
export interface JournaledEvents {
  /** Number of the first event. */
  readonly first: number
  /** Whether they begin a segment. */
  readonly begins: boolean
  /** Whether the session's last event is among them. */
  readonly ends: boolean
  readonly hidden: boolean
  readonly bytes: Buffer
}

export function encodeEvents({ first, begins, ends, hidden, bytes }: JournaledEvents): Buffer {
  const out = Buffer.allocUnsafe(EVENTS_HEADER + bytes.length)
  out.writeUInt32BE(first)
  out[4] = (begins ? BEGINS : 0) | (ends ? ENDS : 0) | (hidden ? HIDDEN : 0)
  bytes.copy(out, EVENTS_HEADER)
  return out
}

export function decodeEvents(entry: Buffer): JournaledEvents {
  const flags = entry.readUInt8(4)
  if (flags > (BEGINS | ENDS | HIDDEN)) throw new RangeError('an entry has unknown flags')
  return {
    first: entry.readUInt32BE(0),
    begins: (flags & BEGINS) !== 0,
    ends: (flags & ENDS) !== 0,
    hidden: (flags & HIDDEN) !== 0,
    bytes: entry.subarray(EVENTS_HEADER),
  }
}

const BEGINS = 1
const ENDS = 2
const HIDDEN = 4
const EVENTS_HEADER = 5

/**
 * The flushed content of a session's file: recovery compares the file with it, so that segments cannot be cut off once their events have
 * left the journal. In an opening and in an entry of kind `sealed`.
 */
export interface SealedSoFar {
  readonly segments: number
  readonly events: number
  /** The last hash of the chain, hexadecimal. */
  readonly hash: string
}

export const firstKey = (macKey: Uint8Array, journal: string): Buffer =>
  createHmac('sha256', macKey).update(`pamjnl/1 ${journal}`).digest()

export const nextKey = (key: Buffer): Buffer => hash('sha256', Buffer.concat([NEXT, key]), 'buffer')

/** Length of the payload (uint32), the payload, and the MAC of the record's number and the payload. */
export function encodeRecord(key: Buffer, number: number, payload: Buffer): Buffer {
  const room = Buffer.allocUnsafe(BEFORE + payload.length + MAC)
  payload.copy(room, BEFORE)
  return closeRecord(room, key, number)
}

/** The same for entries, which are encoded in place. */
export function encodeEntries(key: Buffer, number: number, entries: readonly JournalEntry[]): Buffer {
  let size = 0
  for (const { session, bytes } of entries) size += 1 + session.length + 9 + bytes.length
  const room = Buffer.allocUnsafe(BEFORE + size + MAC)
  let at = BEFORE
  for (const { session, kind, seq, bytes } of entries) {
    at = room.writeUInt8(session.length, at)
    at += room.write(session, at, 'latin1')
    at = room.writeUInt8(kind, at)
    at = room.writeUInt32BE(seq, at)
    at = room.writeUInt32BE(bytes.length, at)
    at += bytes.copy(room, at)
  }
  return closeRecord(room, key, number)
}

/**
 * Two hashes instead of an Hmac object, whose set-up takes most of the time if a key is used once. The prefix of the inner hash is where
 * the record's length is written afterwards.
 */
function closeRecord(room: Buffer, key: Buffer, number: number): Buffer {
  const end = room.length - MAC
  padKey(key, room, outer)
  room.writeUIntBE(0, BLOCK, 2)
  room.writeUIntBE(number, BLOCK + 2, 6)
  outer.write(hash('sha256', room.subarray(0, end), 'binary'), BLOCK, 'latin1')
  room.write(hash('sha256', outer, 'binary'), end, 'latin1')
  outer.fill(0)
  room.fill(0, 0, BLOCK)
  room.writeUInt32BE(end - BEFORE, BEFORE - 4)
  return room.subarray(BEFORE - 4)
}

/** The MAC as readers of a journal compute it. */
export function recordMac(key: Buffer, number: number, payload: Buffer): Buffer {
  const counted = Buffer.alloc(COUNTER)
  counted.writeUIntBE(number, 2, 6)
  return createHmac('sha256', key).update(counted).update(payload).digest()
}

/** The number of records, and a token that only the key after them yields. */
export function encodeHead(records: number, key: Buffer): Buffer {
  const out = Buffer.alloc(8 + MAC)
  out.writeUIntBE(records, 2, 6)
  headToken(key).copy(out, 8)
  return out
}

export const headToken = (key: Buffer): Buffer => hash('sha256', Buffer.concat([HEAD, key]), 'buffer')

/** Throws if the payload does not consist of entries. */
export function* decodeEntries(payload: Buffer): Generator<JournalEntry, void, undefined> {
  for (let at = 0; at < payload.length;) {
    const name = at + 1 + payload.readUInt8(at)
    const session = payload.toString('latin1', at + 1, name)
    const kind = payload.readUInt8(name) as EntryKind
    if (kind > entryKinds.events) throw new RangeError(`an entry is of the unknown kind ${kind}`)
    const seq = payload.readUInt32BE(name + 1)
    const start = name + 9
    const end = start + payload.readUInt32BE(name + 5)
    if (end > payload.length) throw new RangeError('an entry ends behind its record')
    yield { session, kind, seq, bytes: payload.subarray(start, end) }
    at = end
  }
}

const NEXT = Buffer.from('pamjnl/1 next')
const HEAD = Buffer.from('pamjnl/1 head')
export const JOURNAL_MAGIC = 'PAMJNL/3\n'
/**
 * Also in the header, which has a MAC, unlike the magic. Older versions are read as well: the first has no version in its header and no
 * entries about sealed segments, and both have one event in an entry.
 */
export const JOURNAL_VERSION = 3
export const magicOfVersion = (version: number): string => `PAMJNL/${version}\n`
export const MAC = 32
/** Bytes of a record's number. */
const COUNTER = 8
/** Bytes in front of the payload while its MAC is computed. */
const BEFORE = BLOCK + COUNTER
const outer = Buffer.alloc(BLOCK + MAC)
