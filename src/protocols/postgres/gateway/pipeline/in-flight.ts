import type { Output } from '../../../../sql/lineage/origin.ts'
import { handOver, type Names } from '../lane/hand-over.ts'
import { LaneQueue } from '../lane/lane-queue.ts'
import { NameTable, type Portal, type Prepared } from './name-table.ts'
import type { Pending } from './pending.ts'

/**
 * What was sent and is not answered, in the order of the answers, and what names stand for by then. What the lane has sent belongs to
 * both: it is put there before either is looked at, by accessors, so that nobody can forget to.
 */
export class InFlight {
  /** What the fast lane has on its way. */
  readonly lane = new LaneQueue()
  /** To be had by `#sent`, and names by `names`. */
  readonly #queue: Pending[] = []
  readonly #names: Names = {
    statements: new NameTable<Prepared>(),
    portals: new NameTable<Portal>(),
    cursors: new Map<string, readonly Output[]>(),
  }
  #idleWaiters: (() => void)[] = []
  #answerWaiters: (() => void)[] = []
  #roomWaiters: (() => void)[] = []

  get names(): Names {
    this.#handOver()
    return this.#names
  }

  get #sent(): Pending[] {
    this.#handOver()
    return this.#queue
  }

  #handOver(): void {
    const { lane } = this
    if (lane.isTold) return
    handOver(lane, this.#names, (pending) => this.#queue.push(pending))
  }

  // ── for the fast lane, as things are without a hand-over ─────────────────────────────────────────────────────────

  /** Whether nothing but what the lane has sent is on its way. */
  get isLaneOnly(): boolean {
    return this.#queue.length === 0
  }

  /** What stands under a name for certain. */
  prepared(name: string): Prepared | undefined {
    return name === '' && this.lane.hasParsed ? undefined : this.#names.statements.confirmed(name)
  }

  // ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  get head(): Pending | undefined {
    return this.#sent[0]
  }

  /** All of it, oldest first. */
  get all(): readonly Pending[] {
    return this.#sent
  }

  get isIdle(): boolean {
    return this.#sent.length === 0
  }

  /** Nothing of the client's is on its way. */
  get isOwnOnly(): boolean {
    return this.#sent.every(({ type }) => type === 'own')
  }

  /** More of the client's should not go on before some of what was sent is answered. */
  get isFull(): boolean {
    return this.#sent.length >= MAX_PENDING
  }

  push(pending: Pending): void {
    this.#sent.push(pending)
  }

  /** Takes the head, which is answered. */
  shift(): Pending | undefined {
    const pending = this.#sent.shift()
    while (this.#sent[0]?.type === 'copy-end') this.#sent.shift()
    return pending
  }

  /** Takes what the server skips after an error: all up to the next Sync. */
  *skipToSync(): Generator<Pending, void, undefined> {
    for (let head = this.#sent[0]; head !== undefined && head.type !== 'sync'; head = this.#sent[0]) {
      this.#sent.shift()
      yield head
    }
  }

  /** Takes all of it. */
  takeAll(): Pending[] {
    return this.#sent.splice(0)
  }

  /** COPY has begun: up to the end of its data the server ignores Syncs. True where that end is still to be sent. */
  beginCopyIn(): boolean {
    const end = this.#sent.findIndex(({ type }) => type === 'copy-end')
    const upTo = end < 0 ? this.#sent.length : end + 1
    const kept = this.#sent
      .splice(0, upTo)
      .filter(({ type }, index) => index === 0 || (type !== 'sync' && type !== 'copy-end'))
    this.#sent.unshift(...kept)
    this.tellRoom()
    return end < 0
  }

  // ── answers of our own ───────────────────────────────────────────────────────────────────────────────────────────

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
    this.tellRoom()
    this.tellIdle()
  }

  // ── who waits for answers ────────────────────────────────────────────────────────────────────────────────────────

  /** Resolves when everything that was sent is answered. */
  whenIdle(): Promise<void> {
    if (this.isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#idleWaiters.push(resolve))
  }

  /** Resolves when an answer was handled, or the session is over. */
  whenAnswered(): Promise<void> {
    return new Promise((resolve) => this.#answerWaiters.push(resolve))
  }

  /** Resolves when enough is answered, or the session is over. */
  whenRoom(): Promise<void> {
    return new Promise((resolve) => this.#roomWaiters.push(resolve))
  }

  tellIdle(): void {
    if (this.#idleWaiters.length === 0 || this.#sent.length > 0) return
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
  }

  tellAnswered(): void {
    if (this.#answerWaiters.length === 0) return
    const waiters = this.#answerWaiters
    this.#answerWaiters = []
    for (const resolve of waiters) resolve()
  }

  tellRoom(): void {
    if (this.#roomWaiters.length === 0 || this.#sent.length > MAX_PENDING / 2) return
    const waiters = this.#roomWaiters
    this.#roomWaiters = []
    for (const resolve of waiters) resolve()
  }
}

/**
 * Messages that are on their way at once. It is far more than a server keeps answers back for (8 KB, PQ_SEND_BUFFER_SIZE in its
 * pqcomm.c), so that it answers some of them whatever they are.
 */
const MAX_PENDING = 10_000
