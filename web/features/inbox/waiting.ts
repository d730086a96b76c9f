import { useEffect } from 'preact/hooks'
import type { Review } from '../../../src/api/schemas/review.ts'
import type { PamError } from '../../../src/shared/errors.ts'
import { api, asProblem } from '../../lib/client.ts'
import { useLive } from '../../lib/live.ts'
import { createStore, useStore } from '../../lib/store.ts'

/** What waits and may be seen, kept up to date while any page is open. */
export interface Waiting {
  readonly reviews: ReadonlyMap<string, Review>
  /** Came while the page was open: shown as such for a moment. */
  readonly fresh: ReadonlySet<string>
  readonly loaded: boolean
  readonly error: PamError | undefined
}

export const waiting = createStore<Waiting>({ reviews: new Map(), fresh: new Set(), loaded: false, error: undefined })

export const useWaiting = (): Waiting => useStore(waiting)

/** How many wait for this person. Keeps the list true: used once, by the frame. */
export function useWaitingCount(): number {
  useEffect(() => void loadWaiting(), [])
  useLive((message) => {
    if (message.type === 'resync') void loadWaiting()
    else if (message.kind === 'review') look(message.id)
  })
  const { reviews } = useWaiting()
  return [...reviews.values()].filter(({ mayDecide, state }) => mayDecide && state === 'pending').length
}

/** The latest call counts: what an earlier one still reads may be older. */
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
      // The first page is shown while the next ones come.
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

/** Something about this one has changed: a few are looked at at a time. */
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

/** One as it is now. What was decided stays where it was until the page is left: nothing moves under a finger. */
export function noteReview(review: Review): void {
  const { reviews, fresh } = waiting.value
  noted?.set(review.id, review)
  const known = reviews.has(review.id)
  if (!known && review.state !== 'pending') return
  const changed = new Map(reviews).set(review.id, review)
  waiting.set({ ...waiting.value, reviews: changed, fresh: known ? fresh : new Set(fresh).add(review.id) })
}

/** Takes away what does not wait any more. */
export function dropDecided(): void {
  const left = [...waiting.value.reviews].filter(([, { state }]) => state === 'pending')
  if (left.length !== waiting.value.reviews.size) waiting.set({ ...waiting.value, reviews: new Map(left) })
}

let turn = 0
/** Seen one by one while the list is read: the list may be from before. */
let noted: Map<string, Review> | undefined
const asked = new Set<string>()
let looking = 0
const MAX_AT_ONCE = 4
