import type { Codec } from '../codec.ts'
import type { ByteReader } from '../byte-reader.ts'
import type { ByteWriter } from '../byte-writer.ts'

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

/** What we answer ourselves. SQLSTATE as in the manual's appendix A; 'V' repeats the severity, never translated. */
export function reportFields(report: {
  severity: 'ERROR' | 'FATAL' | 'NOTICE' | 'WARNING'
  sqlstate: string
  message: string
  detail?: string
  hint?: string | undefined
}): ErrorFields {
  const fields = new Map([
    ['S', report.severity],
    ['V', report.severity],
    ['C', report.sqlstate],
    ['M', report.message],
  ])
  if (report.detail !== undefined) fields.set('D', report.detail)
  if (report.hint !== undefined) fields.set('H', report.hint)
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
