/**
 * What the gateway knows of a target's catalogs: enough to say what a name stands for, where masked values can
 * come from, and which functions have no effect of their own. Read with a fixed list of queries.
 */
export interface Catalog {
  /** Schemas searched for an unqualified name, in order, the temporary schema first. */
  readonly searchPath: readonly string[]
  readonly relations: ReadonlyMap<string, Relation>
  readonly byOid: ReadonlyMap<number, Relation>
  /** Names of functions and operators that somebody defined: what they do is not known. */
  readonly userFunctions: ReadonlySet<string>
  readonly userOperators: ReadonlySet<string>
  /** Functions of the system that are volatile: they may have effects, unless listed as harmless. */
  readonly volatileFunctions: ReadonlySet<string>
  readonly systemFunctions: ReadonlySet<string>
}

export interface Relation {
  readonly oid: number
  /** `schema.name`. */
  readonly name: string
  readonly schema: string
  /** Of a view or materialized view: what its query reads. */
  readonly viewOf: readonly number[]
  /** Parents and children (inheritance, partitions): they show each other's rows. */
  readonly related: readonly number[]
  /** Attribute numbers by column name. */
  readonly columns: ReadonlyMap<string, number>
  /** A view that calls a function somebody wrote: its values can come from anywhere. */
  readonly opaque: boolean
}

/**
 * The queries, in order; each returns rows of text. All names are qualified, nothing of the user's is in them.
 * Columns are read only for the tables that masking names.
 */
export const catalogQueries = {
  searchPath: `select pg_catalog.unnest(pg_catalog.current_schemas(true))`,
  relations: `select c.oid, n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace where c.relkind operator(pg_catalog.=) any ('{r,v,m,f,p,S}'::pg_catalog."char"[])`,
  sources: `select distinct r.ev_class, d.refobjid, 'view' from pg_catalog.pg_depend d join pg_catalog.pg_rewrite r on r.oid operator(pg_catalog.=) d.objid where d.classid operator(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass and r.ev_class operator(pg_catalog.<>) d.refobjid union all select distinct r.ev_class, 0::pg_catalog.oid, 'opaque' from pg_catalog.pg_depend d join pg_catalog.pg_rewrite r on r.oid operator(pg_catalog.=) d.objid where d.classid operator(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass union all select inhrelid, inhparent, 'related' from pg_catalog.pg_inherits union all select inhparent, inhrelid, 'related' from pg_catalog.pg_inherits`,
  columns: `select a.attrelid, a.attname, a.attnum from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) a.attrelid where a.attnum operator(pg_catalog.>) 0 and not a.attisdropped and a.attrelid operator(pg_catalog.>=) 16384::pg_catalog.oid and c.relkind operator(pg_catalog.=) any ('{r,v,m,f,p}'::pg_catalog."char"[])`,
  functions: `select distinct p.proname, case when p.oid operator(pg_catalog.>=) 16384::pg_catalog.oid then 'user' when p.provolatile operator(pg_catalog.=) 'v' then 'volatile' else 'system' end from pg_catalog.pg_proc p`,
  operators: `select distinct o.oprname from pg_catalog.pg_operator o where o.oid operator(pg_catalog.>=) 16384::pg_catalog.oid`,
} as const

export type CatalogRows = Readonly<Record<keyof typeof catalogQueries, readonly (readonly (string | null)[])[]>>

export function buildCatalog(rows: CatalogRows): Catalog {
  const viewOf = new Map<number, number[]>()
  const related = new Map<number, number[]>()
  const opaque = new Set<number>()
  for (const [from, to, mark] of rows.sources) {
    if (mark === 'opaque') opaque.add(Number(from))
    else pushTo(mark === 'view' ? viewOf : related, Number(from), Number(to))
  }
  const columns = new Map<number, Map<string, number>>()
  for (const [oid, name, number] of rows.columns) {
    let known = columns.get(Number(oid))
    if (known === undefined) columns.set(Number(oid), (known = new Map()))
    known.set(String(name), Number(number))
  }
  const byOid = new Map<number, Relation>()
  const relations = new Map<string, Relation>()
  for (const [oidText, schema, name] of rows.relations) {
    const oid = Number(oidText)
    const relation: Relation = {
      oid,
      schema: String(schema),
      name: `${schema}.${name}`,
      viewOf: viewOf.get(oid) ?? [],
      related: related.get(oid) ?? [],
      columns: columns.get(oid) ?? NO_COLUMNS,
      // The system's own views call the system's own functions.
      opaque: opaque.has(oid) && oid >= FIRST_USER_OID,
    }
    byOid.set(oid, relation)
    relations.set(keyOf(relation.schema, String(name)), relation)
  }
  const functionsOf = (kind: string): Set<string> =>
    new Set(rows.functions.filter(([, of]) => of === kind).map(([name]) => String(name)))
  return {
    searchPath: rows.searchPath.map(([schema]) => String(schema)),
    relations,
    byOid,
    userFunctions: functionsOf('user'),
    volatileFunctions: functionsOf('volatile'),
    systemFunctions: functionsOf('system'),
    userOperators: new Set(rows.operators.map(([name]) => String(name))),
  }
}

/** What a name in a statement stands for; undefined where nothing has it (it may not exist, or be new). */
export function findRelation(
  catalog: Catalog,
  named: { schema: string | undefined; name: string },
): Relation | undefined {
  if (named.schema !== undefined) return catalog.relations.get(keyOf(named.schema, named.name))
  for (const schema of catalog.searchPath) {
    const relation = catalog.relations.get(keyOf(schema, named.name))
    if (relation !== undefined) return relation
  }
  return undefined
}

function pushTo(map: Map<number, number[]>, key: number, value: number): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

const keyOf = (schema: string, name: string): string => JSON.stringify([schema, name])
const NO_COLUMNS: ReadonlyMap<string, number> = new Map()
/** FirstNormalObjectId in the server's transam.h: below are the system's own objects. */
const FIRST_USER_OID = 16_384
