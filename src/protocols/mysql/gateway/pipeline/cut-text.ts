import type { TextPiece } from '../../../../sql/record/recordable.ts'
import { MAX_SHOWN } from '../../dialect/compact.ts'
import { tokenize } from '../../dialect/lexer.ts'
import { isLiteral } from '../../dialect/tokens.ts'
import { NotRead } from '../../dialect/not-read.ts'
import type { ReadingContext } from '../../dialect/reading-context.ts'

/**
 * The constants and comments of a text; if they cannot be determined, the whole text is one constant. So is everything after the beginning
 * of a long text.
 */
export function cutText(text: string, context: ReadingContext | undefined): TextPiece[] {
  const whole = [{ start: 0, end: text.length, isComment: false }]
  if (context === undefined) return whole
  try {
    const tokens = tokenize(text, context, MAX_SHOWN)
    const pieces = tokens.comments.map(({ start, end }) => ({ start, end, isComment: true }))
    for (let index = 0; index < tokens.count; index++)
      if (isLiteral(tokens.kind(index)))
        pieces.push({ start: tokens.start(index), end: tokens.end(index), isComment: false })
    if (tokens.reached < text.length) pieces.push({ start: tokens.reached, end: text.length, isComment: false })
    return pieces.toSorted((one, other) => one.start - other.start)
  } catch (error) {
    if (!(error instanceof NotRead)) throw error
    return whole
  }
}
