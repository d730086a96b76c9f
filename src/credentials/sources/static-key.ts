import type { CredentialSource } from '../credential.ts'
import type { Secrets } from '../secrets.ts'
import type { CredentialReference } from '../store-reference.ts'

/** A user and a private key, read for each session. */
export function staticKey(
  user: string,
  key: CredentialReference,
  passphrase: CredentialReference | undefined,
  secrets: Secrets,
): CredentialSource {
  return {
    async lease() {
      // The last newline is part of the format.
      const text = `${(await secrets.read(key)).replace(/\r?\n$/, '')}\n`
      return {
        user,
        password: undefined,
        privateKey: { text, passphrase: passphrase === undefined ? undefined : await secrets.read(passphrase) },
        release: () => Promise.resolve(),
      }
    },
  }
}
