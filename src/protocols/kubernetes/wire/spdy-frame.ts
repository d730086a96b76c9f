import { ByteReader } from '../../../wire/byte-reader.ts'
import { PartialUnit } from '../../../wire/partial-unit.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { byteAt } from '../../../wire/byte-at.ts'

/**
 * Frames of SPDY/3.1, as far as exec, attach and port-forward use it. Header blocks are compressed across frames: they are left as they
 * are here (see spdy-headers.ts). Source: SPDY Protocol, Draft 3.1, section 2.6.
 */
export type SpdyFrame =
  | { readonly type: 'syn-stream'; readonly stream: number; readonly isLast: boolean; readonly block: Buffer }
  | { readonly type: 'syn-reply'; readonly stream: number; readonly isLast: boolean; readonly block: Buffer }
  | { readonly type: 'headers'; readonly stream: number; readonly isLast: boolean; readonly block: Buffer }
  | { readonly type: 'rst-stream'; readonly stream: number; readonly status: number }
  /** The settings themselves are of no concern to anybody here. */
  | { readonly type: 'settings' }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'go-away'; readonly lastStream: number; readonly status: number }
  | { readonly type: 'window-update'; readonly stream: number; readonly delta: number }
  | { readonly type: 'data'; readonly stream: number; readonly isLast: boolean; readonly bytes: Buffer }

/** Reads the frames of one direction. */
export class SpdyReader {
  readonly #held = new PartialUnit()

  get isIdle(): boolean {
    return this.#held.isEmpty
  }

  push(chunk: Buffer): SpdyFrame[] {
    let bytes = this.#held.join(chunk)
    if (bytes === undefined) return []
    const frames: SpdyFrame[] = []
    let wanted = HEAD_BYTES
    while (bytes.length >= HEAD_BYTES) {
      const isControl = (byteAt(bytes, 0) & 0x80) !== 0
      const length = bytes.readUIntBE(5, 3)
      if (length > (isControl ? MAX_CONTROL_BYTES : MAX_DATA_BYTES)) throw new WireError('a frame of SPDY is too long')
      wanted = HEAD_BYTES + length
      if (bytes.length < wanted) break
      const flags = byteAt(bytes, 4)
      const body = bytes.subarray(HEAD_BYTES, wanted)
      frames.push(
        isControl
          ? controlFrame(bytes.readUInt16BE(0) & 0x7fff, bytes.readUInt16BE(2), flags, body)
          : dataFrame(bytes.readUInt32BE(0), flags, body),
      )
      bytes = bytes.subarray(wanted)
      wanted = HEAD_BYTES
    }
    this.#held.keep(bytes, wanted)
    return frames
  }
}

function dataFrame(stream: number, flags: number, bytes: Buffer): SpdyFrame {
  return { type: 'data', stream: streamId(stream), isLast: isLast(flags), bytes }
}

function controlFrame(version: number, type: number, flags: number, body: Buffer): SpdyFrame {
  if (version !== 3) throw new WireError(`frames of SPDY/${version} are not supported`)
  const reader = new ByteReader(body, `frame ${type} of SPDY`)
  const read = READERS[type]
  if (read === undefined) throw new WireError(`frames of SPDY have no type ${type}`)
  const frame = read(reader, flags)
  if (reader.left > 0) throw new WireError(`frame ${type} of SPDY is too long`)
  return frame
}

const READERS: Readonly<Record<number, (body: ByteReader, flags: number) => SpdyFrame>> = {
  1: (body, flags) => {
    const stream = streamId(body.uint32())
    if (body.uint32() !== 0) throw new WireError('a stream of SPDY belongs to another one')
    // Priority, and the slot of a certificate that nobody uses.
    body.uint16()
    return { type: 'syn-stream', stream, isLast: isLast(flags), block: body.rest() }
  },
  2: (body, flags) => ({
    type: 'syn-reply',
    stream: streamId(body.uint32()),
    isLast: isLast(flags),
    block: body.rest(),
  }),
  3: (body, flags) => {
    noFlags(flags)
    return { type: 'rst-stream', stream: streamId(body.uint32()), status: body.uint32() }
  },
  4: (body) => {
    const count = body.uint32()
    if (body.left !== count * 8) throw new WireError('settings of SPDY are as many as they say')
    body.rest()
    return { type: 'settings' }
  },
  6: (body, flags) => {
    noFlags(flags)
    return { type: 'ping', id: body.uint32() }
  },
  7: (body, flags) => {
    noFlags(flags)
    return { type: 'go-away', lastStream: body.uint32() & 0x7fffffff, status: body.uint32() }
  },
  8: (body, flags) => ({
    type: 'headers',
    stream: streamId(body.uint32()),
    isLast: isLast(flags),
    block: body.rest(),
  }),
  9: (body, flags) => {
    noFlags(flags)
    return { type: 'window-update', stream: body.uint32() & 0x7fffffff, delta: body.uint32() & 0x7fffffff }
  },
}

/** Settings and window updates are never sent. */
export type SentSpdyFrame = Exclude<SpdyFrame, { readonly type: 'settings' | 'window-update' | 'headers' }>

export function encodeSpdyFrame(frame: SentSpdyFrame): Buffer {
  switch (frame.type) {
    case 'data': {
      const head = Buffer.alloc(HEAD_BYTES)
      head.writeUInt32BE(frame.stream, 0)
      head.writeUInt32BE(((frame.isLast ? LAST : 0) << 24) | frame.bytes.length, 4)
      return Buffer.concat([head, frame.bytes])
    }
    case 'syn-stream':
      return control(1, frame.isLast, Buffer.concat([uint32(frame.stream), Buffer.alloc(6), frame.block]))
    case 'syn-reply':
      return control(2, frame.isLast, Buffer.concat([uint32(frame.stream), frame.block]))
    case 'rst-stream':
      return control(3, false, Buffer.concat([uint32(frame.stream), uint32(frame.status)]))
    case 'ping':
      return control(6, false, uint32(frame.id))
    case 'go-away':
      return control(7, false, Buffer.concat([uint32(frame.lastStream), uint32(frame.status)]))
  }
}

function control(type: number, isLastFrame: boolean, body: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt16BE(0x8003, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt32BE(((isLastFrame ? LAST : 0) << 24) | body.length, 4)
  return Buffer.concat([head, body])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function streamId(value: number): number {
  const stream = value & 0x7fffffff
  if (stream === 0 || stream !== value) throw new WireError('a frame of SPDY names no stream')
  return stream
}

/** What else flags could say, such as that a stream has one direction alone, nobody here says. */
function isLast(flags: number): boolean {
  if ((flags & ~LAST) !== 0) throw new WireError('a frame of SPDY has unknown flags')
  return flags === LAST
}

function noFlags(flags: number): void {
  if (flags !== 0) throw new WireError('a frame of SPDY has unknown flags')
}

/** RST_STREAM: section 2.6.3. */
export const SPDY_REFUSED_STREAM = 3
export const SPDY_CANCEL = 5

const HEAD_BYTES = 8
const LAST = 1
const MAX_CONTROL_BYTES = 64 * 1024
const MAX_DATA_BYTES = 4 * 1024 * 1024
