import type { Name } from './query.ts'

/** What a target's catalogs say of its relations, as masking needs it. */
export interface RelationCatalog<R extends Relation = Relation> {
  /** By the number that the dialect gives each. */
  readonly byOid: ReadonlyMap<number, R>
}

export interface Relation {
  /** A number that no other relation of the target has. */
  readonly oid: number
  /** `schema.name`. */
  readonly name: string
  readonly schema: string
  /** Of a view or materialized view: what its query reads. */
  readonly viewOf: readonly number[]
  /** Parents and children (inheritance, partitions): they show each other's rows. */
  readonly related: readonly number[]
  /** Numbers of its columns by name, in order; empty where they are not known, as of the system's own relations. */
  readonly columns: ReadonlyMap<string, number>
  /** Columns that no star shows, and that an INSERT without a list of columns leaves out. */
  readonly invisible?: ReadonlySet<string>
  /** Names of their types. */
  readonly types: ReadonlyMap<string, string>
  /** Columns of which equal values look the same. */
  readonly exact: ReadonlySet<string>
  /** Names of columns of another collation than the default, which cannot be compared with just any text. */
  readonly collated?: ReadonlySet<string>
  /** A view that calls a user-defined function: its values can come from anywhere. */
  readonly opaque: boolean
  /** A foreign table, which may be any table under another name, this database's own among them. */
  readonly foreign: boolean
  /** Of a view or materialized view: a digest of what it selects. */
  readonly definition: string | undefined
  /** Generated columns, with what changes when they compute something else: what they compute is read where masking needs it. */
  readonly generated: ReadonlyMap<string, string>
  /** Columns of its indexes, in order, where the server gives rows in the order of one without being asked; the first is the primary key, of none where there is none. */
  readonly indexes?: readonly (readonly string[])[]
  /** Columns that belong to a unique index. */
  readonly unique: ReadonlySet<string>
  /** What is computed of several of its columns when one of them is written, or a row is read. */
  readonly ties: readonly Tie[]
}

/** How a dialect finds what a statement names, and what its own relations and functions tell of the rows of others. */
export interface CatalogTerms {
  find(named: Name): Relation | undefined
  /** Whether the value of a function or an operator may come from anywhere, and not from its arguments alone. */
  isOpaque(name: Name, isOperator: boolean): boolean
  /** Of a relation that holds samples of rows, or texts of statements: the columns that tell none of it. */
  harmlessColumns(relation: Relation): readonly string[] | undefined
  /** Of the relation that lists all others: the columns that tell how much is stored in each. */
  storageColumns(relation: Relation): ReadonlySet<string> | undefined
  /** It counts what is read from each relation or written to it, or how much is stored. */
  isOfStorage(relation: Relation): boolean
  /** Which relations have a row in it says which have rows. */
  isStatistics(relation: Relation): boolean
  /** The same of a function. */
  isStorageFunction(name: string): boolean
  /** Whether the value of a column with a number below zero, which no star shows, tells the place of its row. */
  isPlace(column: number): boolean
}

/** What the server computes of several columns of a row whenever one of them is written, or the row is read: it answers by failing. */
export interface Tie {
  readonly kind: TieKind
  /** The relation's own columns in it, by name. */
  readonly own: ReadonlySet<string>
  /** Columns of other relations: object id, and name; no name where it is their rows, whatever is in them. */
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
  /** By which its rows are kept apart, where the parts are no relations of their own. */
  | 'parts'
  /** The index in whose order its rows were stored. */
  | 'clustered'
  /** The predicate of an index: whether the index grows says something of a row. */
  | 'partial'
