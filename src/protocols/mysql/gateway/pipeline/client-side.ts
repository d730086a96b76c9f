import { sessionEndReason } from '../../../../gateway/session-end-reason.ts'
import { PamError } from '../../../../shared/errors.ts'
import { Queue } from '../../../../shared/queue.ts'
import { Framer, type Frame } from '../../wire/framer.ts'
import type { ClientCommands } from './client-commands.ts'
import type { CommandGate } from './command-gate.ts'
import type { Pipeline } from './pipeline.ts'
import type { Steps } from '../../../../gateway/steps.ts'
import { Upload } from './upload.ts'

/**
 * From the client to the server: takes commands in order, each when the previous one has been answered, and handles them with
 * `ClientCommands`. A file that the target has requested passes.
 */
export class ClientSide {
  readonly #pipeline: Pipeline
  readonly #gate: CommandGate
  readonly #commands: ClientCommands
  readonly #framer: Framer
  readonly #statementBytes: number
  readonly #waiting = new Queue<Frame>()
  #waitingBytes = 0
  #isBusy = false
  #upstreamFull = false
  #upload: Upload | undefined

  constructor(pipeline: Pipeline, gate: CommandGate, commands: ClientCommands) {
    const { statementBytes } = pipeline.session.limits
    this.#pipeline = pipeline
    this.#gate = gate
    this.#commands = commands
    this.#statementBytes = statementBytes
    this.#framer = new Framer(Infinity, 'the client')
    this.#framer.streamsFrom = statementBytes
    pipeline.onAnswered = () => this.#goOn()
  }

  push(chunk: Buffer): void {
    this.#framer.push(chunk, (frame) => {
      // The chunk's memory belongs to the socket.
      this.#waiting.push({ ...frame, bytes: Buffer.from(frame.bytes) })
      this.#waitingBytes += frame.bytes.length
    })
    this.#work()
    if (this.#isBehind) this.#pipeline.client.pause()
  }

  get #isBehind(): boolean {
    return this.#waitingBytes + this.#waiting.length * FRAME_BYTES > MAX_WAITING
  }

  /** The client has closed its side. */
  end(): void {
    this.#gate.pending.leave()
    this.#work()
  }

  /** KILL QUERY for this connection. True if a held statement was withdrawn. */
  cancelHold(): boolean {
    return this.#gate.pending.withdraw()
  }

  /** The target waits for a file, which the client was asked to send. */
  beginUpload(name: string): void {
    this.#upload = new Upload(this.#pipeline, name)
    this.#pipeline.isUploading = true
    this.#framer.streamsFrom = Math.max(this.#statementBytes, FILE_PACKET)
  }

  #work(): void {
    const { session } = this.#pipeline
    while (this.#waiting.length > 0 && !session.ended.aborted && !this.#upstreamFull) {
      const { isUploading, isIdle } = this.#pipeline
      if (isUploading) this.#passOn(this.#take())
      else if (this.#isBusy || !isIdle) break
      else this.#begin(this.#take())
    }
    if (this.#isBusy || session.ended.aborted || this.#waiting.length > 0 || !this.#pipeline.isIdle) return
    if (this.#gate.pending.hasLeft) session.end(new PamError('CLIENT_LEFT', 'the client closed the connection'))
  }

  #take(): Frame {
    const frame = this.#waiting.take() as Frame
    this.#waitingBytes -= frame.bytes.length
    return frame
  }

  #passOn(frame: Frame): void {
    const upload = this.#upload as Upload
    const bytes = upload.take(frame)
    if (upload.isComplete) {
      this.#upload = undefined
      this.#pipeline.isUploading = false
      this.#framer.streamsFrom = this.#statementBytes
    }
    if (!this.#pipeline.upstream.write(bytes)) {
      this.#upstreamFull = true
      this.#pipeline.client.pause()
    }
  }

  #begin(frame: Frame): void {
    this.#perform(this.#commands.handle(frame))
  }

  /** Continues a command until it is done or has to wait. */
  #perform(steps: Steps, answer?: unknown): void {
    const { session } = this.#pipeline
    try {
      const step = steps.next(answer)
      if (step.done === true) {
        this.#isBusy = false
        return
      }
      this.#isBusy = true
      step.value.then(
        (next) => {
          if (session.ended.aborted) return
          this.#perform(steps, next)
          this.#goOn()
        },
        (error: unknown) => session.end(sessionEndReason(error)),
      )
    } catch (error) {
      session.end(sessionEndReason(error))
    }
  }

  #goOn(): void {
    this.#work()
    this.#readOn()
  }

  /** The upstream connection accepts more. */
  drained(): void {
    this.#upstreamFull = false
    this.#goOn()
  }

  #readOn(): void {
    if (!this.#upstreamFull && !this.#isBehind) this.#pipeline.client.resume()
  }
}

/** Bytes of waiting commands above which the client is no longer read. */
const MAX_WAITING = 1_048_576
/** Bytes of a file in one payload: more than any client sends at once. */
const FILE_PACKET = 32 * 1024 * 1024
/** Bytes of memory for a frame beyond its content. */
const FRAME_BYTES = 128
