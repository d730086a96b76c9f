import type { SqlError } from 'libpg-query'

/** A syntax error, in the server's words. */
export interface SyntaxProblem {
  readonly message: string
  /** The position in characters, from 1. */
  readonly position: number
}

/** Messages of the scanner and the grammar, 42601 on the server. Other messages of the parser may have another code there. */
export function syntaxProblem({ sqlDetails }: SqlError): SyntaxProblem | undefined {
  if (sqlDetails?.functionName !== 'scanner_yyerror' || sqlDetails.cursorPosition < 0) return undefined
  return { message: sqlDetails.message, position: sqlDetails.cursorPosition + 1 }
}
