import { asPamError, PamError } from '../shared/errors.ts'

/** Turns what a pump threw into the reason that ends the session. */
export function sessionEndReason(error: unknown): PamError {
  if (error instanceof Error && error.name === 'WireError') {
    const tooLarge = (error as { kind?: string }).kind === 'too-large'
    return new PamError(tooLarge ? 'MESSAGE_TOO_LARGE' : 'PROTOCOL_VIOLATION', error.message, { cause: error })
  }
  return asPamError(error)
}
