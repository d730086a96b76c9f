import { createHash } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { signCheckpoint, type AuditCheckpoint, type AuditHead } from '../recording/audit-chain.ts'
import type { Home } from '../recording/homes/home.ts'
import type { Signer } from '../recording/seal.ts'
import type { Logger } from '../shared/logger.ts'
import { post, type HttpOptions } from '../shared/http-post.ts'
import { appendLines } from './append-lines.ts'

/** Keeps a checkpoint somewhere else. */
export type CheckpointKeeper = (checkpoint: AuditCheckpoint) => Promise<void>

export const keepInFile =
  (path: string): CheckpointKeeper =>
  (checkpoint) =>
    appendLines(path, [JSON.stringify(checkpoint)])

export const keepAtWebhook =
  (options: HttpOptions): CheckpointKeeper =>
  async (checkpoint) => {
    await post(options, 'application/json', JSON.stringify(checkpoint))
  }

/** An object of its own beside the records, which is never written over. */
export const keepInHome =
  (home: Home, workDirectory: string): CheckpointKeeper =>
  async (checkpoint) => {
    const text = `${JSON.stringify(checkpoint)}\n`
    const path = join(workDirectory, `checkpoint-${checkpoint.seq}`)
    await writeFile(path, text, { mode: 0o600 })
    try {
      const name = `checkpoints/${String(checkpoint.seq).padStart(12, '0')}-${checkpoint.at.replaceAll(':', '')}.json`
      await home.put(name, path, createHash('sha256').update(text).digest('hex'))
    } finally {
      await rm(path, { force: true })
    }
  }

export interface CheckpointParts {
  readonly every: number
  readonly keepers: readonly { readonly name: string; readonly keep: CheckpointKeeper }[]
  readonly head: () => Promise<AuditHead | undefined>
  readonly signer: Signer
  readonly logger: Logger
}

/** Says now and then how long the chain is, to places where whoever has this machine cannot take it back. */
export class Checkpoints {
  readonly #parts: CheckpointParts
  readonly #timer: NodeJS.Timeout
  /** The last that each keeper took. */
  readonly #kept = new Map<string, number>()
  readonly #problems = new Map<string, string>()

  constructor(parts: CheckpointParts) {
    this.#parts = parts
    this.#timer = setInterval(() => void this.write(), parts.every)
    this.#timer.unref()
  }

  get problems(): ReadonlyMap<string, string> {
    return this.#problems
  }

  /** Each keeper, and up to which entry it keeps the chain. */
  get keepers(): readonly {
    readonly name: string
    readonly kept: number | undefined
    readonly problem: string | undefined
  }[] {
    return this.#parts.keepers.map(({ name }) => ({
      name,
      kept: this.#kept.get(name),
      problem: this.#problems.get(name),
    }))
  }

  /** A keeper that fails gets a later one: each covers all before it. */
  async write(): Promise<void> {
    const { head, keepers, signer, logger } = this.#parts
    const found = await head()
    if (found === undefined) return
    const checkpoint = signCheckpoint(found, new Date(signer.now()), signer)
    for (const { name, keep } of keepers) {
      if (this.#kept.get(name) === found.seq) continue
      try {
        await keep(checkpoint)
        this.#kept.set(name, found.seq)
        this.#problems.delete(name)
      } catch (error) {
        this.#problems.set(name, (error as Error).message)
        logger.warn({ checkpoint: name, problem: (error as Error).message }, 'audit.checkpoint_failed')
      }
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.write()
  }
}
