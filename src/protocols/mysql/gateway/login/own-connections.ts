import { TargetRefusal } from '../../../../gateway/target-failure.ts'
import { openOwnConnection, type OwnConnection, type UpstreamTarget } from './connect-upstream.ts'
import type { OwnRows } from './target-queries.ts'

/**
 * Connections on which the gateway itself queries the definitions of targets: one for each server and account, whatever the number of
 * sessions, and none after a time without queries. They carry nothing of a client, and their queries do not affect any client.
 */
export class OwnConnections {
  readonly #byKey = new Map<string, Entry>()
  #isClosed = false

  /** Runs one of the gateway's own queries. `key` is the same for sessions that reach the same server as the same account. */
  async ask(key: string, target: UpstreamTarget, sql: string): Promise<OwnRows> {
    const known = this.#byKey.get(key)
    try {
      return await this.#askOn(key, known ?? this.#open(key, target), sql)
    } catch (error) {
      // The server may have closed it since it was last used; a new one must work.
      if (known === undefined || error instanceof TargetRefusal) throw error
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
      if (!(error instanceof TargetRefusal)) this.#drop(key, entry)
      throw error
    } finally {
      if (--entry.users === 0) {
        entry.idle = setTimeout(() => this.#drop(key, entry), IDLE_TIMEOUT_MS)
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

/** Milliseconds for which an unused connection is kept. */
const IDLE_TIMEOUT_MS = 30_000
