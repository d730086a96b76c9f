import type { CredentialLease, Lessee } from '../credentials/credential.ts'
import { PamError } from '../shared/errors.ts'
import { Presence, type PresenceConnection } from './presence.ts'
import { accountsLeft, type FoundAccount } from './session-account.ts'
import { TargetRefusal } from './target-failure.ts'

/** An account for one session, before it exists. */
export interface NewAccount {
  /** Its name on the target. */
  readonly user: string
  readonly password: string
  /** What clients and rules call it. */
  readonly account: string
  /** The name of the target. */
  readonly target: string
  /** Identifies where the gateway's presence is visible; see `Presence`. */
  readonly place: string
  readonly openPresence: () => Promise<PresenceConnection>
  readonly make: () => Promise<void>
  /** Moves its end to that of an access that was extended. Absent where nothing of it ends with the access. */
  readonly extend?: (access: Pick<Lessee, 'at' | 'endsAt'>) => Promise<void>
  readonly drop: () => Promise<void>
}

/** What was dropped of the accounts that a stop or a failure has left behind, and the error for each that could not be. */
export interface ReapedAccounts {
  readonly dropped: readonly string[]
  readonly failed: readonly { readonly account: string; readonly error: unknown }[]
}

/** The accounts that this process has created for sessions on the targets of one protocol. */
export class AccountLeases {
  readonly #presence = new Presence()
  /** From before they are created until they are dropped: the reaper does not touch them. */
  readonly #inUse = new Set<string>()

  /** Creates an account for a session, which is dropped when the lease is released. */
  async lease(account: NewAccount): Promise<CredentialLease> {
    const { user, password } = account
    let leave: (() => void) | undefined
    const giveUp = (): void => {
      this.#inUse.delete(user)
      leave?.()
    }
    this.#inUse.add(user)
    try {
      leave = await this.#presence.hold(account.place, account.openPresence)
      await account.make()
    } catch (error) {
      // Whether it was created may be unknown: if it was, the reaper finds it.
      giveUp()
      throw notMade(account.target, error)
    }
    return { user, account: account.account, password, ...endOf(account, giveUp) }
  }

  /**
   * Drops the accounts that `look` finds and that sessions have left behind: those that a gateway of this name created for this target
   * and that no running gateway uses, and those of any gateway that expired minutes ago.
   */
  async reap(
    { target, gateway }: { readonly target: string; readonly gateway: string },
    look: () => Promise<readonly FoundAccount[]>,
    drop: (account: string) => Promise<void>,
  ): Promise<ReapedAccounts> {
    const dropped: string[] = []
    const failed: { account: string; error: unknown }[] = []
    for (const account of await accountsLeft(look, { target, gateway, inUse: this.#inUse })) {
      try {
        await drop(account)
        dropped.push(account)
      } catch (error) {
        failed.push({ account, error })
      }
    }
    return { dropped, failed }
  }
}

/** Its end is moved one time after the other, so that the last one counts, and never after its release. */
function endOf({ extend, drop }: NewAccount, giveUp: () => void): Pick<CredentialLease, 'extend' | 'release'> {
  let released: Promise<void> | undefined
  let extended = Promise.resolve()
  const release = (): Promise<void> => (released ??= extended.then(drop).finally(giveUp))
  if (extend === undefined) return { release }
  return {
    release,
    extend(access) {
      const next = extended.then(async () => {
        if (released === undefined) await extend(access)
      })
      extended = next.catch(() => {})
      return next
    },
  }
}

/** The target's message goes to the log only: it may name accounts that the person must not learn of. */
function notMade(target: string, error: unknown): PamError {
  const cause = error instanceof PamError ? error.cause : error
  if (error instanceof PamError && !(cause instanceof TargetRefusal)) return error
  return new PamError('TARGET_CREDENTIAL', `${target} did not let the gateway make an account for this session`, {
    side: 'upstream',
    cause,
    hint: 'ask your administrator to check ephemeral.administrator of this target',
  })
}
