import { PamError } from '../../shared/errors.ts'
import type { CredentialLease, CredentialSource } from '../credential.ts'
import type { HeldSecret, Secrets } from '../secrets.ts'
import type { CredentialReference } from '../store-reference.ts'

/**
 * A token that something else replaces while sessions go on, as Kubernetes does with those of service accounts: it is read each time. One
 * with fewer than `minLength` characters is refused.
 */
export function rotatingToken(
  user: string,
  token: CredentialReference,
  secrets: Secrets,
  minLength = 1,
): CredentialSource {
  return {
    async lease() {
      const lease = new TokenLease(user, await secrets.hold(token), minLength)
      try {
        // One that cannot be used is found here, and not at the first request.
        void lease.password
      } catch (error) {
        await lease.release()
        throw error
      }
      return lease
    },
  }
}

class TokenLease implements CredentialLease {
  readonly user: string
  readonly #held: HeldSecret
  readonly #minLength: number

  constructor(user: string, held: HeldSecret, minLength: number) {
    this.user = user
    this.#held = held
    this.#minLength = minLength
  }

  get password(): string {
    const text = this.#held.value.trim()
    // It becomes part of a header.
    if (!/^[\x21-\x7e]+$/.test(text)) throw this.#unusable('is not one line of plain characters')
    if (text.length < this.#minLength) throw this.#unusable(`is shorter than ${this.#minLength} characters`)
    return text
  }

  async release(): Promise<void> {
    this.#held.release()
  }

  #unusable(what: string): PamError {
    return new PamError('CONFIG_INVALID', `the token of ${this.user} ${what}`, { side: 'gateway' })
  }
}
