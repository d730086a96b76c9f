import type { CredentialLease } from '../credentials/credential.ts'
import type { Clock } from '../shared/clock.ts'

/** What became of a credential that did not follow its access at once. */
export interface ExtensionOutcome {
  /** `failed`: it is tried again; `extended`: after that; `given up`: the credential has ended, or would before another attempt. */
  readonly state: 'failed' | 'extended' | 'given up'
  readonly user: string
  /** When the access ends; milliseconds since 1970. */
  readonly endsAt: number
  readonly attempts: number
  readonly error?: unknown
}

export interface CredentialEndParts {
  readonly lease: Pick<CredentialLease, 'user' | 'extend'>
  /** When the credential ends as it is. */
  readonly endsAt: number
  readonly clock: Clock
  /** Of the session: nothing is tried after it. */
  readonly ended: AbortSignal
  readonly note: (outcome: ExtensionOutcome) => void
}

/**
 * Has a credential follow an access that is extended. Where that fails it is tried again, at growing intervals, until the credential ends; only the last
 * end counts, if there are several. The session itself goes on all the same: what logs in again with the credential may be refused.
 */
export function followAccess({
  lease,
  endsAt: first,
  clock,
  ended,
  note,
}: CredentialEndParts): (endsAt: number) => void {
  const { user, extend } = lease
  if (extend === undefined) return () => {}
  let current = first
  let latest = 0
  let cancel = (): void => {}
  ended.addEventListener('abort', () => cancel(), { once: true })

  async function attempt(round: number, endsAt: number, attempts: number): Promise<void> {
    try {
      await extend?.({ at: clock.now(), endsAt })
      current = endsAt
      if (attempts > 1) note({ state: 'extended', user, endsAt, attempts })
    } catch (error) {
      if (round !== latest || ended.aborted) return
      const next = clock.now() + Math.min(FIRST_PAUSE_MS * 2 ** (attempts - 1), MAX_PAUSE_MS)
      const isLast = next >= current
      if (attempts === 1 || isLast) note({ state: isLast ? 'given up' : 'failed', user, endsAt, attempts, error })
      if (!isLast) cancel = clock.at(next, () => void attempt(round, endsAt, attempts + 1))
    }
  }
  return (endsAt) => {
    cancel()
    void attempt(++latest, endsAt, 1)
  }
}

const FIRST_PAUSE_MS = 1000
const MAX_PAUSE_MS = 60_000
