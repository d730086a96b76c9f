import { join } from 'node:path'
import { PamError } from '../shared/errors.ts'
import type { RecordCipher } from './encryption.ts'
import { appendDetached, detachedFileOf, hideDetached, type DetachedCipher, type DetachedEntry } from './detached.ts'
import type { DetachedReference, EndedEvent, EventBody, OpenedEvent, RecordedEvent } from './event.ts'
import type { Journal, JournalSource } from './journal.ts'
import { encodeEvents, entryKinds, type JournalEntry, type SealedSoFar } from './journal-format.ts'
import { OpenSegment } from './open-segment.ts'
import { CompactReader, type ReadEvent } from './read-compact.ts'
import { RecordingFile, type SealedRecording } from './recording-file.ts'
import type { Signer } from './seal.ts'
import { encodeCompact } from './segment.ts'

/** Records the events of one session. `intent` and `outcome` throw RECORDING_FAILED once a write has failed. */
export interface Recorder {
  /** Records an intended action: callers wait with `whenWritten` before they send the command upstream. */
  intent(event: EventBody): void
  /** Records what has happened: it is written within some milliseconds, or with the next intent. */
  outcome(event: EventBody, data?: Uint8Array): void
  /** Stores a text outside the record, where it can be erased. Returns the reference for the event. */
  detach(text: string): DetachedReference
  /** Whether everything so far is written as durably as the session requires. */
  readonly isWritten: boolean
  /** Calls back when that is the case, in order; never after a failure. */
  whenWritten(done: () => void): void
  /** Whether so much is unwritten that the source should be paused. */
  readonly isFull: boolean
  whenRoom(done: () => void): void
}

export interface RecorderParts {
  readonly opened: OpenedEvent
  /** Path of the file for sealed segments, relative to the spool. */
  readonly directory: string
  readonly file: string
  readonly journal: Journal
  readonly signer: Signer
  readonly cipher: RecordCipher | undefined
  /** Whether commands wait until they are flushed to disk. */
  readonly strict: boolean
  readonly detached: DetachedCipher
  readonly onFailure: (error: PamError) => void
}

/** The id of a command's decision, and when (milliseconds since 1970) its answer was recorded. */
export interface SettledCommand {
  readonly command: string
  readonly at: number
}

/** Callbacks that wait for what the journal took in one turn. */
interface Batch {
  readonly intents: number
  readonly waiters: readonly (() => void)[]
}

/**
 * Keeps a session's events in one buffer, passes them to the journal turn by turn, and seals them into segments of the session's own file.
 */
export class SessionRecorder implements Recorder, JournalSource {
  readonly session: string
  readonly isStrict: boolean
  isDue = false
  readonly #parts: RecorderParts
  readonly #journal: Journal
  readonly #start = performance.now()
  readonly #path: string
  readonly #file: RecordingFile
  readonly #listeners = new Set<(event: ReadEvent) => void>()
  #seq = 0
  #lastSettled: SettledCommand | undefined
  /** Unsealed segments: full ones, oldest first, and the one that events are added to. */
  #full: OpenSegment[] = []
  #fullBytes = 0
  #open = new OpenSegment(0)
  /** Intents that are not written yet, and those that the journal has not taken yet. */
  #unwritten = 0
  #untaken = 0
  #waiters: (() => void)[] = []
  readonly #batches: Batch[] = []
  #detached: DetachedEntry[] = []
  /** Segments are sealed one after the other. */
  #lastSeal: Promise<void> = Promise.resolve()
  #isSealing = false
  #roomWaiters: (() => void)[] = []
  #failed: PamError | undefined
  #hasEnded = false
  #isSealed = false

  constructor(parts: RecorderParts) {
    this.#parts = parts
    this.session = parts.opened.session
    this.isStrict = parts.strict
    this.#journal = parts.journal
    this.#path = join(parts.directory, parts.file)
    this.#file = new RecordingFile(this.#path, this.session, parts.signer)
    this.#guarded(() => this.announce())
    this.#add(parts.opened, undefined, true)
  }

  /**
   * Writes to the journal the path of this record, the wrapped key of its events, and the content of its file: once in each journal file.
   */
  announce(): void {
    const { file, cipher } = this.#parts
    const bytes = Buffer.from(JSON.stringify({ file, wrappedKey: cipher?.wrappedKey, sealed: this.#sealedSoFar() }))
    this.#journal.append({ session: this.session, kind: entryKinds.opened, seq: 0, bytes }, true)
  }

  /** The journal that its events go to. */
  get journal(): Journal {
    return this.#journal
  }

  /** The store has the digest of the sealed record, which no longer needs the journal. */
  release(): void {
    this.#journal.release(this.session, this.#file.events - 1)
  }

  get isEncrypted(): boolean {
    return this.#parts.cipher !== undefined
  }

  /** Whether no more events can be added. */
  get isClosed(): boolean {
    return this.#failed !== undefined
  }

  /** The last command that the target has answered, or that was not approved. */
  get lastSettled(): SettledCommand | undefined {
    return this.#lastSettled
  }

  get file(): string {
    return this.#parts.file
  }

  intent(event: EventBody): void {
    this.#add(event, undefined, true)
  }

  outcome(event: EventBody, data?: Uint8Array): void {
    this.#add(event, data, false)
  }

  detach(text: string): DetachedReference {
    if (this.#failed !== undefined) throw this.#failed
    const { reference, entry } = hideDetached(this.#parts.detached, text)
    this.#detached.push(entry)
    this.#guarded(() => {
      const bytes = Buffer.from(JSON.stringify(entry))
      this.#journal.append({ session: this.session, kind: entryKinds.detached, seq: this.#seq, bytes }, true)
    })
    return reference
  }

  get isWritten(): boolean {
    return this.#unwritten === 0
  }

  whenWritten(done: () => void): void {
    if (this.#failed !== undefined || this.#journal.failed !== undefined) return
    this.#waiters.push(done)
    this.#journal.expect(this, 0, true)
  }

  get isFull(): boolean {
    return this.#fullBytes + this.#open.length > MAX_UNSEALED || this.#journal.pendingBytes > MAX_UNSEALED
  }

  whenRoom(done: () => void): void {
    this.#roomWaiters.push(done)
    this.#journal.whenWritten(false, () => this.#giveRoom())
  }

  get isWaiting(): boolean {
    return this.#untaken > 0 || this.#waiters.length > 0
  }

  takeEntry(): JournalEntry | undefined {
    if (this.isWaiting) {
      this.#batches.push({ intents: this.#untaken, waiters: this.#waiters })
      this.#untaken = 0
      if (this.#waiters.length > 0) this.#waiters = []
    }
    return this.#entry()
  }

  written(): void {
    const batch = this.#batches.shift()
    if (batch === undefined) return
    this.#unwritten -= batch.intents
    for (const done of batch.waiters) done()
  }

  /** Calls back with every event from now on; the returned function stops that. */
  listen(listener: (event: ReadEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The events that are not sealed yet. */
  *unsealed(): Generator<ReadEvent, void, undefined> {
    for (const segment of this.snapshot().segments) yield* new CompactReader(segment.first).read(segment.bytes)
  }

  /** The length of the sealed file, and the segments that follow. */
  snapshot(): {
    readonly path: string
    readonly bytes: number
    readonly sealed: { readonly segments: number; readonly events: number; readonly hash: Buffer }
    readonly segments: readonly OpenSegment[]
  } {
    const { bytes, segments, events, hash } = this.#file
    const unsealed = [...this.#full, this.#open].filter((segment) => segment.first >= events && segment.events > 0)
    return { path: this.#path, bytes, sealed: { segments, events, hash }, segments: unsealed }
  }

  /** Seals all events so far, so that the journal can drop them. */
  async sealNow(): Promise<void> {
    await this.#seal('more')
  }

  /** The disk failed: no more events can be added. */
  fail(cause: unknown): void {
    if (this.#failed !== undefined) return
    this.#failed = recordingFailed(cause)
    this.#giveRoom()
    this.#parts.onFailure(this.#failed)
  }

  /** Adds the last event. The returned function seals the recording, and can be called again after a failure. */
  close(last: Omit<EndedEvent, 'type'>): () => Promise<SealedRecording> {
    const ended: EventBody = { type: 'ended', ...last }
    try {
      if (this.#failed === undefined) this.#add(ended, undefined, false)
      else this.#append(ended, undefined)
    } catch {
      // The journal has just failed: the event is sealed later with the others.
    }
    this.#hasEnded = true
    this.#failed ??= recordingFailed(new Error('the session has ended'))
    return async () => {
      await this.#seal('sealed')
      return this.#file.sealed('sealed')
    }
  }

  #add(event: EventBody, data: Uint8Array | undefined, isIntent: boolean): void {
    if (this.#failed !== undefined) throw this.#failed
    const before = this.#open.length
    this.#append(event, data)
    if (isIntent) {
      this.#unwritten++
      this.#untaken++
    }
    try {
      this.#journal.expect(this, this.#open.length - before, isIntent)
    } catch (error) {
      this.fail(error)
      throw this.#failed as unknown
    }
    if (this.#open.length >= SEGMENT) this.#sealIfDue()
  }

  #append(body: EventBody, data: Uint8Array | undefined): void {
    const seq = this.#seq++
    const ms = Math.round(performance.now() - this.#start)
    const wall = this.#open.add(body, data, this.#file.now, ms)
    if (body.type === 'result' || (body.type === 'approval' && body.state !== 'approved'))
      this.#lastSettled = { command: body.command, at: wall }
    if (this.#listeners.size === 0) return
    const event: RecordedEvent = { seq, at: new Date(wall).toISOString(), ms, ...body }
    for (const listener of this.#listeners)
      listener({ event, data: data === undefined ? undefined : Buffer.from(data) })
  }

  /** Returns the events that the journal has not taken yet. */
  #entry(): JournalEntry | undefined {
    const taken = this.#open.take()
    if (taken === undefined) return undefined
    const { first, events, begins, ends } = taken
    const { cipher } = this.#parts
    const bytes = cipher === undefined ? taken.bytes : cipher.hide(first, taken.bytes)
    return {
      session: this.session,
      kind: entryKinds.events,
      seq: first + events - 1,
      bytes: encodeEvents({ first, begins, ends, hidden: cipher !== undefined, bytes }),
    }
  }

  /** Repeats until nothing is left: a paused source adds no event that would trigger another seal. */
  #sealIfDue(): void {
    if (this.#fullBytes + this.#open.length < SEGMENT || this.#isSealing) return
    this.#seal('more').then(
      () => {
        this.#giveRoom()
        this.#sealIfDue()
      },
      (error: unknown) => this.fail(error),
    )
  }

  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.fail(error)
      throw this.#failed as unknown
    }
  }

  #seal(status: 'more' | 'sealed'): Promise<void> {
    this.#isSealing = true
    const sealed = this.#lastSeal
      .then(() => this.#sealSegments(status))
      .finally(() => {
        this.#isSealing = false
      })
    this.#lastSeal = sealed.catch(() => {})
    return sealed
  }

  /** Once the session has ended, its events are sealed only as `sealed`. */
  async #sealSegments(status: 'more' | 'sealed'): Promise<void> {
    if (this.#isSealed || (this.#hasEnded && status === 'more')) return
    this.#endSegment()
    for (let segment = this.#full[0]; segment !== undefined; segment = this.#full[0]) {
      await this.#writeDetached()
      const body = await encodeCompact(this.#file.hash, segment.blocks(), this.#parts.cipher)
      const isLast = status === 'sealed' && this.#full.length === 1
      await this.#file.append(body, { status: isLast ? 'sealed' : 'more' })
      this.#full.shift()
      this.#fullBytes -= segment.length
      const { damage } = this.#file
      if (damage !== undefined) this.fail(new Error(damage))
      if (isLast) this.#isSealed = true
      else {
        const bytes = Buffer.from(JSON.stringify(this.#sealedSoFar()))
        this.#journal.sealed({ session: this.session, kind: entryKinds.sealed, seq: this.#file.events - 1, bytes })
      }
    }
  }

  /** The next events begin a new segment, in the journal as well. */
  #endSegment(): void {
    if (this.#open.events === 0) return
    const entry = this.#entry()
    if (entry !== undefined && this.#journal.failed === undefined) this.#journal.append(entry, false)
    this.#full.push(this.#open)
    this.#fullBytes += this.#open.length
    this.#open = new OpenSegment(this.#seq, ROOM_LATER)
  }

  #sealedSoFar(): SealedSoFar {
    const { segments, events, hash } = this.#file
    return { segments, events, hash: hash.toString('hex') }
  }

  async #writeDetached(): Promise<void> {
    const entries = this.#detached
    if (entries.length === 0) return
    this.#detached = []
    try {
      await appendDetached(detachedFileOf(this.#path), entries)
    } catch (error) {
      this.#detached = [...entries, ...this.#detached]
      throw error
    }
  }

  #giveRoom(): void {
    if (this.isFull && this.#failed === undefined) return
    const waiters = this.#roomWaiters
    this.#roomWaiters = []
    for (const done of waiters) done()
  }
}

const recordingFailed = (cause: unknown): PamError =>
  new PamError('RECORDING_FAILED', 'the record of this session cannot be written, so the session has ended', {
    side: 'gateway',
    cause,
    hint: 'ask your administrator: the log of the gateway has the cause',
  })

/** Bytes of events that are sealed together. */
const SEGMENT = 256 * 1024
/** The initial size in bytes of every segment but the first: its session has many events. */
const ROOM_LATER = 32 * 1024
/** Bytes that may wait for the disk before the source is paused. */
const MAX_UNSEALED = 1024 * 1024
