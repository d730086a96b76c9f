import { serverTags } from '../../wire/server-message.ts'
import { endOfMessage, standsAt } from '../../wire/walk.ts'
import type { PipelineState } from '../pipeline/pipeline-state.ts'
import { shapes, steps, type LaneQueue } from './lane-queue.ts'

/**
 * From the server: answers to what the lane has sent, as they were before. What is anything else, or not all there, is for the slow path, from
 * that very message on.
 */
export class ServerLane {
  readonly #pipeline: PipelineState
  readonly #queue: LaneQueue
  readonly #longest: number
  /** The last tag, and the bytes that it came in: most results have the same. */
  #tag = ''
  #tagBytes = Buffer.alloc(0)

  constructor(pipeline: PipelineState) {
    this.#pipeline = pipeline
    this.#queue = pipeline.lane
    this.#longest = pipeline.session.limits.resultMessageBytes
  }

  get isWaiting(): boolean {
    return this.#queue.length > 0
  }

  /** How many bytes of the chunk are what was due; they pass as they are. */
  take(chunk: Buffer): number {
    const queue = this.#queue
    let at = 0
    while (queue.length > 0) {
      const end = endOfMessage(chunk, at, this.#longest)
      if (end < 0 || !this.#takeOne(chunk, at, end)) break
      at = end
    }
    return at
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
        return this.#isKnown(chunk, at, end) && this.#goTo(steps.run)
      case steps.run:
        if (tag === serverTags.dataRow) {
          queue.rows++
          queue.bytes += end - at
          return true
        }
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

  /** The columns that rows are let through by. */
  #isKnown(chunk: Buffer, at: number, end: number): boolean {
    const { description } = this.#queue.statement().prepared
    if (description === undefined) return chunk[at] === serverTags.noData && end - at === EMPTY
    return end - at === description.length && standsAt(chunk, at, description)
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

  /** Undefined where it is none that a server says. */
  #tagAt(chunk: Buffer, at: number, end: number): string | undefined {
    if (end - at === this.#tagBytes.length && standsAt(chunk, at, this.#tagBytes)) return this.#tag
    const start = at + EMPTY
    if (end - start > MAX_TAG_LENGTH || chunk.indexOf(0, start) !== end - 1) return undefined
    this.#tagBytes = Buffer.from(chunk.subarray(at, end))
    this.#tag = chunk.toString('latin1', start, end - 1)
    return this.#tag
  }

  /** The end of the batch, with the transaction as it was before. */
  #isReady(chunk: Buffer, at: number, end: number): boolean {
    if (chunk[at] !== serverTags.readyForQuery || end - at !== EMPTY + 1) return false
    if (chunk[at + EMPTY] !== this.#pipeline.status.charCodeAt(0)) return false
    this.#queue.done()
    return true
  }
}

/** The length of a message without a body. */
const EMPTY = 5
/** COMPLETION_TAG_BUFSIZE in the server's cmdtag.h. */
const MAX_TAG_LENGTH = 64
