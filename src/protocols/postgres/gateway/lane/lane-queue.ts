import type { KnownStatement } from './known-statement.ts'

/** The messages around a statement's Bind and Execute in its chunk. */
export const shapes = {
  /** A Parse precedes it. */
  parse: 1,
  /** A Describe is among them. */
  describe: 2,
  /** A Sync follows it, or it is a simple query, which is a batch of its own. */
  sync: 4,
  query: 8,
} as const

/** The answer to a statement that is due next. A simple query begins with its columns, if it has any. */
export const steps = { parse: 0, bind: 1, describe: 2, run: 3, sync: 4 } as const

/** A statement that is answered except for the end of its batch: names refer to it from then on. */
export interface Answered {
  readonly statement: KnownStatement
  readonly decision: string
  readonly shape: number
  readonly batch: number
}

/**
 * The statements that the lane has sent and the server has not answered, oldest first, and the state of the oldest. They represent messages
 * in the queue of the slow path, which takes them over whenever it has something to do (`handOver`).
 */
export class LaneQueue {
  /** The number of statements that the lane has ever taken. */
  taken = 0
  /** Whether it has prepared a statement since it was last handed over. */
  hasParsed = false
  /** The step and the counts of the oldest statement. */
  step: number = steps.bind
  rows = 0
  bytes = 0
  /** The last statement answered since then, and the last of those with a Parse. */
  answered: Answered | undefined
  answeredParse: Answered | undefined
  #statements: (KnownStatement | undefined)[] = []
  #decisions: string[] = []
  #startedAt = new Float64Array(0)
  #batches = new Float64Array(0)
  #shapes = new Uint8Array(0)
  #texts: (string | undefined)[] = []
  #first = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Whether the slow path has nothing to take over. */
  get isTold(): boolean {
    return this.#length === 0 && this.answered === undefined
  }

  hasRoom(count: number): boolean {
    return this.#length + count <= CAPACITY
  }

  /** `text` is that of a simple query, whose constants may differ each time. */
  add(
    statement: KnownStatement,
    decision: string,
    shape: number,
    batch: number,
    startedAt: number,
    text?: string,
  ): void {
    if (this.#length === this.#shapes.length) this.#grow()
    const at = this.#at(this.#length)
    this.#statements[at] = statement
    this.#decisions[at] = decision
    this.#shapes[at] = shape
    this.#batches[at] = batch
    this.#startedAt[at] = startedAt
    this.#texts[at] = text
    if (this.#length++ === 0) this.#begin()
    this.taken++
    if ((shape & shapes.parse) !== 0) this.hasParsed = true
  }

  /** For the oldest statement, or a later one by its index. */
  statement(index = 0): KnownStatement {
    return this.#statements[this.#at(index)] as KnownStatement
  }

  decision(index = 0): string {
    return this.#decisions[this.#at(index)] as string
  }

  shape(index = 0): number {
    return this.#shapes[this.#at(index)] as number
  }

  text(index = 0): string | undefined {
    return this.#texts[this.#at(index)]
  }

  batch(index = 0): number {
    return this.#batches[this.#at(index)] as number
  }

  /** By `performance.now()`. */
  startedAt(index = 0): number {
    return this.#startedAt[this.#at(index)] as number
  }

  /** Removes the oldest statement, which is answered. */
  done(): void {
    const shape = this.shape()
    // A simple query leaves no name behind.
    if ((shape & shapes.query) === 0) {
      this.answered = { statement: this.statement(), decision: this.decision(), shape, batch: this.batch() }
      if ((shape & shapes.parse) !== 0) this.answeredParse = this.answered
    }
    this.#first = this.#at(1)
    this.#length--
    this.#begin()
  }

  /** Forgets everything, which the slow path has taken over. */
  clear(): void {
    this.#length = 0
    this.hasParsed = false
    this.answered = undefined
    this.answeredParse = undefined
  }

  #begin(): void {
    this.step = this.#length > 0 ? firstStep(this.shape()) : steps.bind
    this.rows = 0
    this.bytes = 0
  }

  #at(index: number): number {
    return (this.#first + index) & (this.#shapes.length - 1)
  }

  /** Doubles the room, which is a power of two; the oldest statement is first again. */
  #grow(): void {
    const before = this.#shapes.length
    const room = before === 0 ? SMALLEST : 2 * before
    const shapesBefore = this.#shapes
    const batches = this.#batches
    const startedAt = this.#startedAt
    const statements = this.#statements
    const decisions = this.#decisions
    const texts = this.#texts
    const first = this.#first
    this.#shapes = new Uint8Array(room)
    this.#batches = new Float64Array(room)
    this.#startedAt = new Float64Array(room)
    this.#statements = []
    this.#decisions = []
    this.#texts = []
    for (let index = 0; index < before; index++) {
      const at = (first + index) & (before - 1)
      this.#shapes[index] = shapesBefore[at] as number
      this.#batches[index] = batches[at] as number
      this.#startedAt[index] = startedAt[at] as number
      this.#statements[index] = statements[at]
      this.#decisions[index] = decisions[at] as string
      this.#texts[index] = texts[at]
    }
    this.#first = 0
  }
}

export function firstStep(shape: number): number {
  if ((shape & shapes.query) !== 0) return steps.describe
  return (shape & shapes.parse) !== 0 ? steps.parse : steps.bind
}

const SMALLEST = 8
/** The number of statements in flight; the slow path takes the others. */
export const CAPACITY = 256
