import { createHmac, randomBytes } from 'node:crypto'

/** The inputs of a SaltedPassword (RFC 5802, section 3). */
export interface SaltedPasswordInput {
  /** Normalised with SASLprep. */
  readonly password: string
  readonly salt: Buffer
  readonly iterations: number
}

/**
 * The SaltedPasswords of recent logins, so that the thousands of hashes for each are calculated once per password and salt, and not for
 * each connection. A SaltedPassword is as good as the password for logging in: like the password, it stays in memory. A target that sends
 * another salt each time evicts only its own entries.
 */
export class SaltedPasswords {
  readonly #key = randomBytes(32)
  readonly #targets = new Map<string, Map<string, Buffer>>()

  get(target: string, input: SaltedPasswordInput): Buffer | undefined {
    return this.#targets.get(target)?.get(this.#digest(input))
  }

  keep(target: string, input: SaltedPasswordInput, salted: Buffer): void {
    const known = this.#targets.get(target) ?? new Map<string, Buffer>()
    this.#targets.set(target, known)
    if (known.size >= MAX_PER_TARGET) {
      const [oldest] = known
      if (oldest !== undefined) known.delete(oldest[0])
    }
    known.set(this.#digest(input), salted)
  }

  /** Keyed by an HMAC, so that the map does not help to guess passwords. */
  #digest({ password, salt, iterations }: SaltedPasswordInput): string {
    return createHmac('sha256', this.#key)
      .update(`${iterations},${salt.toString('base64')},${password}`)
      .digest('base64')
  }
}

/** Entries per target, which has few accounts with few salts each. */
const MAX_PER_TARGET = 8
