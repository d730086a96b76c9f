import type { TieKind } from '../catalog.ts'
import type { Origin, Output } from './origin.ts'

/** A relation as a statement writes to it. */
export interface WriteTarget {
  readonly name: string
  /** Its columns in order, with the mask of each. */
  readonly columns: readonly Output[]
  /** Names of columns that no two rows may share a value of: writing one tells whether it is there. */
  readonly unique: ReadonlySet<string>
  /** What the server computes of several columns when one of them is written. */
  readonly ties: readonly WrittenTie[]
  /** Names of generated columns, which COPY leaves out unless it names them. */
  readonly generated: ReadonlySet<string>
}

/** What a write makes the server compute of columns together, and answer by failing or by changing nothing. */
export interface WrittenTie {
  readonly kind: Exclude<TieKind, 'policy' | 'partition' | 'parts' | 'clustered' | 'partial'>
  /** Columns of the target; undefined where it is not certain what they are called, as in a view. */
  readonly own: ReadonlySet<string> | undefined
  /** Masked values in it that are no column of the target by name. */
  readonly others: Origin
}
