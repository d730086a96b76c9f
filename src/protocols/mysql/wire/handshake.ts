import { ByteReader } from '../../../wire/byte-reader.ts'
import { ByteWriter } from '../../../wire/byte-writer.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { capabilities, has } from './capabilities.ts'

/**
 * The greeting of a server, version 10. MariaDB's extended capabilities, in reserved bytes, are ignored, and are zero in the gateway's
 * greeting. Spec: Protocol::HandshakeV10; MariaDB, "Connection", Initial Handshake Packet.
 */
export interface Handshake {
  readonly version: string
  readonly threadId: number
  /** Random bytes for the proof of a password: 20. */
  readonly scramble: Buffer
  readonly capabilities: number
  readonly collation: number
  readonly status: number
  /** Name of the authentication method. */
  readonly plugin: string
}

export function readHandshake(payload: Buffer): Handshake {
  const body = new ByteReader(payload, 'greeting')
  const protocol = body.uint8()
  if (protocol !== PROTOCOL) throw new WireError(`greeting: protocol ${protocol} is not supported`)
  const version = asciiOf(body.zeroTerminated(), 'its version')
  const threadId = body.uint32le()
  const first = body.bytes(8)
  if (body.uint8() !== 0) throw new WireError('greeting: its filler is not zero')
  const lower = body.uint16le()
  const collation = body.uint8()
  const status = body.uint16le()
  const flags = (lower | (body.uint16le() << 16)) >>> 0
  const length = body.uint8()
  body.bytes(10)
  if (!has(flags, capabilities.secureConnection) || !has(flags, capabilities.protocol41))
    throw new WireError('greeting: the server is older than MySQL 4.1')
  const second = body.bytes(Math.max(13, length - 8))
  const plugin = has(flags, capabilities.pluginAuth) ? pluginName(body) : 'mysql_native_password'
  return { version, threadId, scramble: scrambleOf(first, second), capabilities: flags, collation, status, plugin }
}

/** Some servers omit the final zero. Source: MySQL bug 59453. */
function pluginName(body: ByteReader): string {
  const rest = body.rest()
  const end = rest.indexOf(0)
  return asciiOf(end < 0 ? rest : rest.subarray(0, end), 'its authentication method')
}

/** Twenty bytes, and a zero that ends them. */
function scrambleOf(first: Buffer, second: Buffer): Buffer {
  const scramble = Buffer.concat([first, second.subarray(0, SCRAMBLE - first.length)])
  if (scramble.length !== SCRAMBLE) throw new WireError('greeting: its scramble is too short')
  return scramble
}

export function encodeHandshake(handshake: Handshake): Buffer {
  const out = new ByteWriter()
  out.uint8(PROTOCOL)
  out.cstring(handshake.version)
  out.uint32le(handshake.threadId)
  out.bytes(handshake.scramble.subarray(0, 8))
  out.uint8(0)
  out.uint16le(handshake.capabilities & 0xffff)
  out.uint8(handshake.collation)
  out.uint16le(handshake.status)
  out.uint16le(handshake.capabilities >>> 16)
  out.uint8(SCRAMBLE + 1)
  out.bytes(Buffer.alloc(10))
  out.bytes(handshake.scramble.subarray(8, SCRAMBLE))
  out.uint8(0)
  out.cstring(handshake.plugin)
  return out.finish()
}

function asciiOf(bytes: Buffer, what: string): string {
  if (bytes.some((byte) => byte < 0x20 || byte > 0x7e)) throw new WireError(`greeting: ${what} is not ASCII`)
  return bytes.toString('latin1')
}

const PROTOCOL = 10
export const SCRAMBLE = 20
