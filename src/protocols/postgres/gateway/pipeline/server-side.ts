import { Framer, type Frame } from '../../wire/framer.ts'
import { serverTags } from '../../wire/server-message.ts'
import { JoinedOutput } from '../../../../gateway/joined-output.ts'
import { isEmptyPlan } from '../../../../masking/plan.ts'
import type { PipelineState } from './pipeline-state.ts'
import { ResultRows } from '../results/result-rows.ts'
import { ServerLane } from '../lane/server-lane.ts'
import { ServerMessages } from './server-messages.ts'

/** From the server to the client, in order: consecutive rows are taken together, and unchanged messages pass as they arrived. */
export class ServerSide {
  readonly #pipeline: PipelineState
  readonly #framer: Framer
  readonly #messages: ServerMessages
  readonly #rules: ResultRows
  readonly #lane: ServerLane
  readonly #keepsRows: boolean
  readonly #output: JoinedOutput

  constructor(pipeline: PipelineState) {
    const { session } = pipeline
    this.#pipeline = pipeline
    this.#rules = new ResultRows(pipeline)
    this.#messages = new ServerMessages(pipeline, this.#rules)
    this.#lane = new ServerLane(pipeline)
    this.#keepsRows = session.config.recordRows > 0
    this.#output = new JoinedOutput(pipeline.client)
    // A row without masking need not be held in full.
    const inPieces = this.#keepsRows || !isEmptyPlan(session.masking) ? [] : [serverTags.dataRow, serverTags.copyData]
    const { resultMessageBytes } = session.limits
    this.#framer = new Framer(resultMessageBytes, 'the target', new Set(inPieces), (bytes, at) => this.#rows(bytes, at))
  }

  /** Handles a chunk; false asks to stop reading until the client has drained. */
  push(chunk: Buffer): boolean {
    const taken = this.#lane.isWaiting && this.#isClear ? this.#lane.take(chunk, this.#output.add) : 0
    if (taken < chunk.length) this.#framer.push(taken === 0 ? chunk : chunk.subarray(taken), this.#take)
    return this.#output.flush()
  }

  /** Whether everything that arrived before has been handled. */
  get #isClear(): boolean {
    return this.#framer.isBetween && !this.#pipeline.session.ended.aborted
  }

  readonly #take = (frame: Frame): boolean => {
    const bytes = this.#messages.handle(frame)
    if (bytes !== undefined) this.#output.add(bytes)
    if (this.#pipeline.inFlight.hasDue)
      for (const reply of this.#pipeline.inFlight.dueReplies()) this.#output.add(reply)
    return !this.#pipeline.session.ended.aborted
  }

  /** Takes consecutive rows together; rows that are not plain are left to be taken one by one. */
  #rows(bytes: Buffer, at: number): number {
    const tag = bytes[at]
    const { head } = this.#pipeline.inFlight
    if (head?.type !== 'query' && head?.type !== 'execute') return at
    const run =
      tag === serverTags.dataRow && !this.#keepsRows
        ? this.#rules.rowRun(bytes, at, head)
        : tag === serverTags.copyData
          ? this.#rules.copyRun(bytes, at, head.run)
          : undefined
    if (run === undefined || run.rows === 0) return at
    head.run.rows += run.rows
    head.run.bytes += run.end - at
    this.#output.add(run.bytes)
    return run.end
  }
}
