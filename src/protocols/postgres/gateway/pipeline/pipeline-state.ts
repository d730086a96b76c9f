import type { Channel } from '../../../../shared/channel.ts'
import { PamError } from '../../../../shared/errors.ts'
import { FLUSH } from '../../wire/client-message.ts'
import { readyForQuery, type TransactionStatus } from '../../wire/server-message.ts'
import type { Session } from '../../../../gateway/engine.ts'
import type { PostgresTarget } from '../../target.ts'
import type { CatalogPlace } from '../../catalog/catalog-shelf.ts'
import { pinnedOf } from '../../session-settings.ts'
import { bothOf, type Change } from '../../catalog/change-log.ts'
import type { SharedDefinitions, Unanalysed } from '../../catalog/shared-definitions.ts'
import type { Names } from '../lane/hand-over.ts'
import type { LaneQueue } from '../lane/lane-queue.ts'
import { OwnQueryFailed, shieldedQueries } from './gateway-query.ts'
import { InFlight } from './in-flight.ts'
import { KeptStatements } from './kept-statements.ts'
import { KnownDefinitions, type Aside, type KnownParts, type ReadingPort } from './known-definitions.ts'
import { OwnChanges } from './own-changes.ts'
import type { Pending } from './pending.ts'
import { ReadingAhead } from './reading-ahead.ts'
import { needsDefinitions } from './rests-on-definitions.ts'

/**
 * What the two directions of one PostgreSQL session share: where the protocol stands, what is on its way, what the session knows of
 * definitions, and what it changes of them. It owns the order of answers; it decides nothing.
 */
export class PipelineState implements ReadingPort {
  readonly client: Channel
  readonly upstream: Channel
  readonly session: Session<PostgresTarget>
  readonly inFlight = new InFlight()
  readonly known: KnownDefinitions
  readonly changes: OwnChanges
  readonly kept = new KeptStatements()
  readonly ahead: ReadingAhead
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
  /** Code that is not read has run: what settings are now it may have made of masked columns. */
  ranUnread = false
  /** What the client knows of settings that the server reports. */
  readonly reported: Reported
  /** Settings that are pinned and that the server reports, with the value that they keep. */
  readonly pinnedReports: ReadonlyMap<string, string>
  /** What NOTIFY of this session has sent, which stands in its statements. */
  readonly notified = new Set<string>()
  /** Where a batch has begun a transaction block, or ended one: the server says how it stands only at the Sync. */
  block: { readonly batch: number; readonly isOpen: boolean } | undefined

  /** Sends what the client's side has collected. */
  sendCollected: () => void = () => {}
  /** Sends something with that, in its turn. */
  collect: (bytes: Buffer) => void = () => {}

  readonly #needsDefinitions: boolean
  readonly #place: CatalogPlace
  readonly #target: PipelineTarget

  constructor(
    parts: KnownParts & {
      client: Channel
      upstream: Channel
      session: Session<PostgresTarget>
      /** What the server has reported at login. */
      parameters: ReadonlyMap<string, string>
      target: PipelineTarget
    },
  ) {
    this.#place = parts.place
    this.#target = parts.target
    this.client = parts.client
    this.reported = new Map([...parts.parameters].map(([name, value]) => [name, new Set([value])]))
    const pinned = pinnedOf(parts.session.config.settings)
    this.pinnedReports = new Map(
      [...parts.parameters].filter(([name]) => pinned.has(name) && pinned.get(name)?.limit === undefined),
    )
    this.upstream = parts.upstream
    this.session = parts.session
    this.#needsDefinitions = needsDefinitions(parts.session)
    this.known = new KnownDefinitions(this, parts, (read) => parts.target.aside(read))
    this.changes = new OwnChanges(this, this.definitions, this.known)
    this.ahead = new ReadingAhead(this, parts.place, this.known)
    this.definitions.join(this)
  }

  get lane(): LaneQueue {
    return this.inFlight.lane
  }

  get names(): Names {
    return this.inFlight.names
  }

  get definitions(): SharedDefinitions {
    return this.#place.definitions
  }

  // ── for the fast lane ────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Whether nothing but what the lane has sent is on its way, and what was decided before about a statement holds: nothing that it rests on has
   * changed, or may be changing.
   */
  get isSteady(): boolean {
    return (
      this.inFlight.isLaneOnly &&
      !this.batchOpen &&
      !this.serverSkips &&
      !this.copyIn &&
      this.status !== 'E' &&
      !this.known.namesMoved &&
      this.changes.uncommitted === undefined &&
      this.known.uncertain === undefined &&
      this.definitions.isQuiet &&
      (this.known.renewed === undefined || this.#isReadForRecord)
    )
  }

  /** The lane sends something: as `expect` does. */
  noteSending(): void {
    if (this.status === 'I' && this.lane.length === 0) this.known.noteBeginning()
  }

  // ── where no decision rests on definitions ──────────────────────────────────────────────────────────────────────

  /** Whether what is decided here may depend on definitions: rules look at more than the text, values are masked, or nothing may be written. */
  get restsOnDefinitions(): boolean {
    return this.#needsDefinitions || !this.session.decidesByText()
  }

  /** No decision of any session of the database depends on definitions: what goes on record is all that they are read for. */
  get readsForRecordAlone(): boolean {
    return !this.definitions.areReliedOn
  }

  get #isReadForRecord(): boolean {
    const { redefined, mayHaveChanged, isReadLately } = this.known
    if (!this.readsForRecordAlone || redefined !== undefined) return false
    return mayHaveChanged === undefined || (mayHaveChanged === 'unread' && isReadLately)
  }

  // ── where the protocol stands ────────────────────────────────────────────────────────────────────────────────────

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
    return !this.inFlight.all.slice(isAnswer ? 1 : 0).some(({ type }) => type === 'query' || type === 'sync')
  }

  /** What becomes visible to others with a message; `commits`: also where a transaction is open. Undefined: nothing. */
  publishes(change: Change | undefined, commits: boolean): Change | undefined {
    return commits || !this.#isInTransaction() ? bothOf(this.changes.uncommitted, change) : undefined
  }

  /** Noted when a change is sent, and again when it is done: `head` is answered. */
  noteDefinitionsChange(change: Change | undefined, head?: Pending): void {
    if (change !== undefined) this.changes.note(change, this.#isInTransaction(head !== undefined), head)
  }

  /** Where code of unknown effect ran: whether the open transaction has changed definitions at all. */
  async hasChanged(): Promise<boolean> {
    if (this.changes.uncommitted?.named === true || this.batchOpen || this.isStuck) return true
    try {
      return !(await this.#place.isUnchanged((texts) => shieldedQueries(this, texts)))
    } catch (error) {
      if (!(error instanceof OwnQueryFailed)) throw error
      return true
    }
  }

  /** The end of a batch, as the server says how the transaction stands. */
  noteStatus(status: TransactionStatus): void {
    if (this.status === 'I' && status !== 'I') this.transactionSince = Date.now()
    this.status = status
    if (!this.known.namesMoved) return
    // The end of a transaction may take a setting back, and so does a rollback to a savepoint.
    this.known.notePathChange()
    this.known.namesMoved = status !== 'I'
  }

  /** What the server said of the transaction after a message: definitions have become everybody's, or were taken back. */
  noteTransaction(answered?: Pending): void {
    // What was read may be what an old snapshot shows.
    if (this.known.uncertain !== undefined) this.known.noteStale('anything')
    const { changes } = this
    if (changes.uncommitted === undefined) return
    changes.note(changes.uncommitted, this.#isInTransaction(), answered)
    if (this.status === 'I' && this.inFlight.isOwnOnly) changes.uncommitted = undefined
  }

  // ── as other sessions of the database see this one ───────────────────────────────────────────────────────────────

  get processId(): number | undefined {
    return this.#target.processId
  }

  unanalysed(): Unanalysed[] {
    const sent: Unanalysed[] = []
    const { restsOnDefinitions } = this
    let comesFirst = true
    for (const pending of this.inFlight.all) {
      // Where rules look at the text alone, one thing rests on definitions nevertheless: that an UPDATE is none of pg_settings.
      if ('rests' in pending && pending.rests !== undefined && (restsOnDefinitions || pending.rests.byRules)) {
        const { since, statements, byRules } = pending.rests
        const names = restsOnDefinitions ? pending.rests.names : NONE
        const waits = !comesFirst || statements > 1
        const isAnalysed = comesFirst && 'run' in pending && statements <= 1 && pending.run.rows > 0
        if (!isAnalysed) sent.push({ names, since, waits, byRules })
      }
      comesFirst = false
    }
    return sent
  }

  nextAnswer(): Promise<void> {
    if (this.session.ended.aborted || this.inFlight.isIdle) return Promise.resolve()
    return this.inFlight.whenAnswered()
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

  expect(pending: Pending): void {
    if (this.status === 'I' && this.inFlight.isOwnOnly && !this.batchOpen) this.known.noteBeginning()
    this.inFlight.push(pending)
  }

  /** The head is answered. */
  answered(): void {
    const pending = this.inFlight.shift()
    if (pending !== undefined) this.changes.finish(pending)
    this.inFlight.tellAnswered()
    this.inFlight.tellRoom()
  }

  /** After an error the server skips to the next Sync; so do the answers, and tentative names are undone. */
  skipToSync(): void {
    for (const skipped of this.inFlight.skipToSync()) {
      this.changes.finish(skipped)
      if ('change' in skipped) skipped.change.undo()
      if (skipped.type === 'describe' && skipped.of !== undefined) skipped.of.described = undefined
    }
    this.serverSkips = this.inFlight.isIdle
    this.inFlight.tellRoom()
  }

  /** COPY has begun. */
  beginCopyIn(): void {
    this.copyIn = this.inFlight.beginCopyIn()
  }

  /** An answer of our own, after the answers to everything sent before it. */
  reply(bytes: () => Buffer): void {
    if (this.inFlight.isIdle) {
      this.client.write(bytes())
      return
    }
    this.inFlight.push({ type: 'reply', bytes })
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
    return this.inFlight.whenIdle()
  }

  /** The server and we disagree about where we are: nothing after this could be trusted. */
  outOfStep(what: string): void {
    this.session.end(new PamError('PROTOCOL_VIOLATION', `the target sent ${what}`, { side: 'upstream' }))
  }

  /** Nothing will be answered any more. */
  abandon(): void {
    for (const pending of this.inFlight.takeAll()) {
      if (pending.type === 'own') pending.done(new Error('the session is over'))
    }
    this.changes.leave()
    this.inFlight.tellAnswered()
    this.inFlight.tellRoom()
    this.inFlight.tellIdle()
  }
}

const NONE: ReadonlySet<string> = new Set()

/** By setting, the values that were reported. */
type Reported = Map<string, Set<string>>

/** Payloads of NOTIFY, and values of one setting, that are remembered. */
export const MAX_KEPT = 1000

/** What a session needs of its connection besides the bytes. */
export interface PipelineTarget {
  /** Of the backend, which its notifications carry; signed, undefined where the target named none. */
  readonly processId: number | undefined
  cancel(): Promise<void>
  readonly aside: Aside
}
