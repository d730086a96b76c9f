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
 * From the client to the server: messages are taken in order, what follows one that takes time waits, and what goes on is
 * written once per turn. What becomes of each message: `ClientMessages`.
 */
export class ClientSide {
  readonly #pipeline: PipelineState
  readonly #gate: CommandGate
  readonly #messages: ClientMessages
  readonly #lane: ClientLane
  readonly #framer: Framer
  readonly #waiting = new Queue<Frame>()
  /** Of those, the last, which are in memory of the socket's. */
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
    this.#messages = new ClientMessages(pipeline, analyzer, {
      gate: this.#gate,
      known,
      send: (bytes) => this.#out.push(bytes),
    })
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

  /** Nothing has come that is not sent, and nothing is to be skipped. */
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

  /** While a statement is held, what follows waits here: the connection stays read, so that its end is seen. */
  readonly #queue = (frame: Frame): void => {
    this.#waiting.push(frame)
    this.#borrowed++
    this.#waitingBytes += frame.bytes.length
  }

  get #isBehind(): boolean {
    return this.#waitingBytes + this.#waiting.length * FRAME_BYTES > MAX_WAITING
  }

  /** The client said goodbye, or its side is closed. */
  get left(): boolean {
    return this.#gate.pending.hasLeft
  }

  /** The client sends nothing more. */
  end(): void {
    this.#gate.pending.leave()
    this.#work()
  }

  /** A cancel request of this session's own client. True where a held statement was withdrawn. */
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
      const frame = this.#waiting.take() as Frame
      this.#waitingBytes -= frame.bytes.length
      this.#perform(frame.tag, this.#messages.handle(frame))
    }
    this.#flush()
    // A session that has ended says goodbye to the target itself.
    if (this.left && !this.#busy && this.#waiting.length === 0 && !session.ended.aborted) this.#pipeline.upstream.end()
  }

  /** Goes on with a message until it is done, or waits for something. */
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

  /** After a wait: what the server has failed at meanwhile, or the session's end, may have made the message void. */
  #goOn(tag: number, steps: Steps, answer: unknown): void {
    if (this.#pipeline.session.ended.aborted) return
    if (this.#messages.isSkipped(tag)) {
      steps.return()
      this.#finished()
    } else this.#perform(tag, steps, answer)
    this.#work()
    this.#readOn()
  }

  /** A change that was announced is sent by now, or is not sent. */
  #finished(): void {
    this.#busy = false
    this.#pipeline.changes.endAnnouncement()
  }

  /** So much is on its way that the server comes first. */
  #waitForRoom(): void {
    this.#busy = true
    void this.#pipeline.inFlight.whenRoom().then(() => {
      this.#busy = false
      this.#work()
      this.#readOn()
    })
  }

  /** The chunk's memory belongs to the socket: what waits longer than this turn is copied. */
  #keepWaiting(): void {
    const count = Math.min(this.#borrowed, this.#waiting.length)
    this.#borrowed = 0
    this.#waiting.replaceLast(count, (frame) => ({ ...frame, bytes: Buffer.from(frame.bytes) }))
  }

  #flush(): void {
    const out = this.#out
    if (out.length === 0) return
    this.#out = []
    // What waited for an answer of the target goes on when the session ends, and no further than here.
    if (this.#pipeline.session.ended.aborted) return
    const ready = this.#pipeline.upstream.write(joinPieces(out))
    if (ready) return
    this.#upstreamFull = true
    this.#pipeline.client.pause()
  }

  /** The upstream takes more. */
  drained(): void {
    this.#upstreamFull = false
    this.#readOn()
  }

  #readOn(): void {
    if (!this.#upstreamFull && !this.#isBehind) this.#pipeline.client.resume()
  }
}

/** Bytes of messages that wait behind a held one, until the client is not read any more. */
const MAX_WAITING = 1_048_576
/** Bytes that a message takes in memory besides its own. */
const FRAME_BYTES = 128
