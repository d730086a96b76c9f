import { isSuccess, refusedBy } from '../ask-store.ts'
import { objectOf, own, secondsOf, StoreFailure } from '../store.ts'
import type { VaultClient } from './vault-client.ts'

/**
 * Whether a gateway that is alive renews a lease (api-docs/system/leases, Read lease). By the vault's own times alone: what is left of the lease
 * and its end say what its clock is. False where that cannot be found out: where the lease is gone or cannot be renewed, or where the policy
 * of the gateway has no sys/leases/lookup. Throws StoreFailure.
 */
export async function isRenewed(client: VaultClient, id: string): Promise<boolean> {
  const { status, json } = await client.request('PUT', ['sys', 'leases', 'lookup'], { lease_id: id })
  // Of a lease that is not there, and of a token that may not ask.
  if (status === 400 || status === 403 || status === 404) return false
  if (!isSuccess(status)) throw refusedBy(status)
  const lease = objectOf(own(json, 'data'))
  const ends = timeOf(own(lease, 'expire_time'))
  const left = secondsOf(own(lease, 'ttl'))
  const renewed = timeOf(own(lease, 'last_renewal') ?? own(lease, 'issue_time'))
  if (own(lease, 'id') !== id || ends === undefined || left === undefined || renewed === undefined)
    throw new StoreFailure('store', 'does not say when a lease was renewed')
  const lasts = ends - renewed
  // As LeaseRenewal does, which misses one while the vault is down for a moment.
  const every = Math.min(lasts / 2, RENEWED_EVERY_MS)
  return own(lease, 'renewable') === true && ends - left - renewed <= 2 * every + ROUNDED_MS
}

/** RFC 3339, in milliseconds since 1970. */
function timeOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || !RFC_3339.test(value)) return undefined
  const time = Date.parse(value)
  return Number.isNaN(time) ? undefined : time
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/
/** What is left is in whole seconds. */
const ROUNDED_MS = 2000
/** A lease is renewed as often as that, at least, by a gateway that uses it. */
export const RENEWED_EVERY_MS = 30_000
