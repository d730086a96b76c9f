import type { CredentialSource } from '../credential.ts'
import { resolveSecret, type SecretReference } from '../secret-reference.ts'

/** A user and a password that do not change: the simplest kind of lease. */
export function staticPassword(
  user: string,
  password: SecretReference | undefined,
  baseDirectory: string,
): CredentialSource {
  return {
    lease: () =>
      Promise.resolve({
        user,
        password: password === undefined ? undefined : resolveSecret(password, baseDirectory),
        release: () => Promise.resolve(),
      }),
  }
}
