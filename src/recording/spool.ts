import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PamError } from '../shared/errors.ts'
import { Semaphore } from '../shared/semaphore.ts'
import { detachedKey } from './detached.ts'
import { recordCipher } from './encryption.ts'
import type { EndedEvent, OpenedEvent } from './event.ts'
import { Journal } from './journal.ts'
import { realDisk, type JournalDisk } from './journal-file.ts'
import { SessionRecorder } from './recorder.ts'
import type { SealedRecording } from './recording-file.ts'
import type { Signer } from './seal.ts'

export interface SpoolOptions {
  readonly directory: string
  readonly macKey: Uint8Array
  readonly detachedKey: Uint8Array
  readonly signer: Signer
  /** Bytes above which no new session is opened; nothing is deleted. */
  readonly limit: number
  /** Milliseconds that one write to the disk may take. */
  readonly writeTimeout: number
  readonly disk?: JournalDisk
  /** Bytes after which the journal begins a new file. */
  readonly rotateAt?: number
  readonly onJournalBegun?: (begun: { journal: string; commitment: string }) => void
  readonly onJournalReleased?: (journal: string) => Promise<void>
  readonly onHealth?: (health: SpoolHealth) => void
  /** Called when a session's record is sealed in the spool. The journal keeps its events until this resolves. */
  readonly onSealed?: (file: string, sealed: SealedRecording) => unknown
}

export type SpoolHealth = { readonly ok: true } | { readonly ok: false; readonly reason: string }

export interface OpenRecorder {
  readonly file: string
  readonly recipients: readonly string[]
  readonly strict: boolean
  readonly onFailure: (error: PamError) => void
}

/**
 * The local disk to which records are written first: a journal for everything that is not sealed, and a file per session. While the disk
 * fails or is full no session is opened; the spool tries again every second.
 */
export class Spool {
  readonly #options: SpoolOptions
  readonly #live = new Map<string, SessionRecorder>()
  /** Ended sessions whose record is not sealed yet. */
  readonly #unsealed = new Map<string, Waiting>()
  readonly #sealing = new Set<Promise<unknown>>()
  readonly #turns = new Semaphore(SEALED_AT_ONCE)
  #rest: Promise<void> | undefined
  #stopped = false
  /** Sealed records that the store has not noted yet. */
  readonly #settling = new Map<SessionRecorder, Promise<void>>()
  #journals: Journal[]
  #journal: Journal
  #recordingBytes: number
  #health: SpoolHealth = { ok: true }
  /** Counts write failures, to see whether one happened while the disk was being tested. */
  #failures = 0
  readonly #tick: NodeJS.Timeout

  /** Throws if the directory cannot be written. */
  constructor(options: SpoolOptions) {
    this.#options = options
    mkdirSync(options.directory, { recursive: true, mode: 0o700 })
    this.#recordingBytes = sizeOf(options.directory)
    this.#journal = this.#openJournal()
    this.#journals = [this.#journal]
    let looking = false
    this.#tick = setInterval(() => {
      if (looking) return
      looking = true
      void this.#look().finally(() => (looking = false))
    }, 1000)
    this.#tick.unref()
  }

  get health(): SpoolHealth {
    if (this.#health.ok && this.bytes > this.#options.limit)
      return { ok: false, reason: `the spool holds ${this.bytes} bytes; its limit is ${this.#options.limit}` }
    return this.#health
  }

  /** Bytes on the local disk that are not in the home yet. */
  get bytes(): number {
    return this.#recordingBytes + this.#journals.reduce((sum, { size }) => sum + size, 0)
  }

  /** The number of ended sessions that are not sealed. */
  get unsealed(): number {
    return this.#unsealed.size
  }

  recorder(session: string): SessionRecorder | undefined {
    return this.#live.get(session)
  }

  /** Opens a session's record; resolves when its beginning is on disk. Throws RECORDING_FAILED if records cannot be written. */
  async open(opened: OpenedEvent, { file, recipients, strict, onFailure }: OpenRecorder): Promise<SessionRecorder> {
    const { health } = this
    if (!health.ok) throw unavailable(health.reason)
    const { directory, signer } = this.#options
    const cipher = recipients.length === 0 ? undefined : await recordCipher(recipients)
    let failed: (error: PamError) => void = () => {}
    const journal = this.#journal
    const recorder = new SessionRecorder({
      opened,
      directory,
      file,
      journal,
      signer,
      cipher,
      strict,
      detached: { key: detachedKey(this.#options.detachedKey, opened.session) },
      onFailure(error) {
        failed(error)
        onFailure(error)
      },
    })
    this.#live.set(opened.session, recorder)
    try {
      await new Promise<void>((resolve, reject) => {
        failed = reject
        if (journal.failed === undefined) journal.whenWritten(true, resolve)
        else reject(unavailable(journal.failed.message))
      })
    } catch (error) {
      void this.close(recorder, { code: 'RECORDING_FAILED', message: 'the record could not be started' })
      throw error
    }
    return recorder
  }

  /**
   * Ends a session's record at once, and seals it in its turn, or later if the disk fails. Resolves after the first attempt. If many
   * sessions end together, the clients and targets of all of them are told before the first is sealed.
   */
  close(recorder: SessionRecorder, last: Omit<EndedEvent, 'type'>): Promise<SealedRecording | undefined> {
    const seal = recorder.close(last)
    const waiting = { recorder, file: recorder.file, seal }
    this.#unsealed.set(recorder.session, waiting)
    const sealing = this.#inTurn(waiting).finally(() => this.#sealing.delete(sealing))
    this.#sealing.add(sealing)
    return sealing
  }

  async #inTurn(waiting: Waiting): Promise<SealedRecording | undefined> {
    if (this.#unsealed.size > MANY && !this.#stopped)
      await (this.#rest ??= new Promise<void>((resolve) => setTimeout(resolve, REST_MS)).finally(() => {
        this.#rest = undefined
      }))
    return this.#turns.take(() => this.#trySeal(waiting))
  }

  /** Notes that a file was copied to its home and removed here. */
  forget(bytes: number): void {
    this.#recordingBytes -= bytes
  }

  /** Seals what can be sealed, and closes the journal. */
  async stop(): Promise<void> {
    clearInterval(this.#tick)
    this.#stopped = true
    await Promise.all(this.#sealing)
    await Promise.all(this.#settling.values())
    for (const journal of this.#journals) await journal.close()
  }

  /** Undefined if the disk fails, or if another attempt was faster. */
  async #trySeal({ recorder, file, seal }: Waiting): Promise<SealedRecording | undefined> {
    let sealed: SealedRecording
    try {
      sealed = await seal()
    } catch (error) {
      // Other sessions continue; no new one is opened while this record is unsealed.
      this.#setHealth(unwritable(error))
      return undefined
    }
    if (!this.#unsealed.delete(recorder.session)) return undefined
    this.#live.delete(recorder.session)
    this.#recordingBytes += sealed.bytes
    this.#settle(recorder, file, sealed)
    return sealed
  }

  /** If the store fails, the journal is kept, and the next start finds the record. */
  #settle(recorder: SessionRecorder, file: string, sealed: SealedRecording): void {
    const settled = (async () => this.#options.onSealed?.(file, sealed))().then(
      () => {
        recorder.release()
        this.#settling.delete(recorder)
      },
      () => {},
    )
    this.#settling.set(recorder, settled)
  }

  #failed(error: Error): void {
    this.#setHealth(unwritable(error))
    for (const recorder of this.#live.values()) recorder.fail(error)
  }

  #setHealth(health: SpoolHealth): void {
    if (!health.ok) this.#failures++
    const changed = health.ok !== this.#health.ok
    this.#health = health
    if (changed) this.#options.onHealth?.(health)
  }

  /** Runs once a second: checks whether a failed disk works again, and then does what had to wait. */
  async #look(): Promise<void> {
    if (!this.#health.ok) return this.#tryAgain()
    this.#journal.rotateIfOlder(OLDEST_JOURNAL)
    await this.#dropJournals()
  }

  /** Sealing makes room; after that the disk must accept as much as a session may write at once. A few bytes would always fit. */
  async #tryAgain(): Promise<void> {
    const failures = this.#failures
    try {
      for (const waiting of this.#unsealed.values()) {
        await this.#trySeal(waiting)
        if (this.#unsealed.has(waiting.recorder.session)) return
      }
      await this.#dropJournals()
      await this.#probe()
      if (this.#journal.failed !== undefined) this.#journals.push((this.#journal = this.#openJournal()))
      // Another write may have failed meanwhile; the next attempt reports that.
      if (this.#failures === failures) this.#setHealth({ ok: true })
    } catch (error) {
      this.#health = unwritable(error)
    }
  }

  async #probe(): Promise<void> {
    const { directory, disk = realDisk } = this.#options
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const file = join(directory, 'probe')
    const handle = openSync(file, 'w', 0o600)
    try {
      rmSync(file)
      for (let at = 0; at < PROBE.length;) at += await disk.write(handle, PROBE.subarray(at), at)
      await disk.datasync(handle)
    } finally {
      closeSync(handle)
    }
  }

  async #dropJournals(): Promise<void> {
    const used = new Set([...this.#live.values(), ...this.#settling.keys()].map(({ journal }) => journal))
    const released = this.#journals.filter(
      (journal) =>
        (journal !== this.#journal || journal.failed !== undefined) && journal.isReleased && !used.has(journal),
    )
    for (const journal of released) {
      this.#journals.splice(this.#journals.indexOf(journal), 1)
      await journal.close()
    }
  }

  #openJournal(): Journal {
    const { directory, macKey, disk, writeTimeout, onJournalBegun, onJournalReleased, rotateAt } = this.#options
    const journal: Journal = new Journal({
      directory: join(directory, 'journal'),
      macKey,
      writeTimeout,
      ...(disk === undefined ? {} : { disk }),
      ...(onJournalBegun === undefined ? {} : { onBegun: onJournalBegun }),
      ...(onJournalReleased === undefined ? {} : { onReleased: onJournalReleased }),
      onFailed: (error) => this.#failed(error),
      ...(rotateAt === undefined ? {} : { rotateAt }),
      onFull: (sessions) => {
        // Once the old file is removed, only the new one says what a session's file must contain.
        for (const recorder of [...this.#live.values(), ...this.#settling.keys()])
          if (recorder.journal === journal) recorder.announce()
        for (const session of sessions) {
          const recorder = this.#live.get(session)
          recorder?.sealNow().catch((error: unknown) => recorder.fail(error))
        }
      },
    })
    return journal
  }
}

/** An ended session whose record is not sealed. */
interface Waiting {
  readonly recorder: SessionRecorder
  readonly file: string
  readonly seal: () => Promise<SealedRecording>
}

const unwritable = (error: unknown): SpoolHealth => ({
  ok: false,
  reason: `records cannot be written: ${(error as Error).message}`,
})

const unavailable = (reason: string): PamError =>
  new PamError('RECORDING_FAILED', 'records cannot be written now, so no session is opened', {
    side: 'gateway',
    cause: new Error(reason),
    hint: 'ask your administrator: the log of the gateway and /readyz have the cause',
  })

function sizeOf(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.pamrec'))
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}

/** Records that are sealed concurrently: each takes a disk thread and CPU time from connected sessions. */
const SEALED_AT_ONCE = 4
/** The number of ended, unsealed sessions above which sealing pauses, and the length of the pause in milliseconds. */
const MANY = 16
const REST_MS = 250
/** The bytes that a journal writes at once. */
const PROBE = new Uint8Array(256 * 1024)
/** Milliseconds after which the sessions in a journal seal what they have in it. */
const OLDEST_JOURNAL = 10 * 60_000
