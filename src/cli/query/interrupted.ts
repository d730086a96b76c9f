import type { Review } from '../../api/schemas/review.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'
import { visibleInLine } from '../../shared/visible.ts'
import { awaitReview } from '../await-review.ts'

/** What became of a held command whose connection was closed, in a line. */
export async function fateOf(
  api: Parameters<typeof awaitReview>[0] & Pick<ApiClient, 'reviews'>,
  { id, session }: Pick<Review, 'id' | 'session'>,
): Promise<string> {
  const settled = await awaitReview(
    api,
    id,
    ({ state }) => state !== 'pending',
    AbortSignal.timeout(MAX_WAIT_MS),
  ).catch(() => undefined)
  if (settled === undefined) return `the gateway withdraws ${id} once it has noticed that its client has left`
  if (settled.state === 'withdrawn') return `withdrew ${id}: it did not run`
  const record = session === undefined ? '' : `; what ran is on record: pamctl replay ${session}`
  return visibleInLine(`${id} is ${settled.status}${record}`)
}

/** Milliseconds that somebody who has pressed Ctrl-C waits for a word. */
const MAX_WAIT_MS = 3000
