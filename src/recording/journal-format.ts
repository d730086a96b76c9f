import { createHmac, hash } from 'node:crypto'

/** The bytes of a journal. Format: docs/recording-format.md, The journal. */
export interface JournalEntry {
  readonly session: string
  readonly kind: EntryKind
  /** Sequence number of the event; 0 for what is none. */
  readonly seq: number
  readonly bytes: Buffer
}

export const entryKinds = { event: 0, hidden: 1, apart: 2, opened: 3, hiddenEnd: 4 } as const
export type EntryKind = (typeof entryKinds)[keyof typeof entryKinds]

/** Whether it is an event of the session: only events keep a journal file. */
export const isEvent = ({ kind }: JournalEntry): boolean => kind !== entryKinds.apart && kind !== entryKinds.opened

export const firstKey = (macKey: Uint8Array, journal: string): Buffer =>
  createHmac('sha256', macKey).update(`pamjnl/1 ${journal}`).digest()

export const nextKey = (key: Buffer): Buffer => hash('sha256', Buffer.concat([NEXT, key]), 'buffer')

/** Length of the payload (uint32), the payload, the MAC over the record's number and the payload. */
export function encodeRecord(key: Buffer, number: number, payload: Buffer): Buffer {
  const out = Buffer.allocUnsafe(4 + payload.length + MAC)
  payload.copy(out, 4)
  return closeRecord(out, key, number)
}

/** The same of entries, which are written where they belong at once. */
export function encodeEntries(key: Buffer, number: number, entries: readonly JournalEntry[]): Buffer {
  let size = 0
  for (const { session, bytes } of entries) size += 1 + session.length + 9 + bytes.length
  const out = Buffer.allocUnsafe(4 + size + MAC)
  let at = 4
  for (const { session, kind, seq, bytes } of entries) {
    at = out.writeUInt8(session.length, at)
    at += out.write(session, at, 'latin1')
    at = out.writeUInt8(kind, at)
    at = out.writeUInt32BE(seq, at)
    at = out.writeUInt32BE(bytes.length, at)
    at += bytes.copy(out, at)
  }
  return closeRecord(out, key, number)
}

function closeRecord(out: Buffer, key: Buffer, number: number): Buffer {
  const end = out.length - MAC
  out.writeUInt32BE(end - 4)
  recordMac(key, number, out.subarray(4, end)).copy(out, end)
  return out
}

export function recordMac(key: Buffer, number: number, payload: Buffer): Buffer {
  const counted = Buffer.alloc(8)
  counted.writeUIntBE(number, 2, 6)
  return createHmac('sha256', key).update(counted).update(payload).digest()
}

/** How many records there are, and a token that only the key after them gives. */
export function encodeHead(records: number, key: Buffer): Buffer {
  const out = Buffer.alloc(8 + MAC)
  out.writeUIntBE(records, 2, 6)
  headToken(key).copy(out, 8)
  return out
}

export const headToken = (key: Buffer): Buffer => hash('sha256', Buffer.concat([HEAD, key]), 'buffer')

/** Throws where the payload is not made of entries. */
export function* decodeEntries(payload: Buffer): Generator<JournalEntry, void, undefined> {
  for (let at = 0; at < payload.length;) {
    const name = at + 1 + payload.readUInt8(at)
    const session = payload.toString('latin1', at + 1, name)
    const kind = payload.readUInt8(name) as EntryKind
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
export const JOURNAL_MAGIC = 'PAMJNL/1\n'
export const MAC = 32
