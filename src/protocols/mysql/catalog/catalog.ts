import type { Name } from '../../../sql/query.ts'
import type { RelationCatalog } from '../../../sql/catalog.ts'
import type { DefinitionTrees } from '../../../sql/masking/masking-scope.ts'
import type { ServerVersion } from '../wire/server-version.ts'
import { numberTable } from './number-table.ts'
import type { Relation } from './relation.ts'

/**
 * What the gateway knows of a target's definitions, as a session with a default database sees them. Read from information_schema with a
 * fixed list of queries, so it has what the account may see: nothing else can be named by a statement that succeeds, but for
 * what somebody else runs (triggers, views of others), which counts as unknown where it cannot be read.
 */
export interface Catalog extends Definitions, Session {}

/** What all sessions with a target share. */
export interface Definitions extends RelationCatalog<Relation> {
  readonly server: ServerVersion
  /** lower_case_table_names is not 0: names of databases, tables and their aliases are compared without case. */
  readonly foldsTableNames: boolean
  /** By `keyOf` of database and name. */
  readonly relations: ReadonlyMap<string, Relation>
  /** Databases that the account can see, as they are compared. */
  readonly databases: ReadonlySet<string>
  /** Stored functions and procedures that the account may see, by `keyOf` of database and name; the digest of what each does. */
  readonly routines: ReadonlyMap<string, string>
  /** Stored functions and triggers that the configuration declares safe, by `keyOf` of database and name. */
  readonly safeRoutines: ReadonlySet<string>
  /** Names of all stored functions, in lower case. */
  readonly userFunctions: ReadonlySet<string>
  /** What views and generated columns compute. */
  readonly trees: DefinitionTrees
}

/** What the meaning of names depends on besides definitions. */
export interface Session {
  /** The default database. */
  readonly database: string | undefined
  /** Tables that the session has made for itself, by `keyOf`: each may hide another one of its name, or be gone. */
  readonly temporary: ReadonlySet<string>
}

/** The definitions as a session sees them. Those that see the same share it, and what is found out about it. */
export function inSession(definitions: Definitions, { database, temporary }: Session): Catalog {
  if (temporary.size > 0) return { ...definitions, database, temporary }
  const of = shared.get(definitions) ?? new Map<string | undefined, Catalog>()
  shared.set(definitions, of)
  const known = of.get(database) ?? { ...definitions, database, temporary }
  // Only databases that are there are kept: a client can name as many others as it likes.
  if (database === undefined || definitions.databases.has(foldDatabase(database, definitions))) of.set(database, known)
  return known
}
const shared = new WeakMap<Definitions, Map<string | undefined, Catalog>>()

/** What a name in a statement stands for; undefined where nothing has it: it may not exist, be new, or be one of the session's own. */
export function findRelation(catalog: Catalog, named: Name): Relation | undefined {
  const { schema: database = catalog.database, name } = named
  if (database === undefined) return undefined
  const [schema, table] = [foldDatabase(database, catalog), foldTable(database, name, catalog)]
  const hasNumbers =
    catalog.server.flavor === 'mariadb' && catalog.databases.has(schema) && !SYSTEM_DATABASES.has(schema)
  return catalog.relations.get(keyOf(schema, table)) ?? (hasNumbers ? numberTable(schema, table) : undefined)
}

/** Whether a name may stand for a table that the session has made for itself. */
export function mayBeTemporary(catalog: Catalog, { schema, name }: Name): boolean {
  const database = schema ?? catalog.database
  if (database === undefined) return false
  return catalog.temporary.has(keyOf(foldDatabase(database, catalog), foldTable(database, name, catalog)))
}

/** As databases are compared: the name of information_schema has no case in any server. */
export const foldDatabase = (name: string, { foldsTableNames }: Pick<Catalog, 'foldsTableNames'>): string =>
  foldsTableNames || SYSTEM_DATABASES.has(name.toLowerCase()) ? name.toLowerCase() : name

/** As tables are compared. */
export const foldTable = (
  database: string,
  name: string,
  { foldsTableNames }: Pick<Catalog, 'foldsTableNames'>,
): string => (foldsTableNames || SYSTEM_DATABASES.has(database.toLowerCase()) ? name.toLowerCase() : name)

export const keyOf = (database: string, name: string): string => JSON.stringify([database, name])

/** Databases of the server. A name that is theirs but for its case is taken for theirs, whatever else may have it. */
export const SYSTEM_DATABASES: ReadonlySet<string> = new Set([
  'information_schema',
  'performance_schema',
  'mysql',
  'sys',
])

/** Asks the target one of the gateway's own queries, outside of what the client does and under settings of the gateway's. */
export type Ask = (sql: string) => Promise<readonly (readonly (string | null)[])[]>
