import type { ApiClient } from '../gateway-client/api-client.ts'
import { systemClock, type Clock } from '../shared/clock.ts'
import type { PamError } from '../shared/errors.ts'
import { AccessWatch } from './access-watch.ts'

/** A port is kept for one person, signed in as one profile at one gateway, and for one target. */
export interface KeptPort {
  readonly profile: string
  readonly gateway: string
  readonly person: string
  readonly target: string
}

export interface KeptPortsParts {
  /**
   * The gateway's API, as this person: its calls are refused once the profile is somebody else's, and while the identity would have to be verified again.
   */
  readonly apiOf: (port: KeptPort) => Promise<Pick<ApiClient, 'targets' | 'grants' | 'events'>>
  readonly isProven: (profile: string) => boolean
  readonly ended: (port: KeptPort, reason: PamError) => void
  readonly clock?: Clock
}

/** Until when ports stay open that outlive the command that opened them. */
export class KeptPorts {
  readonly #parts: KeptPortsParts
  /** By profile, gateway and person. */
  readonly #watches = new Map<string, { readonly profile: string; readonly watch: AccessWatch }>()

  constructor(parts: KeptPortsParts) {
    this.#parts = parts
  }

  /**
   * From here on `ended` is called once the access is over. Returns its end, in milliseconds since the epoch; undefined for standing access.
   * @throws PamError where there is no access now
   */
  async add(port: KeptPort): Promise<number | undefined> {
    return (await this.#watchOf(port)).add(port.target)
  }

  /** False where it was never added, and once it has ended or was removed. */
  has(port: KeptPort): boolean {
    return this.#watches.get(keyOf(port))?.watch.has(port.target) === true
  }

  endOf(port: KeptPort): number | undefined {
    return this.#watches.get(keyOf(port))?.watch.endOf(port.target)
  }

  /** The port was closed. */
  remove(port: KeptPort): void {
    this.#watches.get(keyOf(port))?.watch.remove(port.target)
  }

  /** A connection was refused, or ended from the gateway's side: the access may be over. */
  look(port: KeptPort): void {
    void this.#watches.get(keyOf(port))?.watch.look(port.target)
  }

  /** The identity behind a profile has been verified. */
  proven(profile: string): void {
    for (const { profile: of, watch } of this.#watches.values()) if (of === profile) watch.resume()
  }

  async #watchOf(port: KeptPort): Promise<AccessWatch> {
    const { clock = systemClock, ended, apiOf, isProven } = this.#parts
    const { profile, gateway, person } = port
    const api = await apiOf(port)
    const found = this.#watches.get(keyOf(port))
    if (found !== undefined) return found.watch
    const watch = new AccessWatch({
      api,
      clock,
      isProven: () => isProven(profile),
      ended: (target, reason) => ended({ profile, gateway, person, target }, reason),
    })
    this.#watches.set(keyOf(port), { profile, watch })
    return watch
  }
}

const keyOf = ({ profile, gateway, person }: KeptPort): string => JSON.stringify([profile, gateway, person])
