import { mkdirSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs'
import { join } from 'node:path'
import { StatementError } from '../../protocols/query-client.ts'
import { fromErrorBody, PamError, type ErrorBody } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/id.ts'
import { replaceFile } from '../../shared/replace-file.ts'
import type { ResultSet } from '../query/results.ts'
import type { CommandOutput } from './job.ts'

/** What is kept on this machine of a statement or command that was held: who runs it, and what came of it. */
export interface KeptResult {
  readonly version: 1
  /** Of the first approval that it waited for, by which it is asked for. */
  readonly id: string
  readonly target: string
  readonly gateway: string
  /** Id of the person. */
  readonly person: string
  /** The grant that it ran under, with which it ends. */
  readonly grant: { readonly id: string; readonly endsAt: string }
  readonly startedAt: string
  /** The process that keeps its connection. */
  readonly pid: number
  readonly state: 'held' | 'running' | 'done' | 'failed'
  /** The approval that it waits for, or waited for last. */
  readonly waitsFor: string
  /** Groups who may decide on that. */
  readonly approvers: readonly string[]
  /** Of statements. */
  readonly results?: readonly ResultSet[]
  /** Of a command. */
  readonly output?: CommandOutput
  readonly error?: ErrorBody & { readonly sqlstate?: string }
}

/** Results in a directory of the user alone, one file each (mode 0600), until they are fetched or their grant has ended. */
export class ResultStore {
  readonly #directory: string
  readonly #now: () => number

  /** `home`: pamctl's own, which is private. */
  constructor(home: string, now: () => number = Date.now) {
    this.#directory = join(home, 'results')
    this.#now = now
  }

  /** Throws where there are too many. */
  needRoom(): void {
    if (this.list().length < MAX_KEPT) return
    throw new PamError('RATE_LIMITED', `${MAX_KEPT} results are kept already`, {
      hint: 'fetch some of them first: "pamctl result" lists them',
    })
  }

  save(result: KeptResult): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    replaceFile(this.#file(result.id), JSON.stringify(result))
  }

  /** What has become of it; nothing where it was removed meanwhile, as by a sign-out. */
  update(result: KeptResult): void {
    if (this.read(result.id) !== undefined) this.save(result)
  }

  read(id: string): KeptResult | undefined {
    // The id becomes a file name.
    if (!looksLikeId(id, ['apr'])) return undefined
    let text: string
    try {
      text = readFileSync(this.#file(id), 'utf8')
    } catch {
      return undefined
    }
    const kept = parsed(text)
    return kept?.id === id ? kept : undefined
  }

  /**
   * Looks at it now, whenever its file changes, and now and then: a process that is killed says nothing, and not every file system tells of changes.
   * Resolves once `look` has returned true, or the signal is aborted.
   */
  async follow(id: string, look: () => boolean, signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    const until = AbortSignal.any([over.signal, signal])
    const again = (): void => void (look() && over.abort())
    const watcher = watch(this.#directory, (_, name) => (name === null || name === id) && again())
    watcher.on('error', () => {})
    const timer = setInterval(again, UNTOLD_MS)
    again()
    if (!until.aborted) await new Promise((resolve) => until.addEventListener('abort', resolve, { once: true }))
    clearInterval(timer)
    watcher.close()
  }

  remove(id: string): void {
    if (looksLikeId(id, ['apr'])) rmSync(this.#file(id), { force: true })
  }

  /** What is kept, oldest first. Of what has ended, rows are removed at once, and the rest a day later. */
  list(): readonly KeptResult[] {
    const kept = this.#ids().flatMap((id) => {
      const result = this.read(id)
      const endedFor = this.#now() - Date.parse(result?.grant.endsAt ?? '')
      if (result === undefined || !(endedFor < REMEMBERED_MS)) {
        this.remove(id)
        return []
      }
      if (endedFor < 0 || (result.results === undefined && result.output === undefined)) return [result]
      const { results: _results, output: _output, ...rest } = result
      this.save(rest)
      return [rest]
    })
    return kept.toSorted((a, b) => a.startedAt.localeCompare(b.startedAt))
  }

  /** Everything of one gateway: its person signs out. */
  removeOf(gateway: string): void {
    for (const result of this.list()) if (result.gateway === gateway) this.remove(result.id)
  }

  #ids(): string[] {
    try {
      return readdirSync(this.#directory).filter((name) => looksLikeId(name, ['apr']))
    } catch {
      return []
    }
  }

  #file(id: string): string {
    return join(this.#directory, id)
  }
}

/** An error as it was kept. */
export const errorFrom = (error: NonNullable<KeptResult['error']>): PamError =>
  error.sqlstate === undefined ? fromErrorBody(error) : new StatementError({ ...error, sqlstate: error.sqlstate })

function parsed(text: string): KeptResult | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isKept(value) ? value : undefined
  } catch {
    return undefined
  }
}

const STATES: ReadonlySet<unknown> = new Set(['held', 'running', 'done', 'failed'])

function isKept(value: unknown): value is KeptResult {
  if (typeof value !== 'object' || value === null) return false
  const kept: Partial<Record<keyof KeptResult, unknown>> = value
  const texts = [kept.id, kept.target, kept.gateway, kept.person, kept.startedAt, kept.waitsFor]
  return (
    kept.version === 1 &&
    texts.every((text) => typeof text === 'string') &&
    typeof kept.pid === 'number' &&
    STATES.has(kept.state) &&
    Array.isArray(kept.approvers) &&
    typeof kept.grant === 'object' &&
    kept.grant !== null
  )
}

const MAX_KEPT = 50
/** Milliseconds. */
const UNTOLD_MS = 2000
const REMEMBERED_MS = 24 * 60 * 60_000
