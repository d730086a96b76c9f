import { connect } from 'node:net'
import { PREFACE } from '../../src/protocols/http/wire/preface.ts'

/** Frames of HTTP/2 as no library would send them. */
export const frameTypes = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const
export const END_STREAM = 1
export const END_HEADERS = 4

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

export type RawFields = readonly (readonly [name: string, value: string])[]

/** Fields as literals without indexing (RFC 7541, section 6.2.2), in whatever characters they are. */
export const fields = (list: RawFields): Buffer =>
  Buffer.concat(list.map(([name, value]) => Buffer.concat([Buffer.from([0]), text(name), text(value)])))

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  return Buffer.concat([integer(bytes.length, 7), bytes])
}

/** Source: RFC 7541, section 5.1. */
export function integer(value: number, prefixBits: number, flags = 0): Buffer {
  const most = 2 ** prefixBits - 1
  if (value < most) return Buffer.from([flags | value])
  const bytes = [flags | most]
  let rest = value - most
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

/** How a client begins. */
export const BEGINNING = Buffer.concat([PREFACE, frame(frameTypes.settings, 0, 0)])

/** One request on a stream. */
export function request(
  stream: number,
  head: RawFields,
  { body, trailers }: { body?: string; trailers?: RawFields } = {},
): Buffer {
  const isWhole = body === undefined && trailers === undefined
  return Buffer.concat([
    frame(frameTypes.headers, END_HEADERS | (isWhole ? END_STREAM : 0), stream, fields(head)),
    ...(body === undefined
      ? []
      : [frame(frameTypes.data, trailers === undefined ? END_STREAM : 0, stream, Buffer.from(body, 'latin1'))]),
    ...(trailers === undefined ? [] : [frame(frameTypes.headers, END_HEADERS | END_STREAM, stream, fields(trailers))]),
  ])
}

export interface SeenFrame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export function framesIn(bytes: Buffer): SeenFrame[] {
  const seen: SeenFrame[] = []
  for (let at = 0; at + 9 <= bytes.length;) {
    const length = bytes.readUIntBE(at, 3)
    const payload = bytes.subarray(at + 9, at + 9 + length)
    seen.push({ type: bytes[at + 3] ?? 0, flags: bytes[at + 4] ?? 0, stream: bytes.readUInt32BE(at + 5), payload })
    at += 9 + length
  }
  return seen
}

/** Sends these bytes, and gives the frames that come until the stream ends in one way or another, or the connection does. */
export function talk(port: number, bytes: Buffer, stream = 1): Promise<SeenFrame[]> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let received = Buffer.alloc(0)
    const isLast = ({ type, flags, stream: of }: SeenFrame): boolean =>
      type === frameTypes.goaway ||
      (of === stream &&
        (type === frameTypes.rstStream ||
          ((type === frameTypes.data || type === frameTypes.headers) && (flags & END_STREAM) !== 0)))
    const done = (): void => {
      socket.destroy()
      resolve(framesIn(received))
    }
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (framesIn(received).some(isLast)) done()
    })
    socket.on('error', done)
    socket.on('close', done)
  })
}

/** What the bodies of answers say. */
export const bodyText = (frames: readonly SeenFrame[]): string =>
  Buffer.concat(frames.filter(({ type }) => type === frameTypes.data).map(({ payload }) => payload)).toString('latin1')
