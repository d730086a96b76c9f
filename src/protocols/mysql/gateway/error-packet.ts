import type { PamError } from '../../../shared/errors.ts'
import { mysqlErrors } from '../error-codes.ts'
import { encodeErr } from '../wire/err.ts'

/** Errors of the gateway, as a server would send them. The prefix marks them as the gateway's; texts are in utf8mb4. */
export function toErr(error: PamError): Buffer {
  const { errno, sqlstate } = mysqlErrors[error.code]
  // The server's own message, which ORMs look for.
  if (error.code === 'RELATION_MISSING') return nativeErr(errno, sqlstate, error.message)
  const text =
    // The server's own message for a statement that KILL QUERY ended: clients look for it.
    error.code === 'HOLD_WITHDRAWN' ? 'Query execution was interrupted' : error.message
  const hint = error.hint ?? (error.id === undefined ? undefined : `id ${error.id}`)
  const message = `pam: ${text}${hint === undefined ? '' : ` (${hint})`}`
  return encodeErr({ code: errno, sqlstate, message: Buffer.from(shortened(message)) })
}

/** An error as the server itself would send it. */
export const nativeErr = (code: number, sqlstate: string, message: string): Buffer =>
  encodeErr({ code, sqlstate, message: Buffer.from(message) })

/** MYSQL_ERRMSG_SIZE: clients truncate longer messages, even within a character. */
const shortened = (text: string): string =>
  text.length > MAX_ERROR_LENGTH ? `${text.slice(0, MAX_ERROR_LENGTH - 1)}…` : text
const MAX_ERROR_LENGTH = 400
