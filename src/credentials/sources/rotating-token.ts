import { PamError } from '../../shared/errors.ts'
import type { CredentialLease, CredentialSource } from '../credential.ts'
import { resolveSecret, type SecretReference } from '../secret-reference.ts'

/** A token that something else replaces while sessions go on, as Kubernetes does with those of service accounts: it is read each time. */
export function rotatingToken(user: string, token: SecretReference, baseDirectory: string): CredentialSource {
  const read = (): string => {
    const text = resolveSecret(token, baseDirectory).trim()
    // It becomes part of a header.
    if (/^[\x21-\x7e]+$/.test(text)) return text
    throw new PamError('CONFIG_INVALID', `the token of ${user} is not one line of plain characters`, {
      side: 'gateway',
    })
  }
  return {
    lease: async () => {
      // A missing one is found here, and not at the first request.
      read()
      return new TokenLease(user, read)
    },
  }
}

class TokenLease implements CredentialLease {
  readonly user: string
  readonly #read: () => string

  constructor(user: string, read: () => string) {
    this.user = user
    this.#read = read
  }

  get password(): string {
    return this.#read()
  }

  async release(): Promise<void> {}
}
