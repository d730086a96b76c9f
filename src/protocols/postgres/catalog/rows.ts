export type Row = readonly (string | null)[]

/** What is made of the catalogs, as rows of text: see `catalog-rows.ts`. */
export interface CatalogRows {
  /** As `server_version_num`; none: of the newest. */
  readonly version?: number
  /** Numbers of operator families that extensions bring and that were reviewed. */
  readonly families?: readonly Row[]
  /** Number, schema, name, kind as `pg_class` says it. */
  readonly relations: readonly Row[]
  /** From, to, and how: `view`, `opaque`, `index`, `related`, `references`, `on delete`, `on delete set`, `on update`. */
  readonly sources: readonly Row[]
  /**
   * Relation, name, number, how it is generated, a user's type of it, the system's type of it, number of the type, whether its collation is a
   * user's.
   */
  readonly columns: readonly Row[]
  /** View, digest. */
  readonly definitions: readonly Row[]
  /** Relation, column. */
  readonly unique: readonly Row[]
  /** Relation, name of the tie, kind, relation of the column, column. */
  readonly ties: readonly Row[]
  /** Relation, `read` or `write`, what, the function (none of a rule), its digest. */
  readonly runs: readonly Row[]
  /** Name of a type, a function that it runs, number of the type. */
  readonly types: readonly Row[]
  /**
   * Name; `user`, `reviewed` (see `extension-code.ts`), `volatile` or `system`; of the first two, schema, digest, number, and null where the
   * search path decides what its text names.
   */
  readonly functions: readonly Row[]
  /** As `valueTypesOf` takes them. */
  readonly valueTypes: readonly Row[]
  /** Name; `user` or `reviewed`; schema and number. */
  readonly operators: readonly Row[]
  /**
   * Casts between types of the system that run code of users: the type that is made, what it is made of (null: anything), `e`xplicit, by
   * `a`ssignment or `i`mplicit, the function, number of the source.
   */
  readonly conversions: readonly Row[]
  /** Where there are any, names of the types that values of are of no other type besides. */
  readonly plainTypes: readonly Row[]
  /** Where types of the system run code of users, its functions and operators with the types of their results. */
  readonly results: readonly Row[]
  /** Event triggers: name, event, tags, the function, its digest. */
  readonly events: readonly Row[]
}

/** What the rows of relations are, of those whose parts are in the tables. */
export type RelationRows = Pick<
  CatalogRows,
  'relations' | 'sources' | 'columns' | 'definitions' | 'unique' | 'ties' | 'runs'
>

/** Of catalogs that hold nothing. */
export const NO_ROWS: CatalogRows = {
  relations: [],
  sources: [],
  columns: [],
  definitions: [],
  unique: [],
  ties: [],
  runs: [],
  types: [],
  functions: [],
  operators: [],
  valueTypes: [],
  conversions: [],
  plainTypes: [],
  results: [],
  events: [],
}
