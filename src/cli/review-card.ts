import type { Review } from '../api/schemas/review.ts'
import { pieces, visible } from '../shared/visible.ts'
import { forHowLong } from './command.ts'

/** Everything that a decision covers, in lines; what a terminal would act on is spelled out. */
export function cardOf(review: Review): string[] {
  if (review.kind === 'request') {
    const added = review.extends === undefined ? '' : `, added to ${review.extends}`
    return [
      `  for     ${forHowLong(review.lengthMs ?? 0)}${added}`,
      ...(review.startsAt === undefined ? [] : [`  from    ${review.startsAt}`]),
      `  reason  ${visible(review.reason ?? '')}`,
      ...lookalikes(review.reason ?? ''),
    ]
  }
  const { text = '', parameters = [], effect = '', rule } = review
  const values = parameters.map((value, index) => `$${index + 1} = ${value === null ? 'NULL' : visible(value)}`)
  return [
    '  would run:',
    visible(text).replace(/^/gm, '    '),
    ...(values.length === 0 ? [] : [`  with    ${values.join(', ')}`]),
    ...lookalikes([text, ...parameters.filter((value) => value !== null)].join('\n')),
    `  effect  ${visible(effect)}`,
    `  rule    ${visible(rule)}`,
  ]
}

/** Whether somebody who was shown the first would decide on something else with the second. */
export const isOtherCard = (shown: Review, now: Review): boolean =>
  shown.digest !== now.digest || shown.target !== now.target || cardOf(shown).join('\n') !== cardOf(now).join('\n')

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

const MAX_LOOKALIKES = 5
