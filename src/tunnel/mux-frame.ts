/**
 * Frames of a shared tunnel, one or more in a binary message: type (uint8), channel (uint32), length of the payload (uint32),
 * the payload. Format: docs/tunnel.md.
 */
export interface MuxFrame {
  readonly type: FrameType
  readonly id: number
  /** A view into the message. */
  readonly payload: Buffer
}

export const frameTypes = {
  open: 0,
  data: 1,
  credit: 2,
  text: 3,
  close: 4,
  accepted: 5,
  refused: 6,
  blocked: 7,
} as const
export type FrameType = (typeof frameTypes)[keyof typeof frameTypes]

/** The peer does not keep to the format: the connection cannot go on. */
export class MuxError extends Error {}

/** A whole frame, in memory of its own. */
export function encodeFrame(type: FrameType, id: number, payload: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(HEADER + payload.length)
  writeHeader(out, type, id, payload.length)
  out.set(payload, HEADER)
  return out
}

/** What stands before a payload that follows by itself. */
export function frameHeader(type: FrameType, id: number, length: number): Buffer {
  const out = Buffer.allocUnsafe(HEADER)
  writeHeader(out, type, id, length)
  return out
}

function writeHeader(out: Buffer, type: FrameType, id: number, length: number): void {
  out[0] = type
  out.writeUInt32BE(id, 1)
  out.writeUInt32BE(length, 5)
}

/** Throws MuxError where the message is not made of frames. */
export function* decodeFrames(message: Buffer): Generator<MuxFrame, void, undefined> {
  for (let at = 0; at < message.length;) {
    const start = at + HEADER
    if (start > message.length) throw new MuxError('a message that ends within a frame')
    const type = message[at] as number
    if (type > frameTypes.blocked) throw new MuxError(`a frame of type ${type}`)
    const end = start + message.readUInt32BE(at + 5)
    if (end > message.length) throw new MuxError('a message that ends within a frame')
    yield { type: type as FrameType, id: message.readUInt32BE(at + 1), payload: message.subarray(start, end) }
    at = end
  }
}

const HEADER = 9
