import { useEffect } from 'preact/hooks'
import type { Review } from '../../../src/api/schemas/review.ts'
import type { PamError } from '../../../src/shared/errors.ts'
import { api, asProblem } from '../../lib/client.ts'
import { useLive } from '../../lib/live.ts'
import { createStore, useStore } from '../../lib/store.ts'

/** Pending reviews that are visible to the user, kept up to date while the dashboard is open. */
export interface Waiting {
  readonly reviews: ReadonlyMap<string, Review>
  /** Reviews that arrived while the page was open; highlighted for a moment. */
  readonly fresh: ReadonlySet<string>
  readonly loaded: boolean
  readonly error: PamError | undefined
}

export const waiting = createStore<Waiting>({ reviews: new Map(), fresh: new Set(), loaded: false, error: undefined })

export const useWaiting = (): Waiting => useStore(waiting)

/** The number that wait for this person; undefined until it is known. It also keeps the list up to date, so it is used once, by the shell. */
export function useWaitingCount(): number | undefined {
  useEffect(() => void loadWaiting(), [])
  useLive((message) => {
    if (message.type === 'resync') void loadWaiting()
    else if (message.kind === 'review') look(message.id)
  })
  const { reviews, loaded } = useWaiting()
  if (!loaded) return undefined
  return [...reviews.values()].filter(({ mayDecide, state }) => mayDecide && state === 'pending').length
}

/** Only the latest call counts: an earlier one may still be reading older data. */
export async function loadWaiting(): Promise<void> {
  const mine = ++turn
  const meanwhile = new Map<string, Review>()
  noted = meanwhile
  try {
    const found = new Map<string, Review>()
    for (let cursor: string | undefined; ;) {
      const page = await api.reviews.page({ visible: true, limit: 100, cursor })
      if (mine !== turn) return
      for (const review of page.items) found.set(review.id, review)
      for (const review of meanwhile.values())
        if (found.has(review.id) || review.state === 'pending') found.set(review.id, review)
      // The first page is shown while the others load.
      waiting.set({ ...waiting.value, reviews: new Map(found), loaded: true, error: undefined })
      if (page.next === undefined) break
      cursor = page.next
    }
  } catch (error) {
    if (mine === turn) waiting.set({ ...waiting.value, loaded: true, error: asProblem(error) })
  } finally {
    if (mine === turn) noted = undefined
  }
}

/** Notes that a review has changed; a few are loaded at a time. */
function look(id: string): void {
  asked.add(id)
  lookNext()
}

function lookNext(): void {
  for (const next of asked) {
    if (looking >= MAX_AT_ONCE) return
    asked.delete(next)
    looking++
    void api.reviews
      .get(next)
      .then(noteReview, () => {})
      .finally(() => {
        looking--
        lookNext()
      })
  }
}

/** Stores a review's current state. Decided reviews stay in place until the page is left, so that nothing moves under the pointer. */
export function noteReview(review: Review): void {
  const { reviews, fresh } = waiting.value
  noted?.set(review.id, review)
  const known = reviews.has(review.id)
  if (!known && review.state !== 'pending') return
  const changed = new Map(reviews).set(review.id, review)
  waiting.set({ ...waiting.value, reviews: changed, fresh: known ? fresh : new Set(fresh).add(review.id) })
}

/** Removes reviews that are no longer pending. */
export function dropDecided(): void {
  const left = [...waiting.value.reviews].filter(([, { state }]) => state === 'pending')
  if (left.length !== waiting.value.reviews.size) waiting.set({ ...waiting.value, reviews: new Map(left) })
}

let turn = 0
/** Reviews that changed while the list was being read: the list may have them as they were before. */
let noted: Map<string, Review> | undefined
const asked = new Set<string>()
let looking = 0
const MAX_AT_ONCE = 4
