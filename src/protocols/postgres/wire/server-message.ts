import { ByteReader } from '../../../wire/byte-reader.ts'
import { ByteWriter } from '../../../wire/byte-writer.ts'
import type { Codec } from '../../../wire/codec.ts'
import { authentication } from './authentication.ts'
import { errorResponse, noticeResponse, type ErrorFields } from './error-response.ts'
import {
  backendKeyDataCodec,
  parameterStatusCodec,
  readyForQueryCodec,
  type TransactionStatus,
} from './session-start.ts'

/** The tags of what a server sends. Spec: Message Formats. */
export const serverTags = {
  authentication: 0x52, // 'R'
  backendKeyData: 0x4b, // 'K'
  bindComplete: 0x32, // '2'
  closeComplete: 0x33, // '3'
  commandComplete: 0x43, // 'C'
  copyBothResponse: 0x57, // 'W'
  copyData: 0x64, // 'd'
  copyDone: 0x63, // 'c'
  copyInResponse: 0x47, // 'G'
  copyOutResponse: 0x48, // 'H'
  dataRow: 0x44, // 'D'
  emptyQueryResponse: 0x49, // 'I'
  errorResponse: 0x45, // 'E'
  functionCallResponse: 0x56, // 'V'
  negotiateProtocolVersion: 0x76, // 'v'
  noData: 0x6e, // 'n'
  noticeResponse: 0x4e, // 'N'
  notificationResponse: 0x41, // 'A'
  parameterDescription: 0x74, // 't'
  parameterStatus: 0x53, // 'S'
  parseComplete: 0x31, // '1'
  portalSuspended: 0x73, // 's'
  readyForQuery: 0x5a, // 'Z'
  rowDescription: 0x54, // 'T'
} as const

export type { TransactionStatus }

/** A whole message, tag and length included. */
export function encodeMessage<Message>(codec: Codec<Message>, message: Message): Buffer {
  return encodeBody(codec.tag, (out) => codec.encode(message, out))
}

export function decodeMessage<Message>(codec: Pick<Codec<Message>, 'decode'>, body: Buffer, what: string): Message {
  const reader = new ByteReader(body, what)
  const message = codec.decode(reader)
  reader.end()
  return message
}

export const encodeError = (fields: ErrorFields): Buffer =>
  encodeMessage(errorResponse, { type: 'error-response', fields })

export const encodeNotice = (fields: ErrorFields): Buffer =>
  encodeMessage(noticeResponse, { type: 'notice-response', fields })

export const authenticationOk = (): Buffer => encodeMessage(authentication, { type: 'authentication', method: 'ok' })

export const authenticationCleartextPassword = (): Buffer =>
  encodeMessage(authentication, { type: 'authentication', method: 'cleartext-password' })

export const parameterStatus = (name: string, value: string): Buffer =>
  encodeMessage(parameterStatusCodec, { type: 'parameter-status', name, value })

export const backendKeyData = (processId: number, secretKey: Buffer): Buffer =>
  encodeMessage(backendKeyDataCodec, { type: 'backend-key-data', processId, secretKey })

export const readyForQuery = (status: TransactionStatus): Buffer =>
  encodeMessage(readyForQueryCodec, { type: 'ready-for-query', status })

/** NegotiateProtocolVersion: the newest minor version that the gateway supports, and the protocol options that it did not recognise. */
export const negotiateProtocolVersion = (minor: number, options: readonly string[]): Buffer =>
  encodeBody(serverTags.negotiateProtocolVersion, (out) => {
    out.uint32(3 * 65_536 + minor)
    out.uint32(options.length)
    for (const option of options) out.cstring(option)
  })

function encodeBody(tag: number, write: (out: ByteWriter) => void): Buffer {
  const out = new ByteWriter()
  out.uint8(tag)
  out.uint32(0)
  write(out)
  out.patchUint32(1, out.length - 1)
  return out.finish()
}
