import { isEmptyPlan } from '../../../../masking/plan.ts'
import { MAX_AT_ONCE_LENGTH } from '../../../../sql/record/text-recorder.ts'
import { bind, formatAt } from '../../wire/bind.ts'
import { describePortal, SYNC } from '../../wire/client-message.ts'
import { execute } from '../../wire/execute.ts'
import { parse } from '../../wire/parse.ts'
import { query } from '../../wire/query.ts'
import { encodeMessage } from '../../wire/server-message.ts'
import { endOfBindHead, endOfMessage, endOfParameters, NULL_LENGTH, hasBytesAt, uint32At } from '../../wire/walk.ts'
import type { PipelineState } from '../pipeline/pipeline-state.ts'
import { readableParameter } from '../pipeline/readable-parameter.ts'
import { noteChanges } from '../pipeline/command-draft.ts'
import { recordable, recordableParameters } from '../pipeline/recordable.ts'
import { rewritesOf, type KnownStatement } from './known-statement.ts'
import type { KnownStatements } from './known-statements.ts'
import { CAPACITY, shapes, type LaneQueue } from './lane-queue.ts'

/**
 * Takes chunks from the client that consist only of known statements: simple queries, and prepared ones each with its Bind, Describe and
 * Execute, up to a Sync. The whole chunk is checked first; only if all of it may pass is any of it recorded. A chunk with anything that is
 * not known byte for byte is left to the slow path.
 */
export class ClientLane {
  readonly #pipeline: PipelineState
  readonly #known: KnownStatements
  readonly #queue: LaneQueue
  readonly #masks: boolean
  readonly #longest: number

  constructor(pipeline: PipelineState, known: KnownStatements) {
    const { session } = pipeline
    this.#pipeline = pipeline
    this.#known = known
    this.#queue = pipeline.lane
    this.#masks = !isEmptyPlan(session.masking)
    // How much of a long message may be recorded is decided on the slow path.
    this.#longest = Math.min(session.limits.statementBytes, MAX_AT_ONCE_LENGTH)
  }

  /** True if the whole chunk was recorded and may be sent unchanged. */
  take(chunk: Buffer): boolean {
    if (this.#known.isEmpty || !this.#pipeline.isSteady) return false
    const count = this.#find(chunk)
    if (count <= 0 || !this.#queue.hasRoom(count)) return false
    for (let n = 0; n < count; n++) this.#record(chunk, n)
    return true
  }

  /** The number of statements in the chunk; -1 if it contains anything else. */
  #find(chunk: Buffer): number {
    let at = 0
    let count = 0
    let shape: number = shapes.sync
    let hasParsed = false
    while (at < chunk.length) {
      if (count === CAPACITY) return -1
      if (chunk[at] === query.tag) {
        // A simple query would end an open batch.
        if ((shape & shapes.sync) === 0) return -1
        at = this.#findQuery(chunk, at, count++)
        if (at < 0) return -1
        shape = shapes.query | shapes.sync
        continue
      }
      const start = at
      shape = 0
      if (chunk[at] === parse.tag) {
        shape = shapes.parse
        at = endOfMessage(chunk, at, this.#longest)
        if (at < 0) return -1
        hasParsed = true
      }
      const end = chunk[at] === bind.tag ? endOfMessage(chunk, at, this.#longest) : -1
      if (end < 0) return -1
      const values = endOfBindHead(chunk, at + 5, end)
      if (values < 0) return -1
      const statement = this.#known.find(chunk, start, at, values)
      if (statement === undefined) return -1
      // The unnamed statement is prepared in this very chunk.
      if (hasParsed && statement.comesAs === 'name' && statement.name === '') return -1
      const behind = endOfParameters(chunk, values, statement.parameterCount, end)
      if (behind < 0 || end - behind !== statement.tail.length || !hasBytesAt(chunk, behind, statement.tail)) return -1
      at = end
      if (hasBytesAt(chunk, at, DESCRIBE)) {
        shape |= shapes.describe
        at += DESCRIBE.length
      }
      if (!hasBytesAt(chunk, at, EXECUTE) || !this.#mayPass(statement, shape)) return -1
      at += EXECUTE.length
      if (hasBytesAt(chunk, at, SYNC)) {
        shape |= shapes.sync
        at += SYNC.length
      }
      STATEMENTS[count] = statement
      VALUES[count] = values
      SHAPES[count] = shape
      count++
    }
    return (shape & shapes.sync) === 0 ? -1 : count
  }

  /** The end of a known simple query; -1 if it is not known. */
  #findQuery(chunk: Buffer, at: number, index: number): number {
    const end = endOfMessage(chunk, at, this.#longest)
    if (end < 0 || chunk.indexOf(0, at + HEADER) !== end - 1) return -1
    const text = chunk.toString('latin1', at + HEADER, end - 1)
    const statement = this.#known.findQuery(text)
    const shape = shapes.query | shapes.sync
    if (statement === undefined || !this.#mayPass(statement, shape)) return -1
    STATEMENTS[index] = statement
    SHAPES[index] = shape
    // A text with a skeleton is ASCII: its bytes are its characters.
    TEXTS[index] = statement.hasConstants ? text : statement.prepared.sql
    return end
  }

  /** Whether the slow path would decide the same as before about the statement and about its rows. */
  #mayPass(statement: KnownStatement, shape: number): boolean {
    const pipeline = this.#pipeline
    const { prepared, generation, command } = statement
    if (generation !== pipeline.known.generation || !command.isAllowed) return false
    if (statement.comesAs === 'name' && pipeline.inFlight.prepared(statement.name) !== prepared) return false
    const isDescribed = (shape & shapes.describe) !== 0
    if (!isDescribed && !this.#masks) return true
    // The slow path would ask for the columns of a statement that was just prepared, or whose columns were not described under the current
    // definitions.
    if (prepared.described !== generation || (statement.comesAs === 'text' && !isDescribed)) return false
    if (!this.#masks) return prepared.columns !== undefined
    return rewritesOf(statement, pipeline.known.masking, pipeline.session.hashKeys) !== undefined
  }

  #record(chunk: Buffer, index: number): void {
    const pipeline = this.#pipeline
    const statement = STATEMENTS[index] as KnownStatement
    const shape = SHAPES[index] as number
    if ((shape & shapes.query) !== 0) return this.#recordQuery(statement, TEXTS[index] as string)
    const parameters = parametersAt(chunk, VALUES[index] as number, statement)
    const recorded =
      parameters.length === 0 ? parameters : recordableParameters(parameters, statement.facts, pipeline.session)
    const decision = statement.command.record(parameters, recorded, pipeline.status !== 'I')
    pipeline.noteSending()
    if (statement.movesBlock) noteChanges(pipeline, statement.facts)
    this.#queue.add(statement, decision, shape, pipeline.batch, performance.now())
    if ((shape & shapes.sync) !== 0) pipeline.endBatch()
  }

  #recordQuery(statement: KnownStatement, text: string): void {
    const pipeline = this.#pipeline
    const { facts, command, prepared } = statement
    const inTransaction = pipeline.status !== 'I'
    const decision =
      text === prepared.sql
        ? command.record(NONE, NONE, inTransaction)
        : command.recordText(text, recordable(text, NONE, facts, pipeline.session).text, inTransaction)
    pipeline.noteSending()
    pipeline.endBatch()
    if (statement.movesBlock) noteChanges(pipeline, facts)
    this.#queue.add(statement, decision, shapes.query | shapes.sync, pipeline.batch, performance.now(), text)
  }
}

/** The parameters in readable form. */
function parametersAt(chunk: Buffer, from: number, statement: KnownStatement): readonly (string | null)[] {
  const { parameterCount, parameterFormats, prepared } = statement
  if (parameterCount === 0) return NONE
  const parameters: (string | null)[] = []
  let at = from
  for (let n = 0; n < parameterCount; n++) {
    const length = uint32At(chunk, at)
    at += 4
    if (length === NULL_LENGTH) parameters.push(null)
    else {
      const format = formatAt(parameterFormats, n)
      parameters.push(
        format === 0
          ? chunk.toString('utf8', at, at + length)
          : readableParameter(chunk.subarray(at, at + length), format, prepared.parameterTypes[n] ?? 0),
      )
      at += length
    }
  }
  return parameters
}

/** Tag and length. */
const HEADER = 5
const NONE: readonly (string | null)[] = []
/** For the unnamed portal, and all of its rows. */
const DESCRIBE = describePortal('')
const EXECUTE = encodeMessage(execute, { type: 'execute', portal: '', maxRows: 0 })

/** The statements found in the current chunk: nothing is awaited between finding and recording them. */
const STATEMENTS: (KnownStatement | undefined)[] = Array.from({ length: CAPACITY }, () => undefined)
const VALUES = new Int32Array(CAPACITY)
/** The texts of simple queries. */
const TEXTS: (string | undefined)[] = Array.from({ length: CAPACITY }, () => undefined)
const SHAPES = new Uint8Array(CAPACITY)
