import { loadModule, parseSync, SqlError } from 'libpg-query'
import { answerRequests } from '../../../shared/answer-requests.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { readStatements } from './parse-statement.ts'
import { syntaxProblem, type SyntaxProblem } from './syntax-problem.ts'
import { shareConstants } from './deduplicate-constants.ts'

/** The worker's answer for a text: its statements, or the parser's message. */
export type ParserReply =
  | { readonly statements: readonly ParsedStatement[] }
  | { readonly error: string; readonly syntax: SyntaxProblem | undefined }

/** Parses long texts. Its owner terminates it when it takes too long or fails in an unforeseen way. */
await loadModule()
answerRequests((sql: string): ParserReply => {
  try {
    const statements = readStatements(parseSync(sql), sql)
    for (const { tree } of statements) shareConstants(tree)
    return { statements }
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    return { error: error.message, syntax: syntaxProblem(error) }
  }
})
