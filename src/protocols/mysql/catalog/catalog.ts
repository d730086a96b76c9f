import type { Name } from '../../../sql/query.ts'
import type { RelationCatalog } from '../../../sql/catalog.ts'
import type { DefinitionTrees } from '../../../sql/masking/masking-scope.ts'
import type { ServerVersion } from '../wire/server-version.ts'
import { numberTable } from './number-table.ts'
import type { Relation } from './relation.ts'

/**
 * A target's definitions, as a session with a default database sees them. They are read from information_schema with a fixed list of
 * queries, so they contain what the account can see: a statement that succeeds can name nothing else, except for what runs with the
 * privileges of others (triggers, views), which counts as unknown if it cannot be read.
 */
export interface Catalog extends Definitions, Session {}

/** The definitions that all sessions with a target share. */
export interface Definitions extends RelationCatalog<Relation> {
  readonly server: ServerVersion
  /** lower_case_table_names is not 0: names of databases, tables and their aliases are not case-sensitive. */
  readonly foldsTableNames: boolean
  /** By `keyOf` of database and name. */
  readonly relations: ReadonlyMap<string, Relation>
  /** Databases that the account can see, folded for comparison. */
  readonly databases: ReadonlySet<string>
  /** Digests of the stored functions and procedures that the account can see, by `keyOf` of database and name. */
  readonly routines: ReadonlyMap<string, string>
  /** Stored functions and triggers that the configuration declares safe, by `keyOf` of database and name. */
  readonly safeRoutines: ReadonlySet<string>
  /** Names of all stored functions, in lower case. */
  readonly userFunctions: ReadonlySet<string>
  /** The expressions of views and generated columns. */
  readonly trees: DefinitionTrees
}

/** The state of a session that the meaning of names depends on. */
export interface Session {
  /** The default database. */
  readonly database: string | undefined
  /** Temporary tables of the session, by `keyOf`: each may hide another table of its name, or have been dropped. */
  readonly temporary: ReadonlySet<string>
}

/** The definitions as a session sees them. Sessions that see the same share them, and everything that is derived from them. */
export function inSession(definitions: Definitions, { database, temporary }: Session): Catalog {
  if (temporary.size > 0) return { ...definitions, database, temporary }
  const of = shared.get(definitions) ?? new Map<string | undefined, Catalog>()
  shared.set(definitions, of)
  const known = of.get(database) ?? { ...definitions, database, temporary }
  // Only existing databases are cached: a client can name any number of others.
  if (database === undefined || definitions.databases.has(foldDatabase(database, definitions))) of.set(database, known)
  return known
}
const shared = new WeakMap<Definitions, Map<string | undefined, Catalog>>()

/** The relation that a name in a statement refers to; undefined if there is none: it may not exist, be new, or be a temporary table. */
export function findRelation(catalog: Catalog, named: Name): Relation | undefined {
  const { schema: database = catalog.database, name } = named
  if (database === undefined) return undefined
  const [schema, table] = [foldDatabase(database, catalog), foldTable(database, name, catalog)]
  const hasNumbers =
    catalog.server.flavor === 'mariadb' && catalog.databases.has(schema) && !SYSTEM_DATABASES.has(schema)
  return catalog.relations.get(keyOf(schema, table)) ?? (hasNumbers ? numberTable(schema, table) : undefined)
}

/** Whether a name may refer to a temporary table of the session. */
export function mayBeTemporary(catalog: Catalog, { schema, name }: Name): boolean {
  const database = schema ?? catalog.database
  if (database === undefined) return false
  return catalog.temporary.has(keyOf(foldDatabase(database, catalog), foldTable(database, name, catalog)))
}

/** A database name as it is compared: that of information_schema is case-insensitive in every server. */
export const foldDatabase = (name: string, { foldsTableNames }: Pick<Catalog, 'foldsTableNames'>): string =>
  foldsTableNames || SYSTEM_DATABASES.has(name.toLowerCase()) ? name.toLowerCase() : name

/** A table name as it is compared. */
export const foldTable = (
  database: string,
  name: string,
  { foldsTableNames }: Pick<Catalog, 'foldsTableNames'>,
): string => (foldsTableNames || SYSTEM_DATABASES.has(database.toLowerCase()) ? name.toLowerCase() : name)

export const keyOf = (database: string, name: string): string => JSON.stringify([database, name])

/** The server's own databases. A name that differs from theirs only in case is taken for theirs, whatever else may have it. */
export const SYSTEM_DATABASES: ReadonlySet<string> = new Set([
  'information_schema',
  'performance_schema',
  'mysql',
  'sys',
])

/** Runs one of the gateway's own queries on the target, on another connection than the client's and under the gateway's settings. */
export type Ask = (sql: string) => Promise<readonly (readonly (string | null)[])[]>
