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
import { KnownDefinitions, type OnSeparateConnection, type KnownParts, type ReadingPort } from './known-definitions.ts'
import { OwnChanges } from './own-changes.ts'
import type { Pending } from './pending.ts'
import { ReadingAhead } from './reading-ahead.ts'
import { needsDefinitions } from './depends-on-definitions.ts'

/**
 * The state that both directions of a PostgreSQL session share: the state of the protocol, the messages in flight, what the session knows
 * of definitions, and how it changes them. It is responsible for the order of answers; it makes no decisions.
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
  /** The status that the server sent last. */
  status: TransactionStatus = 'I'
  /** The status before that. */
  #statusBefore: TransactionStatus = 'I'
  /** When the open transaction began, in milliseconds since 1970. */
  transactionSince = 0
  /** Counts Syncs and simple queries: each of them ends what the server skips after an error. */
  batch = 0
  /** Whether messages of this batch were sent, and no Sync yet. */
  batchOpen = false
  /** Whether an error was answered and no Sync has been sent since: the server ignores everything up to the next. */
  serverSkips = false
  /** Whether the server waits for COPY data: until their end it ignores Sync and Flush, and accepts nothing else. */
  copyIn = false
  /** Whether code that is not analysed has run: it may have set settings to values of masked columns. */
  ranUnread = false
  /** The values of settings that the client has been told. */
  readonly reported: Reported
  /** Settings that are pinned and that the server reports, with the value that they keep. */
  readonly pinnedReports: ReadonlyMap<string, string>
  /** What NOTIFY of this session has sent, which stands in its statements. */
  readonly notified = new Set<string>()
  /** Set if a batch has begun or ended a transaction block: the server reports the status only at the Sync. */
  block: { readonly batch: number; readonly isOpen: boolean } | undefined

  /** Sends what the client's side has collected. */
  sendCollected: () => void = () => {}
  /** Adds bytes to that, in order. */
  collect: (bytes: Buffer) => void = () => {}

  readonly #needsDefinitions: boolean
  readonly #place: CatalogPlace
  readonly #target: PipelineTarget

  constructor(
    parts: KnownParts & {
      client: Channel
      upstream: Channel
      session: Session<PostgresTarget>
      /** The settings that the server reported at login. */
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
   * Whether only messages of the lane are in flight, and earlier decisions about statements are still valid: nothing that they rest on has
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

  /** Notes that the lane sends something, as `expect` does. */
  noteSending(): void {
    if (this.status === 'I' && this.lane.length === 0) this.known.noteBeginning()
  }

  // ── when no decision depends on definitions ─────────────────────────────────────────────────────────────────────

  /**
   * Whether decisions here may depend on definitions: rules depend on more than the text, values are masked, or the session is read-only.
   */
  get dependsOnDefinitions(): boolean {
    return this.#needsDefinitions || !this.session.decidesByText()
  }

  /** Whether no decision of any session of the database depends on definitions: they are read only for the record. */
  get readsForRecordAlone(): boolean {
    return !this.definitions.areReliedOn
  }

  get #isReadForRecord(): boolean {
    const { redefined, mayHaveChanged, isReadLately } = this.known
    if (!this.readsForRecordAlone || redefined !== undefined) return false
    return mayHaveChanged === undefined || (mayHaveChanged === 'unread' && isReadLately)
  }

  // ── state of the protocol ────────────────────────────────────────────────────────────────────────────────────────

  noteNotify(payload: string): void {
    if (this.notified.size >= MAX_KEPT) this.notified.clear()
    this.notified.add(payload)
  }

  /**
   * Whether the server cannot be asked and will not run anything: the transaction has failed, or the server waits for a Sync or for data.
   */
  get isStuck(): boolean {
    return (this.status === 'E' && !this.#hasLeftFailure) || this.serverSkips || this.copyIn
  }

  /** Whether a pipeline has ended the failed transaction, or rolled back to a savepoint: the server reports that only at the Sync. */
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

  /** Whether a transaction has begun, and everything before was answered: no earlier message commits what is sent now. */
  #isInTransaction(isAnswer = false): boolean {
    if (this.status !== 'T' || !this.isInBlock) return false
    // An answer belongs to the first message.
    return !this.inFlight.all.slice(isAnswer ? 1 : 0).some(({ type }) => type === 'query' || type === 'sync')
  }

  /** The change that becomes visible to other sessions with a message; `commits`: even if a transaction is open. Undefined: none. */
  publishes(change: Change | undefined, commits: boolean): Change | undefined {
    return commits || !this.#isInTransaction() ? bothOf(this.changes.uncommitted, change) : undefined
  }

  get hasUncommitted(): boolean {
    return this.changes.uncommitted !== undefined
  }

  /** Notes a change when it is sent, and again when it is done: `head` is answered. */
  noteDefinitionsChange(change: Change | undefined, head?: Pending): void {
    if (change !== undefined) this.changes.note(change, this.#isInTransaction(head !== undefined), head)
  }

  /** After code of unknown effect ran: whether the open transaction has changed any definitions. */
  async hasChanged(): Promise<boolean> {
    if (this.changes.uncommitted?.named === true || this.batchOpen || this.isStuck) return true
    try {
      return !(await this.#place.isUnchanged((texts) => shieldedQueries(this, texts)))
    } catch (error) {
      if (!(error instanceof OwnQueryFailed)) throw error
      return true
    }
  }

  /** Notes the transaction status that the server sends at the end of a batch. */
  noteStatus(status: TransactionStatus): void {
    this.#statusBefore = this.status
    if (this.status === 'I' && status !== 'I') this.transactionSince = Date.now()
    this.status = status
    if (!this.known.namesMoved) return
    // The end of a transaction may restore a setting, and so may a rollback to a savepoint.
    this.known.notePathChange()
    this.known.namesMoved = status !== 'I'
  }

  /** Notes the status of the transaction after a message: definitions may have been committed, or rolled back. */
  noteTransaction(answered: Pending): void {
    // The last reading may show the state of an old snapshot.
    if (this.known.uncertain !== undefined) this.known.noteStale('anything')
    const { changes } = this
    if (changes.uncommitted === undefined || this.#keepsChanges(answered)) return
    changes.note(changes.uncommitted, this.#isInTransaction(), answered)
    if (this.status === 'I' && this.inFlight.isOwnOnly) changes.uncommitted = undefined
  }

  /**
   * Whether a message has left the transaction's earlier changes as they were: the transaction is open as before, nothing has failed, and the
   * message ends nothing. What it changed itself was noted when it was answered. Not where code of unknown effect has run: a trigger of it
   * may have been deferred until now.
   */
  #keepsChanges(answered: Pending): boolean {
    if (this.#statusBefore !== 'T' || !this.#isInTransaction() || this.changes.uncommitted?.byCode === true)
      return false
    return !('run' in answered && answered.run.endsTransaction)
  }

  // ── for other sessions of the database ───────────────────────────────────────────────────────────────────────────

  get processId(): number | undefined {
    return this.#target.processId
  }

  unanalysed(): Unanalysed[] {
    const sent: Unanalysed[] = []
    const { dependsOnDefinitions } = this
    let comesFirst = true
    for (const pending of this.inFlight.all) {
      // If rules depend on the text only, one decision still depends on definitions: that an UPDATE does not apply to pg_settings.
      if ('rests' in pending && pending.rests !== undefined && (dependsOnDefinitions || pending.rests.byRules)) {
        const { since, statements, byRules } = pending.rests
        const names = dependsOnDefinitions ? pending.rests.names : NONE
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
      message: 'canceled: another session is changing definitions that this decision relied on',
    })
    return this.#target.cancel()
  }

  overtaken(): void {
    this.session.end(
      new PamError(
        'TARGET_LEFT',
        'another session changed definitions that the decision on a waiting statement relied on',
        {
          side: 'upstream',
        },
      ),
    )
  }

  // ── messages in flight ───────────────────────────────────────────────────────────────────────────────────────────

  expect(pending: Pending): void {
    if (this.status === 'I' && this.inFlight.isOwnOnly && !this.batchOpen) this.known.noteBeginning()
    this.inFlight.push(pending)
  }

  /** Removes the head, which is answered. */
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

  /** The server asks for COPY data. False where nothing that was sent could make it do so. */
  beginCopyIn(): boolean {
    if (!this.inFlight.awaitsCopy) return false
    this.copyIn = true
    this.inFlight.tellCopy()
    return true
  }

  /**
   * Sends everything collected so far, and resolves once the server asks for COPY data or has answered everything: what follows means something else
   * to it in these two cases.
   */
  copyOrSettled(): Promise<void> {
    this.sendCollected()
    if (this.batchOpen) this.upstream.write(FLUSH)
    return this.inFlight.whenCopyOrIdle()
  }

  /** Sends an answer of the gateway, after the answers to everything sent before it. */
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

  /** Sends everything collected so far, and resolves when all of it is answered. */
  settled(): Promise<void> {
    this.sendCollected()
    // Without a Flush the server would keep its answers until a Sync that may never come.
    if (this.batchOpen) this.upstream.write(FLUSH)
    return this.inFlight.whenIdle()
  }

  /** The server and the gateway are out of step: nothing after this could be trusted. */
  outOfStep(tag: number): undefined {
    const what = `the target sent message '${String.fromCharCode(tag)}' where none was due`
    this.session.end(new PamError('PROTOCOL_VIOLATION', what, { side: 'upstream' }))
    return undefined
  }

  /** No more answers will arrive. */
  abandon(): void {
    for (const pending of this.inFlight.takeAll()) {
      if (pending.type === 'own') pending.done(new Error('the session has ended'))
    }
    this.changes.leave()
    this.inFlight.tellAnswered()
    this.inFlight.tellRoom()
    this.inFlight.tellIdle()
  }
}

const NONE: ReadonlySet<string> = new Set()

/** The values that were reported, by setting. */
type Reported = Map<string, Set<string>>

/** The number of NOTIFY payloads, and of values of one setting, that are remembered. */
export const MAX_KEPT = 1000

/** What a session needs from its connection besides the bytes. */
export interface PipelineTarget {
  /** The process id of the backend, which its notifications carry; signed, undefined if the target reported none. */
  readonly processId: number | undefined
  cancel(): Promise<void>
  readonly aside: OnSeparateConnection
}
