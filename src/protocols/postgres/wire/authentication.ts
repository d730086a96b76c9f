import type { ByteReader } from '../../../wire/byte-reader.ts'
import type { ByteWriter } from '../../../wire/byte-writer.ts'
import type { Codec } from '../../../wire/codec.ts'
import { WireError } from '../../../wire/wire-error.ts'

/** Authentication ('R'), sent by the server during login. Spec: Message Formats, Authentication*. */
export type Authentication = { readonly type: 'authentication' } & (
  | { readonly method: 'ok' | 'cleartext-password' }
  | { readonly method: 'md5-password'; readonly salt: Buffer }
  | { readonly method: 'sasl'; readonly mechanisms: readonly string[] }
  | { readonly method: 'sasl-continue' | 'sasl-final'; readonly data: Buffer }
  /** Kerberos, GSSAPI, SSPI and every other method: the gateway does not log in with them. */
  | { readonly method: 'unsupported'; readonly code: number }
)

export const authentication: Codec<Authentication> = {
  tag: 0x52, // 'R'
  decode: (body) => ({ type: 'authentication', ...readMethod(body) }),
  encode(message, out) {
    out.uint32(message.method === 'unsupported' ? message.code : CODES[message.method])
    writeMethod(message, out)
  },
}

type Method = Authentication extends infer Message
  ? Message extends Authentication
    ? Omit<Message, 'type'>
    : never
  : never

function readMethod(body: ByteReader): Method {
  const code = body.uint32()
  switch (code) {
    case CODES.ok:
      return { method: 'ok' }
    case CODES['cleartext-password']:
      return { method: 'cleartext-password' }
    case CODES['md5-password']:
      return { method: 'md5-password', salt: Buffer.from(body.bytes(4)) }
    case CODES.sasl:
      return { method: 'sasl', mechanisms: readMechanisms(body) }
    case CODES['sasl-continue']:
      return { method: 'sasl-continue', data: Buffer.from(body.rest()) }
    case CODES['sasl-final']:
      return { method: 'sasl-final', data: Buffer.from(body.rest()) }
    default:
      body.rest()
      return { method: 'unsupported', code }
  }
}

function readMechanisms(body: ByteReader): string[] {
  const mechanisms: string[] = []
  for (let name = body.cstring(); name !== ''; name = body.cstring()) {
    if (mechanisms.push(name) > MAX_MECHANISMS) throw new WireError('AuthenticationSASL: too many mechanisms')
  }
  return mechanisms
}

function writeMethod(message: Authentication, out: ByteWriter): void {
  if (message.method === 'md5-password') out.bytes(message.salt)
  else if (message.method === 'sasl-continue' || message.method === 'sasl-final') out.bytes(message.data)
  else if (message.method === 'sasl') {
    for (const mechanism of message.mechanisms) out.cstring(mechanism)
    out.uint8(0)
  }
}

const CODES = {
  ok: 0,
  'cleartext-password': 3,
  'md5-password': 5,
  sasl: 10,
  'sasl-continue': 11,
  'sasl-final': 12,
} as const
/** PostgreSQL offers at most two. */
const MAX_MECHANISMS = 16
