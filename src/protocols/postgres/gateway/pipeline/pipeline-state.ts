import type { Channel } from '../../../../shared/channel.ts'
import { PamError } from '../../../../shared/errors.ts'
import { FLUSH } from '../../wire/client-message.ts'
import { readyForQuery, type TransactionStatus } from '../../wire/server-message.ts'
import type { Session } from '../../../../gateway/engine.ts'
import type { PostgresTarget } from '../../target.ts'
import { buildCatalog, prepareCatalog } from '../../catalog/build-catalog.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { CatalogRows } from '../../catalog/rows.ts'
import { RESTS_FOR, type AskAll, type CatalogPlace, type CatalogReading } from '../../catalog/catalog-shelf.ts'
import { readDefinitions } from '../../masking/definitions.ts'
import type { Output } from '../../../../sql/lineage/origin.ts'
import { maskingScope, type MaskingScope } from '../../masking/scope.ts'
import { missingColumns } from '../../../../sql/masking/masked-relations.ts'
import type { DefinitionTrees } from '../../../../sql/masking/masking-scope.ts'
import type { SqlParser } from '../../dialect/sql-parser.ts'
import { OwnQueryFailed, ownQueries, shieldedQueries } from './gateway-query.ts'
import type { OwnRows, Pending } from './pending.ts'
import {
  bothOf,
  joined,
  type Change,
  type Participant,
  type Publication,
  type SharedDefinitions,
  type Touches,
  type Unanalysed,
} from '../../catalog/shared-definitions.ts'
import { handOver } from '../lane/hand-over.ts'
import { LaneQueue } from '../lane/lane-queue.ts'
import { NameTable, type Portal, type Prepared } from './name-table.ts'

/**
 * What the two directions of one PostgreSQL session share: what is on its way, what names stand for, what the
 * catalogs say. It owns the order of answers; it decides nothing.
 */
export class PipelineState implements Participant {
  readonly client: Channel
  readonly upstream: Channel
  readonly session: Session<PostgresTarget>
  /** What the fast lane has on its way. */
  readonly lane = new LaneQueue()
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
  /** Why nothing that the catalogs say can be relied on: it could not be read, or the transaction sees what was before. */
  uncertain: string | undefined
  /** What the open transaction has changed, and nobody else sees yet. */
  changed: (Change & { readonly named: boolean }) | undefined

  /** Sends what the client's side has collected. */
  sendCollected: () => void = () => {}

  readonly #parser: SqlParser
  readonly #place: CatalogPlace
  readonly #target: PipelineTarget
  #rows: CatalogRows
  /** What this session knows to be old besides what all know. */
  #stale: Touches | undefined
  /** When all that had changed in the catalogs was read last, by `performance.now()`. */
  #readAt = performance.now()
  #pathMoved = false
  /** Definitions could not be read that somebody was changing. */
  #lacks: boolean
  #seenChanges: number
  /** Before whatever may have begun the transaction was sent: how often definitions had changed, and what had been read of them. */
  #changesBefore: number
  #rowsBefore: CatalogRows
  /** Published and not answered yet, by the message whose answer ends it. */
  readonly #publications = new Map<Pending, Publication>()
  #announced: Publication | undefined
  /** To be had by `#sent`, and names by their accessors: what the lane has sent may have to be put there first. */
  readonly #queue: Pending[] = []
  readonly #names = {
    statements: new NameTable<Prepared>(),
    portals: new NameTable<Portal>(),
    cursors: new Map<string, readonly Output[]>(),
  }
  #idleWaiters: (() => void)[] = []
  #answerWaiters: (() => void)[] = []
  #roomWaiters: (() => void)[] = []

  constructor(parts: {
    client: Channel
    upstream: Channel
    session: Session<PostgresTarget>
    parser: SqlParser
    catalog: CatalogRows
    searchPath: readonly string[]
    trees: DefinitionTrees
    place: CatalogPlace
    seenChanges: number
    /** What the server has reported at login. */
    parameters: ReadonlyMap<string, string>
    target: PipelineTarget
  }) {
    this.#parser = parts.parser
    this.#place = parts.place
    this.#target = parts.target
    this.#seenChanges = parts.seenChanges
    this.#rows = parts.catalog
    this.#changesBefore = parts.seenChanges
    this.#rowsBefore = parts.catalog
    this.client = parts.client
    this.reported = new Map([...parts.parameters].map(([name, value]) => [name, new Set([value])]))
    this.upstream = parts.upstream
    this.session = parts.session
    const { masking, config, logger } = parts.session
    this.catalog = buildCatalog(parts.catalog, config.safeFunctions, parts.searchPath)
    this.masking = maskingScope(masking, this.catalog, parts.trees)
    this.#lacks = lacksAny(parts.trees)
    // A rule with a typing error would hide nothing: whoever runs the gateway must see it.
    for (const column of missingColumns(masking, this.catalog)) logger.warn({ column }, 'masking.column_missing')
    parts.place.definitions.join(this)
  }

  get statements(): NameTable<Prepared> {
    this.#handOver()
    return this.#names.statements
  }

  get portals(): NameTable<Portal> {
    this.#handOver()
    return this.#names.portals
  }

  /** Where the columns of cursors and named portals come from, as the server has confirmed them. */
  get cursors(): Map<string, readonly Output[]> {
    this.#handOver()
    return this.#names.cursors
  }

  /** What was sent and is not answered, in order. */
  get #sent(): Pending[] {
    this.#handOver()
    return this.#queue
  }

  #handOver(): void {
    const { lane } = this
    if (lane.isTold) return
    handOver(lane, this.#names, (pending) => this.#queue.push(pending))
  }

  // ── for the fast lane ────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Whether nothing but what the lane has sent is on its way, and what was decided before about a statement holds: nothing that it rests on has
   * changed, or may be changing.
   */
  get isSteady(): boolean {
    return (
      this.#queue.length === 0 &&
      !this.batchOpen &&
      !this.serverSkips &&
      !this.copyIn &&
      this.status !== 'E' &&
      !this.namesMoved &&
      this.changed === undefined &&
      this.uncertain === undefined &&
      this.definitions.isQuiet &&
      this.renewed === undefined
    )
  }

  /** What stands under a name for certain. */
  prepared(name: string): Prepared | undefined {
    return name === '' && this.lane.hasParsed ? undefined : this.#names.statements.confirmed(name)
  }

  /** The lane sends something: as `expect` does. */
  noteSending(): void {
    if (this.status === 'I' && this.lane.length === 0) this.#noteBefore()
  }

  // ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  get definitions(): SharedDefinitions {
    return this.#place.definitions
  }

  /** Definitions may have changed since the catalogs were read, by this session or another through this gateway. */
  get catalogStale(): boolean {
    return this.renewed !== undefined
  }

  /** What a decision must not rest on before the catalogs are read again; undefined: it may rest on anything. */
  get renewed(): Touches | undefined {
    return this.definitions.mayChangeNow(this) ? 'anything' : this.noted
  }

  /** The same, of changes that were noted. */
  get noted(): Touches | undefined {
    if (this.#pathMoved) return 'anything'
    const renewed = joined(this.#stale, this.definitions.renewedSince(this.#seenChanges))
    if (renewed === undefined) return undefined
    // What was changed past the gateway is noticed with what is changed through it, sooner or later.
    return this.#lacks || performance.now() - this.#readAt > RESTS_FOR ? 'anything' : renewed
  }

  /** A setting that names depend on is moved, in this session alone; again when the transaction ends. */
  notePathChange(): void {
    this.#pathMoved = true
    this.namesMoved = true
  }

  /** Something is sent that may end the transaction, or go back in it: a setting that it has moved moves again. */
  noteEnd(): void {
    if (this.namesMoved) this.#pathMoved = true
  }

  /** Noted when a change is sent, since what is sent after it is judged before it is done; and again when it is done. */
  noteDefinitionsChange(change: Change | undefined, isAnswer = false): void {
    if (change === undefined) return
    // What is within a transaction is nobody else's concern before it ends.
    if (this.#isInTransaction(isAnswer)) this.#stale = joined(this.#stale, change.renews)
    else this.definitions.note(change.renews)
  }

  noteNotify(payload: string): void {
    if (this.notified.size >= MAX_KEPT) this.notified.clear()
    this.notified.add(payload)
  }

  /** Nothing can be asked, and nothing will run: the transaction has failed, or the server waits for a Sync or for data. */
  get isStuck(): boolean {
    return (this.status === 'E' && !this.#hasLeftFailure) || this.serverSkips || this.copyIn
  }

  /** A pipeline has ended the failed transaction, or gone back in it: the server says so only at the Sync. */
  get #hasLeftFailure(): boolean {
    return this.batchOpen && this.block?.batch === this.batch
  }

  /** Whether a transaction block is open, once everything that was sent is answered. */
  get isInBlock(): boolean {
    const { block } = this
    return this.batchOpen && block?.batch === this.batch ? block.isOpen : this.status === 'T'
  }

  /** A Sync or a simple query ends what the server would skip after an error. */
  endBatch(): void {
    this.batch++
    this.batchOpen = false
  }

  /** A transaction has been begun, and everything before was answered: what is sent now is committed by none of its own. */
  #isInTransaction(isAnswer = false): boolean {
    if (this.status !== 'T' || !this.isInBlock) return false
    // An answer is one to the first.
    return !this.#sent.slice(isAnswer ? 1 : 0).some(({ type }) => type === 'query' || type === 'sync')
  }

  /** What becomes visible to others with a message; `commits`: also where a transaction is open. Undefined: nothing. */
  publishes(change: Change | undefined, commits: boolean): Change | undefined {
    return commits || !this.#isInTransaction() ? bothOf(this.changed, change) : undefined
  }

  /** From here until it is answered, decisions of others about what it touches wait. */
  publish(pending: Pending, change: Change, waitFor: boolean): void {
    this.#publications.set(pending, this.definitions.publish(this, change, waitFor))
  }

  /** Decisions of others about what a change touches wait from now on, until it is sent or is not sent after all. */
  announce(change: Change): void {
    this.#announced ??= this.definitions.publish(this, change)
  }

  endAnnouncement(): void {
    this.#announced?.finish()
    this.#announced = undefined
  }

  /** `named`: by statements that say so, and not by code of unknown effect. */
  noteChanged(change: Change | undefined, named: boolean): void {
    const all = bothOf(this.changed, change)
    if (change !== undefined && all !== undefined)
      this.changed = { ...all, named: named || this.changed?.named === true }
  }

  /** Where code of unknown effect ran: whether the open transaction has changed definitions at all. */
  async hasChanged(): Promise<boolean> {
    if (this.changed?.named === true || this.batchOpen || this.isStuck) return true
    try {
      return !(await this.#place.isUnchanged((texts) => shieldedQueries(this, texts)))
    } catch (error) {
      if (!(error instanceof OwnQueryFailed)) throw error
      return true
    }
  }

  /** What the server said of the transaction after a message: definitions have become everybody's, or were taken back. */
  noteTransaction(): void {
    // What was read may be what an old snapshot shows.
    if (this.uncertain !== undefined) this.#stale = 'anything'
    if (this.changed === undefined) return
    this.noteDefinitionsChange(this.changed)
    if (this.status === 'I' && this.isIdle) this.changed = undefined
  }

  // ── as other sessions of the database see this one ───────────────────────────────────────────────────────────────

  get processId(): number | undefined {
    return this.#target.processId
  }

  unanalysed(): Unanalysed[] {
    const sent: Unanalysed[] = []
    let comesFirst = true
    for (const pending of this.#sent) {
      if ('rests' in pending && pending.rests !== undefined) {
        const { names, since, statements } = pending.rests
        const waits = !comesFirst || statements > 1
        const isAnalysed = comesFirst && 'run' in pending && statements <= 1 && pending.run.rows > 0
        if (!isAnalysed) sent.push({ names, since, waits })
      }
      comesFirst = false
    }
    return sent
  }

  nextAnswer(): Promise<void> {
    if (this.session.ended.aborted || this.isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#answerWaiters.push(resolve))
  }

  cancelRunning(): Promise<void> {
    this.session.recorder.outcome({
      type: 'notice',
      message: 'canceled: another session changes definitions that this was decided with',
    })
    return this.#target.cancel()
  }

  overtaken(): void {
    this.session.end(
      new PamError('TARGET_LEFT', 'another session changed definitions that a waiting statement was decided with', {
        side: 'upstream',
      }),
    )
  }

  // ── what is on its way ───────────────────────────────────────────────────────────────────────────────────────────

  get head(): Pending | undefined {
    return this.#sent[0]
  }

  get isIdle(): boolean {
    return this.#sent.length === 0
  }

  expect(pending: Pending): void {
    if (this.status === 'I' && this.isIdle && !this.batchOpen) this.#noteBefore()
    this.#sent.push(pending)
  }

  #noteBefore(): void {
    this.#changesBefore = this.definitions.changes
    this.#rowsBefore = this.#rows
  }

  /** More of the client's should not go on before some of what was sent is answered. */
  get isFull(): boolean {
    return this.#sent.length >= MAX_PENDING
  }

  /** Resolves when enough is answered, or the session is over. */
  whenRoom(): Promise<void> {
    return new Promise((resolve) => this.#roomWaiters.push(resolve))
  }

  #tellRoom(): void {
    if (this.#roomWaiters.length === 0 || this.#sent.length > MAX_PENDING / 2) return
    const waiters = this.#roomWaiters
    this.#roomWaiters = []
    for (const resolve of waiters) resolve()
  }

  /** The head is answered. */
  answered(): void {
    const pending = this.#sent.shift()
    if (pending !== undefined) this.#finishPublication(pending)
    while (this.#sent[0]?.type === 'copy-end') this.#sent.shift()
    if (this.#answerWaiters.length > 0) this.#wakeAnswerWaiters()
    this.#tellRoom()
  }

  /** Answered, or never run: nobody need wait for it any more. */
  #finishPublication(pending: Pending): void {
    if (this.#publications.size === 0) return
    this.#publications.get(pending)?.finish()
    this.#publications.delete(pending)
  }

  #wakeAnswerWaiters(): void {
    const waiters = this.#answerWaiters
    this.#answerWaiters = []
    for (const resolve of waiters) resolve()
  }

  /** There may be answers of our own to send, or somebody who waits for everything to be answered. */
  get hasDue(): boolean {
    return this.#sent[0]?.type === 'reply' || (this.#sent.length === 0 && this.#idleWaiters.length > 0)
  }

  /** Answers of our own whose turn it is now: after the message that was just handled has gone out. */
  *dueReplies(): Generator<Buffer, void, undefined> {
    for (let head = this.#sent[0]; head?.type === 'reply'; head = this.#sent[0]) {
      this.#sent.shift()
      yield head.bytes()
    }
    this.#tellRoom()
    this.#settle()
  }

  /** After an error the server skips to the next Sync; so do the answers, and tentative names are undone. */
  skipToSync(): void {
    while (this.#sent.length > 0 && this.#sent[0]?.type !== 'sync') {
      const skipped = this.#sent.shift() as Pending
      this.#finishPublication(skipped)
      if ('change' in skipped) skipped.change.undo()
      if (skipped.type === 'describe' && skipped.of !== undefined) skipped.of.described = undefined
    }
    this.serverSkips = this.#sent.length === 0
    this.#tellRoom()
  }

  /** COPY has begun: up to the end of its data the server ignores Syncs. */
  beginCopyIn(): void {
    const end = this.#sent.findIndex(({ type }) => type === 'copy-end')
    this.copyIn = end < 0
    const upTo = end < 0 ? this.#sent.length : end + 1
    const kept = this.#sent
      .splice(0, upTo)
      .filter(({ type }, index) => index === 0 || (type !== 'sync' && type !== 'copy-end'))
    this.#sent.unshift(...kept)
    this.#tellRoom()
  }

  /** An answer of our own, after the answers to everything sent before it. */
  reply(bytes: () => Buffer): void {
    if (this.isIdle) {
      this.client.write(bytes())
      return
    }
    this.#sent.push({ type: 'reply', bytes })
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

  /**
   * Reads the catalogs again, between the client's statements; with `all`, everything that has changed, also where nothing is known
   * to have changed but what relations were made. What cannot be read makes what rests on it uncertain, and ends nothing.
   */
  async refreshCatalog(all: boolean): Promise<void> {
    const changes = this.definitions.changes
    const isKnown = !all && !this.#pathMoved && !this.#lacks && !this.definitions.mayChangeNow(this)
    const renewed = isKnown ? joined(this.#stale, this.definitions.renewedSince(this.#seenChanges)) : undefined
    this.#stale = undefined
    this.#pathMoved = false
    this.uncertain = undefined
    try {
      const { masking, config } = this.session
      const { rows, since, searchPath, trees } = await this.#read(changes, renewed ?? 'anything')
      await prepareCatalog(rows, config.safeFunctions)
      this.#rows = rows
      this.#readAt = since
      this.catalog = buildCatalog(rows, config.safeFunctions, searchPath)
      this.masking = maskingScope(masking, this.catalog, trees)
      this.#lacks = lacksAny(trees)
      this.#seenChanges = changes
    } catch (error) {
      if (!(error instanceof OwnQueryFailed)) throw error
      this.session.logger.warn({ cause: error }, 'catalogs.not_read')
      this.#stale = 'anything'
      this.#readAt = performance.now()
      this.uncertain = `the definitions could not be read (${error.sqlstate})`
    }
    this.catalogGeneration++
  }

  /** `needed`: what is known to have changed. */
  async #read(changes: number, needed: Touches): Promise<Read & { searchPath: readonly string[] }> {
    if (this.status === 'I' && !this.batchOpen) return this.#readOutside(needed)
    const [state] = await ownQueries(this, [STATE])
    const [path, transaction, isolation] = state?.[0] ?? []
    const searchPath = namesOf(path)
    const ask: AskAll = (texts) => shieldedQueries(this, texts)
    // In a transaction that takes a snapshot for each statement, what is committed now is seen.
    const isCurrent = isolation === 'read committed'
    const committed = async (by: AskAll): Promise<Read> => this.#withTrees(await this.#place.read(by, needed), by)
    if (transaction == null)
      return { searchPath, ...(await (isCurrent ? committed(ask) : this.#target.aside(committed))) }
    const since = { rows: this.#rows, since: this.#readAt }
    const ofOwn = isCurrent ? { needed, since } : {}
    const own = await this.#withTrees(await this.#place.readOwn(ask, ofOwn), ask)
    // Its own changes are seen in its snapshot only, what others have committed since only outside it: as long as it lasts.
    const rowsBefore = this.#rowsBefore
    if (!isCurrent && this.#changesBefore !== changes && rowsBefore !== (await this.#target.aside(committed)).rows)
      this.uncertain = 'definitions have changed since the transaction began'
    return { searchPath, ...own }
  }

  /** Outside a transaction, what is committed now is seen. The state comes with the first of what is asked. */
  async #readOutside(needed: Touches): Promise<Read & { searchPath: readonly string[] }> {
    let state: OwnRows | undefined
    const ask: AskAll = async (texts) => {
      if (state !== undefined) return shieldedQueries(this, texts)
      const [first, ...answers] = await shieldedQueries(this, texts, STATE)
      state = first
      return answers
    }
    const read = await this.#withTrees(await this.#place.read(ask, needed), ask)
    // Another session may have read it all.
    state ??= (await ownQueries(this, [STATE]))[0]
    return { searchPath: namesOf(state?.[0]?.[0]), ...read }
  }

  async #withTrees({ rows, since }: CatalogReading, ask: AskAll): Promise<Read> {
    const one = async (sql: string) => (await ask([sql]))[0] ?? []
    return {
      rows,
      since,
      trees: await readDefinitions(rows, this.session.masking, this.#parser, this.#place.texts, one),
    }
  }

  /** The server and we disagree about where we are: nothing after this could be trusted. */
  outOfStep(what: string): void {
    this.session.end(new PamError('PROTOCOL_VIOLATION', `the target sent ${what}`, { side: 'upstream' }))
  }

  /** Nothing will be answered any more. */
  abandon(): void {
    for (const pending of this.#sent.splice(0)) {
      if (pending.type === 'own') pending.done(new Error('the session is over'))
    }
    this.definitions.leave(this)
    this.#publications.clear()
    this.#wakeAnswerWaiters()
    this.#tellRoom()
    this.#settle()
  }

  #settle(): void {
    if (this.#sent.length > 0) return
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
  }
}

/** By setting, the values that were reported. */
type Reported = Map<string, Set<string>>

/**
 * Messages that are on their way at once. It is far more than a server keeps answers back for (8 KB, PQ_SEND_BUFFER_SIZE in its
 * pqcomm.c), so that it answers some of them whatever they are.
 */
const MAX_PENDING = 10_000
/** Payloads of NOTIFY, and values of one setting, that are remembered. */
export const MAX_KEPT = 1000
/** What a session needs of its connection besides the bytes. */
export interface PipelineTarget {
  /** Of the backend, which its notifications carry; signed, undefined where the target named none. */
  readonly processId: number | undefined
  cancel(): Promise<void>
  /** Reads on a connection of its own, for a transaction that does not see what is committed. */
  aside<T>(read: (ask: AskAll) => Promise<T>): Promise<T>
}

const lacksAny = (trees: DefinitionTrees): boolean => [...trees.values()].includes(undefined)

interface Read extends CatalogReading {
  readonly trees: DefinitionTrees
}

/** Under the client's own settings: its search path, the transaction that has an id where it has written, and what it sees. */
export const STATE = `select pg_catalog.array_to_json(pg_catalog.current_schemas(true))::pg_catalog.text, pg_catalog.txid_current_if_assigned()::pg_catalog.text, pg_catalog.current_setting('transaction_isolation')`

/** The names of a search path, as JSON. */
export function namesOf(text: string | null | undefined): string[] {
  const names: unknown = text == null ? undefined : JSON.parse(text)
  if (!Array.isArray(names))
    throw new PamError('PROTOCOL_VIOLATION', 'the target has no search path', { side: 'upstream' })
  return names.map(String)
}
