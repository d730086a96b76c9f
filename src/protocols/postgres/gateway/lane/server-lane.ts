import { isEmptyPlan } from '../../../../masking/plan.ts'
import { rewriteRows, type RowRun } from '../../wire/row-run.ts'
import { serverTags, type TransactionStatus } from '../../wire/server-message.ts'
import { endOfMessage, hasBytesAt } from '../../wire/walk.ts'
import type { PipelineState } from '../pipeline/pipeline-state.ts'
import type { RowRewrites } from '../results/row-masking.ts'
import { rewritesOf } from './known-statement.ts'
import { shapes, steps, type LaneQueue } from './lane-queue.ts'

/**
 * Takes answers from the server to the statements of the lane if they are the same as before, and masks their rows. From the first message
 * on that is anything else, or incomplete, the slow path takes over.
 */
export class ServerLane {
  readonly #pipeline: PipelineState
  readonly #queue: LaneQueue
  readonly #masks: boolean
  readonly #longest: number
  /** The last command tag and its bytes: most results have the same. */
  #tag = ''
  #tagBytes = Buffer.alloc(0)

  constructor(pipeline: PipelineState) {
    this.#pipeline = pipeline
    this.#queue = pipeline.lane
    this.#masks = !isEmptyPlan(pipeline.session.masking)
    this.#longest = pipeline.session.limits.resultMessageBytes
  }

  get isWaiting(): boolean {
    return this.#queue.length > 0
  }

  /**
   * Takes the answers that are due from the beginning of the chunk and passes on, in pieces, what the client may see of them. Returns their
   * length in bytes.
   */
  take(chunk: Buffer, pass: (bytes: Buffer) => void): number {
    const queue = this.#queue
    let at = 0
    let passed = 0
    while (queue.length > 0) {
      if (queue.step === steps.run && chunk[at] === serverTags.dataRow) {
        const rewrites = this.#rewrites()
        if (rewrites === 'untouched') {
          const end = this.#pass(chunk, at)
          if (end === at) break
          at = end
          continue
        }
        const run = rewrites && this.#rewrite(chunk, at, rewrites)
        if (run === undefined || run.rows === 0) break
        if (run.bytes.length !== run.end - at || run.bytes.byteOffset !== chunk.byteOffset + at) {
          if (passed < at) pass(chunk.subarray(passed, at))
          pass(run.bytes)
          passed = run.end
        }
        at = run.end
        continue
      }
      const end = endOfMessage(chunk, at, this.#longest)
      if (end < 0 || !this.#takeOne(chunk, at, end)) break
      at = end
    }
    if (passed < at) pass(at - passed === chunk.length ? chunk : chunk.subarray(passed, at))
    return at
  }

  /** The rewrites of the oldest statement's rows; undefined if they are unknown. */
  #rewrites(): RowRewrites | undefined {
    const { known, session } = this.#pipeline
    return this.#masks ? rewritesOf(this.#queue.statement(), known.masking, session.hashKeys) : 'untouched'
  }

  /**
   * Takes consecutive rows that pass unchanged, and returns their end. Few results have so many that a view of the memory is worth its
   * cost.
   */
  #pass(chunk: Buffer, from: number): number {
    const queue = this.#queue
    let at = from
    while (chunk[at] === serverTags.dataRow) {
      const end = endOfMessage(chunk, at, this.#longest)
      if (end < 0) break
      queue.rows++
      at = end
    }
    queue.bytes += at - from
    return at
  }

  /** Rewrites consecutive rows to what the client may see. */
  #rewrite(chunk: Buffer, at: number, rewrites: Exclude<RowRewrites, 'untouched'>): RowRun {
    const queue = this.#queue
    const run = rewriteRows(chunk, at, rewrites, { tag: serverTags.dataRow, longest: this.#longest })
    queue.rows += run.rows
    queue.bytes += run.end - at
    return run
  }

  #takeOne(chunk: Buffer, at: number, end: number): boolean {
    const queue = this.#queue
    const tag = chunk[at]
    switch (queue.step) {
      case steps.parse:
        return tag === serverTags.parseComplete && end - at === EMPTY && this.#goTo(steps.bind)
      case steps.bind:
        return tag === serverTags.bindComplete && end - at === EMPTY && this.#goTo(this.#afterBind())
      case steps.describe:
        if ((queue.shape() & shapes.query) !== 0) return this.#beginQuery(chunk, at, end)
        return this.#isKnown(chunk, at, end) && this.#goTo(steps.run)
      case steps.run:
        return tag === serverTags.commandComplete && this.#complete(chunk, at, end)
      default:
        return this.#isReady(chunk, at, end)
    }
  }

  #goTo(step: number): true {
    this.#queue.step = step
    return true
  }

  #afterBind(): number {
    return (this.#queue.shape() & shapes.describe) === 0 ? steps.run : steps.describe
  }

  /** A statement without columns is answered by its CommandComplete. */
  #beginQuery(chunk: Buffer, at: number, end: number): boolean {
    if (this.#queue.statement().prepared.description !== undefined)
      return this.#isKnown(chunk, at, end) && this.#goTo(steps.run)
    return chunk[at] === serverTags.commandComplete && this.#complete(chunk, at, end)
  }

  /** Whether the columns are those that its rows were allowed with. */
  #isKnown(chunk: Buffer, at: number, end: number): boolean {
    const { description } = this.#queue.statement().prepared
    if (description === undefined) return chunk[at] === serverTags.noData && end - at === EMPTY
    // Its length is among its bytes.
    return hasBytesAt(chunk, at, description)
  }

  #complete(chunk: Buffer, at: number, end: number): boolean {
    const tag = this.#tagAt(chunk, at, end)
    if (tag === undefined) return false
    const queue = this.#queue
    this.#pipeline.session.recorder.outcome({
      type: 'result',
      command: queue.decision(),
      tag,
      rows: queue.rows,
      bytes: queue.bytes,
      durationMs: Math.round(performance.now() - queue.startedAt()),
    })
    if ((queue.shape() & shapes.sync) === 0) queue.done()
    else queue.step = steps.sync
    return true
  }

  /** The command tag; undefined if no server sends such a tag. */
  #tagAt(chunk: Buffer, at: number, end: number): string | undefined {
    if (end - at === this.#tagBytes.length && hasBytesAt(chunk, at, this.#tagBytes)) return this.#tag
    const start = at + EMPTY
    if (end - start > MAX_TAG_LENGTH || chunk.indexOf(0, start) !== end - 1) return undefined
    this.#tagBytes = Buffer.from(chunk.subarray(at, end))
    this.#tag = chunk.toString('latin1', start, end - 1)
    return this.#tag
  }

  #isReady(chunk: Buffer, at: number, end: number): boolean {
    if (chunk[at] !== serverTags.readyForQuery || end - at !== EMPTY + 1) return false
    const status = STATUSES.get(chunk[at + EMPTY] as number)
    if (status === undefined) return false
    // Nothing that the end of a transaction makes definite is open here: whatever changes definitions takes over what the lane has on its way.
    this.#pipeline.noteStatus(status)
    this.#queue.done()
    return true
  }
}

/** The transaction status at the end of a batch. */
const STATUSES: ReadonlyMap<number, TransactionStatus> = new Map(
  (['I', 'T', 'E'] as const).map((status) => [status.charCodeAt(0), status]),
)
/** The length of a message without a body. */
const EMPTY = 5
/** COMPLETION_TAG_BUFSIZE in the server's cmdtag.h. */
const MAX_TAG_LENGTH = 64
