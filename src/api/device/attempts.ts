/**
 * Counts what was guessed wrongly, by network and in all, within a window of time: user codes are short, and whoever tries many finds one (RFC 8628,
 * section 5.1). In the memory of one process; a restart forgets, and a code lives for ten minutes.
 */
export class Attempts {
  readonly #limits: { readonly perNetwork: number; readonly inAll: number; readonly windowMs: number }
  readonly #byNetwork = new Map<string, number>()
  #all = 0
  #windowEnds = 0

  constructor(limits: { readonly perNetwork: number; readonly inAll: number; readonly windowMs: number }) {
    this.#limits = limits
  }

  /**
   * One begins, and counts as wrong until it is said to have been right: those that are made at once do not get by together. Undefined where this
   * network may try no more now.
   */
  begin(network: string, now: number): Attempt | undefined {
    this.#open(now)
    const { perNetwork, inAll } = this.#limits
    const count = this.#byNetwork.get(network) ?? 0
    if (this.#all >= inAll || count >= perNetwork) return undefined
    this.#add(network, 1)
    const window = this.#windowEnds
    return {
      wasRight: () => {
        if (window === this.#windowEnds) this.#add(network, -1)
      },
    }
  }

  #add(network: string, count: 1 | -1): void {
    const sum = (this.#byNetwork.get(network) ?? 0) + count
    this.#all += count
    if (sum > 0) this.#byNetwork.set(network, sum)
    else this.#byNetwork.delete(network)
  }

  /** The map is bounded by `inAll`: after that nothing is noted that was not refused. */
  #open(now: number): void {
    if (now < this.#windowEnds) return
    this.#windowEnds = now + this.#limits.windowMs
    this.#byNetwork.clear()
    this.#all = 0
  }
}

interface Attempt {
  /** Once. */
  wasRight(): void
}
