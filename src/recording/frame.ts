import { createHash, hash } from 'node:crypto'
import type { RecordedEvent } from './event.ts'

/**
 * An event in a segment: the length of its payload (uint32, big-endian), its hash (32 bytes), the payload. The payload is the event's JSON
 * in UTF-8; bytes of a terminal follow it after a newline, which one line of JSON never contains.
 */
export interface Frame {
  readonly hash: Buffer
  readonly payload: Buffer
}

/** The hash before the first event. It depends on the session, so that no event can be moved to another session's chain. */
export const firstHash = (session: string): Buffer =>
  createHash('sha256').update(`pamrec/2 session ${session}`).digest()

/** An event's hash covers the hash before it and its payload. */
export const nextHash = (previous: Buffer, payload: Buffer): Buffer =>
  createHash('sha256').update(previous).update(payload).digest()

/** The next frame of a chain, in one piece of memory: the hash directly before the payload. Few callers need one of the two alone. */
class ChainedFrame implements Frame {
  readonly entry: Buffer

  constructor(entry: Buffer) {
    this.entry = entry
  }

  get hash(): Buffer {
    return this.entry.subarray(0, HASH)
  }

  get payload(): Buffer {
    return this.entry.subarray(HASH)
  }

  /** Its length in a segment, in bytes. */
  get length(): number {
    return 4 + this.entry.length
  }
}

/** `json` is the event; see eventJson. */
export function nextFrame(previous: Buffer, json: string, data?: Uint8Array): ChainedFrame {
  const room = HASH + MAX_CHARACTER_LENGTH * json.length + (data === undefined ? 0 : 1 + data.length)
  const bytes = room > scratch.length ? Buffer.allocUnsafe(room) : scratch
  previous.copy(bytes)
  let end = HASH + bytes.write(json, HASH)
  if (data !== undefined) {
    bytes[end] = NEWLINE
    bytes.set(data, end + 1)
    end += 1 + data.length
  }
  const entry = Buffer.allocUnsafe(end)
  bytes.copy(entry, 0, 0, end)
  // A digest as a binary string costs half as much as one in a buffer.
  entry.write(hash('sha256', entry, 'binary'), 0, 'latin1')
  return new ChainedFrame(entry)
}

/** Throws if the payload is not an event. */
export function decodePayload(payload: Buffer): { event: RecordedEvent; data: Buffer | undefined } {
  const end = payload.indexOf(NEWLINE)
  const event = JSON.parse(payload.toString('utf8', 0, end < 0 ? payload.length : end)) as RecordedEvent
  return { event, data: end < 0 ? undefined : payload.subarray(end + 1) }
}

export function encodeFrames(frames: readonly Frame[]): Buffer {
  const out = Buffer.allocUnsafe(frames.reduce((sum, { payload }) => sum + FRAME_HEADER + payload.length, 0))
  let at = 0
  for (const { hash, payload } of frames) {
    at = out.writeUInt32BE(payload.length, at)
    at += hash.copy(out, at)
    at += payload.copy(out, at)
  }
  return out
}

/** The frames in these bytes. Throws if they end within a frame. */
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
/** The most UTF-8 bytes for one code unit of a string. */
const MAX_CHARACTER_LENGTH = 3
/** Scratch memory for encoding: it is copied in the same turn. */
const scratch = Buffer.allocUnsafeSlow(16_384)
