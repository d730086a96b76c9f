import type { Review } from '../api/schemas/review.ts'
import type { ApiClient } from '../gateway-client/api-client.ts'
import { PamError } from '../shared/errors.ts'
import { visibleInLine } from '../shared/visible.ts'
import { Exit } from './exit-codes.ts'
import type { Io } from './output/io.ts'

/** One of what a list shows. */
export interface ReviewChoice {
  readonly value: Review
  readonly name: string
}

/**
 * Which review somebody means who names none: one that waits for their decision. What they only see, such as their own requests, is not
 * offered. Throws NO_TERMINAL where nobody can be asked, and ends the command where nothing waits for them.
 * @param choose Asks the user
 */
export async function pickReview(
  io: Pick<Io, 'interactive' | 'note'>,
  api: { readonly reviews: Pick<ApiClient['reviews'], 'list'> },
  choose: (choices: readonly ReviewChoice[]) => Promise<Review>,
): Promise<Review> {
  if (!io.interactive)
    throw new PamError('NO_TERMINAL', 'no id given, and no terminal to choose on', {
      hint: 'give an id; "pamctl reviews" lists what is waiting for you',
    })
  const waiting = (await api.reviews.list()).filter(({ mayDecide }) => mayDecide)
  if (waiting.length === 0) {
    io.note('nothing is waiting for you')
    throw new Exit(0)
  }
  return choose(waiting.map((review) => ({ value: review, name: lineOf(review) })))
}

/** What is chosen from: all of a text of several lines in one. */
const lineOf = ({ id, requester, target, text, reason = '' }: Review): string =>
  visibleInLine(`${id}  ${requester.label}  ${target}  ${(text ?? reason).replaceAll(/\s+/g, ' ').trim()}`).slice(
    0,
    200,
  )
