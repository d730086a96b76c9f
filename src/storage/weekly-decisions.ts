import { parseDecisions } from './review-row.ts'
import type { Reader } from './page.ts'

/** What was decided on of one week's holds or requests. */
export interface WeekOfReviews {
  /** Milliseconds since 1970 at which the week begins. */
  readonly startsAt: number
  readonly approved: number
  readonly denied: number
  /** Expired, withdrawn or void: nobody's decision counted. */
  readonly undecided: number
  readonly waiting: number
  /** Milliseconds from being filed to the last decision, of half of those that were decided; undefined where none was. */
  readonly medianMs: number | undefined
}

/** Weeks of held commands or requests by when they were filed, oldest first; the last one ends `now`. */
export async function weeklyDecisions(
  db: Reader,
  table: 'approvals' | 'requests',
  { weeks, now }: { readonly weeks: number; readonly now: number },
): Promise<WeekOfReviews[]> {
  const first = now - weeks * WEEK_MS
  const counts = Array.from({ length: weeks }, () => ({
    approved: 0,
    denied: 0,
    undecided: 0,
    waiting: 0,
    times: [] as number[],
  }))
  for (let after = { at: first, id: '' }; ;) {
    const rows = await db
      .selectFrom(table)
      .select(['id', 'state', 'created_at', 'decisions'])
      .where((eb) =>
        eb.or([eb('created_at', '>', after.at), eb.and([eb('created_at', '=', after.at), eb('id', '>', after.id)])]),
      )
      .where('created_at', '<=', now)
      .orderBy('created_at')
      .orderBy('id')
      .limit(BATCH_SIZE)
      .execute()
    for (const { state, created_at, decisions } of rows) {
      const week = counts[Math.min(weeks - 1, Math.floor((created_at - first) / WEEK_MS))]
      if (week === undefined) continue
      week[outcomeOf(state)]++
      const last = parseDecisions(decisions).at(-1)
      // What no person decided says nothing of how long people take.
      if (last !== undefined && last.automatic === undefined) week.times.push(last.at - created_at)
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < BATCH_SIZE) break
    after = { at: last.created_at, id: last.id }
    // Others are served in between.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return counts.map(({ times, ...week }, index) => ({
    startsAt: first + index * WEEK_MS,
    ...week,
    medianMs: median(times),
  }))
}

function outcomeOf(state: string): 'approved' | 'denied' | 'undecided' | 'waiting' {
  if (state === 'approved' || state === 'used') return 'approved'
  if (state === 'denied') return 'denied'
  return state === 'pending' ? 'waiting' : 'undecided'
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)]
}

const WEEK_MS = 7 * 86_400_000
const BATCH_SIZE = 1000
