import type { CredentialSource } from '../credentials/credential.ts'
import { staticKey } from '../credentials/sources/static-key.ts'
import { staticPassword } from '../credentials/sources/static-password.ts'
import type { AccessRule } from '../policy/policy.ts'
import { PamError } from '../shared/errors.ts'
import { accountsOf, type TargetConfig } from '../gateway/target.ts'

/** What the gateway logs in with as `account`. Throws NO_ACCESS where the target, or the rule, has no such account. */
export function credentialSource(
  target: TargetConfig,
  account: string | undefined,
  rule: Pick<AccessRule, 'logins'>,
  baseDirectory: string,
): CredentialSource {
  if (target.type === 'postgres') return staticPassword(target.user, target.password, baseDirectory)
  const allowed = allowedAccounts(target, rule)
  const login = target.logins.find(({ name }) => name === account && allowed.includes(name))
  if (login === undefined) {
    throw new PamError('NO_ACCESS', `you are not allowed to log in to ${target.name} as "${account}"`, {
      hint:
        allowed.length === 0
          ? 'no accounts on this target are available to you'
          : `accounts available to you: ${allowed.join(', ')}`,
    })
  }
  if (login.privateKey !== undefined) return staticKey(login.name, login.privateKey, login.passphrase, baseDirectory)
  return staticPassword(login.name, login.password, baseDirectory)
}

/** The accounts that a rule lets somebody use; the first is the usual one. */
export const allowedAccounts = (target: TargetConfig, rule: Pick<AccessRule, 'logins'>): readonly string[] =>
  accountsOf(target).filter((name) => rule.logins?.includes(name) ?? true)
