import type { SqlStatement } from '../statement.ts'
import type { StatementLineage } from '../lineage/report.ts'
import type { ParsedStatement } from './parsed-statement.ts'

/** What the session needs to know about one text in any dialect: for policy, for masking, for its own bookkeeping. */
export interface TextFacts {
  readonly statements: readonly SqlStatement[]
  readonly parsed: readonly ParsedStatement[]
  /** Masked values can be in an error, and what they are compared with in the text: both are hidden. */
  readonly errorExposure: ErrorExposure
  /** Where the columns of each statement's result come from; empty while no columns are masked. */
  readonly lineage: readonly StatementLineage[]
  /** Masked columns that are compared with given values, and how many. */
  readonly comparisons: readonly MaskedComparison[]
  /** Definitions may have changed once it has run. */
  readonly changesCatalog: boolean
  /** Which relations, exactly, the names stood for, and how they are defined: another one is another command. */
  readonly objects: string
  /** Names that nothing in the catalogs has; they may be new. */
  readonly unresolved: boolean
}

/**
 * What of an error or notice may quote masked values: nothing; what the system's own messages quote; that, and names of tables and constraints,
 * where a partition tells of a row; all of it, where user-defined code may have made it.
 */
export type ErrorExposure = 'none' | 'quoted' | 'named' | 'any'

export interface MaskedComparison {
  readonly column: string
  readonly count: number
  /** How many one grant allows. */
  readonly budget: number
}
