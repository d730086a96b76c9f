import type { SystemColumn } from './dialect.ts'
import type { Name } from './query.ts'

/** The relations of a target, with what masking needs to know from its catalogs. */
export interface RelationCatalog<R extends Relation = Relation> {
  /** By object id, as the dialect assigns it. */
  readonly byOid: ReadonlyMap<number, R>
}

export interface Relation {
  /** Unique among the relations of the target. */
  readonly oid: number
  /** `schema.name`. */
  readonly name: string
  readonly schema: string
  /** Views and materialized views: the relations that the query reads. */
  readonly viewOf: readonly number[]
  /** Parents and children (inheritance, partitions): they show each other's rows. */
  readonly related: readonly number[]
  /** Attribute numbers of its columns by name, in order; empty where unknown, as for the system's own relations. */
  readonly columns: ReadonlyMap<string, number>
  /** Columns that a star does not include, and that an INSERT without a column list skips. */
  readonly invisible?: ReadonlySet<string>
  /** Names of their types. */
  readonly types: ReadonlyMap<string, string>
  /** Columns in which equal values are identical. */
  readonly exact: ReadonlySet<string>
  /** Columns with a collation other than the default, which not every text can be compared with. */
  readonly collated?: ReadonlySet<string>
  /** A view that calls a user-defined function: its values may come from anywhere. */
  readonly opaque: boolean
  /** A view that calls a function which may count changes of other relations (see `countsChanges`). */
  readonly counts?: boolean
  /** Columns whose default calls one: it gives them the count of the moment. */
  readonly counting?: ReadonlySet<string>
  /** A foreign table, which may be any table under another name, including one of this database. */
  readonly foreign: boolean
  /** Views and materialized views: a digest of the query. */
  readonly definition: string | undefined
  /** Generated columns, each with a value that changes with its expression. The expression is read where masking needs it. */
  readonly generated: ReadonlyMap<string, string>
  /** Columns of its indexes, in order, where the server may return rows in index order unasked. The first is the primary key; empty: none. */
  readonly indexes?: readonly (readonly string[])[]
  /** Columns that belong to a unique index. */
  readonly unique: ReadonlySet<string>
  /** What the server computes from several columns when one is written, or a row is read. */
  readonly ties: readonly Tie[]
}

/** How a dialect resolves names, and what its system relations and functions reveal of other relations' rows. */
export interface CatalogTerms {
  find(named: Name): Relation | undefined
  /** Whether the result of a function or operator may depend on more than its arguments. */
  isOpaque(name: Name, isOperator: boolean): boolean
  /** Relations with samples of rows, texts of statements or counts of changes: the columns that reveal none of it; undefined: all. */
  harmlessColumns(relation: Relation): readonly string[] | undefined
  /** Whether, its other columns apart, errors and plans of what reads this relation reveal nothing either: it lists definitions. */
  definesObjects(relation: Relation): boolean
  /** The relation that lists all others: the columns that reveal how much each stores. */
  storageColumns(relation: Relation): ReadonlySet<string> | undefined
  /** Whether a relation counts what is read from, written to or stored in each relation. */
  isOfStorage(relation: Relation): boolean
  /** Which relations have a row in it says which have rows. */
  isStatistics(relation: Relation): boolean
  /** Whether a function shows what other statements have read or changed, or how much is stored, by its value or also by its rows. */
  countsChanges(name: string): 'value' | 'rows' | undefined
  /** Whether how many rows it has may depend on what other statements have read or changed. */
  countsByRows(relation: Relation): boolean
  /** Where only some of its rows depend on that: which. */
  countingRows(relation: Relation): CountingRows | undefined
  /** Whether a setting counts what statements have read or changed. */
  isCounter(setting: string): boolean
  /** What a system column (negative attribute number) reveals of its row. */
  systemColumn(attribute: number): SystemColumn
}

/** What is the same in all rows of a relation that depend on what statements have read or changed. */
export interface CountingRows {
  /** Columns that are NULL in them. */
  readonly empty: ReadonlySet<string>
  /** Columns that are true in them. */
  readonly true: ReadonlySet<string>
  /** By column, values that it has in other rows only. */
  readonly never: ReadonlyMap<string, ReadonlySet<string>>
}

/** What the server computes from several columns of a row when one is written, or the row is read, and reveals by an error. */
export interface Tie {
  readonly kind: TieKind
  /** The relation's own columns in it, by name. */
  readonly own: ReadonlySet<string>
  /** Columns of other relations, as object id and name; no name: whether rows exist, whatever their values. */
  readonly others: readonly (readonly [number, string])[]
}

export type TieKind =
  /** A CHECK, or the expression or predicate of an index. */
  | 'check'
  /** A unique index or exclusion constraint: compares with other rows. */
  | 'unique'
  /** A foreign key: looks for a row of the other relation. */
  | 'references'
  /** A row security policy: filters rows that are read or written. */
  | 'policy'
  /** A trigger whose function is the system's own, such as suppress_redundant_updates_trigger(). */
  | 'trigger'
  /** What decides that a row is in this relation: the partition key, or an inheritance child's own CHECK constraints. */
  | 'partition'
  /** The key of partitions that are not relations of their own. */
  | 'parts'
  /** The index that its rows were clustered by. */
  | 'clustered'
  /** The predicate of a partial index: whether the index grows reveals something of a row. */
  | 'partial'
