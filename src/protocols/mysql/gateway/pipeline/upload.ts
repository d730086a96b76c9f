import { createHash } from 'node:crypto'
import { WireError } from '../../../../wire/wire-error.ts'
import { encodePackets, payloadOf, sequenceAfter, type Frame } from '../../wire/framer.ts'
import type { Pipeline } from './pipeline.ts'

/**
 * A file that the client sends for LOAD DATA LOCAL: it passes as it arrives, and its length and digest are recorded. Spec: LOCAL INFILE
 * Data.
 */
export class Upload {
  isComplete = false
  readonly #pipeline: Pipeline
  readonly #name: string
  readonly #digest = createHash('sha256')
  #bytes = 0

  constructor(pipeline: Pipeline, name: string) {
    this.#pipeline = pipeline
    this.#name = name
  }

  /** Returns the bytes to pass on. An empty packet ends the file. */
  take(frame: Frame): Buffer {
    const pipeline = this.#pipeline
    if (frame.sequence !== pipeline.clientSequence) throw new WireError('the client sent packets out of order')
    if (frame.piece !== undefined)
      throw new WireError('the client sent a file in packets that are too large', 'too-large')
    const payload = payloadOf(frame)
    const isInOrder = pipeline.serverSequence === frame.sequence
    const bytes = isInOrder ? frame.bytes : encodePackets(payload, pipeline.serverSequence)
    pipeline.clientSequence = frame.next
    pipeline.serverSequence = sequenceAfter(payload.length, pipeline.serverSequence)
    this.#digest.update(payload)
    this.#bytes += payload.length
    if (frame.length > 0) return bytes
    this.isComplete = true
    pipeline.session.recorder.outcome({
      type: 'file',
      operation: 'load-data-local',
      path: this.#name,
      bytes: this.#bytes,
      sha256: this.#digest.digest('hex'),
    })
    return bytes
  }
}
