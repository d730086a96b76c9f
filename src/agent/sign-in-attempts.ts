import { answerReader } from '../gateway-client/answer-reader.ts'
import { createApiClient } from '../gateway-client/api-client.ts'
import { createProver, type Prover } from '../gateway-client/prover.ts'
import { httpCall } from '../shared/http-call.ts'
import type { LoginKeeper } from './login-keeper.ts'

/**
 * Keys of sign-ins that have been begun: tokens of the gateway as an issuer are bound to a key from the first request on. Signing in again keeps the key of
 * the login, so that open connections continue, unless the gateway no longer knows that login: a key that was signed out is of no use.
 */
export class SignInAttempts {
  readonly #provers = new Map<string, Promise<Prover>>()

  /** The key of this attempt: at its first request that of the login, where there is one that is alive, or a new one. */
  proverOf(attempt: string, findLogin: () => Promise<LoginKeeper | undefined>): Promise<Prover> {
    const known = this.#provers.get(attempt)
    if (known !== undefined) return known
    const prover = findLogin().then(async (login) =>
      login !== undefined && (await isAlive(login)) ? login.login.prover : createProver(),
    )
    const [oldest] = this.#provers.keys()
    if (this.#provers.size >= MAX_ATTEMPTS && oldest !== undefined) this.#provers.delete(oldest)
    this.#provers.set(attempt, prover)
    prover.catch(() => this.#provers.delete(attempt))
    return prover
  }

  /** For the sign-in that ends the attempt. */
  async take(attempt: string): Promise<Prover | undefined> {
    const prover = await this.#provers.get(attempt)
    this.#provers.delete(attempt)
    return prover
  }
}

async function isAlive(keeper: LoginKeeper): Promise<boolean> {
  const { gateway, ca } = keeper.login
  try {
    const authorize = (method: string, url: string) => keeper.authorize(method, url)
    await createApiClient({ gateway, fetch: httpCall(ca), authorize, answers: answerReader() }).whoami()
    return true
  } catch {
    return false
  }
}

/** Of one user at one time. */
const MAX_ATTEMPTS = 16
