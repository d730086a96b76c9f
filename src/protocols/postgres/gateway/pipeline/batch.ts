import type { Frame } from '../../wire/framer.ts'
import type { Steps } from '../../../../gateway/steps.ts'
import { nativeError } from '../error-response.ts'
import type { MessageParts } from './message-parts.ts'
import type { NameTable } from './name-table.ts'
import type { Pending } from './pending.ts'
import { beforePublishing } from './publishing.ts'

/** The messages of an extended query as one batch: they run, or are skipped after an error, up to their Sync. */
export class Batch {
  readonly #pipeline: MessageParts['pipeline']
  readonly #gate: MessageParts['gate']

  constructor({ pipeline, gate }: MessageParts) {
    this.#pipeline = pipeline
    this.#gate = gate
  }

  /** Forwards a message of an extended query; until its Sync a batch is open. */
  forward(bytes: Buffer, pending: Pending): void {
    this.#pipeline.expect(pending)
    this.#pipeline.batchOpen = true
    this.#pipeline.collect(bytes)
  }

  /** A Sync ends the implicit transaction of the messages before it. */
  *sync(frame: Frame): Steps {
    const pipeline = this.#pipeline
    // The server ignores it until the end of the data. If COPY had failed meanwhile, it would depend on timing whether the Sync counts.
    if (pipeline.copyIn) return this.#gate.endSkip()
    const change = pipeline.batchOpen ? pipeline.publishes(undefined, false) : undefined
    const published = change === undefined ? undefined : { change, waitFor: true }
    yield* beforePublishing(pipeline, published)
    this.#gate.endSkip()
    pipeline.collect(frame.bytes)
    const pending = { type: 'sync' } as const
    pipeline.expect(pending)
    if (published !== undefined) pipeline.changes.publish(pending, published.change, true)
    pipeline.known.noteEnd()
    pipeline.endBatch()
    if (published !== undefined) this.#readAhead()
  }

  /** Reads what one statement of one batch has created, if nothing else is in flight. */
  #readAhead(): void {
    const { ahead, inFlight } = this.#pipeline
    const sent = [...inFlight.all]
    const [run, ...others] = sent.filter(({ type }) => RUNS.has(type))
    const isOneBatch = others.length === 0 && sent.filter(({ type }) => type === 'sync').length === 1
    if (run?.type === 'execute' && isOneBatch) ahead.readAfter(run.portal.facts, sent)
  }

  /** The object that a name refers to; if an earlier batch may still fail, only once its outcome is known. */
  *lookUp<T>(table: NameTable<T>, name: string): Steps<T | undefined> {
    const pipeline = this.#pipeline
    const { value, certain } = table.lookUp(name, pipeline.batch)
    if (certain) return value
    yield pipeline.settled()
    return table.lookUp(name, pipeline.batch).value
  }

  /**
   * An unknown name is not forwarded: the server may have an object of that name that was never evaluated. A name that does not exist is
   * sent in its place, so that the server, and its transaction, fails as it would by itself.
   */
  unknownName(message: Buffer, sqlstate: string, text: string): void {
    this.failInstead(message, sqlstate, nativeError(sqlstate, text))
  }

  /** Sends something that fails on the server in place of a message; the client gets `error` for it. */
  failInstead(message: Buffer, sqlstate: string, error: Buffer): void {
    this.forward(message, { type: 'made-to-fail', sqlstate, error })
  }
}

/** Messages that make the server run something. */
const RUNS: ReadonlySet<Pending['type']> = new Set(['query', 'execute'])
