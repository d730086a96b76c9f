export type Row = readonly (string | null)[]

/** What is derived from the catalogs, as rows of text: see `catalog-rows.ts`. */
export interface CatalogRows {
  /** As `server_version_num`; default: the newest. */
  readonly version?: number
  /** Object ids of the reviewed operator families of extensions. */
  readonly families?: readonly Row[]
  /** Object id, schema, name, kind as in `pg_class`. */
  readonly relations: readonly Row[]
  /** From, to, and how: `view`, `opaque`, `counts`, `index`, `related`, `references`, `on delete`, `on delete set`, `on update`. */
  readonly sources: readonly Row[]
  /**
   * Relation, name, number, how it is generated, its user-defined type, its built-in type, object id of the type, whether its collation is
   * user-defined, whether its default may count changes (see `counting-functions.ts`).
   */
  readonly columns: readonly Row[]
  /** View, digest. */
  readonly definitions: readonly Row[]
  /** Relation, column. */
  readonly unique: readonly Row[]
  /** Relation, name of the tie, kind, relation of the column, column. */
  readonly ties: readonly Row[]
  /** Relation, `read` or `write`, what, the function (NULL for a rule), its digest. */
  readonly runs: readonly Row[]
  /** Name of a type, a function that it runs, object id of the type. */
  readonly types: readonly Row[]
  /**
   * Name; `user`, `reviewed` (see `extension-code.ts`), `volatile` or `system`; for the first two, schema, digest, object id, and null if
   * the search path determines what its text refers to.
   */
  readonly functions: readonly Row[]
  /** As `valueTypesOf` expects them. */
  readonly valueTypes: readonly Row[]
  /** Name; `user` or `reviewed`; schema and object id. */
  readonly operators: readonly Row[]
  /**
   * Casts between built-in types that run user-defined code: the target type, the source type (null: any), `e`xplicit, by `a`ssignment or
   * `i`mplicit, the function, object id of the source.
   */
  readonly conversions: readonly Row[]
  /** If there are any such casts: names of the types whose values have no other type as well. */
  readonly plainTypes: readonly Row[]
  /** If built-in types run user-defined code: the built-in functions and operators with their result types. */
  readonly results: readonly Row[]
  /** Event triggers: name, event, tags, the function, its digest. */
  readonly events: readonly Row[]
}

/** The rows of relations whose parts are in the tables. */
export type RelationRows = Pick<
  CatalogRows,
  'relations' | 'sources' | 'columns' | 'definitions' | 'unique' | 'ties' | 'runs'
>

/** The rows of empty catalogs. */
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
