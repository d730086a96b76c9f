import type { PamError } from '../../../shared/errors.ts'
import { sqlstates } from '../sqlstates.ts'
import { reportFields } from '../wire/error-response.ts'
import { encodeError, encodeNotice } from '../wire/server-message.ts'

/** Errors and notices of the gateway, as PostgreSQL would send them. The prefix marks them as the gateway's. */
export function toErrorResponse(error: PamError, severity: 'ERROR' | 'FATAL' = 'ERROR'): Buffer {
  return encodeError(
    reportFields({
      severity,
      sqlstate: sqlstates[error.code],
      // The server's own message for a statement that Ctrl-C cancelled: clients look for it.
      message: `pam: ${error.code === 'HOLD_WITHDRAWN' ? 'canceling statement due to user request' : error.message}`,
      hint: error.hint ?? (error.id === undefined ? undefined : `id ${error.id}`),
      routine: error.code,
    }),
  )
}

export function toNotice(message: string, hint?: string): Buffer {
  return encodeNotice(reportFields({ severity: 'NOTICE', sqlstate: '00000', message: `pam: ${message}`, hint }))
}

/** An error with the SQLSTATE that the server itself would use. */
export function nativeError(sqlstate: string, message: string, position?: number): Buffer {
  return encodeError(reportFields({ severity: 'ERROR', sqlstate, message, position }))
}
