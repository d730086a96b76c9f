import { asPamError } from '../shared/errors.ts'
import { pause as pauseFor } from '../shared/pause.ts'
import { visible } from '../shared/visible.ts'
import type { ApiClient } from './api-client.ts'
import type { ServerEvent } from './server-events.ts'

export type ChangedEvent = Extract<ServerEvent, { type: 'changed' }>

export interface Follower {
  /** Something has changed. Where this rejects because the gateway could not be asked, it is called again for the same event. */
  readonly changed: (event: ChangedEvent) => Promise<void>
  /** Events may have been missed: also once at the beginning. */
  readonly resync: () => Promise<void>
  /** Told when the gateway is away, and when it is back. */
  readonly note?: (text: string) => void
  readonly pause?: (milliseconds: number) => Promise<unknown>
  /** Ends it: then it resolves. */
  readonly signal?: AbortSignal
}

/**
 * Follows the gateway's event stream. Reconnects by itself, and resumes after the last event that was dealt with; rejects when the user
 * is no longer signed in.
 */
export async function followEvents(api: Pick<ApiClient, 'events'>, follower: Follower): Promise<void> {
  const { changed, resync, note = () => {}, pause = pauseFor, signal } = follower
  const isAborted = (): boolean => signal?.aborted === true
  let last: number | undefined
  let isAway = false
  for (let wait = FIRST_WAIT; !isAborted(); wait = Math.min(wait * 2, MAX_WAIT_MS)) {
    try {
      for await (const event of api.events(last, signal)) {
        if (isAborted()) return
        if (event.type === 'beat') continue
        if (isAway) note('connected again')
        isAway = false
        wait = FIRST_WAIT
        if (event.type === 'changed') await changed(event)
        else if (event.type === 'resync') await resync()
        // Only now: where the gateway could not be asked, this event comes again with the next stream.
        last = event.seq
        if (isAborted()) return
      }
    } catch (error) {
      if (isAborted()) return
      const { code, message, retryAfterMs = 0 } = asPamError(error)
      if (code === 'USAGE' && last !== undefined) {
        // The gateway's state was restored from a backup that ends before the last event.
        last = undefined
        note('the gateway has no record of the last event seen here; reading everything again')
        continue
      }
      if (code === 'RATE_LIMITED') wait = Math.max(wait, FIRST_LIMITED_WAIT_MS, retryAfterMs)
      else if (code !== 'GATEWAY_UNREACHABLE' && code !== 'SHUTTING_DOWN' && code !== 'INTERNAL') throw error
      if (!isAway) note(code === 'RATE_LIMITED' ? limitedText(message, wait) : visible(message))
      isAway = true
    }
    await pause(wait)
  }
}

/** What somebody who waits is told while the gateway takes no more calls. */
export const limitedText = (message: string, waitMs: number): string =>
  visible(`${message}; trying again in ${Math.ceil(waitMs / 1000)} s`)

/** Milliseconds. */
const FIRST_WAIT = 500
/** Where the gateway says that there were too many calls, and not how long to wait. */
export const FIRST_LIMITED_WAIT_MS = 5000
export const MAX_WAIT_MS = 30_000
