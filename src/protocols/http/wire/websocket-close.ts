import { isUtf8 } from 'node:buffer'
import { WireError } from '../../../wire/wire-error.ts'
import { byteAt } from '../../../wire/byte-at.ts'

/** What a close frame says. Spec: RFC 6455, section 5.5.1. */
export interface WebSocketClose {
  /** Undefined where it says nothing. */
  readonly code: number | undefined
  readonly reason: string
}

/** Codes that are sent (RFC 6455, section 7.4, and the registry of IANA). */
export const closeCodes = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  invalidPayload: 1007,
  policyViolation: 1008,
  messageTooBig: 1009,
  internalError: 1011,
  tryAgainLater: 1013,
} as const

/** A text that is not UTF-8 (RFC 6455, section 8.1). */
export class InvalidText extends WireError {}

/** Throws `InvalidText` where the payload of a text message is not UTF-8. */
export function checkText(payload: Buffer): void {
  if (!isUtf8(payload)) throw new InvalidText('a text message of a WebSocket is not UTF-8')
}

/** Reads the payload of a close frame; throws where it has half a code, one that nobody may send, or a reason that is not UTF-8. */
export function readClose(payload: Buffer): WebSocketClose {
  if (payload.length === 0) return { code: undefined, reason: '' }
  if (payload.length === 1) throw new WireError('a close frame of a WebSocket has half a code')
  const code = payload.readUInt16BE(0)
  if (!isSendable(code)) throw new WireError(`close frames of a WebSocket have no code ${code}`)
  const reason = payload.subarray(2)
  if (!isUtf8(reason)) throw new InvalidText('the reason in a close frame of a WebSocket is not UTF-8')
  return { code, reason: reason.toString('utf8') }
}

/** The payload of a close frame. A reason that is too long for it is cut between two characters. */
export function encodeClose({ code, reason }: WebSocketClose): Buffer {
  if (code === undefined) return Buffer.alloc(0)
  const text = Buffer.from(reason)
  let length = Math.min(text.length, MAX_REASON)
  // Within a character of UTF-8.
  while (length < text.length && (byteAt(text, length) & 0xc0) === 0x80) length--
  const head = Buffer.alloc(2)
  head.writeUInt16BE(code)
  return Buffer.concat([head, text.subarray(0, length)])
}

/** With which code an endpoint ends a connection whose other side has sent what cannot be read. */
export const codeOfViolation = (error: WireError): number =>
  error instanceof InvalidText
    ? closeCodes.invalidPayload
    : error.kind === 'too-large'
      ? closeCodes.messageTooBig
      : closeCodes.protocolError

/** 1004 to 1006 and 1015 never stand in a frame; codes up to 1014 are registered, those from 3000 on belong to libraries and applications. */
const isSendable = (code: number): boolean =>
  (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999)

/** A control frame holds 125 bytes. */
const MAX_REASON = 123
