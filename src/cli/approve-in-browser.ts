import type { Review } from '../api/schemas/review.ts'
import type { ApiClient } from '../gateway-client/api-client.ts'
import { PamError } from '../shared/errors.ts'
import { visible, visibleInLine } from '../shared/visible.ts'
import { awaitReview } from './await-review.ts'
import type { CliContext } from './context.ts'
import { Exit } from './exit-codes.ts'
import { interruptible } from './interruption.ts'
import { openBrowser } from './open-browser.ts'
import { whileWaiting } from './output/spinner.ts'

/**
 * An approval that needs a passkey, which browsers alone have: opens its page in the dashboard, and waits until it is decided there. Ctrl-C ends the
 * waiting, not the review. Without a terminal there is nobody to open a page for: PASSKEY_NEEDED.
 */
export async function approveInBrowser(
  { io, environment }: Pick<CliContext, 'io' | 'environment'>,
  api: Pick<ApiClient, 'gateway' | 'whoami' | 'events'> & { readonly reviews: Pick<ApiClient['reviews'], 'get'> },
  review: Review,
  { json, comment, for: lengthMs }: { readonly json?: boolean; readonly comment: string; readonly for?: number },
): Promise<void> {
  const url = `${api.gateway}/reviews/${encodeURIComponent(review.id)}`
  if (!io.interactive)
    throw new PamError('PASSKEY_NEEDED', `approving ${review.id} needs your passkey`, {
      id: review.id,
      hint: `approve it in a browser: ${url}`,
    })
  io.tell(`Approving this needs your passkey. Open ${visible(url)}`)
  if (comment !== '' || lengthMs !== undefined) io.note('give the comment and the duration there')
  openBrowser(url, environment)
  const { person } = await api.whoami()
  const isMine = ({ decisions }: Review): boolean => decisions.some(({ label }) => label === person.label)
  const decided = await interruptible((interruption) =>
    whileWaiting(io, 'waiting for your decision in the browser; Ctrl-C stops waiting', async () => {
      const isDecided = (now: Review): boolean => now.state !== 'pending' || isMine(now)
      const found = await awaitReview(api, review.id, isDecided, interruption.signal)
      if (found === undefined) throw new Exit(interruption.exitCode, { endsNow: true })
      return found
    }),
  )
  if (json === true) io.json({ review: decided })
  else io.note(`${decided.id} ${visibleInLine(decided.status)}`)
  if (!APPROVED.has(decided.state)) throw new Exit(1)
}

/** `pending`: the person has approved it, and others have yet to. */
const APPROVED: ReadonlySet<string> = new Set(['approved', 'used', 'pending'])
