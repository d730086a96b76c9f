import { answerRequests } from '../../../shared/answer-requests.ts'
import { compact } from './compact.ts'
import { readStatements, type ParsedText } from './parse-statement.ts'
import type { ReadingContext } from './reading-context.ts'

export interface LongText {
  readonly sql: string
  readonly context: ReadingContext
}

/** Parses long texts. Its owner terminates it when it takes too long or fails in an unforeseen way. */
answerRequests(({ sql, context }: LongText): ParsedText => {
  const parsed = readStatements(sql, context)
  return 'failure' in parsed ? parsed : compact(parsed, sql)
})
