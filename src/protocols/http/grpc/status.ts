import type { ErrorCode } from '../../../shared/error-codes.ts'
import type { Header } from '../wire/headers.ts'
import { problemStatuses, type ProblemReason } from '../problem.ts'

/** Source: github.com/grpc/grpc, doc/statuscodes.md. */
export const statusCodes = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const

/** `grpc-status` and `grpc-message` of a refusal: what a problem says, in one line. */
export function statusHeaders({ code, message, hint, id }: ProblemReason): Header[] {
  const isNamed = id === undefined || hint?.includes(id) === true
  const more = [hint, isNamed ? undefined : `decision ${id}`].filter((part) => part !== undefined)
  const text = `${code}: ${message}${more.length === 0 ? '' : ` (${more.join('; ')})`}`
  return [
    ['grpc-status', String(statusOf(code))],
    ['grpc-message', encodeMessage(text)],
  ]
}

/** The status that says to a client of gRPC what the status of a problem says to one of HTTP. */
export function statusOf(code: ErrorCode): number {
  const special = SPECIAL[code]
  return special ?? BY_HTTP_STATUS.get(problemStatuses[code]) ?? statusCodes.INTERNAL
}

/** `Status-Message`: UTF-8, in percent encoding but for what is plain ASCII (PROTOCOL-HTTP2.md, Responses). */
export const encodeMessage = (text: string): string =>
  Array.from(Buffer.from(text, 'utf8'), (byte) =>
    byte >= 0x20 && byte <= 0x7e && byte !== PERCENT
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('')

const PERCENT = 0x25
const SPECIAL: Partial<Record<ErrorCode, number>> = {
  FEATURE_REFUSED: statusCodes.UNIMPLEMENTED,
  HOLD_WITHDRAWN: statusCodes.CANCELLED,
  APPROVAL_VOID: statusCodes.ABORTED,
}
const BY_HTTP_STATUS: ReadonlyMap<number, number> = new Map([
  [400, statusCodes.INVALID_ARGUMENT],
  [401, statusCodes.UNAUTHENTICATED],
  [403, statusCodes.PERMISSION_DENIED],
  [404, statusCodes.NOT_FOUND],
  [409, statusCodes.ABORTED],
  [413, statusCodes.RESOURCE_EXHAUSTED],
  [426, statusCodes.FAILED_PRECONDITION],
  [429, statusCodes.RESOURCE_EXHAUSTED],
  [502, statusCodes.UNAVAILABLE],
  [503, statusCodes.UNAVAILABLE],
])
