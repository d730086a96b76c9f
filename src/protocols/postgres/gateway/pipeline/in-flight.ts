import type { Output } from '../../../../sql/lineage/origin.ts'
import { handOver, type Names } from '../lane/hand-over.ts'
import { LaneQueue } from '../lane/lane-queue.ts'
import { NameTable, type Portal, type Prepared } from './name-table.ts'
import type { Pending } from './pending.ts'

/**
 * Messages that were sent and are not answered, in the order of the answers, and the objects that names refer to by then. What the lane has
 * sent belongs to both: the accessors add it before either is read, so that no caller can forget to.
 */
export class InFlight {
  /** The messages of the fast lane in flight. */
  readonly lane = new LaneQueue()
  /** Use `#sent` and `names` instead of these. */
  readonly #queue: Pending[] = []
  readonly #names: Names = {
    statements: new NameTable<Prepared>(),
    portals: new NameTable<Portal>(),
    cursors: new Map<string, readonly Output[]>(),
  }
  #idleWaiters: (() => void)[] = []
  #copyWaiters: (() => void)[] = []
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

  // ── for the fast lane, without a hand-over ───────────────────────────────────────────────────────────────────────

  /** Whether only messages of the lane are in flight. */
  get isLaneOnly(): boolean {
    return this.#queue.length === 0
  }

  /** The statement that a name certainly refers to. */
  prepared(name: string): Prepared | undefined {
    return name === '' && this.lane.hasParsed ? undefined : this.#names.statements.confirmed(name)
  }

  // ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  get head(): Pending | undefined {
    return this.#sent[0]
  }

  /** All messages in flight, oldest first. */
  get all(): readonly Pending[] {
    return this.#sent
  }

  get isIdle(): boolean {
    return this.#sent.length === 0
  }

  /** Whether no message of the client is in flight. */
  get isOwnOnly(): boolean {
    return this.#sent.every(({ type }) => type === 'own')
  }

  /** Whether no more messages of the client should be sent before some have been answered. */
  get isFull(): boolean {
    return this.#sent.length >= MAX_PENDING
  }

  push(pending: Pending): void {
    this.#sent.push(pending)
  }

  /** Takes the head, which is answered. */
  shift(): Pending | undefined {
    return this.#sent.shift()
  }

  /** Takes what the server skips after an error: everything up to the next Sync. */
  *skipToSync(): Generator<Pending, void, undefined> {
    for (let head = this.#sent[0]; head !== undefined && !hasSync(head); head = this.#sent[0]) {
      this.#sent.shift()
      yield head
    }
  }

  /** Takes all messages. */
  takeAll(): Pending[] {
    return this.#sent.splice(0)
  }

  // ── answers of the gateway ───────────────────────────────────────────────────────────────────────────────────────

  /** Whether there may be answers of the gateway to send, or callers that wait for everything to be answered. */
  get hasDue(): boolean {
    return this.#sent[0]?.type === 'reply' || (this.#sent.length === 0 && this.#idleWaiters.length > 0)
  }

  /** Takes the gateway's answers that are due now: after the message that was just handled has been sent. */
  *dueReplies(): Generator<Buffer, void, undefined> {
    for (let head = this.#sent[0]; head?.type === 'reply'; head = this.#sent[0]) {
      this.#sent.shift()
      yield head.bytes()
    }
    this.tellRoom()
    this.tellIdle()
  }

  // ── waiting for answers ──────────────────────────────────────────────────────────────────────────────────────────

  /** Resolves when everything that was sent is answered. */
  whenIdle(): Promise<void> {
    if (this.isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#idleWaiters.push(resolve))
  }

  /** Resolves when the server asks for COPY data, or has answered everything that was sent. */
  whenCopyOrIdle(): Promise<void> {
    if (this.isIdle) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve)
      this.#copyWaiters.push(resolve)
    })
  }

  /** Resolves when an answer has been handled, or the session has ended. */
  whenAnswered(): Promise<void> {
    return new Promise((resolve) => this.#answerWaiters.push(resolve))
  }

  /** Resolves when enough is answered, or the session has ended. */
  whenRoom(): Promise<void> {
    return new Promise((resolve) => this.#roomWaiters.push(resolve))
  }

  tellIdle(): void {
    if (this.#idleWaiters.length === 0 || this.#sent.length > 0) return
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    this.#copyWaiters = []
    for (const resolve of waiters) resolve()
  }

  /** Whether somebody waits to learn if the server asks for COPY data. */
  get awaitsCopy(): boolean {
    return this.#copyWaiters.length > 0
  }

  /** The server asks for COPY data. */
  tellCopy(): void {
    const waiters = this.#copyWaiters
    this.#copyWaiters = []
    this.#idleWaiters = this.#idleWaiters.filter((resolve) => !waiters.includes(resolve))
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

/** Queries of the gateway have their own Sync, unless they run in a batch of the client. */
const hasSync = (sent: Pending): boolean => sent.type === 'sync' || (sent.type === 'own' && sent.closes === undefined)

/**
 * The number of messages in flight. It is far more than a server's output buffer holds (8 KB, PQ_SEND_BUFFER_SIZE in its pqcomm.c), so that
 * it always answers some of them.
 */
const MAX_PENDING = 10_000
