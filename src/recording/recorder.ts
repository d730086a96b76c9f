import { join } from 'node:path'
import { PamError } from '../shared/errors.ts'
import type { RecordCipher } from './encryption.ts'
import { appendDetached, detachedFileOf, hideDetached, type DetachedCipher, type DetachedEntry } from './detached.ts'
import type { DetachedReference, EndedEvent, EventBody, OpenedEvent } from './event.ts'
import { eventJson } from './event-json.ts'
import { firstHash, nextFrame, type ChainedFrame, type Frame } from './frame.ts'
import type { Journal } from './journal.ts'
import { entryKinds, type SealedSoFar } from './journal-format.ts'
import { RecordingFile, type SealedRecording } from './recording-file.ts'
import type { Signer } from './seal.ts'
import { encodeBody } from './segment.ts'

/** Where one session's events go. Both ways of adding throw RECORDING_FAILED once something could not be written. */
export interface Recorder {
  /** Before a command's first byte goes upstream: what waits with `whenWritten` goes on only after it. */
  intent(event: EventBody): void
  /** Written within some milliseconds, or with the next intent. */
  outcome(event: EventBody, data?: Uint8Array): void
  /** Keeps a text that must not be in the record beside it, where it can be erased; returns what the event refers to it by. */
  detach(text: string): DetachedReference
  /** Everything so far is in the record as safely as this session asks for. */
  readonly isWritten: boolean
  /** Calls back once that is so, in order; never after a failure. */
  whenWritten(done: () => void): void
  /** So much waits for the disk that more should not be read. */
  readonly isFull: boolean
  whenRoom(done: () => void): void
}

export interface RecorderParts {
  readonly opened: OpenedEvent
  /** Where the sealed segments go: a path below the spool's directory. */
  readonly directory: string
  readonly file: string
  readonly journal: Journal
  readonly signer: Signer
  readonly cipher: RecordCipher | undefined
  /** Commands wait until they are flushed to the disk. */
  readonly strict: boolean
  readonly detached: DetachedCipher
  readonly onFailure: (error: PamError) => void
}

/** Chains a session's events, hands them to the journal, and seals them into segments of the session's own file. */
export class SessionRecorder implements Recorder {
  readonly session: string
  readonly #parts: RecorderParts
  readonly #journal: Journal
  readonly #start = performance.now()
  readonly #path: string
  readonly #file: RecordingFile
  readonly #listeners = new Set<(frame: Frame) => void>()
  #hash: Buffer
  #seq = 0
  /** What is not sealed yet. */
  #frames: ChainedFrame[] = []
  #frameBytes = 0
  #unwritten = 0
  #detached: DetachedEntry[] = []
  /** Segments are sealed one after the other. */
  #lastSeal: Promise<void> = Promise.resolve()
  #isSealing = false
  #roomWaiters: (() => void)[] = []
  #failed: PamError | undefined
  #over = false
  readonly #oneWritten = (): void => void this.#unwritten--

  constructor(parts: RecorderParts) {
    this.#parts = parts
    this.session = parts.opened.session
    this.#journal = parts.journal
    this.#hash = firstHash(this.session)
    this.#path = join(parts.directory, parts.file)
    this.#file = new RecordingFile(this.#path, this.session, parts.signer)
    this.#guarded(() => this.announce())
    this.#add(parts.opened, undefined, true)
  }

  /** Writes to the journal where this record is, who can read its events, and what its file holds: once in each journal file. */
  announce(): void {
    const { file, cipher } = this.#parts
    const bytes = Buffer.from(JSON.stringify({ file, wrappedKey: cipher?.wrappedKey, sealed: this.#sealedSoFar() }))
    this.#journal.append({ session: this.session, kind: entryKinds.opened, seq: 0, bytes }, true)
  }

  /** The journal that its events go to. */
  get journal(): Journal {
    return this.#journal
  }

  /** The store has the digest of the sealed record, so the journal is no longer needed for it. */
  release(): void {
    this.#journal.release(this.session, this.#file.events - 1)
  }

  get isEncrypted(): boolean {
    return this.#parts.cipher !== undefined
  }

  /** Nothing can be added any more. */
  get isOver(): boolean {
    return this.#failed !== undefined
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
    if (this.#failed === undefined) this.#journal.whenWritten(this.#parts.strict, done)
  }

  get isFull(): boolean {
    return this.#frameBytes > MAX_UNSEALED || this.#journal.pendingBytes > MAX_UNSEALED
  }

  whenRoom(done: () => void): void {
    this.#roomWaiters.push(done)
    this.#journal.whenWritten(false, () => this.#giveRoom())
  }

  /** Called with every event from now on; the returned function ends that. */
  listen(listener: (frame: Frame) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** How far the file goes that is sealed, and what comes after it. */
  snapshot(): {
    readonly path: string
    readonly bytes: number
    readonly sealed: { readonly segments: number; readonly events: number; readonly hash: string }
    readonly frames: readonly Frame[]
  } {
    const { bytes, segments, events, hash } = this.#file
    return { path: this.#path, bytes, sealed: { segments, events, hash }, frames: [...this.#frames] }
  }

  /** Seals what there is, so that the journal can let go of it. */
  async sealNow(): Promise<void> {
    await this.#seal('more')
  }

  /** Nothing more can be added: the disk failed. */
  fail(cause: unknown): void {
    if (this.#failed !== undefined) return
    this.#failed = recordingFailed(cause)
    this.#giveRoom()
    this.#parts.onFailure(this.#failed)
  }

  /** Adds the last event. What it returns seals the recording; where that fails it can be called again, later. */
  close(last: Omit<EndedEvent, 'type'>): () => Promise<SealedRecording> {
    const ended: EventBody = { type: 'ended', ...last }
    try {
      if (this.#failed === undefined) this.#add(ended, undefined, false)
      else this.#append(ended, undefined)
    } catch {
      // The journal failed just now: the event waits with the others to be sealed.
    }
    this.#failed ??= recordingFailed(new Error('the session is over'))
    return async () => {
      await this.#seal('sealed')
      return this.#file.sealed('sealed', this.#hash)
    }
  }

  #add(event: EventBody, data: Uint8Array | undefined, isIntent: boolean): void {
    if (this.#failed !== undefined) throw this.#failed
    const seq = this.#seq
    const frame = this.#append(event, data)
    const { cipher, strict } = this.#parts
    const kind =
      cipher === undefined ? entryKinds.event : event.type === 'ended' ? entryKinds.hiddenEnd : entryKinds.hidden
    const bytes = cipher === undefined ? frame.entry : Buffer.concat([frame.hash, cipher.hide(seq, frame.payload)])
    this.#guarded(() => this.#journal.append({ session: this.session, kind, seq, bytes }, isIntent))
    if (isIntent) {
      this.#unwritten++
      this.#journal.whenWritten(strict, this.#oneWritten)
    }
    this.#sealIfDue()
  }

  /** Again and again, until what came meanwhile is sealed as well: a source that waits for room adds nothing that would ask for it. */
  #sealIfDue(): void {
    if (this.#frameBytes < SEGMENT || this.#isSealing) return
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
      throw this.#failed
    }
  }

  #append(body: EventBody, data: Uint8Array | undefined): ChainedFrame {
    const header = { seq: this.#seq++, at: isoNow(), ms: Math.round(performance.now() - this.#start) }
    const frame = nextFrame(this.#hash, eventJson(header, body), data)
    this.#hash = frame.hash
    this.#frames.push(frame)
    this.#frameBytes += frame.length
    for (const listener of this.#listeners) listener(frame)
    return frame
  }

  #seal(status: 'more' | 'sealed'): Promise<void> {
    this.#isSealing = true
    const sealed = this.#lastSeal
      .then(() => this.#sealSegment(status))
      .finally(() => {
        this.#isSealing = false
      })
    this.#lastSeal = sealed.catch(() => {})
    return sealed
  }

  async #sealSegment(status: 'more' | 'sealed'): Promise<void> {
    if (this.#over || (this.#frames.length === 0 && status === 'more')) return
    await this.#writeDetached()
    const frames = [...this.#frames]
    const body = await encodeBody(frames, this.#parts.cipher)
    await this.#file.append(frames, body, { status })
    const { damage } = this.#file
    if (damage !== undefined) this.fail(new Error(damage))
    this.#frames.splice(0, frames.length)
    this.#frameBytes = this.#frames.reduce((sum, { length }) => sum + length, 0)
    if (status === 'sealed') this.#over = true
    else {
      const bytes = Buffer.from(JSON.stringify(this.#sealedSoFar()))
      this.#journal.sealed({ session: this.session, kind: entryKinds.sealed, seq: this.#file.events - 1, bytes })
    }
  }

  #sealedSoFar(): SealedSoFar {
    const { segments, events, hash } = this.#file
    return { segments, events, hash }
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

/** Events come many in a millisecond, and the text of a time is dear. */
function isoNow(): string {
  const now = Date.now()
  if (now !== lastTime) {
    lastTime = now
    lastText = new Date(now).toISOString()
  }
  return lastText
}

let lastTime = 0
let lastText = ''

export const recordingFailed = (cause: unknown): PamError =>
  new PamError('RECORDING_FAILED', 'the record of this session cannot be written, so the session has ended', {
    side: 'gateway',
    cause,
    hint: 'the gateway log has the cause',
  })

/** Bytes of events that are sealed together. */
const SEGMENT = 64 * 1024
/** Bytes that may wait for the disk before the source is not read any more. */
const MAX_UNSEALED = 1024 * 1024
