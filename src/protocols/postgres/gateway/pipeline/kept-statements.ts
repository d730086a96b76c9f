import { randomUUID } from 'node:crypto'
import type { StatementFacts } from '../../dialect/statement-facts.ts'

/**
 * Queries of the gateway's own that stay prepared on a client's connection: to parse and to plan them costs the server ten times what it costs to
 * run them. Others may drop them, or prepare something else under their names; so each has a name that nobody can guess, and whether it
 * stands is asked with each use.
 */
export class KeptStatements {
  /** By text. */
  readonly #names = new Map<string, string>()
  /** Those that are to be closed. */
  #dropped: string[] = []

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
    return this.#names.size === 0
  }

  /** It is being prepared under the name. */
  keep(sql: string): string {
    const name = `${PREFIX}${randomUUID()}`
    this.#names.set(sql, name)
    return name
  }

  /** Whatever may have become of them: none is used any more. */
  drop(): void {
    this.#dropped.push(...this.#names.values())
    this.#names.clear()
  }

  /** What is to be closed now. */
  takeDropped(): readonly string[] {
    const dropped = this.#dropped
    this.#dropped = []
    return dropped
  }
}

/** Whether a text drops all that is prepared. */
export const dropsPrepared = ({ parsed }: StatementFacts): boolean =>
  parsed.some(
    ({ kinds, names, settings }) =>
      (kinds.includes('discard') && settings.length > 0) || (kinds.includes('deallocate') && names.includes('*')),
  )

/** Whether a text shows what is prepared. */
export const showsPrepared = ({ statements }: StatementFacts): boolean =>
  statements.some(({ reads, behind }) => reads.includes(SHOWN) || behind.includes(SHOWN))

const SHOWN = 'pg_catalog.pg_prepared_statements'
const PREFIX = 'pam_'
