import type { RepeatedCommand } from '../../../../gateway/engine.ts'
import type { Bind } from '../../wire/bind.ts'
import { endOfBindHead, endOfParameters } from '../../wire/walk.ts'
import { skeletonOf } from '../../dialect/constant-template.ts'
import { skeletonBehind } from '../../dialect/sql-parser.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { ColumnNames, Prepared } from '../pipeline/name-table.ts'
import type { PipelineState } from '../pipeline/pipeline-state.ts'
import { isOfBlock, leavesNoTrace, showsNames, type KnownStatement } from './known-statement.ts'

/** A Bind that the slow path has just allowed. */
export interface ForwardedStatement {
  readonly message: Bind
  /** The bytes of its Bind. */
  readonly bytes: Buffer
  readonly prepared: Prepared
  readonly facts: StatementFacts
  readonly command: () => RepeatedCommand | undefined
}

/** A simple query that the slow path is about to send. */
export interface SentQuery {
  readonly sql: string
  /** The bytes of its message. */
  readonly bytes: Buffer
  readonly facts: StatementFacts
  readonly command: () => RepeatedCommand | undefined
}

/** The statements of one connection that the lane may take, by the bytes in which they arrive. */
export class KnownStatements {
  readonly #pipeline: PipelineState
  readonly #isOff: boolean
  /** By the bytes of the Bind up to its parameters; if a Parse precedes it, by that first. */
  readonly #prepared = new Map<string, KnownStatement>()
  readonly #parsed = new Map<string, Map<string, KnownStatement>>()
  /** Simple queries: by their text, or by its skeleton if their constants make no difference. */
  readonly #queries = new Map<string, KnownStatement>()
  readonly #skeletons = new Map<string, KnownStatement>()
  /** Simple queries that were sent once: most texts whose constants make a difference are never sent again. */
  readonly #once = new WeakSet<StatementFacts>()
  /** Statements that the lane never takes, until the catalogs are read again. */
  readonly #unfit = new WeakSet<StatementFacts>()
  #count = 0
  /** The last text that was prepared as the unnamed statement. */
  #text: { readonly bytes: string; readonly prepared: Prepared } | undefined

  constructor(pipeline: PipelineState) {
    this.#pipeline = pipeline
    // Recording rows is left to the slow path.
    this.#isOff = pipeline.session.config.recordRows > 0
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** The statement that begins at `start`, whose Bind is at `bindAt` and has its parameters at `values`. */
  find(chunk: Buffer, start: number, bindAt: number, values: number): KnownStatement | undefined {
    const binds = start === bindAt ? this.#prepared : this.#parsed.get(chunk.toString('latin1', start, bindAt))
    return binds?.get(chunk.toString('latin1', bindAt + HEADER, values))
  }

  /** The known statement of a simple query, whose text has one character for each byte. */
  findQuery(text: string): KnownStatement | undefined {
    const known = this.#queries.get(text)
    if (known !== undefined || this.#skeletons.size === 0) return known
    const skeleton = skeletonOf(text)
    return skeleton && this.#skeletons.get(skeleton.key)
  }

  /** Notes a text that was prepared as the unnamed statement: it may be sent again with the Bind that follows. */
  noteText(bytes: Buffer, prepared: Prepared): void {
    this.#text =
      this.#isOff || bytes.length > MAX_TEXT_BYTES ? undefined : { bytes: bytes.toString('latin1'), prepared }
  }

  note(statement: ForwardedStatement): void {
    const { facts } = statement
    if (statement.message.portal !== '' || !this.#isFit(facts)) return
    const { bytes, prepared, message } = statement
    const values = endOfBindHead(bytes, HEADER, bytes.length)
    const end = endOfParameters(bytes, values, message.parameters.length, bytes.length)
    if (values < 0 || end < 0) return
    const key = bytes.toString('latin1', HEADER, values)
    const tail = bytes.subarray(end)
    this.#remember(this.#prepared, key, tail, statement, 'name')
    if (this.#text?.prepared !== prepared) return
    const binds = this.#parsed.get(this.#text.bytes) ?? new Map<string, KnownStatement>()
    this.#parsed.set(this.#text.bytes, binds)
    this.#remember(binds, key, tail, statement, 'text')
  }

  /** Returns the statement whose columns the server's description is to fill in, if there is one. */
  noteQuery({ sql, bytes, facts, command }: SentQuery): Prepared | undefined {
    if (!this.#isFit(facts)) return undefined
    if (!this.#once.has(facts)) {
      this.#once.add(facts)
      return undefined
    }
    const skeleton = skeletonBehind(facts.parsed)
    const [queries, key] = skeleton === undefined ? [this.#queries, textIn(bytes)] : [this.#skeletons, skeleton]
    const { generation } = this.#pipeline.known
    const before = queries.get(key)
    if (before?.facts === facts && before.generation === generation && before.command.isAllowed) return before.prepared
    const names = namesOf(facts)
    const repeated = this.#repeated(facts, command)
    if (repeated === undefined) {
      queries.delete(key)
      return undefined
    }
    const prepared = { sql, parameterTypes: [], columns: undefined, described: generation, names }
    this.#set(queries, key, {
      comesAs: 'query',
      hasConstants: skeleton !== undefined,
      name: '',
      prepared,
      facts,
      movesBlock: facts.parsed.some(isOfBlock),
      names,
      command: repeated,
      generation,
      parameterFormats: [],
      parameterCount: 0,
      resultFormats: [],
      tail: NOTHING,
      rows: undefined,
    })
    return prepared
  }

  #isFit(facts: StatementFacts): boolean {
    if (this.#isOff || this.#unfit.has(facts)) return false
    if (leavesNoTrace(facts)) return true
    this.#unfit.add(facts)
    return false
  }

  /** The decision that holds whatever its parameters are; undefined if the slow path has to decide. */
  #repeated(facts: StatementFacts, command: () => RepeatedCommand | undefined): RepeatedCommand | undefined {
    const repeated = showsNames(namesOf(facts), this.#pipeline.known.masking) ? command() : undefined
    if (repeated === undefined) this.#unfit.add(facts)
    return repeated
  }

  #set(known: Map<string, KnownStatement>, key: string, statement: KnownStatement): void {
    if (this.#count++ >= MAX_KNOWN) this.#forget()
    known.set(key, statement)
  }

  #remember(
    binds: Map<string, KnownStatement>,
    key: string,
    tail: Buffer,
    { message, prepared, facts, command }: ForwardedStatement,
    comesAs: 'text' | 'name',
  ): void {
    const { generation } = this.#pipeline.known
    const before = binds.get(key)
    if (
      before?.facts === facts &&
      before.generation === generation &&
      before.tail.equals(tail) &&
      before.command.isAllowed &&
      (before.prepared === prepared || (comesAs === 'text' && before.prepared.described === generation))
    )
      return
    const repeated = this.#repeated(facts, command)
    if (repeated === undefined) {
      binds.delete(key)
      return
    }
    this.#set(binds, key, {
      comesAs,
      hasConstants: false,
      name: message.statement,
      prepared,
      facts,
      movesBlock: facts.parsed.some(isOfBlock),
      names: namesOf(facts),
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
    this.#queries.clear()
    this.#skeletons.clear()
    this.#count = 1
  }
}

const namesOf = ({ errorExposure, lineage }: StatementFacts): ColumnNames => ({
  errorExposure,
  outputs: lineage[0]?.outputs,
})

/** The text of a Query, with one character for each byte. */
const textIn = (bytes: Buffer): string => bytes.toString('latin1', HEADER, bytes.length - 1)

const NOTHING = Buffer.alloc(0)
/** Tag and length. */
const HEADER = 5
/** The number of statements known at a time; beyond it, all are learned again. */
const MAX_KNOWN = 500
/** For a text that is prepared each time. */
const MAX_TEXT_BYTES = 4000
