import { TargetSaidNo } from '../../../../gateway/target-failure.ts'
import { openOwnConnection, type OwnConnection, type UpstreamTarget } from './connect-upstream.ts'
import type { OwnRows } from './target-queries.ts'

/**
 * Connections of the gateway's own, on which it asks what a target's definitions are: one for each server and account, whatever its number of
 * sessions, and none once nobody has asked for a while. Nothing of a client's reaches them, and what they ask moves nothing of a client's.
 */
export class OwnConnections {
  readonly #byKey = new Map<string, Entry>()
  #isClosed = false

  /** Runs one of the gateway's own queries. `key` is whatever makes two sessions reach the same server as the same account. */
  async ask(key: string, target: UpstreamTarget, sql: string): Promise<OwnRows> {
    const known = this.#byKey.get(key)
    try {
      return await this.#askOn(key, known ?? this.#open(key, target), sql)
    } catch (error) {
      // It may have been closed since it was used last; a new one may not.
      if (known === undefined || error instanceof TargetSaidNo) throw error
      return this.#askOn(key, this.#byKey.get(key) ?? this.#open(key, target), sql)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const key of this.#byKey.keys()) this.#drop(key)
  }

  #open(key: string, target: UpstreamTarget): Entry {
    const over = new AbortController()
    const entry: Entry = { over, connection: openOwnConnection(target, over.signal), users: 0, idle: undefined }
    entry.connection.catch(() => this.#drop(key, entry))
    this.#byKey.set(key, entry)
    return entry
  }

  async #askOn(key: string, entry: Entry, sql: string): Promise<OwnRows> {
    clearTimeout(entry.idle)
    entry.users++
    try {
      const connection = await entry.connection
      return await connection.ask(sql)
    } catch (error) {
      if (!(error instanceof TargetSaidNo)) this.#drop(key, entry)
      throw error
    } finally {
      if (--entry.users === 0) {
        entry.idle = setTimeout(() => this.#drop(key, entry), IDLE_TIME)
        entry.idle.unref()
        if (this.#isClosed) this.#drop(key, entry)
      }
    }
  }

  #drop(key: string, entry = this.#byKey.get(key)): void {
    if (entry === undefined) return
    if (this.#byKey.get(key) === entry) this.#byKey.delete(key)
    clearTimeout(entry.idle)
    void entry.connection.then(
      (connection) => connection.close(),
      () => {},
    )
  }
}

interface Entry {
  readonly over: AbortController
  readonly connection: Promise<OwnConnection>
  users: number
  idle: NodeJS.Timeout | undefined
}

/** Milliseconds that one is kept which nobody uses. */
const IDLE_TIME = 30_000
