import { joinPieces } from '../../../../wire/join-pieces.ts'
import { Framer, type Frame } from '../../wire/framer.ts'
import { CLIENT_PIECES } from '../../wire/client-message.ts'
import { Queue } from '../../../../shared/queue.ts'
import { sessionEndReason } from '../../../../gateway/session-end-reason.ts'
import { ClientLane } from '../lane/client-lane.ts'
import { KnownStatements } from '../lane/known-statements.ts'
import { ClientMessages } from './client-messages.ts'
import { CommandGate } from './command-gate.ts'
import type { Steps } from '../../../../gateway/steps.ts'
import type { PipelineState } from './pipeline-state.ts'
import type { StatementAnalyzer } from './analyze-statement.ts'
import { createStatementRecorder } from './statement-recorder.ts'

/**
 * From the client to the server: takes messages in order; messages after one that takes time wait, and forwarded bytes are written once per
 * turn. `ClientMessages` handles each message.
 */
export class ClientSide {
  readonly #pipeline: PipelineState
  readonly #gate: CommandGate
  readonly #messages: ClientMessages
  readonly #lane: ClientLane
  readonly #framer: Framer
  readonly #waiting = new Queue<Frame>()
  /** The number of the last of those that are in the socket's memory. */
  #borrowed = 0
  #waitingBytes = 0
  #out: Buffer[] = []
  #busy = false
  #upstreamFull = false

  constructor(pipeline: PipelineState, analyzer: StatementAnalyzer, recorder = createStatementRecorder()) {
    this.#pipeline = pipeline
    this.#gate = new CommandGate({ pipeline, analyzer, recorder })
    const known = new KnownStatements(pipeline)
    this.#lane = new ClientLane(pipeline, known)
    this.#messages = new ClientMessages({ pipeline, analyzer, gate: this.#gate, known })
    pipeline.collect = (bytes) => void this.#out.push(bytes)
    this.#framer = new Framer(pipeline.session.limits.statementBytes, 'the client', CLIENT_PIECES)
    pipeline.sendCollected = () => this.#flush()
  }

  push(chunk: Buffer): void {
    if (this.#isClear && this.#lane.take(chunk)) {
      this.#out.push(chunk)
      return this.#flush()
    }
    this.#framer.push(chunk, this.#queue)
    this.#work()
    this.#keepWaiting()
    if (this.#isBehind) this.#pipeline.client.pause()
  }

  /** Whether everything received has been sent, and nothing is to be skipped. */
  get #isClear(): boolean {
    return (
      this.#waiting.length === 0 &&
      !this.#busy &&
      this.#framer.isBetween &&
      !this.left &&
      !this.#gate.isSkipped &&
      !this.#pipeline.session.ended.aborted
    )
  }

  /** While a statement is held, the following messages wait here: the connection is still read, so that its end is noticed. */
  readonly #queue = (frame: Frame): void => {
    this.#waiting.push(frame)
    this.#borrowed++
    this.#waitingBytes += frame.bytes.length
  }

  get #isBehind(): boolean {
    return this.#waitingBytes + this.#waiting.length * FRAME_BYTES > MAX_WAITING
  }

  /** Whether the client has sent Terminate, or closed its side. */
  get left(): boolean {
    return this.#gate.pending.hasLeft
  }

  /** The client has closed its side. */
  end(): void {
    this.#gate.pending.leave()
    this.#work()
  }

  /** A cancel request of this session's own client. True if a held statement was withdrawn. */
  cancelHold(): boolean {
    return this.#gate.pending.withdraw()
  }

  #work(): void {
    const { session } = this.#pipeline
    while (this.#waiting.length > 0 && !this.#busy && !session.ended.aborted) {
      if (this.#pipeline.inFlight.isFull) {
        this.#waitForRoom()
        break
      }
      const frame = this.#waiting.take()
      if (frame === undefined) break
      this.#waitingBytes -= frame.bytes.length
      this.#perform(frame.tag, this.#messages.handle(frame))
    }
    this.#flush()
    // A session that has ended sends Terminate to the target itself.
    if (this.left && !this.#busy && this.#waiting.length === 0 && !session.ended.aborted) this.#pipeline.upstream.end()
  }

  /** Continues a message until it is done or has to wait. */
  #perform(tag: number, steps: Steps, answer?: unknown): void {
    try {
      const step = steps.next(answer)
      if (step.done === true) return this.#finished()
      this.#busy = true
      step.value.then(
        (next) => this.#goOn(tag, steps, next),
        (error: unknown) => this.#pipeline.session.end(sessionEndReason(error)),
      )
    } catch (error) {
      this.#pipeline.session.end(sessionEndReason(error))
    }
  }

  /** Continues after a wait: an error of the server, or the end of the session, may have made the message void. */
  #goOn(tag: number, steps: Steps, answer: unknown): void {
    if (this.#pipeline.session.ended.aborted) return
    if (this.#messages.isSkipped(tag)) {
      steps.return()
      this.#finished()
    } else this.#perform(tag, steps, answer)
    this.#work()
    this.#readOn()
  }

  /** An announced change has been sent by now, or is not sent at all. */
  #finished(): void {
    this.#busy = false
    this.#pipeline.changes.endAnnouncement()
  }

  /** So much is in flight that the server has to answer first. */
  #waitForRoom(): void {
    this.#busy = true
    void this.#pipeline.inFlight.whenRoom().then(() => {
      this.#busy = false
      this.#work()
      this.#readOn()
    })
  }

  /** The chunk's memory belongs to the socket: messages that wait longer than this turn are copied. */
  #keepWaiting(): void {
    const count = Math.min(this.#borrowed, this.#waiting.length)
    this.#borrowed = 0
    this.#waiting.replaceLast(count, (frame) => ({ ...frame, bytes: Buffer.from(frame.bytes) }))
  }

  #flush(): void {
    const out = this.#out
    if (out.length === 0) return
    this.#out = []
    // Steps that waited for an answer of the target continue when the session ends, but only up to here.
    if (this.#pipeline.session.ended.aborted) return
    const ready = this.#pipeline.upstream.write(joinPieces(out))
    if (ready) return
    this.#upstreamFull = true
    this.#pipeline.client.pause()
  }

  /** The upstream connection accepts more. */
  drained(): void {
    this.#upstreamFull = false
    this.#readOn()
  }

  #readOn(): void {
    if (!this.#upstreamFull && !this.#isBehind) this.#pipeline.client.resume()
  }
}

/** Bytes of messages waiting behind a held one above which the client is no longer read. */
const MAX_WAITING = 1_048_576
/** Bytes of memory for a message beyond its content. */
const FRAME_BYTES = 128
