import { createHash, createHmac, randomBytes } from 'node:crypto'
import {
  closeSync,
  fdatasync,
  fstatSync,
  ftruncateSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { syncDirectory } from './sync-directory.ts'

/**
 * What all sessions of this gateway have put on record and not sealed yet. One append per turn of the event loop
 * for all of them; what waits for it is called back once it is done. Format: docs/recording-format.md, The journal.
 *
 * Each record carries a MAC under a key that is evolved after it and then erased, and a head beside the file says how many
 * there are: who takes the disk after a stop can neither change what stands there nor cut it off unseen.
 */
export interface JournalEntry {
  readonly session: string
  readonly kind: EntryKind
  /** Sequence number of the event; 0 for what is none. */
  readonly seq: number
  readonly bytes: Buffer
}

export const entryKinds = { event: 0, hidden: 1, apart: 2, opened: 3, hiddenEnd: 4 } as const
export type EntryKind = (typeof entryKinds)[keyof typeof entryKinds]

/** The disk, so that tests can make it slow, full or broken. */
export interface JournalDisk {
  writeSync(handle: number, bytes: Uint8Array, position: number): number
  write(handle: number, bytes: Uint8Array, position: number): Promise<number>
  datasync(handle: number): Promise<void>
}

export const realDisk: JournalDisk = {
  writeSync: (handle, bytes, position) => writeSync(handle, bytes, 0, bytes.length, position),
  write: (handle, bytes, position) =>
    new Promise((resolve, reject) =>
      write(handle, bytes, 0, bytes.length, position, (error, written) => (error ? reject(error) : resolve(written))),
    ),
  datasync: (handle) =>
    new Promise((resolve, reject) => fdatasync(handle, (error) => (error ? reject(error) : resolve()))),
}

export interface JournalOptions {
  readonly directory: string
  /** Secret of this gateway that the first key of a journal is made of. */
  readonly macKey: Uint8Array
  readonly disk?: JournalDisk
  /** Milliseconds that a write may take before the disk counts as failed. */
  readonly longestWrite: number
  readonly onFailed: (error: Error) => void
  /** A file was begun; its id and commitment belong in the audit chain. */
  readonly onBegun?: (begun: { journal: string; commitment: string }) => void
  /** Nobody needs a file any more; it is removed once this resolves. */
  readonly onReleased?: (journal: string) => Promise<void>
  /** A file is full: these sessions should seal what they have in it. */
  readonly onFull?: (sessions: Iterable<string>) => void
}

interface JournalFile {
  readonly journal: string
  readonly path: string
  readonly handle: number
  readonly head: number
  /** The last event of each session in it that is not sealed. */
  readonly sessions: Map<string, number>
  readonly since: number
  size: number
  records: number
  key: Buffer
}

interface Waiter {
  readonly strict: boolean
  readonly done: () => void
}

/** Waits for the flush of what stands in this file. */
interface Unflushed extends Waiter {
  readonly file: JournalFile
}

export class Journal {
  readonly #options: JournalOptions
  readonly #disk: JournalDisk
  readonly #older: JournalFile[] = []
  #file: JournalFile
  #entries: JournalEntry[] = []
  #pendingBytes = 0
  #waiters: Waiter[] = []
  #unflushed: Unflushed[] = []
  #syncing = false
  #busy = false
  #slow = false
  #failed: Error | undefined
  #soon: NodeJS.Immediate | undefined
  #later: NodeJS.Timeout | undefined

  /** Begins a file. Throws where that cannot be done. */
  constructor(options: JournalOptions) {
    this.#options = options
    this.#disk = options.disk ?? realDisk
    this.#file = this.#begin()
  }

  get failed(): Error | undefined {
    return this.#failed
  }

  /** Bytes that wait to be written. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Bytes in its files. */
  get size(): number {
    return this.#older.reduce((sum, { size }) => sum + size, this.#file.size)
  }

  /** Nothing has to be written or flushed any more before what was added may be acted upon. */
  get isWritten(): boolean {
    return this.#entries.length === 0 && !this.#busy
  }

  /** Added in order; written at the end of this turn (`soon`), or within some milliseconds with others. */
  append(entry: JournalEntry, soon: boolean): void {
    if (this.#failed !== undefined) throw this.#failed
    this.#entries.push(entry)
    this.#pendingBytes += entry.bytes.length + ENTRY_OVERHEAD
    if (soon || this.#pendingBytes > FLUSH_AT) this.#flushThisTurn()
    else this.#later ??= setTimeout(() => this.#flush(), LATER)
  }

  /** Calls back once everything added so far is in the operating system, or flushed to the disk. Never after a failure. */
  whenWritten(strict: boolean, done: () => void): void {
    this.#waiters.push({ strict, done })
    this.#flushThisTurn()
  }

  /** A session's events up to this one stand in its own file, flushed. A file that nobody needs goes. */
  release(session: string, upTo: number): void {
    for (const file of [...this.#older, this.#file]) {
      const last = file.sessions.get(session)
      if (last !== undefined && last <= upTo) file.sessions.delete(session)
    }
    this.#dropUnneeded()
  }

  /** Begins a new file where this one holds something and is old, so that no file stays for ever. */
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
    for (const file of this.#older.splice(0)) await this.#drop(file)
    await this.#drop(this.#file)
  }

  #flushThisTurn(): void {
    this.#soon ??= setImmediate(() => this.#flush())
  }

  #flush(): void {
    clearImmediate(this.#soon)
    clearTimeout(this.#later)
    this.#soon = this.#later = undefined
    if (this.#failed !== undefined || this.#busy) return
    const waiters = this.#waiters
    this.#waiters = []
    if (this.#entries.length === 0) return this.#written(waiters)
    const record = this.#nextRecord()
    if (this.#slow) {
      void this.#writeSlowly(record, waiters)
      return
    }
    // A quick disk is written to at once: a detour through the thread pool costs more than the copy to the page cache.
    const started = performance.now()
    try {
      const { file, bytes, head } = record
      for (let at = 0; at < bytes.length;) {
        at += this.#disk.writeSync(file.handle, at === 0 ? bytes : bytes.subarray(at), file.size + at)
      }
      this.#disk.writeSync(file.head, head, 0)
      this.#finish(record)
    } catch (error) {
      return this.#fail(error as Error)
    }
    this.#noteDuration(performance.now() - started)
    this.#written(waiters)
  }

  /** A disk that stalls must not stall everybody's timers and sockets. */
  async #writeSlowly(record: NextRecord, waiters: Waiter[]): Promise<void> {
    this.#busy = true
    const started = performance.now()
    try {
      const { file, bytes, head } = record
      await this.#inTime(async () => {
        for (let at = 0; at < bytes.length;) {
          at += await this.#disk.write(file.handle, at === 0 ? bytes : bytes.subarray(at), file.size + at)
        }
        await this.#disk.write(file.head, head, 0)
      })
      this.#finish(record)
    } catch (error) {
      this.#busy = false
      return this.#fail(error as Error)
    }
    this.#busy = false
    this.#noteDuration(performance.now() - started)
    this.#written(waiters)
    if (this.#entries.length > 0 || this.#waiters.length > 0) this.#flushThisTurn()
  }

  #noteDuration(milliseconds: number): void {
    this.#slow = milliseconds > SLOW
  }

  #nextRecord(): NextRecord {
    const file = this.#file
    const entries = this.#entries
    this.#entries = []
    this.#pendingBytes = 0
    const payload = encodeEntries(entries)
    const record = encodeRecord(file.key, file.records, payload)
    const key = nextKey(file.key)
    return { file, entries, bytes: record, key, head: encodeHead(file.records + 1, key) }
  }

  /** It stands in a file that is still there: one that was removed takes bytes as well, and nobody will ever read them. */
  #finish({ file, entries, bytes, key }: NextRecord): void {
    if (fstatSync(file.handle).nlink === 0) throw new Error(`${file.path} was removed`)
    file.size += bytes.length
    file.records++
    file.key.fill(0)
    file.key = key
    for (const { session, kind, seq } of entries) {
      if (kind !== entryKinds.apart && kind !== entryKinds.opened) file.sessions.set(session, seq)
    }
  }

  #written(waiters: readonly Waiter[]): void {
    for (const waiter of waiters) {
      if (waiter.strict) this.#unflushed.push({ ...waiter, file: this.#file })
      else waiter.done()
    }
    if (this.#unflushed.length > 0 && !this.#syncing) void this.#sync()
    if (this.#file.size > ROTATE_AT && this.#failed === undefined) this.#rotate()
  }

  /** One flush for everybody who waits; who comes while it runs waits for the next. */
  async #sync(): Promise<void> {
    this.#syncing = true
    try {
      while (this.#unflushed.length > 0 && this.#failed === undefined) {
        const waiters = this.#unflushed
        this.#unflushed = []
        for (const { handle } of new Set(waiters.map(({ file }) => file)))
          await this.#inTime(() => this.#disk.datasync(handle))
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
    const { longestWrite } = this.#options
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`the disk took longer than ${longestWrite} ms`)), longestWrite)
    })
    const working = work()
    working.catch(() => {})
    await Promise.race([working, late]).finally(() => clearTimeout(timer))
  }

  #fail(error: Error): void {
    if (this.#failed !== undefined) return
    this.#failed = error
    try {
      // Half a record is of no use, and on a full disk its room is.
      ftruncateSync(this.#file.handle, this.#file.size)
    } catch {
      // Then the next start cuts it off.
    }
    this.#entries = []
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
    this.#dropUnneeded()
    this.#options.onFull?.([...full.sessions.keys()])
  }

  #begin(): JournalFile {
    const { directory, macKey } = this.#options
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const path = join(directory, `${String(nextNumber(directory)).padStart(8, '0')}.journal`)
    const journal = randomBytes(16).toString('hex')
    const key = firstKey(macKey, journal)
    const commitment = createHash('sha256').update(key).digest('hex')
    const handle = openSync(path, 'wx', 0o600)
    const head = openSync(headOf(path), 'wx', 0o600)
    try {
      return this.#writeHeader({ journal, path, handle, head, key, commitment })
    } catch (error) {
      closeQuietly(handle)
      closeQuietly(head)
      removeFiles(path)
      throw error
    }
  }

  #writeHeader({
    journal,
    path,
    handle,
    head,
    key,
    commitment,
  }: Pick<JournalFile, 'journal' | 'path' | 'handle' | 'head' | 'key'> & { readonly commitment: string }): JournalFile {
    const header = encodeRecord(key, 0, Buffer.from(JSON.stringify({ journal, commitment })))
    const second = nextKey(key)
    key.fill(0)
    for (const [target, bytes] of [
      [handle, Buffer.concat([Buffer.from(JOURNAL_MAGIC), header])],
      [head, encodeHead(1, second)],
    ] as const) {
      if (this.#disk.writeSync(target, bytes, 0) !== bytes.length) throw new Error(`${path} takes only a part`)
      fsyncSync(target)
    }
    syncDirectory(this.#options.directory)
    this.#options.onBegun?.({ journal, commitment })
    return {
      journal,
      path,
      handle,
      head,
      sessions: new Map(),
      since: Date.now(),
      size: JOURNAL_MAGIC.length + header.length,
      records: 1,
      key: second,
    }
  }

  #dropUnneeded(): void {
    if (this.#syncing) return
    for (const file of this.#older.filter(({ sessions }) => sessions.size === 0)) {
      this.#older.splice(this.#older.indexOf(file), 1)
      void this.#drop(file)
    }
  }

  /** That it is gone on purpose is said first: a file that is only gone was taken. */
  async #drop(file: JournalFile): Promise<void> {
    file.key.fill(0)
    closeQuietly(file.handle)
    closeQuietly(file.head)
    if (file.sessions.size > 0) return
    try {
      await this.#options.onReleased?.(file.journal)
      removeFiles(file.path)
    } catch {
      // It stays; the next start finds that nothing in it is missing.
    }
  }
}

interface NextRecord {
  readonly file: JournalFile
  readonly entries: readonly JournalEntry[]
  readonly bytes: Buffer
  readonly head: Buffer
  readonly key: Buffer
}

export const firstKey = (macKey: Uint8Array, journal: string): Buffer =>
  createHmac('sha256', macKey).update(`pamjnl/1 ${journal}`).digest()

export const nextKey = (key: Buffer): Buffer => createHash('sha256').update('pamjnl/1 next').update(key).digest()

/** Length of the payload (uint32), the payload, the MAC over the record's number and the payload. */
function encodeRecord(key: Buffer, number: number, payload: Buffer): Buffer {
  const out = Buffer.allocUnsafe(4 + payload.length + MAC)
  out.writeUInt32BE(payload.length)
  payload.copy(out, 4)
  recordMac(key, number, payload).copy(out, 4 + payload.length)
  return out
}

export function recordMac(key: Buffer, number: number, payload: Buffer): Buffer {
  const counted = Buffer.alloc(8)
  counted.writeUIntBE(number, 2, 6)
  return createHmac('sha256', key).update(counted).update(payload).digest()
}

/** How many records there are, and a token that only the key after them gives. */
export function encodeHead(records: number, key: Buffer): Buffer {
  const out = Buffer.alloc(8 + MAC)
  out.writeUIntBE(records, 2, 6)
  headToken(key).copy(out, 8)
  return out
}

export const headToken = (key: Buffer): Buffer => createHash('sha256').update('pamjnl/1 head').update(key).digest()

function encodeEntries(entries: readonly JournalEntry[]): Buffer {
  const size = entries.reduce((sum, { session, bytes }) => sum + 1 + session.length + 9 + bytes.length, 0)
  const out = Buffer.allocUnsafe(size)
  let at = 0
  for (const { session, kind, seq, bytes } of entries) {
    at = out.writeUInt8(session.length, at)
    at += out.write(session, at, 'latin1')
    at = out.writeUInt8(kind, at)
    at = out.writeUInt32BE(seq, at)
    at = out.writeUInt32BE(bytes.length, at)
    at += bytes.copy(out, at)
  }
  return out
}

/** Throws where the payload is not made of entries. */
export function* decodeEntries(payload: Buffer): Generator<JournalEntry, void, undefined> {
  for (let at = 0; at < payload.length;) {
    const name = at + 1 + payload.readUInt8(at)
    const session = payload.toString('latin1', at + 1, name)
    const kind = payload.readUInt8(name) as EntryKind
    const seq = payload.readUInt32BE(name + 1)
    const start = name + 9
    const end = start + payload.readUInt32BE(name + 5)
    if (end > payload.length) throw new RangeError('an entry ends behind its record')
    yield { session, kind, seq, bytes: payload.subarray(start, end) }
    at = end
  }
}

export const headOf = (journal: string): string => journal.replace(/\.journal$/, '.head')

export function journalFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => /^\d{8}\.journal$/.test(name))
    .toSorted()
    .map((name) => join(directory, name))
}

function nextNumber(directory: string): number {
  const last = journalFiles(directory).at(-1)
  return last === undefined ? 1 : Number(last.slice(-'00000000.journal'.length, -'.journal'.length)) + 1
}

export function removeFiles(journal: string): void {
  for (const path of [journal, headOf(journal)]) {
    try {
      unlinkSync(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

function closeQuietly(handle: number): void {
  try {
    closeSync(handle)
  } catch {
    // It was closed by a failure of the disk; there is nothing left to do with it.
  }
}

export const JOURNAL_MAGIC = 'PAMJNL/1\n'
export const MAC = 32
const ENTRY_OVERHEAD = 32
/** Bytes of results that do not wait longer. */
const FLUSH_AT = 256 * 1024
/** Milliseconds that results wait for others. */
const LATER = 20
/** Milliseconds: a write that took longer is not waited for in the event loop the next time. */
const SLOW = 50
const ROTATE_AT = 32 * 1024 * 1024
