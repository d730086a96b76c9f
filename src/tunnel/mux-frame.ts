/**
 * Frames of a shared tunnel, one or more in a binary message: type (uint8), channel (uint32), length of the payload (uint32),
 * the payload. Format: docs/tunnel.md.
 */
export const frameTypes = {
  open: 0,
  data: 1,
  credit: 2,
  text: 3,
  close: 4,
  accepted: 5,
  refused: 6,
  blocked: 7,
  closeAll: 8,
} as const
export type FrameType = (typeof frameTypes)[keyof typeof frameTypes]

/** The peer does not keep to the format: the connection cannot go on. */
export class MuxError extends Error {}

/** A whole frame, in memory of its own. */
export function encodeFrame(type: FrameType, id: number, payload: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(FRAME_HEADER + payload.length)
  writeFrameHeader(out, 0, type, id, payload.length)
  out.set(payload, FRAME_HEADER)
  return out
}

/** What stands before a payload, at this place. */
export function writeFrameHeader(out: Buffer, at: number, type: FrameType, id: number, length: number): void {
  out[at] = type
  out.writeUInt32BE(id, at + 1)
  out.writeUInt32BE(length, at + 5)
}

/** Calls `take` with each frame, in order; `payload` is a view into the message. Throws MuxError where the message is not made of frames. */
export function decodeFrames(message: Buffer, take: (type: FrameType, id: number, payload: Buffer) => void): void {
  const { length } = message
  for (let at = 0; at < length;) {
    const start = at + FRAME_HEADER
    if (start > length) throw new MuxError('a message that ends within a frame')
    const type = message[at] as number
    if (type > frameTypes.closeAll) throw new MuxError(`a frame of type ${type}`)
    const end = start + message.readUInt32BE(at + 5)
    if (end > length) throw new MuxError('a message that ends within a frame')
    take(type as FrameType, message.readUInt32BE(at + 1), message.subarray(start, end))
    at = end
  }
}

export const FRAME_HEADER = 9
