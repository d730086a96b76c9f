import { WireError } from '../../../../wire/wire-error.ts'
import { JoinedOutput } from '../../../../gateway/joined-output.ts'
import { isEmptyPlan } from '../../../../masking/plan.ts'
import { PamError } from '../../../../shared/errors.ts'
import type { AnswerPart } from '../../wire/answer.ts'
import { ERR, readErr } from '../../wire/err.ts'
import { encodePackets, Framer, payloadOf, sequenceAfter, type Frame } from '../../wire/framer.ts'
import { readTextRow } from '../../wire/text-row.ts'
import type { StatementAnalyzer } from './analyze-statement.ts'
import type { ClientSide } from './client-side.ts'
import type { ClientExchange, Exchange, OwnExchange } from './exchange.ts'
import { OwnQueryFailed, type Pipeline } from './pipeline.ts'
import { ServerAnswers } from './server-answers.ts'

/** From the server to the client, in order: unchanged packets pass as they arrived, and rows that are not inspected while they arrive. */
export class ServerSide {
  readonly #pipeline: Pipeline
  readonly #answers: ServerAnswers
  readonly #framer: Framer
  /** Whether rows are inspected, to mask or to record them. */
  readonly #looksIntoRows: boolean
  readonly #output: JoinedOutput
  /** Whether the client accepts more. */
  #isReady = true

  constructor(pipeline: Pipeline, analyzer: StatementAnalyzer, clientSide: Pick<ClientSide, 'beginUpload'>) {
    const { session } = pipeline
    this.#pipeline = pipeline
    this.#answers = new ServerAnswers(pipeline, analyzer, clientSide)
    this.#looksIntoRows = session.config.recordRows > 0 || !isEmptyPlan(session.masking)
    this.#output = new JoinedOutput(pipeline.client)
    this.#framer = new Framer(session.limits.resultMessageBytes, 'the target')
  }

  /** Handles a chunk; false asks to stop reading until the client has drained. */
  push(chunk: Buffer): boolean {
    this.#isReady = true
    this.#framer.push(chunk, this.#take)
    this.#flush()
    return this.#isReady
  }

  readonly #take = (frame: Frame): boolean => {
    const pipeline = this.#pipeline
    const { exchange } = pipeline
    if (exchange === undefined) this.#unasked(frame)
    else {
      if (frame.piece !== 'later' && frame.sequence !== pipeline.serverSequence)
        throw new WireError('the target sent packets out of order')
      pipeline.serverSequence = frame.next
      this.#handle(frame, exchange)
    }
    return !pipeline.session.ended.aborted
  }

  #handle(frame: Frame, exchange: Exchange): void {
    const { answer } = exchange
    if (frame.piece === 'later') {
      if (exchange.type === 'client' && exchange.run !== undefined) exchange.run.bytes += frame.bytes.length
      return this.#pass(frame)
    }
    const part = answer.next(frame)
    let failure: OwnQueryFailed | undefined
    if (exchange.type === 'own') failure = this.#own(part, frame, exchange)
    else this.#forClient(part, frame, exchange)
    const streams = answer.isInRows && exchange.type === 'client' && !this.#looksIntoRows
    this.#framer.streamsFrom = streams ? STREAMED : Infinity
    if (!answer.isComplete || this.#pipeline.session.ended.aborted) return
    // The next packet may be the gateway's own answer.
    this.#flush()
    this.#pipeline.answered(failure)
  }

  #forClient(part: AnswerPart, frame: Frame, exchange: ClientExchange): void {
    const changed = this.#answers.handle(part, frame, exchange)
    if (this.#pipeline.session.ended.aborted) return
    if (changed === undefined) return this.#pass(frame)
    const sequence = this.#clientSequence()
    this.#output.add(encodePackets(changed, sequence))
    this.#pipeline.clientSequence = sequenceAfter(changed.length, sequence)
  }

  /** Passes a frame unchanged, except for its sequence id if that has to differ. */
  #pass(frame: Frame): void {
    const pipeline = this.#pipeline
    const isInOrder = frame.piece === 'later' || pipeline.clientSequence === frame.sequence
    if (isInOrder) {
      pipeline.clientSequence = frame.isEnd ? frame.next : undefined
      return this.#output.add(frame.bytes)
    }
    if (frame.piece !== undefined) throw new WireError('a row cannot be renumbered')
    const payload = payloadOf(frame)
    const sequence = this.#clientSequence()
    this.#output.add(encodePackets(payload, sequence))
    pipeline.clientSequence = sequenceAfter(payload.length, sequence)
  }

  #clientSequence(): number {
    const { clientSequence } = this.#pipeline
    if (clientSequence === undefined) throw new WireError('the target sent a packet within another')
    return clientSequence
  }

  /** An answer to the gateway itself: one result at most. */
  #own(part: AnswerPart, frame: Frame, exchange: OwnExchange): OwnQueryFailed | undefined {
    exchange.room -= frame.bytes.length
    if (exchange.room < 0) throw new WireError('the target sent more than the limit allows', 'too-large')
    switch (part.type) {
      case 'ok':
        this.#pipeline.status = part.ok.status
        break
      case 'rows-end':
        this.#pipeline.status = part.end.status
        break
      case 'error':
        return new OwnQueryFailed(part.error.code)
      case 'columns':
        if (exchange.columns > 0) throw new WireError('the target sent more than was asked for')
        exchange.columns = part.count
        break
      case 'row':
        exchange.rows.push(
          readTextRow(payloadOf(frame), exchange.columns).map((value) => value && value.toString('utf8')),
        )
        break
      case 'column':
      case 'columns-end':
        break
      case 'file':
      case 'prepared':
      case 'text':
        throw new WireError('the target sent an answer of the wrong kind')
    }
    return undefined
  }

  /** A server that ends the connection sends an error; it sends nothing else unasked. */
  #unasked(frame: Frame): void {
    if (frame.head !== ERR) return this.#pipeline.outOfStep('a packet that nobody asked for')
    const { code } = readErr(payloadOf(frame))
    this.#pipeline.session.end(
      new PamError('TARGET_LEFT', `${this.#pipeline.session.target.name} ended the connection (${code})`, {
        side: 'upstream',
      }),
    )
  }

  #flush(): void {
    this.#isReady = this.#output.flush() && this.#isReady
  }
}

/** The size in bytes from which a row is passed on while it arrives. */
const STREAMED = 64 * 1024
