import type { RepeatedCommand } from '../../../../gateway/engine.ts'
import type { Bind } from '../../wire/bind.ts'
import { endOfBindHead, endOfParameters } from '../../wire/walk.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { Prepared } from '../pipeline/name-table.ts'
import type { PipelineState } from '../pipeline/pipeline-state.ts'
import { leavesNoTrace, showsNames, type KnownStatement } from './known-statement.ts'

/** What the slow path has just let through. */
export interface LetThrough {
  readonly message: Bind
  /** Its Bind. */
  readonly bytes: Buffer
  readonly prepared: Prepared
  readonly facts: StatementFacts
  readonly command: () => RepeatedCommand | undefined
}

/** Statements of one connection that the lane may take, by the bytes that they come in. */
export class KnownStatements {
  readonly #pipeline: PipelineState
  readonly #isOff: boolean
  /** By the Bind up to its parameters; with a text before it, by that and the Bind. */
  readonly #prepared = new Map<string, KnownStatement>()
  readonly #parsed = new Map<string, Map<string, KnownStatement>>()
  /** What is for the slow path whoever sends it: nobody asks again before the catalogs are another reading. */
  readonly #unfit = new WeakSet<StatementFacts>()
  #count = 0
  /** The last text that was prepared under no name. */
  #text: { readonly bytes: string; readonly prepared: Prepared } | undefined

  constructor(pipeline: PipelineState) {
    this.#pipeline = pipeline
    // Rows that go on record are for the slow path.
    this.#isOff = pipeline.session.config.recordRows > 0
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** What begins at an offset, with a Bind at another one whose parameters begin at a third. */
  find(chunk: Buffer, start: number, bindAt: number, values: number): KnownStatement | undefined {
    const binds = start === bindAt ? this.#prepared : this.#parsed.get(chunk.toString('latin1', start, bindAt))
    return binds?.get(chunk.toString('latin1', bindAt + HEADER, values))
  }

  /** A text was prepared under no name: what comes with it may come again. */
  noteText(bytes: Buffer, prepared: Prepared): void {
    this.#text =
      this.#isOff || bytes.length > MAX_TEXT_BYTES ? undefined : { bytes: bytes.toString('latin1'), prepared }
  }

  note(statement: LetThrough): void {
    const { facts } = statement
    if (this.#isOff || statement.message.portal !== '' || this.#unfit.has(facts)) return
    if (!leavesNoTrace(facts)) {
      this.#unfit.add(facts)
      return
    }
    const { bytes, prepared, message } = statement
    const values = endOfBindHead(bytes, HEADER, bytes.length)
    const end = endOfParameters(bytes, values, message.parameters.length, bytes.length)
    if (values < 0 || end < 0) return
    const key = bytes.toString('latin1', HEADER, values)
    const tail = bytes.subarray(end)
    this.#remember(this.#prepared, key, tail, statement, false)
    if (this.#text?.prepared !== prepared) return
    const binds = this.#parsed.get(this.#text.bytes) ?? new Map<string, KnownStatement>()
    this.#parsed.set(this.#text.bytes, binds)
    this.#remember(binds, key, tail, statement, true)
  }

  #remember(
    binds: Map<string, KnownStatement>,
    key: string,
    tail: Buffer,
    { message, prepared, facts, command }: LetThrough,
    isParsed: boolean,
  ): void {
    const { generation, masking } = this.#pipeline.known
    const before = binds.get(key)
    if (
      before?.facts === facts &&
      before.generation === generation &&
      before.tail.equals(tail) &&
      before.command.isAllowed &&
      (before.prepared === prepared || (isParsed && before.prepared.described === generation))
    )
      return
    const names = { errorExposure: facts.errorExposure, outputs: facts.lineage[0]?.outputs }
    const repeated = showsNames(names, masking) ? command() : undefined
    if (repeated === undefined) {
      this.#unfit.add(facts)
      binds.delete(key)
      return
    }
    if (this.#count++ >= MAX_KNOWN) this.#forget()
    binds.set(key, {
      isParsed,
      name: message.statement,
      prepared,
      facts,
      names,
      command: repeated,
      generation,
      parameterFormats: message.parameterFormats,
      parameterCount: message.parameters.length,
      resultFormats: message.resultFormats,
      tail: Buffer.from(tail),
      rows: undefined,
    })
  }

  #forget(): void {
    this.#prepared.clear()
    this.#parsed.clear()
    this.#count = 1
  }
}

/** Tag and length. */
const HEADER = 5
/** Statements that are known at once; with more, all are learned again. */
const MAX_KNOWN = 500
/** Of a text that comes each time. */
const MAX_TEXT_BYTES = 4000
