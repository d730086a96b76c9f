import { inSlices } from '../../../shared/slices.ts'
import type { ServerVersion } from '../wire/server-version.ts'
import { buildCatalog, type Declared, type ReadBody } from './build-catalog.ts'
import { readMark, readRows } from './catalog-rows.ts'
import type { Ask, Definitions } from './catalog.ts'

/**
 * The definitions of each target, shared by its sessions. They are read at the first login, again at once when a statement that passes
 * through the gateway may have changed some, and when their digest has changed. The gateway reads the digest at most once in `MAX_AGE_MS`:
 * a change that does not pass the gateway is only noticed by it, so it may be in force for this long before it is known.
 */
export class CatalogShelf {
  readonly #readBody: ReadBody
  readonly #places = new Map<string, CatalogPlace>()

  constructor(readBody: ReadBody) {
    this.#readBody = readBody
  }

  /** `target` is the same for connections that reach the same server as the same account, with the same declarations. */
  find(target: string, server: ServerVersion, declared: Declared): CatalogPlace {
    const key = JSON.stringify([target, server.flavor, server.number, declared])
    const place = this.#places.get(key) ?? new CatalogPlace(server, this.#readBody, declared)
    this.#places.delete(key)
    this.#places.set(key, place)
    const [oldest] = this.#places.keys()
    if (this.#places.size > MAX_PLACES && oldest !== undefined) this.#places.delete(oldest)
    return place
  }

  /** Definitions on this server have been changed, by any account: for every account they are read again. */
  changed(): void {
    for (const place of this.#places.values()) place.changed()
  }
}

interface Reading {
  readonly definitions: Definitions
  /** The number of changes noted before it began. */
  readonly changes: number
  readonly mark: string
  /** When it was last known to be current, by `performance.now()`. */
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

  /** Whether the last reading may be relied on without asking the target. */
  get isFresh(): boolean {
    return this.#reading !== undefined && this.#isCurrent(this.#reading)
  }

  /** The definitions that were read last. */
  get last(): Definitions | undefined {
    return this.#reading?.definitions
  }

  /** The current definitions. Sessions that ask at the same time share one reading; if it fails, each reads for itself. */
  async current(ask: Ask): Promise<Definitions> {
    const asked = performance.now()
    const needed = this.#changes
    for (;;) {
      const before = this.#reading
      const isRecent = before !== undefined && (before.since >= asked || this.#isCurrent(before))
      if (isRecent && before.changes >= needed) return before.definitions
      const shared = this.#running
      if (shared !== undefined) {
        // The reading may have begun too early, or its connection may have been closed: then check again.
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
    // The digest is read first: a change during the rest of the reading makes the next digest differ.
    const mark = await readMark(ask, this.#server)
    // A person who changes definitions through the gateway may have chosen them so that the digest stays the same.
    if (before !== undefined && mark === before.mark && before.changes === changes) return { ...before, since }
    const rows = await readRows(ask, this.#server)
    const definitions = await inSlices(buildCatalog(rows, this.#readBody, this.#declared))
    return { definitions, changes, mark, since }
  }
}

const MAX_AGE_MS = 1000
const MAX_PLACES = 100
