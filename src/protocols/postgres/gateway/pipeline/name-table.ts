import type { Output } from '../../../../sql/lineage/origin.ts'
import type { Column } from '../../wire/row-description.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { ErrorExposure } from '../../../../sql/facts/text-facts.ts'
import type { Format } from '../../wire/bind.ts'
import type { KnownRewrites } from '../results/row-masking.ts'

/** The names of the result's columns in the text. */
export interface ColumnNames {
  readonly errorExposure: ErrorExposure
  readonly outputs: readonly Output[] | undefined
}

/** The state of the definitions for which the facts of a prepared statement, or of a portal, were last determined. */
export interface Bound {
  readonly facts: StatementFacts
  /** The number of changes known at that time, see `KnownDefinitions.changes`. */
  changes: number
  /** By `performance.now()`. */
  at: number
}

/** A prepared statement as the client named it. */
export interface Prepared {
  readonly sql: string
  readonly parameterTypes: readonly number[]
  /** Its result columns; undefined until described. */
  columns: readonly Column[] | undefined
  readonly names: ColumnNames
  /** The reading of the catalogs under which a Describe was last sent. */
  described: number | undefined
  /** The RowDescription that `columns` were read from, to see whether the next one is the same. */
  description?: Buffer
  /** When its facts were determined; undefined where SQL prepared it. */
  readonly bound?: Bound
  /** What to do with the rows of its portals. */
  rewrites?: KnownRewrites
}

/** A portal: a prepared statement with parameters, already evaluated. */
export interface Portal {
  readonly decision: string
  readonly prepared: Prepared
  readonly facts: StatementFacts
  readonly bound: Bound
  readonly resultFormats: readonly Format[]
}

/**
 * Names of one kind, as the server will know them once it has processed everything that was sent. A change is tentative until the server
 * confirms it; if the server fails instead, it is undone, so that a name never refers to something that was evaluated but not created.
 */
export class NameTable<T> {
  readonly #entries = new Map<string, { value: T | undefined; batch: number; confirmed: boolean }>()
  /** Names that were forgotten because of a text that may turn out not to have run. */
  #suspended: ReadonlySet<string> = new Set()

  /** The value, and whether it is certain: an uncertain one from before the last Sync may still be undone. */
  lookUp(name: string, batch: number): { value: T | undefined; certain: boolean } {
    const entry = this.#entries.get(name)
    return {
      value: entry?.value,
      certain: entry === undefined ? !this.#suspended.has(name) : entry.confirmed || entry.batch === batch,
    }
  }

  /** The value, if the server has confirmed it and nothing that may change it has been sent since. */
  confirmed(name: string): T | undefined {
    const entry = this.#entries.get(name)
    return entry?.confirmed === true ? entry.value : undefined
  }

  /** Sets (or with undefined removes) a name, tentatively until the server answers. */
  set(name: string, value: T | undefined, batch: number): Tentative {
    const before = this.#entries.get(name)
    const entry = { value, batch, confirmed: false }
    this.#entries.set(name, entry)
    return {
      confirm: () => {
        entry.confirmed = true
        if (value === undefined && this.#entries.get(name) === entry) this.#entries.delete(name)
      },
      undo: () => {
        if (this.#entries.get(name) !== entry) return
        if (before === undefined) this.#entries.delete(name)
        else this.#entries.set(name, before)
      },
    }
  }

  /** Forgets a name at once: using it is then refused, which is safe whatever the server does. */
  forget(name: string): void {
    this.#entries.delete(name)
  }

  /**
   * Forgets all names. The returned function restores those that the server has confirmed and that have not been used again since;
   * tentative ones may have been undone meanwhile, and stay forgotten.
   */
  clear(): () => void {
    const before = [...this.#entries]
    this.#entries.clear()
    this.#suspended = new Set(before.map(([name]) => name))
    return () => {
      for (const [name, entry] of before)
        if (entry.confirmed && !this.#entries.has(name)) this.#entries.set(name, entry)
    }
  }
}

export interface Tentative {
  confirm(): void
  undo(): void
}
