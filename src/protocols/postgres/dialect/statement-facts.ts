import type { SqlStatement } from '../../../sql/statement.ts'
import { PamError } from '../../../shared/errors.ts'
import type { StatementLineage } from '../../../sql/lineage/report.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { SyntaxProblem } from './syntax-problem.ts'

/** All that the session needs to know about one text: for policy, for masking, for its own bookkeeping. */
export interface StatementFacts {
  readonly statements: readonly SqlStatement[]
  readonly parsed: readonly ParsedStatement[]
  /** Why it is refused whatever the rules say. */
  readonly refusal: PamError | undefined
  /** Masked values can be in an error, and what they are compared with in the text: both are hidden. */
  readonly tainted: Taint
  /** Where the columns of each statement's result come from; empty while no columns are masked. */
  readonly lineage: readonly StatementLineage[]
  /** Masked columns that are compared with given values, and how many. */
  readonly guesses: readonly Guess[]
  /** Definitions may have changed once it has run. */
  readonly changesCatalog: boolean
  /** Which relations, exactly, the names stood for, and how they are defined: another one is another command. */
  readonly objects: string
  /** It does not parse: what the server says of it, and why in words without its content. */
  readonly syntaxError?: SyntaxProblem & { readonly failure: string }
  /** A relation that is not there, and what the statement would do if it were: the server would do nothing but say so. */
  readonly missing?: { readonly relation: string; readonly statement: SqlStatement }
  /** Names that nothing in the catalogs has; they may be new. */
  readonly unresolved: boolean
  /** Types that the client declared for parameters, where the target's own reading was asked with them. */
  readonly declared?: readonly number[]
}

/**
 * What of an error or notice may quote masked values: nothing; what the system's own messages quote; that, and names of tables and constraints,
 * where a partition tells of a row; all of it, where user-defined code may have made it.
 */
export type Taint = false | 'quotes' | 'places' | 'all'

export interface Guess {
  readonly column: string
  readonly count: number
  /** How many one grant allows. */
  readonly budget: number
}
