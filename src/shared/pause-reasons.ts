interface Source {
  pause(): unknown
  resume(): unknown
}

/** A source that is read while nothing speaks against it: it goes on where the last reason to wait is over. */
export class PauseReasons<Reason extends string> {
  readonly #source: Source
  readonly #reasons = new Set<Reason>()

  constructor(source: Source) {
    this.#source = source
  }

  wait(reason: Reason): void {
    this.#reasons.add(reason)
    this.#source.pause()
  }

  /** Does nothing where it did not wait for that. */
  go(reason: Reason): void {
    if (this.#reasons.delete(reason) && this.#reasons.size === 0) this.#source.resume()
  }
}
