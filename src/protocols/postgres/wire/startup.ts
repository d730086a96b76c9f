import { ByteReader } from '../../../wire/byte-reader.ts'
import { ByteWriter } from '../../../wire/byte-writer.ts'
import { WireError } from '../../../wire/wire-error.ts'

/**
 * The messages that open a connection: they have a length but no tag.
 * Spec: PostgreSQL manual, Message Formats: StartupMessage, SSLRequest, GSSENCRequest, CancelRequest.
 */
export type StartupPacket = StartupMessage | SslRequest | GssEncRequest | CancelRequest

export interface StartupMessage {
  readonly type: 'startup'
  readonly major: number
  readonly minor: number
  /** In the order sent; if a name occurs twice, its last value counts, as in the server. */
  readonly parameters: ReadonlyMap<string, string>
}
export interface SslRequest {
  readonly type: 'ssl-request'
}
export interface GssEncRequest {
  readonly type: 'gssenc-request'
}
export interface CancelRequest {
  readonly type: 'cancel-request'
  readonly processId: number
  /** 4 bytes in protocol 3.0, up to 256 in 3.2. */
  readonly secretKey: Buffer
}

/** The first packet in the buffer and the bytes it took; undefined while more bytes are needed. */
export function readStartupPacket(bytes: Buffer): { packet: StartupPacket; length: number } | undefined {
  if (bytes.length < 4) return undefined
  const length = bytes.readUInt32BE(0)
  // Checked before waiting for the body: a hostile length must not make the gateway wait or buffer.
  if (length < 8 || length > MAX_STARTUP_BYTES) throw new WireError(`start-up: a length of ${length} is not possible`)
  if (bytes.length < length) return undefined
  return { packet: decodeStartupPacket(new ByteReader(bytes.subarray(4, length), 'start-up')), length }
}

function decodeStartupPacket(body: ByteReader): StartupPacket {
  const code = body.uint32()
  switch (code) {
    case SSL_REQUEST:
      body.end()
      return { type: 'ssl-request' }
    case GSSENC_REQUEST:
      body.end()
      return { type: 'gssenc-request' }
    case CANCEL_REQUEST: {
      const processId = body.uint32()
      const secretKey = Buffer.from(body.rest())
      if (secretKey.length < 4 || secretKey.length > 256)
        throw new WireError('CancelRequest: a secret key has 4 to 256 bytes')
      return { type: 'cancel-request', processId, secretKey }
    }
  }
  const [major, minor] = [code >>> 16, code & 0xffff]
  if (major !== 3) throw new WireError(`start-up: protocol ${major}.${minor} is not spoken here, only 3.x`)
  const parameters = new Map<string, string>()
  for (let name = body.cstring(); name !== ''; name = body.cstring()) parameters.set(name, body.cstring())
  body.end()
  return { type: 'startup', major, minor, parameters }
}

export function encodeStartupPacket(packet: StartupPacket): Buffer {
  const out = new ByteWriter()
  out.uint32(0)
  switch (packet.type) {
    case 'ssl-request':
      out.uint32(SSL_REQUEST)
      break
    case 'gssenc-request':
      out.uint32(GSSENC_REQUEST)
      break
    case 'cancel-request':
      out.uint32(CANCEL_REQUEST)
      out.uint32(packet.processId)
      out.bytes(packet.secretKey)
      break
    case 'startup':
      out.uint32(packet.major * 65_536 + packet.minor)
      for (const [name, value] of packet.parameters) {
        out.cstring(name)
        out.cstring(value)
      }
      out.uint8(0)
      break
  }
  out.patchUint32(0, out.length)
  return out.finish()
}

const SSL_REQUEST = 80_877_103
const GSSENC_REQUEST = 80_877_104
const CANCEL_REQUEST = 80_877_102
/** MAX_STARTUP_PACKET_LENGTH in the server's postmaster.c. */
const MAX_STARTUP_BYTES = 10_000
