import { isErrorCode, type ErrorCode } from './error-codes.ts'
import { newId } from './id.ts'

/** Whose fault it is: the user's side of the gateway, the target's side, or the gateway itself. */
export type Side = 'client' | 'upstream' | 'gateway'

export interface PamErrorOptions {
  readonly side?: Side
  /** What to do next, as one sentence. */
  readonly hint?: string
  /** An id to quote: a decision, request, session or error id. */
  readonly id?: string
  readonly cause?: unknown
  /** Milliseconds after which it may be tried again, where the other side said so. */
  readonly retryAfterMs?: number | undefined
}

/** An error with a stable code. The message may be shown to the user: never an address of a target, never a secret. */
export class PamError extends Error {
  readonly code: ErrorCode
  readonly side: Side
  readonly hint: string | undefined
  readonly id: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, options: PamErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.side = options.side ?? 'client'
    this.hint = options.hint
    this.id = options.id
    this.retryAfterMs = options.retryAfterMs
  }
}

/** A flag, a field or a file is wrong. */
export class UsageError extends PamError {
  constructor(message: string, hint?: string) {
    super('USAGE', message, hint === undefined ? {} : { hint })
  }
}

/** A fault of ours. The cause is logged, the user sees only the id. */
export function internalError(cause: unknown): PamError {
  const id = newId('err')
  return new PamError('INTERNAL', 'internal error in the gateway', {
    side: 'gateway',
    id,
    cause,
    hint: `report ${id} to your administrator`,
  })
}

/** A fault of a program on the user's own machine, which no gateway knows of: the cause is all that helps. */
export function localError(error: unknown, program: string): PamError {
  if (error instanceof PamError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new PamError('INTERNAL', `${program} failed unexpectedly: ${message}`, {
    cause: error,
    hint: 'PAMCTL_DEBUG=1 shows where; please report it if it is not a problem of this machine',
  })
}

/** What was thrown, as a PamError: an unforeseen one becomes INTERNAL. */
export function asPamError(error: unknown): PamError {
  return error instanceof PamError ? error : internalError(error)
}

/** Why a signal of ours was aborted: the gateway gives a PamError as the reason. */
export const reasonOf = (signal: AbortSignal): PamError => asPamError(signal.reason)

/** What was thrown, as an Error. */
export const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

/** A plain form that crosses the API and the tunnel. */
export interface ErrorBody {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
  readonly id?: string
}

export function toErrorBody(error: PamError): ErrorBody {
  return {
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.id === undefined ? {} : { id: error.id }),
  }
}

/** The error behind a body that came over the network; an unknown code reads as INTERNAL. */
export function fromErrorBody(
  body: { code?: unknown; message?: unknown; hint?: unknown; id?: unknown },
  { retryAfterMs }: Pick<PamErrorOptions, 'retryAfterMs'> = {},
): PamError {
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  const code = text(body.code)
  const known = isErrorCode(code) ? code : 'INTERNAL'
  const [hint, id] = [text(body.hint), text(body.id)]
  return new PamError(known, text(body.message) ?? 'no reason was given', {
    side: 'gateway',
    ...(hint === undefined ? {} : { hint }),
    ...(id === undefined ? {} : { id }),
    retryAfterMs,
  })
}
