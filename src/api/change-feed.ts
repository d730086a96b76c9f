/** Wakes those who wait for a change of something by its id. Long polling stands on it. */
export class ChangeFeed {
  readonly #waiting = new Map<string, Set<() => void>>()

  changed(id: string): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    for (const wake of waiting ?? []) wake()
  }

  /** Resolves at the next change, or after so many milliseconds. */
  next(id: string, milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id) ?? new Set()
      const done = (): void => {
        clearTimeout(timer)
        waiting.delete(done)
        if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id)
        resolve()
      }
      const timer = setTimeout(done, milliseconds)
      waiting.add(done)
      this.#waiting.set(id, waiting)
    })
  }
}
