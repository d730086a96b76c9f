import type { Relation as SqlRelation } from '../../../sql/catalog.ts'
import { type ValueTypes } from './value-types.ts'

/**
 * The gateway's view of a target's catalogs: enough to resolve names, to trace masked values, and to know which functions have no effects.
 * Read with a fixed list of queries.
 */
export interface Catalog {
  /** As `server_version_num`. */
  readonly version: number
  /** Schemas searched for an unqualified name, in order, the temporary schema first. */
  readonly searchPath: readonly string[]
  readonly relations: ReadonlyMap<string, Relation>
  readonly byOid: ReadonlyMap<number, Relation>
  /** Names of user-defined functions and operators, whose effects are unknown. */
  readonly userFunctions: ReadonlySet<string>
  /** Digests of the definitions of user-defined functions, by name. */
  readonly bodies: ReadonlyMap<string, readonly string[]>
  readonly userOperators: ReadonlySet<string>
  /** Reviewed objects of extensions, which are as harmless as built-in ones. */
  readonly reviewed: {
    readonly functions: Reviewed
    readonly operators: Reviewed
    readonly families: ReadonlySet<number>
  }
  /** The format of values, by type. */
  readonly valueTypes: ValueTypes
  /** User-defined functions that match the configuration's declaration as safe: `schema.name`, and `name`. */
  readonly safeFunctions: ReadonlySet<string>
  /** Why other listed functions are not trusted: by `schema.name`, and by `name`. */
  readonly distrusted: ReadonlyMap<string, string>
  /** Names of types whose casts, input or checks run user-defined code. */
  readonly userTypes: ReadonlySet<string>
  /** Built-in functions that are volatile: they may have effects, unless listed as harmless. */
  readonly volatileFunctions: ReadonlySet<string>
  readonly systemFunctions: ReadonlySet<string>
  /** Types whose values run user-defined code, by object id: a parameter may have a type that the text does not name. */
  readonly typesByOid: ReadonlyMap<number, string>
  /** Why any statement that evaluates something may run user-defined code. */
  readonly everywhere: readonly string[]
  /** User-defined casts between built-in types, by target type. */
  readonly conversions: ReadonlyMap<string, readonly UserCast[]>
  /** Built-in types that are neither domains nor rows, and whose names are unique. */
  readonly plainTypes: ReadonlySet<string>
  /** If built-in types run user-defined code: the result types of built-in functions and operators, for arrays their element types. */
  readonly results: ReadonlyMap<string, readonly string[]>
  /** The code that runs when definitions change; with tags, only for these commands. */
  readonly eventTriggers: readonly { readonly tags: ReadonlySet<string> | undefined; readonly what: string }[]
}

export interface Reviewed {
  readonly names: ReadonlySet<string>
  readonly oids: ReadonlySet<number>
  /** Whether everything with this name in this schema is reviewed. */
  has(schema: string, name: string): boolean
}

/** A user-defined cast between built-in types, or of the elements of a user-defined type. */
export interface UserCast {
  /** Undefined: from any type. */
  readonly from: { readonly name: string; readonly oid: number } | undefined
  readonly how: 'explicit' | 'assignment' | 'implicit'
  readonly what: string
}

export interface Relation extends SqlRelation {
  /** Object ids of the types of its columns. */
  readonly typeOids: ReadonlyMap<string, number>
  /** Code that runs when it is read or written: user-defined functions, rules. */
  readonly runs: readonly { readonly when: 'read' | 'write'; readonly what: string; readonly body: string }[]
  /** For an index: its table. */
  readonly indexOf: readonly number[]
  /** Tables that change with it, by referential actions or by TRUNCATE … CASCADE. */
  readonly cascades: Readonly<Record<'delete' | 'deleteSets' | 'update' | 'truncate', readonly number[]>>
}

/** The relation that a name in a statement refers to; undefined if there is none (it may not exist, or be new). */
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
  const known = found.get(catalog) ?? new Map<string, Relation>()
  const before = known.get(named.name)
  if (before !== undefined) return before
  for (const schema of catalog.searchPath) {
    const relation = catalog.relations.get(keyOf(schema, named.name))
    if (relation === undefined) continue
    if (known.size === 0) found.set(catalog, known)
    known.set(named.name, relation)
    return relation
  }
  return undefined
}

/** What unqualified names refer to in a catalog, which is never changed; only of names that refer to something, so that there are no more of them than relations. */
const found = new WeakMap<Catalog, Map<string, Relation>>()

/** No name contains the separator: the server's names are C strings. */
export const keyOf = (schema: string, name: string): string => `${schema}\0${name}`
/** FirstNormalObjectId in the server's transam.h: lower ids are those of built-in objects. */
export const FIRST_USER_OID = 16_384
