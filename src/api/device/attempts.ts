/**
 * Counts what was guessed wrongly, by address and in all, within a window of time: user codes are short, and whoever tries many finds one (RFC 8628,
 * section 5.1). In the memory of one process; a restart forgets, and a code lives for ten minutes.
 */
export class Attempts {
  readonly #limits: { readonly perAddress: number; readonly inAll: number; readonly windowMs: number }
  readonly #byAddress = new Map<string, number>()
  #all = 0
  #windowEnds = 0

  constructor(limits: { readonly perAddress: number; readonly inAll: number; readonly windowMs: number }) {
    this.#limits = limits
  }

  /** Whether this address may try another one now. */
  may(address: string, now: number): boolean {
    this.#begin(now)
    const { perAddress, inAll } = this.#limits
    return this.#all < inAll && (this.#byAddress.get(address) ?? 0) < perAddress
  }

  /** One was wrong. */
  note(address: string, now: number): void {
    this.#begin(now)
    this.#all++
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1)
  }

  /** The map is bounded by `inAll`: after that nothing is noted that was not refused. */
  #begin(now: number): void {
    if (now < this.#windowEnds) return
    this.#windowEnds = now + this.#limits.windowMs
    this.#byAddress.clear()
    this.#all = 0
  }
}
