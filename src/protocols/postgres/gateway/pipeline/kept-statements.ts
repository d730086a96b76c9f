import { randomUUID } from 'node:crypto'
import type { StatementFacts } from '../../dialect/statement-facts.ts'

/**
 * The gateway's own queries that stay prepared on a client's connection: for the server, parsing and planning them costs ten times as much
 * as running them. The client may drop them, or prepare something else under their names; so each has a name that cannot be guessed, and
 * each use checks that it exists.
 */
export class KeptStatements {
  /** Names, by text. */
  readonly #names = new Map<string, string>()
  /** Names of statements to close. */
  #dropped: string[] = []
  #hasLeft = false

  nameOf(sql: string): string | undefined {
    return this.#names.get(sql)
  }

  /** The names of those among these texts that are prepared. */
  namesOf(texts: readonly string[]): string[] {
    return texts.flatMap((sql) => this.#names.get(sql) ?? [])
  }

  has(name: string): boolean {
    return name.startsWith(PREFIX) && [...this.#names.values()].includes(name)
  }

  get isEmpty(): boolean {
    return this.#names.size === 0 && !this.#hasLeft
  }

  /**
   * Notes that a batch of the gateway's own queries has failed. The server has skipped the rest of it, and with that the messages that close
   * its own statement and portal.
   */
  noteFailed(): void {
    this.#hasLeft = true
  }

  /** Whether these are to be closed now, since the names are used again. */
  takeLeft(): boolean {
    const has = this.#hasLeft
    this.#hasLeft = false
    return has
  }

  /** Notes that a text is being prepared, and returns its name. */
  keep(sql: string): string {
    const name = `${PREFIX}${randomUUID()}`
    this.#names.set(sql, name)
    return name
  }

  /** Stops using all of them, whatever their state. */
  drop(): void {
    this.#dropped.push(...this.#names.values())
    this.#names.clear()
  }

  /** Takes the names of statements to close now. */
  takeDropped(): readonly string[] {
    const dropped = this.#dropped
    this.#dropped = []
    return dropped
  }
}

/** Whether a text drops all prepared statements. */
export const dropsPrepared = ({ parsed }: StatementFacts): boolean =>
  parsed.some(
    ({ kinds, names, settings }) =>
      (kinds.includes('discard') && settings.length > 0) || (kinds.includes('deallocate') && names.includes('*')),
  )

/** Whether a text shows prepared statements. */
export const showsPrepared = ({ statements }: StatementFacts): boolean =>
  statements.some(({ reads, behind }) => reads.includes(SHOWN) || behind.includes(SHOWN))

const SHOWN = 'pg_catalog.pg_prepared_statements'
const PREFIX = 'pam_'
