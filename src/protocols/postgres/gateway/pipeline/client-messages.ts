import type { Frame } from '../../wire/framer.ts'
import type { Bind } from '../../wire/bind.ts'
import {
  clientTags,
  readBindNames,
  decodeClientMessage,
  TERMINATE,
  type ClientMessage,
} from '../../wire/client-message.ts'
import { isEmptyPlan } from '../../../../masking/plan.ts'
import { PamError } from '../../../../shared/errors.ts'
import type { Steps } from '../../../../gateway/steps.ts'
import { Batch } from './batch.ts'
import { ExtendedQueries } from './extended-queries.ts'
import type { MessageParts } from './message-parts.ts'
import { SimpleQueries } from './simple-queries.ts'

/** Handles each message of the client: a message with a statement is evaluated before any byte of it is forwarded. */
export class ClientMessages {
  readonly #pipeline: MessageParts['pipeline']
  readonly #gate: MessageParts['gate']
  readonly #simple: SimpleQueries
  readonly #batch: Batch
  readonly #extended: ExtendedQueries
  readonly #masks: boolean
  /** The longest message that is evaluated, in bytes. */
  readonly #limit: number
  /** Whether the rest of a message in pieces is forwarded; otherwise it is dropped. */
  #passing = false

  constructor(parts: MessageParts) {
    this.#pipeline = parts.pipeline
    this.#gate = parts.gate
    this.#simple = new SimpleQueries(parts)
    this.#batch = new Batch(parts)
    this.#extended = new ExtendedQueries(parts, this.#batch)
    this.#masks = !isEmptyPlan(parts.pipeline.session.masking)
    this.#limit = parts.pipeline.session.limits.statementBytes
  }

  /** After an error everything up to the Sync is skipped. The error may arrive while a message waits. */
  isSkipped(tag: number): boolean {
    return this.#gate.isSkipped && tag !== clientTags.sync && tag !== clientTags.terminate
  }

  /** Handles one message. */
  *handle(frame: Frame): Steps {
    if (frame.piece === 'later') {
      if (this.#passing) this.#pipeline.collect(frame.bytes)
      return
    }
    if (frame.piece === 'first') return yield* this.#long(frame)
    const message = decodeClientMessage(frame)
    if (this.isSkipped(frame.tag)) return
    if (this.#pipeline.copyIn && !IN_COPY.has(message.type)) return this.#pipeline.session.end(notInCopy(message.type))
    switch (message.type) {
      case 'query':
        return yield* this.#simple.query(frame, message.sql)
      case 'parse':
        return yield* this.#extended.parse(frame, message)
      case 'bind':
        yield* this.#extended.bind(frame, message)
        return
      case 'describe':
        return yield* this.#extended.describe(frame, message)
      case 'execute':
        return yield* this.#extended.execute(frame, message)
      case 'close':
        return this.#extended.close(frame, message)
      case 'sync':
        return yield* this.#batch.sync(frame)
      case 'function-call':
        return this.#simple.answer(
          new PamError(
            'FUNCTION_CALL_REFUSED',
            'FunctionCall messages are not supported: they contain no SQL to evaluate',
            { hint: 'call the function in a SELECT' },
          ),
        )
      case 'copy-done':
      case 'copy-fail':
        return yield* this.#copyEnd(frame)
      case 'copy-data':
      case 'flush':
        return this.#pipeline.collect(frame.bytes)
      case 'terminate':
        this.#pipeline.collect(TERMINATE)
        this.#gate.pending.leave()
    }
  }

  /** Behind it the same text may ask for more. */
  *#copyEnd(frame: Frame): Steps {
    const pipeline = this.#pipeline
    pipeline.collect(frame.bytes)
    // The server ignores it where it has not asked for data.
    if (!pipeline.copyIn) return
    pipeline.copyIn = false
    if (pipeline.inFlight.head?.type === 'query') yield pipeline.copyOrSettled()
  }

  /**
   * A message that is too long to be held in full: data is forwarded as it arrives, but a statement cannot be evaluated by its beginning.
   */
  *#long(frame: Frame): Steps {
    this.#passing = false
    if (this.isSkipped(frame.tag)) return
    const error = new PamError(
      'MESSAGE_TOO_LARGE',
      `the message is longer than ${this.#limit} bytes; it must be evaluated as a whole`,
    )
    switch (String.fromCharCode(frame.tag)) {
      case 'd':
        this.#passing = true
        return this.#pipeline.collect(frame.bytes)
      case 'Q':
        return this.#simple.answer(error)
      case 'B':
        // The formats of the results are at its end: without them nothing can be masked.
        return this.#masks ? this.#gate.refuseExtended(error) : yield* this.#longBind(frame, error)
      default:
        return this.#gate.refuseExtended(error)
    }
  }

  /** Its parameters are not kept, so a person could not decide about them; if the rules allow the statement itself, it is forwarded. */
  *#longBind(frame: Frame, error: PamError): Steps {
    const { portal, statement } = readBindNames(frame)
    const message: Bind = {
      type: 'bind',
      portal,
      statement,
      parameterFormats: [],
      parameters: [Buffer.from(`‹parameters of a message longer than ${this.#limit} bytes›`)],
      resultFormats: [],
    }
    this.#passing = yield* this.#extended.bind(frame, message, error)
  }
}

/** Messages that are part of sending COPY data (PostgreSQL 18, section 54.2.6): the server ends the session at any other. */
const IN_COPY: ReadonlySet<ClientMessage['type']> = new Set([
  'copy-data',
  'copy-done',
  'copy-fail',
  'flush',
  'sync',
  'terminate',
])
const notInCopy = (type: string): PamError =>
  new PamError('PROTOCOL_VIOLATION', `the client sent a ${type} message while the target waits for COPY data`)
