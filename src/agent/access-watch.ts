import type { ApiClient } from '../gateway-client/api-client.ts'
import { followEvents } from '../gateway-client/follow-events.ts'
import type { Clock } from '../shared/clock.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import { currentAccess, type CurrentAccess } from './current-access.ts'
import { requestCommand } from '../shared/request-command.ts'

export interface AccessWatchParts {
  readonly api: Pick<ApiClient, 'targets' | 'grants' | 'events'>
  readonly clock: Clock
  /** Whether the gateway can be asked without verifying the identity again. */
  readonly isProven: () => boolean
  /** Called once: the person may use the target no longer. */
  readonly ended: (target: string, reason: PamError) => void
}

interface Watched {
  readonly since: number
  endsAt: number | undefined
  cancel: () => void
}

/**
 * Follows one person's access to targets at one gateway, for as long as there are any: the gateway's event stream says at once when a grant is
 * revoked or a lock is set, and the end of a grant is looked up when it comes, since it may have been extended. Where the gateway cannot be
 * asked, access ends at the end that was known.
 *
 * It never verifies the identity again: a port that nobody uses would prolong a sign-in for as long as it is open. Once the last verification is too old, it
 * pauses until there is another one.
 */
export class AccessWatch {
  readonly #parts: AccessWatchParts
  readonly #watched = new Map<string, Watched>()
  #following: AbortController | undefined

  constructor(parts: AccessWatchParts) {
    this.#parts = parts
  }

  /**
   * Watches a target from now on, or looks at it again. Returns the end of the access, in milliseconds since the epoch; undefined for
   * standing access.
   * @throws PamError where there is no access now: it is not watched
   */
  async add(target: string): Promise<number | undefined> {
    const known = this.#watched.get(target)
    const since = known?.since ?? this.#parts.clock.now()
    const access = await currentAccess(this.#parts.api, target, since)
    if ('ended' in access) {
      if (known !== undefined) this.#end(target, access.ended)
      throw access.ended
    }
    known?.cancel()
    this.#watched.set(target, { since, endsAt: access.endsAt, cancel: this.#lookAt(target, access.endsAt) })
    this.#follow()
    return access.endsAt
  }

  has(target: string): boolean {
    return this.#watched.has(target)
  }

  /** The identity has been verified: where this has paused, it goes on. */
  resume(): void {
    if (this.#watched.size > 0) this.#follow()
  }

  /** The end that is known; undefined for standing access, and for what is not watched. */
  endOf(target: string): number | undefined {
    return this.#watched.get(target)?.endsAt
  }

  remove(target: string): void {
    this.#watched.get(target)?.cancel()
    this.#watched.delete(target)
    if (this.#watched.size > 0) return
    this.#following?.abort()
    this.#following = undefined
  }

  /** Asks the gateway: something may have ended. */
  async look(target: string): Promise<void> {
    const watched = this.#watched.get(target)
    if (watched === undefined) return
    let access: CurrentAccess
    try {
      access = await currentAccess(this.#parts.api, target, watched.since)
    } catch (error) {
      const reason = asPamError(error)
      if (this.#parts.isProven() && LOST.has(reason.code)) access = { ended: reason }
      else if (watched.endsAt === undefined || watched.endsAt > this.#parts.clock.now()) return
      else access = { ended: overError(target) }
    }
    // Removed, or looked at again, while the gateway was asked.
    if (this.#watched.get(target) !== watched) return
    if ('ended' in access) return this.#end(target, access.ended)
    watched.cancel()
    watched.endsAt = access.endsAt
    watched.cancel = this.#lookAt(target, access.endsAt)
  }

  #lookAt(target: string, time: number | undefined): () => void {
    if (time === undefined) return () => {}
    const { clock } = this.#parts
    // Where this clock is ahead of the gateway's, the end has come here and not there.
    return clock.at(Math.max(time, clock.now() + MIN_LOOK_MS), () => void this.look(target))
  }

  #end(target: string, reason: PamError): void {
    this.remove(target)
    this.#parts.ended(target, reason)
  }

  async #lookAtAll(): Promise<void> {
    await Promise.all([...this.#watched.keys()].map((target) => this.look(target)))
  }

  #follow(): void {
    if (this.#following !== undefined) return
    const following = new AbortController()
    this.#following = following
    void followEvents(this.#parts.api, {
      changed: async ({ kind }) => (CHANGES.has(kind) ? this.#lookAtAll() : undefined),
      resync: () => this.#lookAtAll(),
      signal: following.signal,
    }).catch((error: unknown) => {
      // Only a sign-in that has ended stops it; whatever else does, nothing would tell of a revocation from here on.
      if (following.signal.aborted) return
      this.#following = undefined
      if (!this.#parts.isProven()) return
      for (const target of this.#watched.keys()) this.#end(target, asPamError(error))
    })
  }
}

const overError = (target: string): PamError =>
  new PamError('GRANT_OVER', `your access to ${target} has ended`, {
    hint: `request it again: ${requestCommand(target)}`,
  })

/** What of the gateway's events may end somebody's access. */
const CHANGES: ReadonlySet<string> = new Set(['grant', 'lock', 'break-glass', 'config'])
/** Whoever is signed in no longer has nothing. */
const LOST: ReadonlySet<string> = new Set(['NOT_SIGNED_IN', 'IDENTITY_LOST', 'KEY_SIGNED_OUT'])
const MIN_LOOK_MS = 1000
