import { ByteReader } from '../../../wire/byte-reader.ts'
import { ByteWriter } from '../../../wire/byte-writer.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { capabilities, has } from './capabilities.ts'

/** The client's answer to the greeting. Spec: Protocol::HandshakeResponse41; MariaDB, "Connection", Handshake Response Packet. */
export interface HandshakeResponse {
  readonly type: 'response'
  readonly capabilities: number
  readonly maxPacket: number
  readonly collation: number
  /** Names are bytes in the character set of the collation. */
  readonly user: Buffer
  readonly authentication: Buffer
  readonly database: Buffer | undefined
  /** Name of the method that `authentication` is for. */
  readonly plugin: string | undefined
  /** Connection attributes; undefined if there are none. */
  readonly attributes: readonly (readonly [name: Buffer, value: Buffer])[] | undefined
}

/** The beginning of a response, after which TLS begins. Spec: Protocol::SSLRequest. */
export interface TlsRequest {
  readonly type: 'tls-request'
  readonly capabilities: number
  readonly maxPacket: number
  readonly collation: number
}

export function readHandshakeResponse(payload: Buffer): HandshakeResponse | TlsRequest {
  const body = new ByteReader(payload, 'handshake response')
  if (payload.length < 4) throw new WireError('handshake response: shorter than its fields')
  if (!has(payload.readUInt16LE(0), capabilities.protocol41))
    throw new WireError('handshake response: the client is older than MySQL 4.1')
  const flags = body.uint32le()
  const [maxPacket, collation] = [body.uint32le(), body.uint8()]
  body.bytes(RESERVED)
  const begun = { capabilities: flags, maxPacket, collation }
  if (has(flags, capabilities.ssl) && body.left === 0) return { type: 'tls-request', ...begun }
  const user = body.zeroTerminated()
  const authentication = has(flags, capabilities.pluginAuthLengthEncoded)
    ? body.lengthEncodedBytes()
    : has(flags, capabilities.secureConnection)
      ? body.bytes(body.uint8())
      : body.zeroTerminated()
  const database = has(flags, capabilities.connectWithDatabase) ? body.zeroTerminated() : undefined
  const plugin = has(flags, capabilities.pluginAuth) ? body.zeroTerminated().toString('latin1') : undefined
  const attributes = has(flags, capabilities.connectAttributes) ? readAttributes(body) : undefined
  body.end()
  return { type: 'response', ...begun, user, authentication, database, plugin, attributes }
}

export function readAttributes(body: ByteReader): readonly (readonly [Buffer, Buffer])[] {
  const pairs = new ByteReader(body.lengthEncodedBytes(), 'connection attributes')
  const attributes: (readonly [Buffer, Buffer])[] = []
  while (pairs.left > 0) attributes.push([pairs.lengthEncodedBytes(), pairs.lengthEncodedBytes()])
  return attributes
}

/** The capabilities determine which fields are present. */
export function encodeHandshakeResponse(message: HandshakeResponse | TlsRequest): Buffer {
  const out = new ByteWriter()
  const flags = message.capabilities
  out.uint32le(flags)
  out.uint32le(message.maxPacket)
  out.uint8(message.collation)
  out.bytes(Buffer.alloc(RESERVED))
  if (message.type === 'tls-request') return out.finish()
  zeroTerminated(out, message.user)
  if (has(flags, capabilities.pluginAuthLengthEncoded)) out.lengthEncodedBytes(message.authentication)
  else if (has(flags, capabilities.secureConnection)) {
    if (message.authentication.length > 0xff) throw new WireError('handshake response: the proof is too long')
    out.uint8(message.authentication.length)
    out.bytes(message.authentication)
  } else zeroTerminated(out, message.authentication)
  if (has(flags, capabilities.connectWithDatabase)) zeroTerminated(out, message.database ?? Buffer.alloc(0))
  if (has(flags, capabilities.pluginAuth)) out.cstring(message.plugin ?? '')
  if (has(flags, capabilities.connectAttributes)) {
    const pairs = new ByteWriter()
    for (const [name, value] of message.attributes ?? []) {
      pairs.lengthEncodedBytes(name)
      pairs.lengthEncodedBytes(value)
    }
    out.lengthEncodedBytes(pairs.finish())
  }
  return out.finish()
}

function zeroTerminated(out: ByteWriter, bytes: Buffer): void {
  if (bytes.includes(0)) throw new WireError('a string contains a zero byte')
  out.bytes(bytes)
  out.uint8(0)
}

/** The reserved bytes of MySQL. In the last four MariaDB's clients send extended capabilities, of which the gateway offers none. */
const RESERVED = 23
