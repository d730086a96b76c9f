import type { CredentialSource } from '../credentials/credential.ts'
import type { Secrets } from '../credentials/secrets.ts'
import type { AccessRule } from '../policy/policy.ts'
import { PamError } from '../shared/errors.ts'
import type { TargetConfig } from './target.ts'

/** The accounts of one type of target. */
export interface Accounts<C extends TargetConfig = TargetConfig> {
  /** Accounts that a client may ask for; the first is the default. */
  accounts(target: C): readonly string[]
  /** What the gateway logs in with as one of `accounts`. */
  credentials(target: C, account: string, secrets: Secrets): CredentialSource
}

/**
 * The credential that the gateway logs in with. `account` is the one that the client asks for; where its protocol names none, the first
 * account of the target that the rule allows. Throws NO_ACCESS where the target or the rule has no such account.
 */
export function credentialSource(
  kind: Accounts,
  target: TargetConfig,
  account: string | undefined,
  rule: Pick<AccessRule, 'logins'>,
  secrets: Secrets,
): CredentialSource {
  const allowed = kind.accounts(target).filter((name) => rule.logins?.includes(name) ?? true)
  const chosen = account ?? allowed[0]
  if (chosen !== undefined && allowed.includes(chosen)) return kind.credentials(target, chosen, secrets)
  const message =
    chosen === undefined
      ? `your access to ${target.name} allows none of its accounts`
      : `you are not allowed to log in to ${target.name} as "${chosen}"`
  throw new PamError('NO_ACCESS', message, {
    hint:
      allowed.length === 0
        ? 'no accounts on this target are available to you; ask your administrator for an access rule with one of them in "logins"'
        : `accounts available to you: ${allowed.join(', ')}`,
  })
}
