import { PamError } from '../../../shared/errors.ts'

/** How much of the bodies of one person's requests is in memory, over all connections: of those that are read, that wait, or that run. */
export class BodyRoom {
  readonly #maxBytes: number
  readonly #used = new Map<string, number>()

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Room for one request. */
  for(person: string): { readonly take: (bytes: number) => void; readonly release: () => void } {
    let taken = 0
    const add = (bytes: number): number => {
      taken += bytes
      const used = (this.#used.get(person) ?? 0) + bytes
      if (used === 0) this.#used.delete(person)
      else this.#used.set(person, used)
      return used
    }
    return {
      take: (bytes) => {
        if (add(bytes) <= this.#maxBytes) return
        throw new PamError('RATE_LIMITED', 'too many requests with large bodies at the same time', {
          hint: 'send them one after the other',
        })
      },
      release: () => void add(-taken),
    }
  }
}
