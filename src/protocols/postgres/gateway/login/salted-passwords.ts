import { createHmac, randomBytes } from 'node:crypto'

/** What a SaltedPassword is derived from (RFC 5802, section 3). */
export interface SaltedPasswordInput {
  /** As SASLprep leaves it. */
  readonly password: string
  readonly salt: Buffer
  readonly iterations: number
}

/**
 * SaltedPassword of recent logins, so that the thousands of hashes behind it are calculated once per password and salt, and not
 * for each connection. Whoever has one can log in like somebody who has the password: it stays in memory, as the password
 * does. A target that names another salt each time pushes out nobody's entries but its own.
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

  /** By a key that nobody else has: the map itself is no list of guesses to try. */
  #digest({ password, salt, iterations }: SaltedPasswordInput): string {
    return createHmac('sha256', this.#key)
      .update(`${iterations},${salt.toString('base64')},${password}`)
      .digest('base64')
  }
}

/** A target has few accounts, and few salts each. */
const MAX_PER_TARGET = 8
