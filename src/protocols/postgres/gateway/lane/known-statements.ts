import type { RepeatedCommand } from '../../../../gateway/engine.ts'
import type { Bind } from '../../wire/bind.ts'
import { endOfBindHead, endOfParameters } from '../../wire/walk.ts'
import { skeletonOf } from '../../dialect/constant-template.ts'
import { skeletonBehind } from '../../dialect/sql-parser.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { ColumnNames, Prepared } from '../pipeline/name-table.ts'
import type { PipelineState } from '../pipeline/pipeline-state.ts'
import { isOfBlock, leavesNoTrace, showsNames, type KnownStatement } from './known-statement.ts'

/** What the slow path has just let through. */
export interface LetThrough {
  readonly message: Bind
  /** Its Bind. */
  readonly bytes: Buffer
  readonly prepared: Prepared
  readonly facts: StatementFacts
  readonly command: () => RepeatedCommand | undefined
}

/** A simple query that the slow path is about to send. */
export interface SentQuery {
  readonly sql: string
  /** Its message. */
  readonly bytes: Buffer
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
  /** Simple queries: by their text, and where constants make no difference by its skeleton. */
  readonly #queries = new Map<string, KnownStatement>()
  readonly #skeletons = new Map<string, KnownStatement>()
  /** Of simple queries that have come once: most texts with constants that do make one never come again. */
  readonly #once = new WeakSet<StatementFacts>()
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

  /** What a simple query says; each byte of its text is a character. */
  findQuery(text: string): KnownStatement | undefined {
    const known = this.#queries.get(text)
    if (known !== undefined || this.#skeletons.size === 0) return known
    const skeleton = skeletonOf(text)
    return skeleton && this.#skeletons.get(skeleton.key)
  }

  /** A text was prepared under no name: what comes with it may come again. */
  noteText(bytes: Buffer, prepared: Prepared): void {
    this.#text =
      this.#isOff || bytes.length > MAX_TEXT_BYTES ? undefined : { bytes: bytes.toString('latin1'), prepared }
  }

  note(statement: LetThrough): void {
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

  /** Returns what its columns are to be told to. */
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

  /** What is decided of it whatever its parameters are; undefined where it is for the slow path. */
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
    { message, prepared, facts, command }: LetThrough,
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

/** The text of a Query, each byte a character. */
const textIn = (bytes: Buffer): string => bytes.toString('latin1', HEADER, bytes.length - 1)

const NOTHING = Buffer.alloc(0)
/** Tag and length. */
const HEADER = 5
/** Statements that are known at once; with more, all are learned again. */
const MAX_KNOWN = 500
/** Of a text that comes each time. */
const MAX_TEXT_BYTES = 4000
