import { byteAt } from '../../../wire/byte-at.ts'
/**
 * The few frames of HTTP/2 (RFC 9113) that it takes to answer the first request of a connection without reading it: no header is decoded, and
 * those of the answer refer to the static table alone (RFC 7541, appendix A).
 */

export interface FrameHead {
  readonly type: number
  readonly stream: number
  /** Of the frame, its head included. */
  readonly bytes: number
}

export const frameTypes = { data: 0, headers: 1, settings: 4, goaway: 7 } as const

/** The head of the frame at the beginning of these bytes; undefined while it is not whole. */
export function readFrameHead(bytes: Buffer): FrameHead | undefined {
  if (bytes.length < HEAD) return undefined
  return {
    type: byteAt(bytes, 3),
    stream: bytes.readUInt32BE(5) & 0x7fff_ffff,
    bytes: HEAD + bytes.readUIntBE(0, 3),
  }
}

/** A whole answer on a stream, with the settings that a server begins with in front, and the end of the connection behind. */
export function encodeOnlyAnswer(stream: number, { status, contentType, body }: PlainAnswer): Buffer {
  const headers = Buffer.concat([
    literal(STATUS, String(status)),
    literal(CONTENT_TYPE, contentType),
    literal(CONTENT_LENGTH, String(body.length)),
  ])
  const last = Buffer.alloc(8)
  last.writeUInt32BE(stream)
  return Buffer.concat([
    frame(frameTypes.settings, 0, 0, EMPTY),
    frame(frameTypes.settings, ACK, 0, EMPTY),
    frame(frameTypes.headers, END_HEADERS, stream, headers),
    frame(frameTypes.data, END_STREAM, stream, body),
    frame(frameTypes.goaway, 0, 0, last),
  ])
}

/** No longer than a frame may be by default: 16 KiB. */
export interface PlainAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A literal header field without indexing whose name is in the static table (RFC 7541, section 6.2.2); the value is not Huffman coded. */
function literal(nameIndex: number, value: string): Buffer {
  const name = nameIndex < 15 ? [nameIndex] : [15, nameIndex - 15]
  return Buffer.concat([Buffer.from([...name, value.length]), Buffer.from(value, 'latin1')])
}

const HEAD = 9
const ACK = 1
const END_STREAM = 1
const END_HEADERS = 4
const STATUS = 8
const CONTENT_LENGTH = 28
const CONTENT_TYPE = 31
const EMPTY = Buffer.alloc(0)
