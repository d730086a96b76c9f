import type { PamError } from '../../../shared/errors.ts'
import type { StatementFacts } from '../dialect/statement-facts.ts'
import { sqlstates } from '../sqlstates.ts'
import { reportFields } from '../wire/error-response.ts'
import { encodeError, encodeNotice } from '../wire/server-message.ts'

/**
 * Errors and notices of the gateway, as PostgreSQL would send them. The prefix marks them as the gateway's.
 *
 * @param detail a sentence on what it means for the session
 */
export function toErrorResponse(error: PamError, severity: 'ERROR' | 'FATAL' = 'ERROR', detail?: string): Buffer {
  const isWithdrawn = error.code === 'HOLD_WITHDRAWN'
  return encodeError(
    reportFields({
      severity,
      sqlstate: sqlstates[error.code],
      // The server's own message for a statement that Ctrl-C cancelled: clients look for it.
      message: `pam: ${isWithdrawn ? 'canceling statement due to user request' : error.message}`,
      detail: sentences(isWithdrawn ? 'The request for approval was withdrawn.' : undefined, detail),
      hint: error.hint ?? (error.id === undefined ? undefined : `id ${error.id}`),
      routine: error.code,
    }),
  )
}

/**
 * The error for a message that the target does not get. An error of the server would abort an open transaction; this leaves it as it is, which
 * clients see by the status only.
 */
export const toRefusal = (error: PamError, isInTransaction: boolean): Buffer =>
  toErrorResponse(error, 'ERROR', isInTransaction ? IN_TRANSACTION : undefined)

const IN_TRANSACTION = 'Nothing of this ran, and the transaction is still open.'

const sentences = (...said: readonly (string | undefined)[]): string | undefined =>
  said.filter((one) => one !== undefined).join(' ') || undefined

export function toNotice(message: string, hint?: string): Buffer {
  return encodeNotice(reportFields({ severity: 'NOTICE', sqlstate: '00000', message: `pam: ${message}`, hint }))
}

/** An error with the SQLSTATE that the server itself would use. */
export function nativeError(sqlstate: string, message: string, position?: number): Buffer {
  return encodeError(reportFields({ severity: 'ERROR', sqlstate, message, position }))
}

/** The server's own error for a text that cannot be parsed, or that names a relation that does not exist. */
export function serverError({ code, message }: PamError, { syntaxError }: StatementFacts): Buffer | undefined {
  if (code === 'RELATION_MISSING') return nativeError(UNDEFINED_TABLE, message)
  return code === 'SYNTAX_ERROR' && syntaxError !== undefined
    ? nativeError(SYNTAX_ERROR, syntaxError.message, syntaxError.position)
    : undefined
}

const UNDEFINED_TABLE = '42P01'
export const SYNTAX_ERROR = '42601'
