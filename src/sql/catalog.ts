/** What the server computes of several columns of a row whenever one of them is written, or the row is read: it answers by failing. */
export interface Tie {
  readonly kind: TieKind
  /** The relation's own columns in it, by name. */
  readonly own: ReadonlySet<string>
  /** Columns of other relations: object id, and name. */
  readonly others: readonly (readonly [number, string])[]
}

export type TieKind =
  /** A CHECK, or the expression or predicate of an index. */
  | 'check'
  /** A unique index or an exclusion constraint: compares with other rows. */
  | 'unique'
  /** A foreign key: asks for a row of the other relation. */
  | 'references'
  /** A policy of row security: leaves out rows wherever they are read or written. */
  | 'policy'
  /** A trigger whose function is the system's own, such as suppress_redundant_updates_trigger(). */
  | 'trigger'
  /** What decides that a row is in it and not beside it: the keys it is a partition by, and the CHECKs of its own of an inheritance child. */
  | 'partition'
  /** The index in whose order its rows were stored. */
  | 'clustered'
  /** The predicate of an index: whether the index grows says something of a row. */
  | 'partial'
