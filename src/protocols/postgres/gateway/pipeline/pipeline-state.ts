import type { Channel } from '../../../../shared/channel.ts'
import { PamError } from '../../../../shared/errors.ts'
import { FLUSH } from '../../wire/client-message.ts'
import { readyForQuery, type TransactionStatus } from '../../wire/server-message.ts'
import type { Session } from '../../../../gateway/engine.ts'
import type { PostgresTarget } from '../../target.ts'
import {
  buildCatalog,
  catalogQueries,
  FIRST_USER_OID,
  withSystemRows,
  type Catalog,
  type CatalogRows,
} from '../../catalog/catalog.ts'
import { readDefinitions } from '../../lineage/definitions.ts'
import type { Output } from '../../lineage/origin.ts'
import { maskingScope, missingColumns, type DefinitionTrees, type MaskingScope } from '../../lineage/masking-scope.ts'
import type { SqlParser } from '../../dialect/sql-parser.ts'
import { ownQueries, ownQuery } from './gateway-query.ts'
import type { OwnRows, Pending } from './pending.ts'
import { NameTable, type Portal, type Prepared } from './name-table.ts'

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
  readonly session: Session<PostgresTarget>
  readonly statements = new NameTable<Prepared>()
  readonly portals = new NameTable<Portal>()
  /** Where the columns of cursors and named portals come from, as the server has confirmed them. */
  readonly cursors = new Map<string, readonly Output[]>()
  catalog: Catalog
  masking: MaskingScope
  /** As the server last said. */
  status: TransactionStatus = 'I'
  /** When the open transaction began, in milliseconds since 1970. */
  transactionSince = 0
  /** Counts Syncs and simple queries: what the server skips after an error ends with one. */
  batch = 0
  /** Messages of this batch were sent and no Sync yet. */
  batchOpen = false
  /** An error was answered and no Sync has been sent since: the server ignores everything up to the next. */
  serverSkips = false
  /** The client sends COPY data within an extended query: the server ignores Sync until it is done. */
  copyIn = false
  /** A setting that names depend on was moved in this transaction: its end may move it back. */
  namesMoved = false
  catalogGeneration = 0
  /** Code that is not read has run: what settings are now it may have made of masked columns. */
  ranUnread = false
  /** What the client knows of settings that the server reports. */
  readonly reported: Reported
  /** What NOTIFY of this session has sent, which stands in its statements. */
  readonly notified = new Set<string>()
  /** Where a batch has begun a transaction block, or ended one: the server says how it stands only at the Sync. */
  block: { readonly batch: number; readonly isOpen: boolean } | undefined

  /** Sends what the client's side has collected. */
  sendCollected: () => void = () => {}

  readonly #parser: SqlParser
  readonly #definitions: Definitions
  #rows: CatalogRows
  #trees: DefinitionTrees
  #pathMoved = false
  #seenChanges: number
  readonly #pending: Pending[] = []
  #idleWaiters: (() => void)[] = []

  constructor(parts: {
    client: Channel
    upstream: Channel
    session: Session<PostgresTarget>
    parser: SqlParser
    catalog: CatalogRows
    trees: DefinitionTrees
    definitions: Definitions
    seenChanges: number
    /** What the server has reported at login. */
    parameters: ReadonlyMap<string, string>
  }) {
    this.#parser = parts.parser
    this.#definitions = parts.definitions
    this.#seenChanges = parts.seenChanges
    this.#rows = parts.catalog
    this.#trees = parts.trees
    this.client = parts.client
    this.reported = new Map([...parts.parameters].map(([name, value]) => [name, new Set([value])]))
    this.upstream = parts.upstream
    this.session = parts.session
    const { masking, config, logger } = parts.session
    this.catalog = buildCatalog(parts.catalog, config.safeFunctions)
    this.masking = maskingScope(masking, this.catalog, parts.trees)
    // A rule with a typing error would hide nothing: whoever runs the gateway must see it.
    for (const column of missingColumns(masking, this.catalog)) logger.warn({ column }, 'masking.column_missing')
  }

  /** Definitions may have changed since the catalogs were read, by this session or another through this gateway. */
  get catalogStale(): boolean {
    return this.#pathMoved || this.#seenChanges !== this.#definitions.changes
  }

  /** A setting that names depend on is moved, in this session alone; again when the transaction ends. */
  notePathChange(): void {
    this.#pathMoved = true
    this.namesMoved = true
  }

  /** Noted when a change is sent, since what is sent after it is judged before it is done; and again when it is done. */
  noteDefinitionsChange(): void {
    this.#definitions.changes++
  }

  noteNotify(payload: string): void {
    if (this.notified.size >= MOST_KEPT) this.notified.clear()
    this.notified.add(payload)
  }

  /** Whether a transaction block is open, once everything that was sent is answered. */
  get isInBlock(): boolean {
    const { block } = this
    return this.batchOpen && block?.batch === this.batch ? block.isOpen : this.status === 'T'
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
    while (this.#pending[0]?.type === 'copy-end') this.#pending.shift()
  }

  /** There may be answers of our own to send, or somebody who waits for everything to be answered. */
  get hasDue(): boolean {
    return this.#pending[0]?.type === 'reply' || (this.#pending.length === 0 && this.#idleWaiters.length > 0)
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

  /** COPY has begun: up to the end of its data the server ignores Syncs. */
  beginCopyIn(): void {
    const end = this.#pending.findIndex(({ type }) => type === 'copy-end')
    this.copyIn = end < 0
    const upTo = end < 0 ? this.#pending.length : end + 1
    const kept = this.#pending
      .splice(0, upTo)
      .filter(({ type }, index) => index === 0 || (type !== 'sync' && type !== 'copy-end'))
    this.#pending.unshift(...kept)
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

  /** Everything so far is sent and worked through: resolves when it is answered. */
  settled(): Promise<void> {
    this.sendCollected()
    // Without a Flush the server would keep its answers until a Sync that may never come.
    if (this.batchOpen) this.upstream.write(FLUSH)
    return this.whenIdle()
  }

  /** Resolves when everything that was sent is answered. */
  whenIdle(): Promise<void> {
    if (this.isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#idleWaiters.push(resolve))
  }

  /** Reads the catalogs again, on this connection, between the client's statements. */
  async refreshCatalog(force: boolean): Promise<void> {
    const rows: Record<string, OwnRows> = { ...this.#rows } as never
    const all = force || this.#seenChanges !== this.#definitions.changes
    this.#seenChanges = this.#definitions.changes
    this.#pathMoved = false
    const texts = catalogQueries(FIRST_USER_OID)
    // Definitions are read with the names that the path makes visible left bare, so they belong to the path.
    const queries = all ? (Object.keys(texts) as (keyof typeof texts)[]) : PATH_QUERIES
    const answers = await ownQueries(
      this,
      queries.map((name) => texts[name]),
    )
    queries.forEach((name, index) => (rows[name] = answers[index] ?? []))
    const read = rows as unknown as CatalogRows
    this.#rows = all ? withSystemRows(this.#rows, read) : read
    this.#trees = await readDefinitions(this.#rows, this.session.masking, this.#parser, (sql) => ownQuery(this, sql))
    this.catalog = buildCatalog(this.#rows, this.session.config.safeFunctions)
    this.masking = maskingScope(this.session.masking, this.catalog, this.#trees)
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

/** By setting, the values that were reported. */
type Reported = Map<string, Set<string>>

/** Payloads of NOTIFY, and values of one setting, that are remembered. */
export const MOST_KEPT = 1000
/** What depends on search_path. */
const PATH_QUERIES = ['searchPath', 'columns'] as const
