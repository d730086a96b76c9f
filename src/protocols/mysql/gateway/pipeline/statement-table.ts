import type { ReadingContext } from '../../dialect/reading-context.ts'
import { HeldBytes } from '../../../../wire/held-bytes.ts'
import type { Run } from './exchange.ts'
import type { ParameterType } from '../../wire/stmt-execute.ts'

/** A statement that a client has prepared with COM_STMT_PREPARE. */
export interface Prepared {
  readonly sql: string
  /** The context in which its text was read, and in which its names are resolved whenever it runs. */
  readonly context: ReadingContext | undefined
  readonly parameters: number
  /** The types that were sent last: later executions may omit them. */
  types: readonly ParameterType[]
  /** Values sent as long data, by parameter. */
  readonly long: Map<number, HeldBytes>
  /** The execution whose rows are fetched. */
  cursor: Run | undefined
}

/** The statements of one connection, by the server's id. */
export class StatementTable {
  readonly #byId = new Map<number, Prepared>()
  #characters = 0
  #longBytes = 0

  get(id: number): Prepared | undefined {
    return this.#byId.get(id)
  }

  get isFull(): boolean {
    return this.#byId.size >= MAX_STATEMENTS || this.#characters >= MAX_CHARACTERS
  }

  /** Bytes of long data of all statements: each of thousands could keep as much. */
  get longBytes(): number {
    return this.#longBytes
  }

  /** Adds a part of a parameter. */
  addLong({ long }: Prepared, parameter: number, data: Uint8Array): void {
    const value = long.get(parameter) ?? new HeldBytes()
    long.set(parameter, value)
    value.add(data)
    this.#longBytes += data.length
  }

  forgetLong({ long }: Prepared): void {
    for (const { length } of long.values()) this.#longBytes -= length
    long.clear()
  }

  set(id: number, prepared: Prepared): void {
    this.delete(id)
    this.#byId.set(id, prepared)
    this.#characters += prepared.sql.length
  }

  delete(id: number): void {
    const prepared = this.#byId.get(id)
    if (prepared === undefined) return
    this.forgetLong(prepared)
    this.#characters -= prepared.sql.length
    this.#byId.delete(id)
  }

  clear(): void {
    for (const id of this.#byId.keys()) this.delete(id)
  }
}

/** The default of max_prepared_stmt_count, which applies to all connections of a server together. */
const MAX_STATEMENTS = 16_382
/** For the texts of all statements: drivers keep some hundreds of statements. */
const MAX_CHARACTERS = 64 * 1024 * 1024
