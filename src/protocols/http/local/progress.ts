import type { LocalHalf, LocalOpening, LocalProgress } from '../../local-half.ts'
import { MAX_HEAD } from './refuse.ts'

/**
 * A client of HTTP can be told why it is cut off as long as nothing was answered. Behind that it would have to be known where one answer ends:
 * a connection that ends between two requests is opened again by clients, which are then told; within an answer nothing can be said.
 */
export class HttpProgress implements LocalProgress {
  readonly #refuse: LocalHalf['refuse']
  #isSilent = true
  #sent: Buffer[] = []
  #sentBytes = 0

  constructor(refuse: LocalHalf['refuse']) {
    this.#refuse = refuse
  }

  get isSilent(): boolean {
    return this.#isSilent
  }

  fromClient(bytes: Buffer): void {
    if (!this.#isSilent || this.#sentBytes > MAX_HEAD) return
    this.#sent.push(bytes)
    this.#sentBytes += bytes.length
  }

  fromServer(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#isSilent = false
    this.#sent = []
  }

  opening(): LocalOpening | undefined {
    if (!this.#isSilent || this.#sentBytes > MAX_HEAD) return undefined
    return { refuse: this.#refuse, unanswered: Buffer.concat(this.#sent) }
  }
}
