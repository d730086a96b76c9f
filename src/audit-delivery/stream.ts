import type { AuditRecord } from '../recording/audit-chain.ts'
import type { Logger } from '../shared/logger.ts'
import type { Destination } from './destination.ts'

/** The chain, and how far each stream has come. */
export interface AuditSource {
  after(seq: number, limit: number): Promise<readonly AuditRecord[]>
  cursor(name: string): Promise<number>
  saveCursor(name: string, seq: number): Promise<void>
}

/** Sends the chain to one place, in order, each entry at least once: a place that is away for a day gets all of it later. */
export class AuditStream {
  readonly name: string
  readonly #source: AuditSource
  readonly #destination: Destination
  readonly #logger: Logger
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  #problem: string | undefined
  #stopped = false
  #running: Promise<void> = Promise.resolve()

  constructor(name: string, source: AuditSource, destination: Destination, logger: Logger) {
    this.name = name
    this.#source = source
    this.#destination = destination
    this.#logger = logger
    this.#next(0)
  }

  /** Why nothing is taken now. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Sends what there is, and ends. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#running
    if (this.#problem === undefined) await this.#send().catch(() => {})
    this.#destination.close()
  }

  #next(wait: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#running = this.#send().then(
        () => this.#succeeded(),
        (error: unknown) => this.#failed(error as Error),
      )
    }, wait)
    this.#timer.unref()
  }

  async #send(): Promise<void> {
    let seq = await this.#source.cursor(this.name)
    for (;;) {
      const records = await this.#source.after(seq, BATCH_SIZE)
      const last = records.at(-1)
      if (last === undefined) return
      await this.#destination.send(records)
      seq = last.seq
      await this.#source.saveCursor(this.name, seq)
    }
  }

  #succeeded(): void {
    if (this.#problem !== undefined) this.#logger.info({ stream: this.name }, 'audit.stream_back')
    this.#problem = undefined
    this.#failures = 0
    this.#next(POLL_MS)
  }

  #failed(error: Error): void {
    if (this.#problem === undefined)
      this.#logger.warn({ stream: this.name, problem: error.message }, 'audit.stream_failed')
    this.#problem = error.message
    this.#next(Math.min(MAX_WAIT_MS, POLL_MS * 2 ** this.#failures++) * (0.5 + Math.random() / 2))
  }
}

const BATCH_SIZE = 200
const POLL_MS = 1000
const MAX_WAIT_MS = 300_000
