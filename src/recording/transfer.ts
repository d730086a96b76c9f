import { join } from 'node:path'
import { existsSync } from 'node:fs'
import { isNoFile } from './ordinary-file.ts'
import { detachedFileOf } from './detached.ts'
import { unlinkFile } from './file-calls.ts'
import { digestOfFile, unlinkIfThere } from './homes/directory.ts'
import { NameTaken, NotAsSealed, type Home } from './homes/home.ts'
import type { SealedRecording } from './recording-file.ts'

/** What the transfer needs of the store. */
export interface TransferState {
  /** Sealed records that are not in the home, oldest first. */
  sealedRecordings(): Promise<readonly SealedFile[]>
  /** Notes in one change that records are complete, and which of them the home has. */
  sealed(records: readonly NewlySealed[]): Promise<void>
  stored(session: string, home: string): Promise<void>
  /** Notes that the home failed, or accepts records again. */
  homeChanged(home: string, problem: string | undefined): Promise<void>
  /** Notes that a record in the spool is not what was sealed; it stays there. */
  damaged(session: string, problem: string): Promise<void>
}

export interface SealedFile {
  readonly session: string
  readonly file: string
  readonly bytes: number
  readonly sha256: string
}

export interface NewlySealed {
  readonly file: string
  readonly sealed: SealedRecording
  /** The home that has it; undefined while it is still in the spool. */
  readonly home: string | undefined
}

interface Batched {
  readonly file: string
  readonly sealed: SealedRecording
  noted(): void
  failed(error: unknown): void
}

export interface TransferParts {
  readonly directory: string
  readonly home: Home
  readonly state: TransferState
  /** Called when a file has left the spool. */
  readonly onStored: (bytes: number) => void
  readonly logger: { warn(fields: object, event: string): void; info(fields: object, event: string): void }
}

/**
 * Moves sealed records from the spool to their home, one after the other. After a failure the home is tried again at growing intervals of
 * up to five minutes; nothing leaves the spool before the home has it. Records sealed within some milliseconds are moved together: if their
 * home is on the same disk, they get their names there at once, with one flush of the directory, and one change notes that they are sealed
 * and stored.
 */
export class Transfer {
  readonly #parts: TransferParts
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #again = false
  #failures = 0
  #problem: string | undefined
  #waiting = 0
  #stopped = false
  #batch: Batched[] = []
  #soon: NodeJS.Timeout | undefined
  readonly #working = new Set<Promise<void>>()
  #isNear: Promise<boolean> | undefined

  constructor(parts: TransferParts) {
    this.#parts = parts
  }

  /** Why the home currently accepts no records. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** The number of records that wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** Takes a record that was just sealed. Resolves when the store has noted it; until then the journal keeps its events. */
  sealed(file: string, sealed: SealedRecording): Promise<void> {
    return new Promise((noted, failed) => {
      this.#batch.push({ file, sealed, noted, failed })
      if (this.#stopped) this.#workOff()
      else this.#soon ??= setTimeout(() => this.#workOff(), BATCH_MS)
    })
  }

  #workOff(): void {
    clearTimeout(this.#soon)
    this.#soon = undefined
    const batch = this.#batch
    this.#batch = []
    if (batch.length === 0) return
    const working = this.#finish(batch).finally(() => this.#working.delete(working))
    this.#working.add(working)
  }

  /** Records that the home did not accept are noted as well, and moved later. */
  async #finish(batch: readonly Batched[]): Promise<void> {
    const { directory, home, state, logger } = this.#parts
    // A complete record is noted even if the home fails or is slow.
    const canMove = this.#problem === undefined && (await this.#isHomeNear())
    const stored = new Set<Batched>()
    if (canMove)
      await Promise.all(
        batch.map(async (one) => {
          const { file, sealed } = one
          const problem = await this.#keep(file, sealed.sha256, true).catch((error: unknown) => error)
          if (problem === undefined) stored.add(one)
        }),
      )
    try {
      await state.sealed(
        batch.map((one) => ({ file: one.file, sealed: one.sealed, home: stored.has(one) ? home.label : undefined })),
      )
    } catch (error) {
      for (const one of batch) one.failed(error)
      return
    }
    for (const one of batch) one.noted()
    await Promise.all(
      [...stored].map(({ file, sealed }) =>
        // The next start removes records that the home has.
        this.#leave(join(directory, file), sealed.bytes).catch((error: unknown) =>
          logger.warn({ file, problem: (error as Error).message }, 'recording.not_removed'),
        ),
      ),
    )
    if (stored.size < batch.length) this.kick()
  }

  #isHomeNear(): Promise<boolean> {
    const { directory, home } = this.#parts
    this.#isNear ??= (home.sharesDiskWith?.(directory) ?? Promise.resolve(false)).catch(() => false)
    return this.#isNear
  }

  /** Starts a transfer if there may be records to move. */
  kick(): void {
    if (this.#stopped || this.#timer !== undefined) return
    if (this.#running !== undefined) {
      this.#again = true
      return
    }
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      if (!this.#again) return
      this.#again = false
      this.kick()
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#workOff()
    await Promise.all(this.#working)
    await this.#running
  }

  async #run(): Promise<void> {
    const { state, home, logger } = this.#parts
    try {
      for (;;) {
        const files = await state.sealedRecordings()
        this.#waiting = files.length
        if (files.length === 0 || this.#stopped) return
        for (let at = 0; at < files.length && !this.#stopped; at += AT_ONCE) {
          const moved = await Promise.allSettled(
            files.slice(at, at + AT_ONCE).map(async (file) => {
              await this.#move(file)
              this.#waiting--
            }),
          )
          const failed = moved.find((result) => result.status === 'rejected')
          if (failed !== undefined) throw failed.reason
        }
      }
    } catch (error) {
      const problem = (error as Error).message
      const wait = Math.min(MAX_WAIT_MS, FIRST_WAIT * 2 ** this.#failures++) * (0.5 + Math.random() / 2)
      logger.warn({ home: home.label, problem, waiting: this.#waiting, retryMs: Math.round(wait) }, 'home.failed')
      if (this.#problem === undefined) await state.homeChanged(home.label, problem).catch(() => {})
      this.#problem = problem
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.kick()
      }, wait)
      this.#timer.unref()
    }
  }

  async #move({ session, file, bytes, sha256 }: SealedFile): Promise<void> {
    const { directory, home, state, logger } = this.#parts
    const problem = await this.#keep(file, sha256, false)
    if (problem !== undefined) {
      // The other records need not wait until this one has been investigated.
      logger.warn({ session, problem }, 'recording.damaged')
      return state.damaged(session, problem)
    }
    await state.stored(session, home.label)
    await this.#leave(join(directory, file), bytes)
    this.#failures = 0
    if (this.#problem === undefined) return
    this.#problem = undefined
    logger.info({ home: home.label }, 'home.back')
    await state.homeChanged(home.label, undefined)
  }

  /** Stores a record and its detached texts in the home; returns the problem of a damaged record. Throws if the home fails. */
  async #keep(file: string, sha256: string, isFlushed: boolean): Promise<string | undefined> {
    const { directory, home } = this.#parts
    const path = join(directory, file)
    const detached = detachedFileOf(path)
    if (!existsSync(path)) return 'is gone from the spool'
    if ([path, detached].some(isNoFile)) return 'is not a regular file'
    try {
      await home.put(file, path, sha256, isFlushed)
      if (existsSync(detached)) await home.put(detachedFileOf(file), detached, await digestOfFile(detached), isFlushed)
    } catch (error) {
      if (error instanceof NameTaken || error instanceof NotAsSealed) return error.message
      throw error
    }
    return undefined
  }

  /** Removes a record from the spool, which the home has. */
  async #leave(path: string, bytes: number): Promise<void> {
    const detached = detachedFileOf(path)
    await unlinkIfThere(path, unlinkFile)
    if (existsSync(detached)) await unlinkIfThere(detached, unlinkFile)
    this.#parts.onStored(bytes)
  }
}

/** Records that are moved concurrently: a remote home is slow, and the store notes them together. */
const AT_ONCE = 8
/** Milliseconds for which a sealed record waits for others. */
const BATCH_MS = 50
const FIRST_WAIT = 1000
const MAX_WAIT_MS = 300_000
