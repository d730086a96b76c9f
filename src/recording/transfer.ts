import { join } from 'node:path'
import { existsSync } from 'node:fs'
import { isNoFile } from './ordinary-file.ts'
import { detachedFileOf } from './detached.ts'
import { digestOfFile, unlinkIfThere } from './homes/directory.ts'
import { NameTaken, NotAsSealed, type Home } from './homes/home.ts'

/** What the transfer asks of the store. */
export interface TransferState {
  /** Sealed and not in the home, oldest first. */
  sealedRecordings(): Promise<readonly SealedFile[]>
  stored(session: string, home: string): Promise<void>
  /** The home failed, or takes records again. */
  homeChanged(home: string, problem: string | undefined): Promise<void>
  /** A record in the spool is not what was sealed: it stays there. */
  damaged(session: string, problem: string): Promise<void>
}

export interface SealedFile {
  readonly session: string
  readonly file: string
  readonly bytes: number
  readonly sha256: string
}

export interface TransferParts {
  readonly directory: string
  readonly home: Home
  readonly state: TransferState
  /** A file left the spool. */
  readonly onStored: (bytes: number) => void
  readonly logger: { warn(fields: object, event: string): void; info(fields: object, event: string): void }
}

/**
 * Moves sealed records from the spool to their home, one after the other. A home that fails is tried again, ever less often, up to
 * once in five minutes; nothing leaves the spool before the home has it.
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

  constructor(parts: TransferParts) {
    this.#parts = parts
  }

  /** Why the home does not take records now. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** How many records wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** There may be something to move. */
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
    const { directory, home, state, logger, onStored } = this.#parts
    const path = join(directory, file)
    const damaged = (problem: string): Promise<void> => {
      logger.warn({ session, problem }, 'recording.damaged')
      return state.damaged(session, problem)
    }
    const detached = detachedFileOf(path)
    if (!existsSync(path)) return damaged('is gone from the spool')
    if ([path, detached].some(isNoFile)) return damaged('is no ordinary file')
    try {
      await home.put(file, path, sha256)
      if (existsSync(detached)) await home.put(detachedFileOf(file), detached, await digestOfFile(detached))
    } catch (error) {
      // The others need not wait for somebody to look into this one.
      if (error instanceof NameTaken || error instanceof NotAsSealed) return damaged(error.message)
      throw error
    }
    await state.stored(session, home.label)
    await unlinkIfThere(path)
    await unlinkIfThere(detached)
    onStored(bytes)
    this.#failures = 0
    if (this.#problem === undefined) return
    this.#problem = undefined
    logger.info({ home: home.label }, 'home.back')
    await state.homeChanged(home.label, undefined)
  }
}

/** Records that are moved side by side: a home far away answers slowly, and what the store notes of them is noted together. */
const AT_ONCE = 8
const FIRST_WAIT = 1000
const MAX_WAIT_MS = 300_000
