import type { Clock } from '../../../shared/clock.ts'
import { PamError } from '../../../shared/errors.ts'
import type { DatabaseUser } from '../../secrets.ts'
import type { StoreReference } from '../../store-reference.ts'
import { isSuccess, refusedBy, type StoreAnswer } from '../ask-store.ts'
import { checkSecret, objectOf, own, secondsOf, StoreFailure } from '../store.ts'
import { isRenewed, RENEWED_EVERY_MS } from './lease-renewed.ts'
import type { VaultClient } from './vault-client.ts'

export type VaultDatabaseReference = Extract<StoreReference, { readonly store: 'vault-db' }>

/** Leases that are not known to be revoked, on the disk: what a crash leaves behind is revoked at the next start. */
export interface LeaseLedger {
  /** Those that a session of this process uses. A reload builds the stores anew, and they stay. */
  readonly live: Set<string>
  /** Those that this process has made, and not only read. */
  readonly made: Set<string>
  /** Resolves once it is durable. */
  add(lease: { readonly id: string; readonly reference: string; readonly user: string }): Promise<void>
  remove(id: string, why: 'released' | 'lost' | 'left over'): Promise<void>
  list(): Promise<readonly string[]>
}

interface Lease {
  readonly id: string
  readonly user: string
  readonly password: string
  /** Milliseconds. */
  readonly lasts: number
  readonly isRenewable: boolean
}

/** Users of databases that Vault's database engine makes (api-docs/secret/databases): one lease for each session. */
export class VaultDatabase {
  readonly #client: VaultClient
  readonly #ledger: LeaseLedger
  readonly #clock: Clock

  constructor(client: VaultClient, ledger: LeaseLedger, clock: Clock) {
    this.#client = client
    this.#ledger = ledger
    this.#clock = clock
  }

  /** Throws StoreFailure. */
  async lease({ mount, role }: VaultDatabaseReference): Promise<DatabaseUser> {
    const answer = await this.#client.request('GET', [...mount, 'creds', role])
    if (!isSuccess(answer.status)) throw refusedBy(answer.status)
    const id = leaseId(own(answer.json, 'lease_id'))
    const reference = `vault-db:${[...mount, role].join('/')}`
    try {
      const lease = leaseOf(id, answer)
      this.#ledger.live.add(id)
      this.#ledger.made.add(id)
      await this.#ledger.add({ id, reference, user: lease.user })
      return this.#serve(lease)
    } catch (error) {
      this.#ledger.live.delete(id)
      // A user was made that nobody will use. Where it cannot be revoked now, the next sweep tries again.
      await this.#revoke(id).catch(() => this.#ledger.add({ id, reference, user: 'not used' }).catch(() => {}))
      throw error
    }
  }

  /**
   * Revokes what no session uses any more and could not be revoked before. Returns how many are left. A copy of the data directory has the leases of
   * the first gateway in it: what somebody renews is somebody's, and looked at again by the next sweep.
   */
  async sweep(): Promise<number> {
    let left = 0
    for (const id of await this.#ledger.list()) {
      if (this.#ledger.live.has(id)) continue
      try {
        if (!this.#ledger.made.has(id) && (await isRenewed(this.#client, id))) continue
        await this.#revoke(id)
        await this.#ledger.remove(id, 'left over')
      } catch (error) {
        if (!(error instanceof StoreFailure)) throw error
        left++
      }
    }
    return left
  }

  #serve(lease: Lease): DatabaseUser {
    const lost = new AbortController()
    const renewal = new LeaseRenewal(lease, { client: this.#client, clock: this.#clock, lost })
    renewal.start()
    let released: Promise<void> | undefined
    const release = async (): Promise<void> => {
      renewal.stop()
      this.#ledger.live.delete(lease.id)
      try {
        await this.#revoke(lease.id)
      } catch (error) {
        // It stays in the ledger, and the next sweep tries again.
        if (error instanceof StoreFailure) return
        throw error
      }
      this.#ledger.made.delete(lease.id)
      await this.#ledger.remove(lease.id, lost.signal.aborted ? 'lost' : 'released')
    }
    return {
      user: lease.user,
      password: lease.password,
      lost: lost.signal,
      release: () => (released ??= release()),
    }
  }

  /**
   * A lease that does not exist any more is revoked, which the vault answers as it does the end of one. 400 says that the user could not be dropped, as
   * where its database is down (vault/logical_system.go, handleRevoke); 404, as JSON, that the namespace or the engine is gone, and its leases with it.
   */
  async #revoke(id: string): Promise<void> {
    const { status, json } = await this.#client.request('PUT', ['sys', 'leases', 'revoke'], {
      lease_id: id,
      sync: true,
    })
    const isRevoked = status === 204 || (json !== undefined && (status === 200 || status === 404))
    if (!isRevoked) throw isSuccess(status) ? new StoreFailure('store', NOT_REVOKED) : refusedBy(status)
  }
}

/** Renews a lease while its session lasts, often enough to notice that somebody else has revoked it. */
class LeaseRenewal {
  readonly #lease: Lease
  readonly #client: VaultClient
  readonly #clock: Clock
  readonly #lost: AbortController
  #cancel = (): void => {}
  #isStopped = false
  #endsAt: number

  constructor(
    lease: Lease,
    { client, clock, lost }: { readonly client: VaultClient; readonly clock: Clock; readonly lost: AbortController },
  ) {
    this.#lease = lease
    this.#client = client
    this.#clock = clock
    this.#lost = lost
    this.#endsAt = clock.now() + lease.lasts
  }

  start(): void {
    this.#schedule()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  #schedule(): void {
    if (this.#isStopped) return
    const left = this.#endsAt - this.#clock.now()
    if (left <= 0) return this.#lose('the lease of the database user of this session has expired')
    const at = this.#lease.isRenewable ? Math.min(left / 2, RENEWED_EVERY_MS) : left
    this.#cancel = this.#clock.at(this.#clock.now() + Math.max(at, SHORTEST_WAIT_MS), () => void this.#renew())
  }

  async #renew(): Promise<void> {
    if (!this.#lease.isRenewable) return this.#schedule()
    try {
      const body = { lease_id: this.#lease.id, increment: Math.ceil(this.#lease.lasts / 1000) }
      const { status, json } = await this.#client.request('PUT', ['sys', 'leases', 'renew'], body)
      if (this.#isStopped) return
      if (isGone(status)) return this.#lose('the database user that was made for this session was revoked in the vault')
      const lasts = isSuccess(status) ? secondsOf(own(json, 'lease_duration')) : undefined
      if (lasts !== undefined) this.#endsAt = this.#clock.now() + lasts
    } catch (error) {
      // A vault that is down may be back before the time is over.
      if (!(error instanceof StoreFailure)) return this.#lose('the database user of this session could not be renewed')
    }
    this.#schedule()
  }

  #lose(message: string): void {
    if (this.#isStopped) return
    this.stop()
    this.#lost.abort(
      new PamError('CREDENTIAL_UNAVAILABLE', message, {
        side: 'gateway',
        hint: 'reconnect: each session gets a new account',
      }),
    )
  }
}

function leaseOf(id: string, { json }: StoreAnswer): Lease {
  const lasts = secondsOf(own(json, 'lease_duration'))
  if (lasts === undefined) throw new StoreFailure('store', 'does not say how long the user is valid')
  if (lasts < SHORTEST_LEASE_MS)
    throw new StoreFailure(
      'secret',
      `gave a user that is valid for ${lasts / 1000} s: set default_ttl of the role to 1m or more`,
    )
  if (lasts > LONGEST_LEASE_MS)
    throw new StoreFailure(
      'secret',
      'gave a user that is valid for more than 24 hours, and would outlive a gateway that crashes: set default_ttl of the role to 1h or less',
    )
  const data = objectOf(own(json, 'data'))
  const user = checkSecret(own(data, 'username'))
  if (!/^[\x20-\x7e]{1,128}$/.test(user))
    throw new StoreFailure('secret', 'gave a user name with characters that are not plain')
  return { id, user, password: checkSecret(own(data, 'password')), lasts, isRenewable: own(json, 'renewable') === true }
}

function leaseId(value: unknown): string {
  if (typeof value === 'string' && /^[A-Za-z0-9/_.+=-]{1,512}$/.test(value)) return value
  throw new StoreFailure('store', 'gave a user without a lease')
}

const NOT_REVOKED = 'does not say that it has revoked a lease'

/** Of a renewal: `lease not found` is 400; in a namespace that is gone, 404. */
const isGone = (status: number): boolean => status === 400 || status === 404

/** Milliseconds. */
const SHORTEST_WAIT_MS = 1000
const SHORTEST_LEASE_MS = 10_000
const LONGEST_LEASE_MS = 86_400_000
