/** Wakes those who wait for a change of something by its id. Long polling stands on it. */
export class ChangeFeed {
  readonly #waiting = new Map<string, Set<() => void>>()

  changed(id: string): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    for (const wake of waiting ?? []) wake()
  }

  /**
   * What `look` gives now where `isDone` holds of it; otherwise what it gives after the next change, or after so many
   * milliseconds. It looks while it waits already: a change in between would be missed.
   */
  async next<T>(id: string, milliseconds: number, look: () => Promise<T>, isDone: (seen: T) => boolean): Promise<T> {
    const waiter = this.#wait(id, milliseconds)
    try {
      const seen = await look()
      if (isDone(seen)) return seen
      await waiter.change
    } finally {
      waiter.leave()
    }
    return look()
  }

  #wait(id: string, milliseconds: number): { readonly change: Promise<void>; leave(): void } {
    let leave = (): void => {}
    const change = new Promise<void>((resolve) => {
      const waiting = this.#waiting.get(id) ?? new Set()
      leave = () => {
        clearTimeout(timer)
        waiting.delete(leave)
        if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id)
        resolve()
      }
      const timer = setTimeout(leave, milliseconds)
      waiting.add(leave)
      this.#waiting.set(id, waiting)
    })
    return { change, leave }
  }
}
