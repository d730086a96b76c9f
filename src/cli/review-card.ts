import type { Review } from '../api/schemas/review.ts'
import { pieces, visible, visibleInLine } from '../shared/visible.ts'
import { forHowLong, localTimeZone } from './command.ts'

/**
 * Everything that a decision covers, in lines; what a terminal would act on is spelled out. Only reasons and texts have several lines, which are further in
 * than any line of ours: nothing in them can look like one.
 */
export function cardOf(review: Review, clock: (time: string) => string): string[] {
  if (review.kind === 'request') {
    const added = review.extends === undefined ? '' : `, added to ${review.extends}`
    return [
      `  for     ${forHowLong(review.lengthMs ?? 0)}${added}`,
      ...(review.startsAt === undefined ? [] : [`  from    ${clock(review.startsAt)} ${localTimeZone()}`]),
      `  reason  ${visible(review.reason ?? '').replaceAll('\n', `\n${' '.repeat(FURTHER_IN)}`)}`,
      ...lookalikes(review.reason ?? ''),
    ]
  }
  const { text = '', parameters = [], effect = '', rule } = review
  const values = parameters.map((value, index) => `$${index + 1} = ${value === null ? 'NULL' : visibleInLine(value)}`)
  return [
    '  would run:',
    visible(text).replace(/^/gm, '    '),
    ...(values.length === 0 ? [] : [`  with    ${values.join(', ')}`]),
    ...lookalikes([text, ...parameters.filter((value) => value !== null)].join('\n')),
    `  effect  ${visibleInLine(effect)}`,
    `  rule    ${visibleInLine(rule)}`,
  ]
}

/** Whether somebody who was shown the first would decide on something else with the second. */
export const isOtherCard = (shown: Review, now: Review): boolean =>
  shown.digest !== now.digest ||
  shown.target !== now.target ||
  cardOf(shown, String).join('\n') !== cardOf(now, String).join('\n')

/** What takes the place of another character for the eye, with its number. */
function lookalikes(text: string): string[] {
  const found = new Set(
    pieces(text).flatMap((piece) =>
      // What is not seen at all is spelled out where it stands.
      piece.kind === 'text' || visible(piece.text) !== piece.text
        ? []
        : [`"${piece.text}" is ${piece.code} (${piece.what})`],
    ),
  )
  if (found.size === 0) return []
  const [shown, left] = [[...found].slice(0, MAX_LOOKALIKES), found.size - MAX_LOOKALIKES]
  return [`  beware  ${shown.join(', ')}${left > 0 ? `, and ${left} more` : ''}`]
}

/**
 * The lines of a card as a terminal of so many columns can show them. A terminal goes on in its first column where a line is longer, and blanks in a text could
 * move what follows them there.
 */
export async function folded(card: readonly string[], columns: number): Promise<string[]> {
  const lines = card.flatMap((line) => line.split('\n')).map((line) => line.replaceAll('\t', '    '))
  // No character takes more than two columns.
  if (lines.every((line) => line.length * 2 <= columns)) return lines
  const { wrap } = await import('./output/wrap.ts')
  return lines.flatMap((line) => wrap(line, columns, FURTHER_IN))
}

const MAX_LOOKALIKES = 5
/** Columns: behind the words of a card. */
const FURTHER_IN = 10
