import { JournalFile, realDisk, type JournalDisk, type NextRecord } from './journal-file.ts'
import { whenLate } from '../shared/when-late.ts'
import { entryKinds, isEvent, type JournalEntry } from './journal-format.ts'

export interface JournalOptions {
  readonly directory: string
  /** Secret of this gateway from which the first key of a journal is derived. */
  readonly macKey: Uint8Array
  readonly disk?: JournalDisk
  /** Milliseconds that a write may take before the disk counts as failed. */
  readonly writeTimeout: number
  readonly onFailed: (error: Error) => void
  /** A file was begun; its id and commitment belong in the audit chain. */
  readonly onBegun?: (begun: { journal: string; commitment: string }) => void
  /** No session needs a file any longer; it is removed once this resolves. */
  readonly onReleased?: (journal: string) => Promise<void>
  /** Size in bytes at which a new file is begun. */
  readonly rotateAt?: number
  /** A new file was begun: all sessions are to be announced in it, and these should seal their events in the previous one. */
  readonly onFull?: (sessions: Iterable<string>) => void
}

/** A session that has events for the journal: it is asked for them once per turn, however many there are. */
export interface JournalSource {
  readonly session: string
  /** Whether the journal will ask it next. */
  isDue: boolean
  /** Whether `written` is called only after the events are flushed to disk. */
  readonly isStrict: boolean
  /** Whether anything waits for its events to be written. */
  readonly isWaiting: boolean
  /** Takes all its events, to be written now. */
  takeEntry(): JournalEntry | undefined
  /** The oldest taken events that something waits for are written. Called once for each time that it was waiting. */
  written(): void
}

interface Waiter {
  readonly strict: boolean
  readonly done: () => void
}

/** Waits for the content of this file to be flushed. */
interface Unflushed extends Waiter {
  readonly file: JournalFile
}

/**
 * The events of all sessions of this gateway that are recorded and not sealed yet. There is one append per turn of the event loop for all
 * of them; callbacks run once it is done. Format: docs/recording-format.md, The journal.
 *
 * Each record carries a MAC under a key that is evolved after it and then erased, and a head beside the file has the number of records: an
 * attacker who takes the disk after a stop can neither change nor cut off records unnoticed.
 */
export class Journal {
  readonly #options: JournalOptions
  readonly #older: JournalFile[] = []
  #file: JournalFile
  #entries: JournalEntry[] = []
  #due: JournalSource[] = []
  #pendingBytes = 0
  #waiters: Waiter[] = []
  #unflushed: Unflushed[] = []
  /** The sessions whose events are being written. */
  #writing: JournalSource[] = []
  #syncing = false
  #busy = false
  #releasedMeanwhile: { readonly session: string; readonly upTo: number }[] = []
  #slow = false
  #failed: Error | undefined
  readonly #dropping = new Set<Promise<void>>()
  #closed: () => void = () => {}
  readonly #whenClosed = new Promise<void>((resolve) => (this.#closed = resolve))
  #soon: NodeJS.Immediate | undefined
  #later: NodeJS.Timeout | undefined

  /** Begins a file. Throws if that fails. */
  constructor(options: JournalOptions) {
    this.#options = options
    this.#file = this.#begin()
  }

  get failed(): Error | undefined {
    return this.#failed
  }

  /** Bytes that are not written yet. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Bytes in its files. */
  get size(): number {
    return this.#older.reduce((sum, { size }) => sum + size, this.#file.size)
  }

  /** Entries are added in order, and written at the end of this turn (`soon`), or together with others within some milliseconds. */
  append(entry: JournalEntry, soon: boolean): void {
    if (this.#failed !== undefined) throw this.#failed
    this.#entries.push(entry)
    this.#waits(entry.bytes.length + ENTRY_OVERHEAD, soon)
  }

  /** A source has `bytes` more bytes, or waits for what it gave to be written. */
  expect(source: JournalSource, bytes: number, soon: boolean): void {
    if (this.#failed !== undefined) throw this.#failed
    if (!source.isDue) {
      source.isDue = true
      this.#due.push(source)
    }
    this.#waits(bytes, soon)
  }

  #waits(bytes: number, soon: boolean): void {
    this.#pendingBytes += bytes
    if (soon || this.#pendingBytes > FLUSH_AT) this.#flushThisTurn()
    else this.#later ??= setTimeout(this.#flushLate, LATER_MS)
  }

  /**
   * Calls back once everything added so far has been passed to the operating system, or, with `strict`, flushed to disk. Never after a
   * failure.
   */
  whenWritten(strict: boolean, done: () => void): void {
    this.#waiters.push({ strict, done })
    this.#flushThisTurn()
  }

  /**
   * A session's events up to `seq` are flushed to its own file, and this entry says so. The journal drops them once the entry is written:
   * from then on the entry shows whether the file was cut.
   */
  sealed(entry: JournalEntry): void {
    if (this.#failed !== undefined) return
    this.#forgetPending(entry.session, entry.seq)
    this.append(entry, false)
  }

  /** The store has the session's record up to this event. A file that no session needs is removed. */
  release(session: string, upTo: number): void {
    this.#forgetPending(session, upTo)
    // Events that are being written are released once they are written.
    if (this.#busy) this.#releasedMeanwhile.push({ session, upTo })
    for (const file of [...this.#older, this.#file]) file.release(session, upTo)
    this.#dropUnneeded()
  }

  /** Events that are sealed already need not be written any longer. */
  #forgetPending(session: string, upTo: number): void {
    this.#entries = this.#entries.filter((entry) => entry.session !== session || entry.seq > upTo || !isEvent(entry))
  }

  /** Begins a new file if this one is not empty and is older than this, so that no file stays forever. */
  rotateIfOlder(milliseconds: number): void {
    if (this.#file.sessions.size > 0 && Date.now() - this.#file.since > milliseconds && !this.#busy) this.#rotate()
  }

  get isReleased(): boolean {
    return this.#older.length === 0 && this.#file.sessions.size === 0
  }

  /** Closes it; a file that is still needed stays for the next start. */
  async close(): Promise<void> {
    clearImmediate(this.#soon)
    clearTimeout(this.#later)
    this.#failed ??= new Error('the journal is closed')
    this.#closed()
    await Promise.all(this.#dropping)
    for (const file of this.#older.splice(0)) await this.#drop(file)
    await this.#drop(this.#file)
  }

  #flushThisTurn(): void {
    this.#soon ??= setImmediate(() => this.#flush())
  }

  /** If the events were written with others meanwhile, the timer still runs out: a timer for each would cost more. */
  readonly #flushLate = (): void => {
    this.#later = undefined
    if (this.#entries.length > 0 || this.#due.length > 0) this.#flush()
  }

  #flush(): void {
    clearImmediate(this.#soon)
    this.#soon = undefined
    if (this.#failed !== undefined || this.#busy) return
    const waiters = this.#waiters
    this.#waiters = []
    this.#pendingBytes = 0
    this.#takeDue()
    if (this.#entries.length === 0) return this.#written(waiters)
    const file = this.#file
    const record = file.record(this.#entries)
    this.#entries = []
    if (this.#slow) {
      void this.#writeSlowly(file, record, waiters)
      return
    }
    // A fast disk is written to synchronously: a detour through the thread pool costs more than the copy to the page cache.
    const started = performance.now()
    try {
      file.writeSync(record)
    } catch (error) {
      return this.#fail(error as Error)
    }
    this.#noteDuration(performance.now() - started)
    this.#releaseSealed(record)
    this.#written(waiters)
  }

  /** The events of a source follow those that it has added of an earlier segment. */
  #takeDue(): void {
    const due = this.#due
    this.#due = []
    for (const source of due) {
      source.isDue = false
      if (source.isWaiting) this.#writing.push(source)
      const entry = source.takeEntry()
      if (entry !== undefined) this.#entries.push(entry)
    }
  }

  /** Writes in the thread pool: a stalled disk must not stall the timers and sockets of all sessions. */
  async #writeSlowly(file: JournalFile, record: NextRecord, waiters: Waiter[]): Promise<void> {
    this.#busy = true
    const started = performance.now()
    try {
      await this.#inTime(() => file.write(record))
    } catch (error) {
      return this.#fail(error as Error)
    } finally {
      this.#busy = false
    }
    for (const { session, upTo } of this.#releasedMeanwhile.splice(0)) file.release(session, upTo)
    this.#noteDuration(performance.now() - started)
    this.#releaseSealed(record)
    this.#written(waiters)
    if (this.#entries.length > 0 || this.#due.length > 0 || this.#waiters.length > 0) this.#flushThisTurn()
  }

  #releaseSealed({ entries }: NextRecord): void {
    for (const { kind, session, seq } of entries) if (kind === entryKinds.sealed) this.release(session, seq)
  }

  #noteDuration(milliseconds: number): void {
    this.#slow = milliseconds > SLOW_WRITE_MS
  }

  #written(waiters: readonly Waiter[]): void {
    const sources = this.#writing
    this.#writing = []
    for (const source of sources) {
      if (source.isStrict) this.#unflushed.push({ strict: true, done: () => source.written(), file: this.#file })
      else source.written()
    }
    for (const waiter of waiters) {
      if (waiter.strict) this.#unflushed.push({ ...waiter, file: this.#file })
      else waiter.done()
    }
    if (this.#unflushed.length > 0 && !this.#syncing) void this.#sync()
    if (this.#file.size > (this.#options.rotateAt ?? ROTATE_AT) && this.#failed === undefined) this.#rotate()
  }

  /** One flush for all that wait; those added while it runs wait for the next. */
  async #sync(): Promise<void> {
    this.#syncing = true
    try {
      while (this.#unflushed.length > 0 && this.#failed === undefined) {
        const waiters = this.#unflushed
        this.#unflushed = []
        for (const file of new Set(waiters.map((waiter) => waiter.file))) await this.#inTime(() => file.datasync())
        for (const { done } of waiters) done()
      }
    } catch (error) {
      this.#fail(error as Error)
    } finally {
      this.#syncing = false
      this.#dropUnneeded()
    }
  }

  async #inTime(work: () => Promise<void>): Promise<void> {
    const { writeTimeout } = this.#options
    let inTime = (): void => {}
    const late = new Promise<never>((_resolve, reject) => {
      inTime = whenLate(writeTimeout, () => reject(new Error(`the disk took longer than ${writeTimeout} ms`)))
    })
    const working = work()
    working.catch(() => {})
    await Promise.race([working, late]).finally(inTime)
  }

  #fail(error: Error): void {
    if (this.#failed !== undefined) return
    this.#failed = error
    this.#file.cutToWhole()
    this.#entries = []
    this.#due = []
    this.#writing = []
    this.#pendingBytes = 0
    this.#waiters = []
    this.#unflushed = []
    this.#options.onFailed(error)
  }

  #rotate(): void {
    const full = this.#file
    try {
      this.#file = this.#begin()
    } catch (error) {
      return this.#fail(error as Error)
    }
    this.#older.push(full)
    this.#options.onFull?.([...full.sessions.keys()])
    this.#dropUnneeded()
  }

  #begin(): JournalFile {
    const { directory, macKey, disk = realDisk, onBegun } = this.#options
    const file = new JournalFile(directory, macKey, disk)
    onBegun?.({ journal: file.journal, commitment: file.commitment })
    return file
  }

  #dropUnneeded(): void {
    if (this.#syncing) return
    for (const file of this.#older.filter(({ sessions }) => sessions.size === 0)) {
      this.#older.splice(this.#older.indexOf(file), 1)
      const dropping = this.#dropWhenAnnounced(file).finally(() => this.#dropping.delete(dropping))
      this.#dropping.add(dropping)
    }
  }

  /** The entries about sealed segments in this file must be in a newer one, and flushed, before this one is removed. */
  async #dropWhenAnnounced(file: JournalFile): Promise<void> {
    await Promise.race([new Promise<void>((resolve) => this.whenWritten(true, resolve)), this.#whenClosed])
    await this.#drop(file)
  }

  /** Record the deletion before unlinking: an unannounced missing file counts as tampering. */
  async #drop(file: JournalFile): Promise<void> {
    file.close()
    if (file.sessions.size > 0) return
    try {
      await this.#options.onReleased?.(file.journal)
      file.remove()
    } catch {
      // The file stays; the next start finds that nothing in it is missing.
    }
  }
}

const ENTRY_OVERHEAD = 32
/** Bytes of results at which they are written without waiting longer. */
const FLUSH_AT = 256 * 1024
/** Milliseconds for which results wait for others. */
const LATER_MS = 20
/** Milliseconds: after a write that took longer, the next uses the thread pool. */
const SLOW_WRITE_MS = 50
const ROTATE_AT = 32 * 1024 * 1024
