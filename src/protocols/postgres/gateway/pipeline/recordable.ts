import type { Recordable } from '../../../../gateway/engine.ts'
import {
  recordable as recordableText,
  type RecordingSession,
  type TextPiece,
} from '../../../../sql/record/recordable.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { isComment, literalsAndComments } from '../../dialect/literals.ts'

export { recordableParameters } from '../../../../sql/record/recordable.ts'

/** A statement in the form in which it may be kept forever. */
export const recordable = (
  sql: string,
  parameters: readonly (string | null)[],
  facts: StatementFacts,
  session: RecordingSession,
): Recordable => recordableText(sql, parameters, facts, session, piecesOf)

export const piecesOf = (sql: string): TextPiece[] =>
  literalsAndComments(sql).map(({ 0: text, index }) => ({
    start: index,
    end: index + text.length,
    isComment: isComment(text),
  }))
