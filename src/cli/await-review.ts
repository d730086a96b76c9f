import type { Review } from '../api/schemas/review.ts'
import type { ApiClient } from '../gateway-client/api-client.ts'
import { followEvents } from '../gateway-client/follow-events.ts'

/**
 * Waits, by the gateway's event stream, until a review is as it is wanted; looks at it first. Undefined once the signal is aborted.
 * Rejects where the user is no longer signed in, or sees the review no longer.
 */
export async function awaitReview(
  api: Pick<ApiClient, 'events'> & { readonly reviews: Pick<ApiClient['reviews'], 'get'> },
  id: string,
  isWanted: (review: Review) => boolean,
  signal: AbortSignal,
): Promise<Review | undefined> {
  const over = new AbortController()
  let found: Review | undefined
  const look = async (): Promise<void> => {
    const review = await api.reviews.get(id)
    if (!isWanted(review)) return
    found = review
    over.abort()
  }
  // The stream begins with `resync`: what happened before it is not missed.
  await followEvents(api, {
    changed: async (event) => (event.kind === 'review' && event.id === id ? look() : undefined),
    resync: look,
    signal: AbortSignal.any([over.signal, signal]),
  })
  return found
}
