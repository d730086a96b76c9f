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
function parse(sql: string): ParserReply {
  try {
    const statements = readStatements(parseSync(sql), sql)
    for (const { tree } of statements) shareConstants(tree)
    return { statements }
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    return { error: error.message, syntax: syntaxProblem(error) }
  }
}

// A module of a CommonJS bundle cannot await at its top. If the parser does not load, the thread fails, and its owner hears of it.
void loadModule().then(() => answerRequests(parse))
