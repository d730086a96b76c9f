import type { SqlError } from 'libpg-query'

/** An error of syntax, in the server's words. */
export interface SyntaxProblem {
  readonly message: string
  /** Characters from the beginning of the text, from 1 on. */
  readonly position: number
}

/** Raised by the scanner and the grammar: 42601 in the server. What the parser says besides may have another code there. */
export function syntaxProblem({ sqlDetails }: SqlError): SyntaxProblem | undefined {
  if (sqlDetails?.functionName !== 'scanner_yyerror' || sqlDetails.cursorPosition < 0) return undefined
  return { message: sqlDetails.message, position: sqlDetails.cursorPosition + 1 }
}
