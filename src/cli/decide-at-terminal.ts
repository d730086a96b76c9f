import type { Review } from '../api/schemas/review.ts'
import type { ApiClient } from '../gateway-client/api-client.ts'
import { PamError } from '../shared/errors.ts'
import { visibleInLine } from '../shared/visible.ts'
import { awaitReview } from './await-review.ts'
import { isOtherCard } from './review-card.ts'

export type Answer = 'approve' | 'deny' | 'comment' | 'skip'

/** What was decided, and on which card. */
export interface TerminalDecision {
  readonly review: Review
  readonly verdict: 'approve' | 'deny'
  readonly comment: string
}

export interface TerminalParts {
  readonly api: Pick<ApiClient, 'events'> & { readonly reviews: Pick<ApiClient['reviews'], 'get'> }
  readonly show: (review: Review) => Promise<void>
  readonly note: (text: string) => void
  /** A time as a sentence has it. */
  readonly clock: (time: string) => string
  /** All of these reject once the signal is aborted. */
  readonly ask: (review: Review, comment: string, signal: AbortSignal) => Promise<Answer>
  readonly askComment: (comment: string, signal: AbortSignal) => Promise<string>
  /** What somebody types who is to repeat this end of the review's id. */
  readonly askEnd: (end: string, signal: AbortSignal) => Promise<string>
}

/**
 * Shows a review and asks what to do about it. A decision counts for the card that was on the screen: where it is another one by then, it is shown
 * and asked about anew. Undefined where it was skipped.
 * @param isReplacing Whether the question before it was taken away. Keys may be meant for that one, however late they come: then an approval takes more
 * than keys that fit any question.
 * @throws PamError ALREADY_DECIDED as soon as somebody else has decided
 */
export async function decideAtTerminal(
  first: Review,
  given: string,
  parts: TerminalParts,
  isReplacing = false,
): Promise<TerminalDecision | undefined> {
  const { api, show, note } = parts
  let [review, comment, isAnother] = [first, given, isReplacing]
  await show(review)
  for (;;) {
    const outcome = await askUnlessChanged(review, { comment, isReplacing: isAnother }, parts)
    if (outcome.type === 'skip') return undefined
    if (outcome.type === 'comment') {
      comment = outcome.comment
      continue
    }
    if (outcome.type === 'mistyped') {
      note(`${review.id} was not approved: that is not the end of its id`)
      continue
    }
    const now = outcome.type === 'changed' ? outcome.review : await api.reviews.get(review.id)
    needPending(now, parts.clock)
    if (outcome.type !== 'changed' && !isOtherCard(review, now)) return { review, verdict: outcome.type, comment }
    note('it has changed since it was shown:')
    review = now
    isAnother = true
    await show(review)
  }
}

type Outcome =
  | { readonly type: 'approve' | 'deny' | 'skip' }
  | { readonly type: 'comment'; readonly comment: string }
  /** The end of the id that an approval took. */
  | { readonly type: 'mistyped' }
  /** Before there was an answer. */
  | { readonly type: 'changed'; readonly review: Review }

async function askUnlessChanged(
  review: Review,
  { comment, isReplacing }: { readonly comment: string; readonly isReplacing: boolean },
  { api, ask, askComment, askEnd }: TerminalParts,
): Promise<Outcome> {
  const changed = new AbortController()
  const over = new AbortController()
  let now: Review | undefined
  const isChanged = (found: Review): boolean => found.state !== 'pending' || isOtherCard(review, found)
  // Where the stream is not to be had, the review is looked at before a decision is sent.
  const watching = awaitReview(api, review.id, isChanged, over.signal).then(
    (found) => {
      now = found
      if (found !== undefined) changed.abort()
    },
    () => {},
  )
  try {
    const answer = await ask(review, comment, changed.signal)
    if (answer === 'comment') return { type: 'comment', comment: await askComment(comment, changed.signal) }
    const end = review.id.slice(-END_LENGTH)
    if (answer === 'approve' && isReplacing && (await askEnd(end, changed.signal)).trim() !== end)
      return { type: 'mistyped' }
    return { type: answer }
  } catch (error) {
    if (now === undefined) throw error
    return { type: 'changed', review: now }
  } finally {
    over.abort()
    await watching
  }
}

/** Nobody is asked about what is decided, or was withdrawn or expired before anybody decided. */
export function needPending(review: Review, clock: (time: string) => string): void {
  if (review.state === 'pending') return
  const { id } = review
  throw new PamError('ALREADY_DECIDED', visibleInLine(`${id} ${howSettled(review, clock)}`), { id })
}

function howSettled({ state, status, withdrawn }: Review, clock: (time: string) => string): string {
  switch (state) {
    case 'withdrawn':
      return `was ${status}${withdrawn === undefined ? '' : ` at ${clock(withdrawn.at)}`}`
    case 'expired':
      return `has ${status}`
    case 'void':
      return `is ${status}`
    default:
      return `is already decided: ${status}`
  }
}

const END_LENGTH = 4
