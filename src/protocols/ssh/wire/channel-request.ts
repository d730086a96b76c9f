import { ByteReader } from '../../../wire/byte-reader.ts'

/** A request on a channel as it came (RFC 4254, section 5.4). */
export interface ChannelRequest {
  readonly channel: number
  readonly type: string
  readonly wantsReply: boolean
  readonly data: Buffer
}

/** `pty-req` (RFC 4254, section 6.2). */
export const encodeTerminal = (
  { term, cols, rows, width, height }: TerminalSize & { readonly term: string },
  modes: Buffer,
): Buffer => Buffer.concat([string(term), ...[cols, rows, width, height].map(uint32), string(modes)])

/** `window-change` (RFC 4254, section 6.7). */
export const encodeSize = ({ cols, rows, width, height }: TerminalSize): Buffer =>
  Buffer.concat([cols, rows, width, height].map(uint32))

export interface TerminalSize {
  readonly cols: number
  readonly rows: number
  readonly width: number
  readonly height: number
}

export function string(value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([uint32(bytes.length), bytes])
}

/**
 * Encoded terminal modes (RFC 4254, section 8) up to their end: opcodes 1 to 159 have a number each, and what follows one
 * that is not defined cannot be read. Modes that are not known here are the target's to ignore.
 */
export function readModes(encoded: Buffer): Buffer {
  let at = 0
  while (at + 5 <= encoded.length) {
    const opcode = encoded.readUInt8(at)
    if (opcode === END_OF_MODES || opcode > LAST_MODE) break
    at += 5
  }
  return Buffer.concat([encoded.subarray(0, at), Buffer.from([END_OF_MODES])])
}

export function decodeRequest(payload: Buffer): ChannelRequest | undefined {
  return reading(payload.subarray(1), (reader) => {
    const channel = reader.uint32()
    const type = reader.bytes(reader.uint32()).toString('latin1')
    const wantsReply = reader.bytes(1)[0] !== 0
    return { channel, type, wantsReply, data: Buffer.from(reader.rest()) }
  })
}

export const encodeRequest = ({ channel, type, wantsReply, data }: ChannelRequest): Buffer =>
  Buffer.concat([
    Buffer.from([CHANNEL_REQUEST]),
    uint32(channel),
    string(type),
    Buffer.from([wantsReply ? 1 : 0]),
    data,
  ])

/** The modes of a `pty-req`, and the request with none. */
export const decodeTerminal = (data: Buffer): { modes: Buffer; withoutModes: Buffer } | undefined =>
  reading(data, (reader) => {
    reader.bytes(reader.uint32())
    reader.bytes(16)
    const rest = reader.rest()
    const modes = stringOf(rest)
    if (modes === undefined) return undefined
    const before = data.subarray(0, data.length - rest.length)
    return { modes: readModes(modes), withoutModes: Buffer.concat([before, string(Buffer.from([END_OF_MODES]))]) }
  })

export const stringOf = (data: Buffer): Buffer | undefined =>
  reading(data, (reader) => Buffer.from(reader.bytes(reader.uint32())))

export function signalOf(data: Buffer): { name: string } | undefined {
  const name = stringOf(data)
  return name && { name: name.toString('latin1') }
}

export const sizeOf = (data: Buffer): TerminalSize | undefined =>
  reading(data, (reader) => {
    const [cols, rows, width, height] = [reader.uint32(), reader.uint32(), reader.uint32(), reader.uint32()]
    return { cols, rows, width, height }
  })

function reading<T>(bytes: Buffer, read: (reader: ByteReader) => T): T | undefined {
  try {
    return read(new ByteReader(bytes, 'SSH channel request'))
  } catch {
    return undefined
  }
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

/** SSH_MSG_CHANNEL_REQUEST. */
export const CHANNEL_REQUEST = 98
const END_OF_MODES = 0
const LAST_MODE = 159
