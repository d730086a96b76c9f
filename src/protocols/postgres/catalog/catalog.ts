import type { Relation as SqlRelation } from '../../../sql/catalog.ts'
import { type ValueTypes } from './value-types.ts'

/**
 * What the gateway knows of a target's catalogs: enough to say what a name stands for, where masked values can
 * come from, and which functions have no effect of their own. Read with a fixed list of queries.
 */
export interface Catalog {
  /** As `server_version_num`. */
  readonly version: number
  /** Schemas searched for an unqualified name, in order, the temporary schema first. */
  readonly searchPath: readonly string[]
  readonly relations: ReadonlyMap<string, Relation>
  readonly byOid: ReadonlyMap<number, Relation>
  /** Names of functions and operators that somebody defined: what they do is not known. */
  readonly userFunctions: ReadonlySet<string>
  /** Digests of what functions that somebody wrote do, by name. */
  readonly bodies: ReadonlyMap<string, readonly string[]>
  readonly userOperators: ReadonlySet<string>
  /** What extensions bring that was reviewed: no more than the system's own. */
  readonly reviewed: {
    readonly functions: Reviewed
    readonly operators: Reviewed
    readonly families: ReadonlySet<number>
  }
  /** How values are written, by type. */
  readonly valueTypes: ValueTypes
  /** Functions that somebody wrote and that are as the configuration declares them safe: `schema.name`, and `name`. */
  readonly safeFunctions: ReadonlySet<string>
  /** Why those that it lists besides are not: by `schema.name`, and by `name`. */
  readonly distrusted: ReadonlyMap<string, string>
  /** Names of types whose casts, input or checks run code that somebody wrote. */
  readonly userTypes: ReadonlySet<string>
  /** Functions of the system that are volatile: they may have effects, unless listed as harmless. */
  readonly volatileFunctions: ReadonlySet<string>
  readonly systemFunctions: ReadonlySet<string>
  /** Types whose values run code that somebody wrote, by number: a parameter may be of one that no text names. */
  readonly typesByOid: ReadonlyMap<number, string>
  /** Why any statement that evaluates something may run code of somebody. */
  readonly everywhere: readonly string[]
  /** By the type that is made, casts of users between types of the system. */
  readonly conversions: ReadonlyMap<string, readonly UserCast[]>
  /** Types of the system that are neither domains nor rows, and whose names nothing else has. */
  readonly plainTypes: ReadonlySet<string>
  /** Where types of the system run code of users: by function or operator of the system, the types of its results, of arrays of their elements. */
  readonly results: ReadonlyMap<string, readonly string[]>
  /** What runs when definitions change; with tags, at these commands only. */
  readonly eventTriggers: readonly { readonly tags: ReadonlySet<string> | undefined; readonly what: string }[]
}

export interface Reviewed {
  readonly names: ReadonlySet<string>
  readonly oids: ReadonlySet<number>
  /** Whether everything that has this name in this schema is reviewed. */
  has(schema: string, name: string): boolean
}

/** A cast that a user has made between types of the system, or of what a type of users is made of. */
export interface UserCast {
  /** Undefined: of anything. */
  readonly from: { readonly name: string; readonly oid: number } | undefined
  readonly how: 'explicit' | 'assignment' | 'implicit'
  readonly what: string
}

export interface Relation extends SqlRelation {
  /** Object ids of the types of its columns. */
  readonly typeOids: ReadonlyMap<string, number>
  /** What runs besides when it is read or written: functions that somebody wrote, rules. */
  readonly runs: readonly { readonly when: 'read' | 'write'; readonly what: string; readonly body: string }[]
  /** Of an index: its table. */
  readonly indexOf: readonly number[]
  /** Tables that change with it: by referential actions, and by TRUNCATE … CASCADE. */
  readonly cascades: Readonly<Record<'delete' | 'deleteSets' | 'update' | 'truncate', readonly number[]>>
}

/** What a name in a statement stands for; undefined where nothing has it (it may not exist, or be new). */
export function findRelation(
  catalog: Catalog,
  named: { schema: string | undefined; name: string },
): Relation | undefined {
  if (named.schema !== undefined) {
    // The session's own temporary schema has a number in its name.
    const own =
      named.schema === 'pg_temp' ? catalog.searchPath.find((schema) => schema.startsWith('pg_temp_')) : undefined
    return catalog.relations.get(keyOf(own ?? named.schema, named.name))
  }
  for (const schema of catalog.searchPath) {
    const relation = catalog.relations.get(keyOf(schema, named.name))
    if (relation !== undefined) return relation
  }
  return undefined
}
export const keyOf = (schema: string, name: string): string => JSON.stringify([schema, name])
/** FirstNormalObjectId in the server's transam.h: below are the system's own objects. */
export const FIRST_USER_OID = 16_384
