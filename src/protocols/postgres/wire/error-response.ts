import type { Codec } from '../../../wire/codec.ts'
import type { ByteReader } from '../../../wire/byte-reader.ts'
import type { ByteWriter } from '../../../wire/byte-writer.ts'
import { WireError } from '../../../wire/wire-error.ts'

/** The fields of ErrorResponse and NoticeResponse, by their one-letter type. Spec: Error and Notice Message Fields. */
export type ErrorFields = ReadonlyMap<string, string>

export interface ErrorResponse {
  readonly type: 'error-response'
  readonly fields: ErrorFields
}

/** ErrorResponse ('E'), sent by the server. Spec: Message Formats, ErrorResponse. */
export const errorResponse: Codec<ErrorResponse> = {
  tag: 0x45, // 'E'
  decode: (body) => ({ type: 'error-response', fields: readFields(body) }),
  encode: (message, out) => writeFields(message.fields, out),
}

export interface NoticeResponse {
  readonly type: 'notice-response'
  readonly fields: ErrorFields
}

/** NoticeResponse ('N'), sent by the server at any message boundary. Spec: Message Formats, NoticeResponse. */
export const noticeResponse: Codec<NoticeResponse> = {
  tag: 0x4e, // 'N'
  decode: (body) => ({ type: 'notice-response', fields: readFields(body) }),
  encode: (message, out) => writeFields(message.fields, out),
}

/**
 * The SQLSTATE and the message, read from the bytes of the body: until a session has agreed on an encoding, the texts may be in any
 * encoding. A message without its terminator is a WireError.
 */
export function briefError(body: Buffer): { readonly sqlstate: string | undefined; readonly message: string } {
  let code: string | undefined
  let message = ''
  let at = 0
  for (let type = body[at]; type !== 0; type = body[at]) {
    const end = type === undefined ? -1 : body.indexOf(0, at + 1)
    if (end < 0) throw new WireError('ErrorResponse: it does not end')
    if (type === CODE) code = body.toString('latin1', at + 1, end)
    if (type === MESSAGE) message = body.toString('utf8', at + 1, Math.min(end, at + 1 + MAX_BRIEF_MESSAGE))
    at = end + 1
  }
  if (at + 1 !== body.length) throw new WireError('ErrorResponse: bytes too many')
  return { sqlstate: code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : undefined, message }
}

/**
 * The fields of an error or notice of the gateway itself. SQLSTATE as in the manual's appendix A; 'V' repeats the severity, never
 * translated.
 */
export function reportFields(report: {
  severity: 'ERROR' | 'FATAL' | 'NOTICE' | 'WARNING'
  sqlstate: string
  message: string
  detail?: string | undefined
  hint?: string | undefined
  /** In characters from the beginning of the text, starting at 1. */
  position?: number | undefined
  /** The routine in the source that reported it; for the gateway's own errors, the error code. */
  routine?: string | undefined
}): ErrorFields {
  const fields = new Map([
    ['S', report.severity],
    ['V', report.severity],
    ['C', report.sqlstate],
    ['M', report.message],
  ])
  if (report.detail !== undefined) fields.set('D', report.detail)
  if (report.hint !== undefined) fields.set('H', report.hint)
  if (report.position !== undefined) fields.set('P', String(report.position))
  if (report.routine !== undefined) fields.set('R', report.routine)
  return fields
}

function readFields(body: ByteReader): ErrorFields {
  const fields = new Map<string, string>()
  for (let type = body.uint8(); type !== 0; type = body.uint8()) fields.set(String.fromCharCode(type), body.cstring())
  return fields
}

function writeFields(fields: ErrorFields, out: ByteWriter): void {
  for (const [type, value] of fields) {
    out.uint8(type.charCodeAt(0))
    out.cstring(value.replaceAll('\0', ''))
  }
  out.uint8(0)
}

const CODE = 0x43 // 'C'
const MESSAGE = 0x4d // 'M'
/** In bytes. */
const MAX_BRIEF_MESSAGE = 500
