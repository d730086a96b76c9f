import { inSlices } from '../../../shared/slices.ts'
import type { ServerVersion } from '../wire/server-version.ts'
import { buildCatalog, type Declared, type ReadBody } from './build-catalog.ts'
import { readMark, readRows } from './catalog-rows.ts'
import type { Ask, Definitions } from './catalog.ts'

/**
 * What the definitions of each target say, shared by its sessions. They are read at the first login, again at once when a statement that
 * passes through the gateway may have changed some, and when their digest has changed, which is asked for no more than once in
 * `MAX_AGE_MS`: only that is how a change past the gateway is seen, so that one may be in force this long before it is known.
 */
export class CatalogShelf {
  readonly #readBody: ReadBody
  readonly #places = new Map<string, CatalogPlace>()

  constructor(readBody: ReadBody) {
    this.#readBody = readBody
  }

  /** `target` is whatever makes two connections reach the same server as the same account, by the same declarations. */
  find(target: string, server: ServerVersion, declared: Declared): CatalogPlace {
    const key = JSON.stringify([target, server.flavor, server.number, declared])
    const place = this.#places.get(key) ?? new CatalogPlace(server, this.#readBody, declared)
    this.#places.delete(key)
    this.#places.set(key, place)
    const [oldest] = this.#places.keys()
    if (this.#places.size > MAX_PLACES && oldest !== undefined) this.#places.delete(oldest)
    return place
  }

  /** Somebody has changed definitions on this server, as whatever account: all that reach it are read again. */
  changed(): void {
    for (const place of this.#places.values()) place.changed()
  }
}

interface Reading {
  readonly definitions: Definitions
  /** How often something had changed when it began. */
  readonly changes: number
  readonly mark: string
  /** When it was last known to be so, by `performance.now()`. */
  readonly since: number
}

export class CatalogPlace {
  readonly #server: ServerVersion
  readonly #readBody: ReadBody
  readonly #declared: Declared
  #changes = 0
  #reading: Reading | undefined
  #running: Promise<Reading> | undefined

  constructor(server: ServerVersion, readBody: ReadBody, declared: Declared) {
    this.#server = server
    this.#readBody = readBody
    this.#declared = declared
  }

  /** A statement that may have changed definitions has run, or may be about to. */
  changed(): void {
    this.#changes++
  }

  /** Whether what was read last may be relied on without asking the target. */
  get isFresh(): boolean {
    return this.#reading !== undefined && this.#isCurrent(this.#reading)
  }

  /** What was read last. */
  get last(): Definitions | undefined {
    return this.#reading?.definitions
  }

  /** What is defined now. Sessions that ask at once share one reading; where that fails, each asks for itself. */
  async current(ask: Ask): Promise<Definitions> {
    const asked = performance.now()
    const needed = this.#changes
    for (;;) {
      const before = this.#reading
      const isRecent = before !== undefined && (before.since >= asked || this.#isCurrent(before))
      if (isRecent && before.changes >= needed) return before.definitions
      const shared = this.#running
      if (shared !== undefined) {
        // It may have begun too early, or its connection may be gone: then it is looked at again.
        await shared.catch(() => undefined)
        continue
      }
      const own = this.#read(ask, before)
      this.#running = own
      try {
        this.#reading = await own
      } finally {
        this.#running = undefined
      }
    }
  }

  #isCurrent({ changes, since }: Reading): boolean {
    return changes === this.#changes && performance.now() - since < MAX_AGE_MS
  }

  async #read(ask: Ask, before: Reading | undefined): Promise<Reading> {
    const changes = this.#changes
    const since = performance.now()
    // The digest is taken first: what changes while the rest is read makes the next one differ.
    const mark = await readMark(ask, this.#server)
    // Whoever defines something through the gateway may have chosen it so that the digest stays the same.
    if (before !== undefined && mark === before.mark && before.changes === changes) return { ...before, since }
    const rows = await readRows(ask, this.#server)
    const definitions = await inSlices(buildCatalog(rows, this.#readBody, this.#declared))
    return { definitions, changes, mark, since }
  }
}

const MAX_AGE_MS = 1000
const MAX_PLACES = 100
