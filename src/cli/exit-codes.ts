import { errorCodes, type ExitCode } from '../shared/error-codes.ts'
import { localError, type PamError } from '../shared/errors.ts'

/** A command that has said all there is to say, and ends with this code. */
export class Exit extends Error {
  readonly exitCode: number
  /** Ends the program although something is still open that never answered. */
  readonly endsNow: boolean

  constructor(exitCode: number, { endsNow = false } = {}) {
    super(`exit ${exitCode}`)
    this.exitCode = exitCode
    this.endsNow = endsNow
  }
}

function exitCodeOf(error: PamError): ExitCode {
  return errorCodes[error.code].exit
}

/** What a thrown thing means for the user. Ctrl-C at a prompt is the user's own choice: nothing to explain. */
export function outcomeOf(error: unknown): { code: number; error: PamError | undefined } {
  if (error instanceof Exit) return { code: error.exitCode, error: undefined }
  if ((error as Error).name === 'ExitPromptError') return { code: 130, error: undefined }
  const reason = localError(error, 'pamctl')
  return { code: exitCodeOf(reason), error: reason }
}
