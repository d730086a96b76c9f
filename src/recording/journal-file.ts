import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import {
  encodeEntries,
  encodeHead,
  encodeRecord,
  isEvent,
  firstKey,
  JOURNAL_MAGIC,
  JOURNAL_VERSION,
  nextKey,
  type JournalEntry,
} from './journal-format.ts'
import { syncDirectorySync } from './sync-directory.ts'

/** The calls to the disk, which tests replace with slow, full or broken ones. */
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

/** A record to be written to a file, and the key that follows it. */
export interface NextRecord {
  readonly entries: readonly JournalEntry[]
  readonly bytes: Buffer
  readonly head: Buffer
  readonly key: Buffer
}

/** One file of a journal and its head: each record carries a MAC under a key that is evolved after it and then erased. */
export class JournalFile {
  readonly journal = randomBytes(16).toString('hex')
  readonly commitment: string
  readonly since = Date.now()
  /** For each session, its last unsealed event in this file. */
  readonly sessions = new Map<string, number>()
  readonly #path: string
  readonly #disk: JournalDisk
  readonly #handle: number
  readonly #head: number
  #key: Buffer
  #size = 0
  #records = 0

  /** Creates a file; the file is on disk when this returns. If that fails, throws and leaves nothing behind. */
  constructor(directory: string, macKey: Uint8Array, disk: JournalDisk) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.#path = join(directory, `${String(nextNumber(directory)).padStart(8, '0')}.journal`)
    this.#disk = disk
    this.#key = firstKey(macKey, this.journal)
    this.commitment = createHash('sha256').update(this.#key).digest('hex')
    this.#handle = openSync(this.#path, 'wx', 0o600)
    this.#head = openSync(headOf(this.#path), 'wx', 0o600)
    try {
      this.#begin()
      syncDirectorySync(directory)
    } catch (error) {
      this.close()
      this.remove()
      throw error
    }
  }

  get size(): number {
    return this.#size
  }

  record(entries: readonly JournalEntry[]): NextRecord {
    const bytes = encodeEntries(this.#key, this.#records, entries)
    const key = nextKey(this.#key)
    return { entries, bytes, key, head: encodeHead(this.#records + 1, key) }
  }

  writeSync(record: NextRecord): void {
    for (let at = 0; at < record.bytes.length;)
      at += this.#disk.writeSync(this.#handle, record.bytes.subarray(at), this.#size + at)
    this.#disk.writeSync(this.#head, record.head, 0)
    this.#finish(record)
  }

  async write(record: NextRecord): Promise<void> {
    for (let at = 0; at < record.bytes.length;)
      at += await this.#disk.write(this.#handle, record.bytes.subarray(at), this.#size + at)
    await this.#disk.write(this.#head, record.head, 0)
    this.#finish(record)
  }

  datasync(): Promise<void> {
    return this.#disk.datasync(this.#handle)
  }

  /** Notes that a session's events up to this one are in its own file. */
  release(session: string, upTo: number): void {
    const last = this.sessions.get(session)
    if (last !== undefined && last <= upTo) this.sessions.delete(session)
  }

  /** Truncates an incomplete record, which is useless and takes room on a full disk. */
  cutToWhole(): void {
    try {
      ftruncateSync(this.#handle, this.#size)
    } catch {
      // Then the next start truncates it.
    }
  }

  close(): void {
    this.#key.fill(0)
    closeQuietly(this.#handle)
    closeQuietly(this.#head)
  }

  remove(): void {
    removeFiles(this.#path)
  }

  #begin(): void {
    const { journal, commitment } = this
    const header = Buffer.from(JSON.stringify({ journal, commitment, version: JOURNAL_VERSION }))
    const bytes = Buffer.concat([Buffer.from(JOURNAL_MAGIC), encodeRecord(this.#key, 0, header)])
    const key = nextKey(this.#key)
    for (const [handle, content] of [
      [this.#handle, bytes],
      [this.#head, encodeHead(1, key)],
    ] as const) {
      if (this.#disk.writeSync(handle, content, 0) !== content.length)
        throw new Error(`${this.#path} could be written only in part`)
      fsyncSync(handle)
    }
    this.#evolve(key)
    this.#size = bytes.length
    this.#records = 1
  }

  /** Completes a record, and checks that the file still exists: writes to a removed file succeed, and nobody will ever read them. */
  #finish({ entries, bytes, key }: NextRecord): void {
    if (fstatSync(this.#handle).nlink === 0) throw new Error(`${this.#path} was removed`)
    this.#size += bytes.length
    this.#records++
    this.#evolve(key)
    for (const entry of entries) if (isEvent(entry)) this.sessions.set(entry.session, entry.seq)
  }

  #evolve(key: Buffer): void {
    this.#key.fill(0)
    this.#key = key
  }
}

export const headOf = (journal: string): string => journal.replace(/\.journal$/, '.head')

/** Whether a file of this name in the directory of journals is a journal or its head. */
export const isJournalFile = (name: string): boolean => /^\d{8}\.(journal|head)$/.test(name)

/** The paths of the journals in a directory, oldest first, without their heads. */
export function journalFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => isJournalFile(name) && name.endsWith('.journal'))
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
    // A failure of the disk has closed it; there is nothing left to do.
  }
}
