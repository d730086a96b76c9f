import type { CredentialSource } from '../credentials/credential.ts'
import type { AccessRule } from '../policy/policy.ts'
import { PamError } from '../shared/errors.ts'
import type { TargetConfig } from './target.ts'

/** What a type of target says of its accounts. */
export interface Accounts<C extends TargetConfig = TargetConfig> {
  /** What a client may name as its user; the first is the default. */
  accounts(target: C): readonly string[]
  /** What the gateway logs in with as one of `accounts`. */
  credentials(target: C, account: string, baseDirectory: string): CredentialSource
}

/**
 * What the gateway logs in with. `account` is what the client asks to be; without one (a protocol that does not say) it is the
 * target's first. Throws NO_ACCESS where the target, or the rule, has no such account.
 */
export function credentialSource(
  kind: Accounts,
  target: TargetConfig,
  account: string | undefined,
  rule: Pick<AccessRule, 'logins'>,
  baseDirectory: string,
): CredentialSource {
  const accounts = kind.accounts(target)
  if (account === undefined) return kind.credentials(target, accounts[0] as string, baseDirectory)
  const allowed = accounts.filter((name) => rule.logins?.includes(name) ?? true)
  if (allowed.includes(account)) return kind.credentials(target, account, baseDirectory)
  throw new PamError('NO_ACCESS', `you are not allowed to log in to ${target.name} as "${account}"`, {
    hint:
      allowed.length === 0
        ? 'no accounts on this target are available to you'
        : `accounts available to you: ${allowed.join(', ')}`,
  })
}
