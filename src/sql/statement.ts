import type { Statement } from '../policy/command.ts'

/** One statement of the text, with all that its parts do (common table expressions, EXPLAIN ANALYZE, …). */
export interface SqlStatement extends Statement {
  readonly type: 'sql'
  /** The schema of names in rules that give none. */
  readonly defaultSchema: string
  /** The schema of the system's own functions, which names in rules may leave out; undefined: they have none. */
  readonly systemSchema: string | undefined
  /** What the relations named show rows of: tables behind views, parents and partitions. */
  readonly behind: readonly string[]
  /** Functions called, with their schema where the text gives one. */
  readonly functions: readonly string[]
  /** An UPDATE or DELETE without a WHERE, or with one that is always true. */
  readonly missingWhere: boolean
}

/** In `behind`: any relation, where only its rows say which. */
export const ANY_RELATION = '*.*'
