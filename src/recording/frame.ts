import { createHash, hash } from 'node:crypto'
import type { RecordedEvent } from './event.ts'

/**
 * An event in a segment: the length of its payload (uint32, big-endian), its hash (32 bytes), the payload. The payload
 * is the event's JSON in UTF-8; bytes of a terminal follow it behind a newline, which JSON of one line never holds.
 */
export interface Frame {
  readonly hash: Buffer
  readonly payload: Buffer
}

/** The first event's predecessor: it names the session, so that no event fits into another session's chain. */
export const firstHash = (session: string): Buffer =>
  createHash('sha256').update(`pamrec/2 session ${session}`).digest()

/** An event's hash covers the hash before it and its payload. */
export const nextHash = (previous: Buffer, payload: Buffer): Buffer =>
  createHash('sha256').update(previous).update(payload).digest()

/**
 * The next frame of a chain, made in one piece of memory: `entry` is hash and payload as they stand behind each other, `hash`
 * and `payload` are views into it.
 */
export function nextFrame(previous: Buffer, event: RecordedEvent, data?: Uint8Array): Frame & { entry: Buffer } {
  const json = JSON.stringify(event)
  const start = HASH + Buffer.byteLength(json)
  const entry = Buffer.allocUnsafe(data === undefined ? start : start + 1 + data.length)
  entry.write(json, HASH)
  if (data !== undefined) {
    entry[start] = NEWLINE
    entry.set(data, start + 1)
  }
  previous.copy(entry)
  hash('sha256', entry, 'buffer').copy(entry)
  return { entry, hash: entry.subarray(0, HASH), payload: entry.subarray(HASH) }
}

export function encodePayload(event: RecordedEvent, data?: Uint8Array): Buffer {
  const json = JSON.stringify(event)
  return data === undefined ? Buffer.from(json) : Buffer.concat([Buffer.from(`${json}\n`), data])
}

/** Throws where the payload is no event. */
export function decodePayload(payload: Buffer): { event: RecordedEvent; data: Buffer | undefined } {
  const end = payload.indexOf(NEWLINE)
  const event = JSON.parse(payload.toString('utf8', 0, end < 0 ? payload.length : end)) as RecordedEvent
  return { event, data: end < 0 ? undefined : payload.subarray(end + 1) }
}

export const frameLength = ({ payload }: Frame): number => FRAME_HEADER + payload.length

export function encodeFrames(frames: readonly Frame[]): Buffer {
  const out = Buffer.allocUnsafe(frames.reduce((sum, frame) => sum + frameLength(frame), 0))
  let at = 0
  for (const { hash, payload } of frames) {
    at = out.writeUInt32BE(payload.length, at)
    at += hash.copy(out, at)
    at += payload.copy(out, at)
  }
  return out
}

/** The frames in these bytes. Throws where they end within one. */
export function* decodeFrames(bytes: Buffer): Generator<Frame, void, undefined> {
  for (let at = 0; at < bytes.length;) {
    const start = at + FRAME_HEADER
    const end = start > bytes.length ? Infinity : start + bytes.readUInt32BE(at)
    if (end > bytes.length) throw new Error('the bytes end within an event')
    yield { hash: bytes.subarray(at + 4, start), payload: bytes.subarray(start, end) }
    at = end
  }
}

const HASH = 32
const FRAME_HEADER = 4 + HASH
const NEWLINE = 0x0a
