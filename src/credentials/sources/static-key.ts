import type { CredentialSource } from '../credential.ts'
import { resolveSecret, type SecretReference } from '../secret-reference.ts'

/** A user and a private key that do not change. */
export function staticKey(
  user: string,
  key: SecretReference,
  passphrase: SecretReference | undefined,
  baseDirectory: string,
): CredentialSource {
  return {
    lease: () =>
      Promise.resolve({
        user,
        password: undefined,
        privateKey: {
          // The last newline is part of the format.
          text: `${resolveSecret(key, baseDirectory)}\n`,
          passphrase: passphrase === undefined ? undefined : resolveSecret(passphrase, baseDirectory),
        },
        release: () => Promise.resolve(),
      }),
  }
}
