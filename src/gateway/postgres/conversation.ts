import type { Channel } from '../../shared/channel.ts'
import { PamError } from '../../shared/errors.ts'
import { FLUSH } from '../../wire/postgres/client-message.ts'
import { readyForQuery, type TransactionStatus } from '../../wire/postgres/server-message.ts'
import type { Session } from '../engine.ts'
import { buildCatalog, catalogQueries, findRelation, type Catalog, type CatalogRows } from './catalog.ts'
import { maskingScope, type MaskingScope } from './masking-scope.ts'
import { ownQuery } from './own-query.ts'
import type { Pending } from './pending.ts'
import { NameTable, type Portal, type Prepared } from './statement-table.ts'

/** How often somebody has changed definitions of one target; shared by all its sessions. */
export interface Definitions {
  changes: number
}

/**
 * What the two directions of one PostgreSQL session share: what is on its way, what names stand for, what the
 * catalogs say. It owns the order of answers; it decides nothing.
 */
export class Conversation {
  readonly client: Channel
  readonly upstream: Channel
  readonly session: Session
  readonly statements = new NameTable<Prepared>()
  readonly portals = new NameTable<Portal>()
  catalog: Catalog
  masking: MaskingScope
  /** As the server last said. */
  status: TransactionStatus = 'I'
  /** Counts Syncs and simple queries: what the server skips after an error ends with one. */
  batch = 0
  /** Messages of this batch were sent and no Sync yet. */
  batchOpen = false
  /** An error was answered and no Sync has been sent since: the server ignores everything up to the next. */
  serverSkips = false
  /** The client sends COPY data within an extended query: the server ignores Sync until it is done. */
  copyIn = false
  catalogGeneration = 0

  readonly #definitions: Definitions
  #seenChanges: number
  readonly #pending: Pending[] = []
  #idleWaiters: (() => void)[] = []

  constructor(
    client: Channel,
    upstream: Channel,
    session: Session,
    catalog: CatalogRows,
    definitions: Definitions,
    seenChanges: number,
  ) {
    this.#definitions = definitions
    this.#seenChanges = seenChanges
    this.client = client
    this.upstream = upstream
    this.session = session
    this.catalog = buildCatalog(catalog)
    this.masking = maskingScope(session.masking, this.catalog)
    for (const { schema, table, column } of session.masking.columns) {
      const relation = findRelation(this.catalog, { schema, name: table })
      // A rule with a typing error would hide nothing: whoever runs the gateway must see it.
      if (relation?.columns.has(column) !== true) {
        session.logger.warn({ column: `${schema}.${table}.${column}` }, 'masking.column_missing')
      }
    }
  }

  /** Definitions may have changed since the catalogs were read, by this session or another through this gateway. */
  get catalogStale(): boolean {
    return this.#seenChanges !== this.#definitions.changes
  }

  /** Noted when a change is sent, since what is sent after it is judged before it is done; and again when it is done. */
  noteDefinitionsChange(): void {
    this.#definitions.changes++
  }

  get head(): Pending | undefined {
    return this.#pending[0]
  }

  get isIdle(): boolean {
    return this.#pending.length === 0
  }

  expect(pending: Pending): void {
    this.#pending.push(pending)
  }

  /** The head is answered. */
  answered(): void {
    this.#pending.shift()
  }

  /** Answers of our own whose turn it is now: after the message that was just handled has gone out. */
  *dueReplies(): Generator<Buffer, void, undefined> {
    for (let head = this.#pending[0]; head?.type === 'reply'; head = this.#pending[0]) {
      this.#pending.shift()
      yield head.bytes()
    }
    this.#settle()
  }

  /** After an error the server skips to the next Sync; so do the answers, and tentative names are undone. */
  skipToSync(): void {
    while (this.#pending.length > 0 && this.#pending[0]?.type !== 'sync') {
      const skipped = this.#pending.shift() as Pending
      if ('change' in skipped) skipped.change.undo()
      if (skipped.type === 'describe' && skipped.of !== undefined)
        skipped.of.described = skipped.of.columns !== undefined
    }
    this.serverSkips = this.#pending.length === 0
  }

  /** The Syncs that the server ignores because COPY has begun. */
  dropSyncs(): void {
    for (let i = this.#pending.length - 1; i > 0; i--) if (this.#pending[i]?.type === 'sync') this.#pending.splice(i, 1)
  }

  /** An answer of our own, after the answers to everything sent before it. */
  reply(bytes: () => Buffer): void {
    if (this.isIdle) {
      this.client.write(bytes())
      return
    }
    this.#pending.push({ type: 'reply', bytes })
    // Without a Flush the server would keep its answers until a Sync that may never come.
    if (this.batchOpen) this.upstream.write(FLUSH)
  }

  readyForQuery(): Buffer {
    return readyForQuery(this.status)
  }

  /** Resolves when everything that was sent is answered. */
  whenIdle(): Promise<void> {
    if (this.isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#idleWaiters.push(resolve))
  }

  /** Reads the catalogs again, on this connection, between the client's statements. */
  async refreshCatalog(): Promise<void> {
    const rows: Record<string, (string | null)[][]> = {}
    this.#seenChanges = this.#definitions.changes
    for (const [name, sql] of Object.entries(catalogQueries)) rows[name] = await ownQuery(this, sql)
    this.catalog = buildCatalog(rows as unknown as CatalogRows)
    this.masking = maskingScope(this.session.masking, this.catalog)
    this.catalogGeneration++
  }

  /** The server and we disagree about where we are: nothing after this could be trusted. */
  outOfStep(what: string): void {
    this.session.end(new PamError('PROTOCOL_VIOLATION', `the target sent ${what}`, { side: 'upstream' }))
  }

  /** Nothing will be answered any more. */
  abandon(): void {
    for (const pending of this.#pending.splice(0)) {
      if (pending.type === 'own') pending.done(new Error('the session is over'))
    }
    this.#settle()
  }

  #settle(): void {
    if (this.#pending.length > 0) return
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
  }
}
