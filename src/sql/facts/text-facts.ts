import type { SqlStatement } from '../statement.ts'
import type { StatementLineage } from '../lineage/report.ts'
import type { ParsedStatement } from './parsed-statement.ts'

/** What the session needs to know about one text in any dialect: for policy, for masking, for its own bookkeeping. */
export interface TextFacts {
  readonly statements: readonly SqlStatement[]
  readonly parsed: readonly ParsedStatement[]
  /** How much of an error may quote masked values. Where any may, what they are compared with is hidden in the record, too. */
  readonly errorExposure: ErrorExposure
  /** Where the columns of each statement's result come from; empty while no columns are masked. */
  readonly lineage: readonly StatementLineage[]
  /** Masked columns that are compared with given values, and the number of values. */
  readonly comparisons: readonly MaskedComparison[]
  /** Definitions may change when it runs. */
  readonly changesCatalog: boolean
  /** Exactly which relations the names refer to, and how they are defined: with others it is another command. */
  readonly objects: string
  /** It names objects that are not in the catalogs; they may be new. */
  readonly unresolved: boolean
}

/**
 * What of an error or notice may quote masked values: nothing; what the system's messages quote; that, and the names of tables and
 * constraints, where a partition reveals something of a row; or all of it, where user-defined code may have produced it.
 */
export type ErrorExposure = 'none' | 'quoted' | 'named' | 'any'

export interface MaskedComparison {
  readonly column: string
  readonly count: number
  /** How many comparisons one grant allows. */
  readonly budget: number
}
