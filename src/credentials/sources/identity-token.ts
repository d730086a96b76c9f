import type { CredentialLease, CredentialSource } from '../credential.ts'
import type { HeldSecret, IdentityTokenRequest, Secrets } from '../secrets.ts'

/** A user whose password is a token of the cloud that the target runs in, valid for some minutes: another one each time. */
export function identityToken(user: string, request: IdentityTokenRequest, secrets: Secrets): CredentialSource {
  return {
    lease: async () => new TokenLease(user, await secrets.identityToken(request)),
  }
}

class TokenLease implements CredentialLease {
  readonly user: string
  readonly #held: HeldSecret

  constructor(user: string, held: HeldSecret) {
    this.user = user
    this.#held = held
  }

  get password(): string {
    return this.#held.value
  }

  async release(): Promise<void> {
    this.#held.release()
  }
}
