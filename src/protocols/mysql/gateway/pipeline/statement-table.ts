import type { ReadingContext } from '../../dialect/reading-context.ts'
import type { Run } from './exchange.ts'
import type { ParameterType } from '../../wire/stmt-execute.ts'

/** A statement that a client has prepared by the protocol. */
export interface Prepared {
  readonly sql: string
  /** How its text was read, and its names are resolved, whenever it runs. */
  readonly context: ReadingContext | undefined
  readonly parameters: number
  /** As they were sent last: later executions may leave them out. */
  types: readonly ParameterType[]
  /** Values that come in parts, by parameter. */
  readonly long: Map<number, LongValue>
  /** What runs whose rows are fetched. */
  cursor: Run | undefined
}

export interface LongValue {
  readonly parts: Buffer[]
  bytes: number
}

/** The statements of one connection, by the server's number. */
export class StatementTable {
  readonly #byId = new Map<number, Prepared>()

  get(id: number): Prepared | undefined {
    return this.#byId.get(id)
  }

  get isFull(): boolean {
    return this.#byId.size >= MAX_STATEMENTS
  }

  set(id: number, prepared: Prepared): void {
    this.#byId.set(id, prepared)
  }

  delete(id: number): void {
    this.#byId.delete(id)
  }

  clear(): void {
    this.#byId.clear()
  }
}

/** The default of max_prepared_stmt_count, which servers have for all connections together. */
const MAX_STATEMENTS = 16_382
