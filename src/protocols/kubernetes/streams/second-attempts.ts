import { valueOf, type Headers } from '../../http/wire/headers.ts'
import type { PamError } from '../../../shared/errors.ts'

/**
 * kubectl asks for a stream once more over SPDY where it was refused over a WebSocket. Whoever has denied the first is not asked about the
 * second: it is the same invocation, with the same path and query.
 */
export class SecondAttempts {
  readonly #refused = new Map<string, PamError>()

  /** A stream over a WebSocket was refused by people, or by nobody in time. */
  refused(session: string, target: string, headers: Headers, error: PamError): void {
    const key = keyOf(session, target, headers)
    if (key === undefined) return
    this.#refused.delete(key)
    this.#refused.set(key, error)
    const [oldest] = this.#refused.keys()
    if (this.#refused.size > MAX_REMEMBERED && oldest !== undefined) this.#refused.delete(oldest)
  }

  /** Why the first attempt of this one was refused; once. */
  take(session: string, target: string, headers: Headers): PamError | undefined {
    const key = keyOf(session, target, headers)
    if (key === undefined) return undefined
    const error = this.#refused.get(key)
    this.#refused.delete(key)
    return error
  }
}

/** A client can only have its own requests refused by what it says here. */
function keyOf(session: string, target: string, headers: Headers): string | undefined {
  const invocation = valueOf(headers, 'kubectl-session')
  return invocation === undefined ? undefined : JSON.stringify([session, invocation, target])
}

const MAX_REMEMBERED = 256
