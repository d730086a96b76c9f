import { WireError } from '../../../wire/wire-error.ts'
import { words } from '../../../shared/words.ts'
import { valueTypesOf, type ValueTypes } from './value-types.ts'

/** Relations of the system that hold samples of the data or the text of statements, with the columns that tell none of it. */
export const TELLING: Readonly<Record<string, readonly string[]>> = {
  pg_statistic: ['starelid', 'staattnum', 'stainherit'],
  pg_statistic_ext_data: ['stxoid', 'stxdinherit'],
  pg_stats: ['schemaname', 'tablename', 'attname', 'inherited'],
  pg_stats_ext: [
    'schemaname',
    'tablename',
    'statistics_schemaname',
    'statistics_name',
    'statistics_owner',
    'attnames',
    'exprs',
    'kinds',
    'inherited',
  ],
  pg_stats_ext_exprs: [
    'schemaname',
    'tablename',
    'statistics_schemaname',
    'statistics_name',
    'statistics_owner',
    'expr',
    'inherited',
  ],
  pg_largeobject: ['loid', 'pageno'],
  pg_stat_activity: words(`
  datid datname pid leader_pid usesysid usename application_name client_addr client_port client_hostname
  backend_start xact_start query_start state_change wait_event_type wait_event state backend_xid backend_xmin query_id
  backend_type
`),
  pg_cursors: ['name', 'is_holdable', 'is_binary', 'is_scrollable', 'creation_time'],
  pg_prepared_statements: [
    'name',
    'prepare_time',
    'parameter_types',
    'result_types',
    'from_sql',
    'generic_plans',
    'custom_plans',
  ],
}

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
  /** Digests of what functions that somebody wrote do, by name. */
  readonly bodies: ReadonlyMap<string, readonly string[]>
  readonly userOperators: ReadonlySet<string>
  /** How values are written, by type. */
  readonly valueTypes: ValueTypes
  /** Functions that somebody wrote and the configuration declares safe: `schema.name`, and `name`. */
  readonly safeFunctions: ReadonlySet<string>
  /** Names of types whose casts, input or checks run code that somebody wrote. */
  readonly userTypes: ReadonlySet<string>
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
  /** Attribute numbers by column name, in order; empty for the system's own relations. */
  readonly columns: ReadonlyMap<string, number>
  /** Names of their types. */
  readonly types: ReadonlyMap<string, string>
  /** Object ids of their types. */
  readonly typeOids: ReadonlyMap<string, number>
  /** A view that calls a function somebody wrote: its values can come from anywhere. */
  readonly opaque: boolean
  /** A foreign table, which may be any table under another name, this database's own among them. */
  readonly foreign: boolean
  /** Of a view or materialized view: a digest of what it selects. */
  readonly definition: string | undefined
  /** Expressions of generated columns, by column name. */
  readonly generated: ReadonlyMap<string, string>
  /** Columns that belong to a unique index. */
  readonly unique: ReadonlySet<string>
  /** What runs besides when it is read or written: functions that somebody wrote, rules. */
  readonly runs: readonly { readonly when: 'read' | 'write'; readonly what: string; readonly body: string }[]
  /** Of an index: its table. */
  readonly indexOf: readonly number[]
  /** Tables that change with it: by referential actions, and by TRUNCATE … CASCADE. */
  readonly cascades: Readonly<Record<'delete' | 'update' | 'truncate', readonly number[]>>
}

/**
 * The queries, in order; each returns rows of text. All names are qualified, nothing of the user's is in them. `from` is
 * the first object id to read: the system's own objects, below `FIRST_USER_OID`, do not change while it runs.
 */
export const catalogQueries = (from: number) => ({
  searchPath: `select pg_catalog.unnest(pg_catalog.current_schemas(true))`,
  relations: `select c.oid, n.nspname, c.relname, c.relkind from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace where c.relkind operator(pg_catalog.=) any ('{r,v,m,f,p,S,i,I}'::pg_catalog."char"[]) and c.oid operator(pg_catalog.>=) ${from}::pg_catalog.oid`,
  sources: `select distinct r.ev_class, d.refobjid, 'view' from pg_catalog.pg_depend d join pg_catalog.pg_rewrite r on r.oid operator(pg_catalog.=) d.objid where d.classid operator(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass and r.ev_class operator(pg_catalog.<>) d.refobjid union all select distinct r.ev_class, 0::pg_catalog.oid, 'opaque' from pg_catalog.pg_depend d join pg_catalog.pg_rewrite r on r.oid operator(pg_catalog.=) d.objid where d.classid operator(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass union all select indexrelid, indrelid, 'index' from pg_catalog.pg_index where indexrelid operator(pg_catalog.>=) 16384::pg_catalog.oid union all select inhrelid, inhparent, 'related' from pg_catalog.pg_inherits union all select inhparent, inhrelid, 'related' from pg_catalog.pg_inherits union all select conrelid, confrelid, k.kind from pg_catalog.pg_constraint, lateral (select 'references' as kind union all select 'on delete' where confdeltype operator(pg_catalog.=) any ('{c,n,d}'::pg_catalog."char"[]) union all select 'on update' where confupdtype operator(pg_catalog.=) any ('{c,n,d}'::pg_catalog."char"[])) k where contype operator(pg_catalog.=) 'f'::pg_catalog."char"`,
  columns: `select a.attrelid, a.attname, a.attnum, case when a.attgenerated operator(pg_catalog.<>) ''::pg_catalog."char" then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end, case when t.oid operator(pg_catalog.>=) 16384::pg_catalog.oid then t.typname end, case when t.oid operator(pg_catalog.<) 16384::pg_catalog.oid then t.typname end, a.atttypid from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) a.attrelid join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) a.atttypid left join pg_catalog.pg_attrdef d on d.adrelid operator(pg_catalog.=) a.attrelid and d.adnum operator(pg_catalog.=) a.attnum where a.attnum operator(pg_catalog.>) 0 and not a.attisdropped and (a.attrelid operator(pg_catalog.>=) 16384::pg_catalog.oid or c.relname operator(pg_catalog.=) any ('{${Object.keys(TELLING).join(',')}}'::pg_catalog.name[])) and c.relkind operator(pg_catalog.=) any ('{r,v,m,f,p}'::pg_catalog."char"[]) order by a.attrelid, a.attnum`,
  definitions: `select r.ev_class, pg_catalog.md5(r.ev_action::pg_catalog.text) from pg_catalog.pg_rewrite r where r.rulename operator(pg_catalog.=) '_RETURN'::pg_catalog.name and r.ev_class operator(pg_catalog.>=) 16384::pg_catalog.oid`,
  unique: `select distinct i.indrelid, a.attname from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) i.indrelid and a.attnum operator(pg_catalog.>) 0 where (i.indisunique or i.indisexclusion) and i.indrelid operator(pg_catalog.>=) 16384::pg_catalog.oid and (a.attnum operator(pg_catalog.=) any (i.indkey::pg_catalog.int2[]) or i.indexprs is not null or i.indpred is not null)`,
  runs: `with f as (select p.oid, n.nspname operator(pg_catalog.||) '.' operator(pg_catalog.||) p.proname as name, pg_catalog.md5(p.prosrc) as body from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace where p.oid operator(pg_catalog.>=) 16384::pg_catalog.oid) select t.tgrelid, 'write', 'a trigger', f.name, f.body from pg_catalog.pg_trigger t join f on f.oid operator(pg_catalog.=) t.tgfoid where not t.tgisinternal union select r.ev_class, 'write', 'a rule', '', r.rulename::pg_catalog.text from pg_catalog.pg_rewrite r where r.rulename operator(pg_catalog.<>) '_RETURN'::pg_catalog.name and r.ev_class operator(pg_catalog.>=) 16384::pg_catalog.oid union select o.relation, o.at, o.what, f.name, f.body from pg_catalog.pg_depend d join f on f.oid operator(pg_catalog.=) d.refobjid join (select 'pg_catalog.pg_policy'::pg_catalog.regclass as class, oid, polrelid as relation, 'read' as at, 'row security' as what from pg_catalog.pg_policy union all select 'pg_catalog.pg_attrdef'::pg_catalog.regclass, oid, adrelid, 'write', 'a default' from pg_catalog.pg_attrdef union all select 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid, conrelid, 'write', 'a constraint' from pg_catalog.pg_constraint where conrelid operator(pg_catalog.<>) 0::pg_catalog.oid union all select 'pg_catalog.pg_class'::pg_catalog.regclass, indexrelid, indrelid, 'write', 'an index' from pg_catalog.pg_index union all select 'pg_catalog.pg_rewrite'::pg_catalog.regclass, oid, ev_class, 'read', 'a view' from pg_catalog.pg_rewrite) o on o.class operator(pg_catalog.=) d.classid and o.oid operator(pg_catalog.=) d.objid where d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass`,
  types: `with recursive f as (select p.oid, n.nspname operator(pg_catalog.||) '.' operator(pg_catalog.||) p.proname as name from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace where p.oid operator(pg_catalog.>=) 16384::pg_catalog.oid), own as (select t.oid, f.name from f join pg_catalog.pg_cast c on c.castfunc operator(pg_catalog.=) f.oid join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) c.castsource or t.oid operator(pg_catalog.=) c.casttarget where t.oid operator(pg_catalog.>=) 16384::pg_catalog.oid union select t.oid, f.name from f join pg_catalog.pg_type t on t.typinput::pg_catalog.oid operator(pg_catalog.=) f.oid where t.typtype operator(pg_catalog.=) 'b'::pg_catalog."char" and t.oid operator(pg_catalog.>=) 16384::pg_catalog.oid union select k.contypid, f.name from f join pg_catalog.pg_depend d on d.refobjid operator(pg_catalog.=) f.oid and d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass and d.classid operator(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass join pg_catalog.pg_constraint k on k.oid operator(pg_catalog.=) d.objid where k.contypid operator(pg_catalog.<>) 0::pg_catalog.oid), part as (select refobjid as oid, objid as whole from pg_catalog.pg_depend where classid operator(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass and refclassid operator(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass union all select a.atttypid, t.oid from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.typrelid operator(pg_catalog.=) a.attrelid where a.atttypid operator(pg_catalog.>=) 16384::pg_catalog.oid and a.attnum operator(pg_catalog.>) 0 and not a.attisdropped), runs as (select oid, name from own union select part.whole, runs.name from runs join part on part.oid operator(pg_catalog.=) runs.oid) select t.typname, runs.name from runs join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) runs.oid`,
  functions: `select distinct p.proname, case when p.oid operator(pg_catalog.>=) 16384::pg_catalog.oid then 'user' when p.provolatile operator(pg_catalog.=) 'v' then 'volatile' else 'system' end, case when p.oid operator(pg_catalog.>=) 16384::pg_catalog.oid then n.nspname end, case when p.oid operator(pg_catalog.>=) 16384::pg_catalog.oid then pg_catalog.md5(p.prosrc) end from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace where p.oid operator(pg_catalog.>=) ${from}::pg_catalog.oid`,
  valueTypes: `select t.oid, case when t.typtype operator(pg_catalog.<>) 'd'::pg_catalog."char" then p.proname end, case when t.typbasetype operator(pg_catalog.<>) 0::pg_catalog.oid then t.typbasetype when r.rngsubtype is not null then r.rngsubtype else t.typelem end, e.typdelim from pg_catalog.pg_type t left join pg_catalog.pg_proc p on p.oid operator(pg_catalog.=) t.typsend::pg_catalog.oid left join pg_catalog.pg_range r on r.rngtypid operator(pg_catalog.=) t.oid left join pg_catalog.pg_type e on e.oid operator(pg_catalog.=) t.typelem where t.oid operator(pg_catalog.>=) ${from}::pg_catalog.oid and (t.typsend::pg_catalog.oid operator(pg_catalog.<>) 0::pg_catalog.oid or t.typtype operator(pg_catalog.=) 'd'::pg_catalog."char") order by t.oid`,
  operators: `select distinct o.oprname from pg_catalog.pg_operator o where o.oid operator(pg_catalog.>=) 16384::pg_catalog.oid`,
})

/**
 * The SELECT of each of these views. Taken only of those that masking needs: unlike all else it takes locks on them.
 * Names that the search path makes visible are left bare.
 */
export const viewTexts = (oids: readonly number[]): string =>
  `select c.oid, pg_catalog.pg_get_viewdef(c.oid) from pg_catalog.pg_class c where c.oid operator(pg_catalog.=) any ('{${oids.join(',')}}'::pg_catalog.oid[])`

export type CatalogRows = Readonly<
  Record<keyof ReturnType<typeof catalogQueries>, readonly (readonly (string | null)[])[]>
>

/** Rows read again from `FIRST_USER_OID` on, with those of the system that were read before. */
export function withSystemRows(before: CatalogRows, rows: CatalogRows): CatalogRows {
  return {
    ...rows,
    relations: [...before.relations.filter(([oid]) => Number(oid) < FIRST_USER_OID), ...rows.relations],
    functions: [...before.functions.filter(([, of]) => of !== 'user'), ...rows.functions],
    valueTypes: [...before.valueTypes.filter(([oid]) => Number(oid) < FIRST_USER_OID), ...rows.valueTypes],
  }
}

/**
 * `declaredSafe`: functions (`schema.name`) that whoever runs the gateway has read and calls harmless. Sessions that share
 * their rows share the catalog, too.
 */
export function buildCatalog(rows: CatalogRows, declaredSafe: readonly string[] = []): Catalog {
  const built = catalogs.get(rows) ?? new Map<string, Catalog>()
  catalogs.set(rows, built)
  const safe = JSON.stringify(declaredSafe)
  const catalog = built.get(safe) ?? makeCatalog(rows, declaredSafe)
  built.set(safe, catalog)
  return catalog
}

const catalogs = new WeakMap<CatalogRows, Map<string, Catalog>>()

function makeCatalog(rows: CatalogRows, declaredSafe: readonly string[]): Catalog {
  const edges = new Map<string, Map<number, number[]>>()
  for (const [from, to, mark] of rows.sources) {
    const kind = String(mark)
    const map = edges.get(kind) ?? new Map<number, number[]>()
    edges.set(kind, map)
    // A reference works from the referenced table to the one that refers to it.
    if (kind === 'references' || kind.startsWith('on ')) pushTo(map, Number(to), Number(from))
    else pushTo(map, Number(from), Number(to))
  }
  const edgesOf = (kind: string, oid: number): readonly number[] => edges.get(kind)?.get(oid) ?? []
  const safe = new Set(declaredSafe)
  const columns = group(rows.columns)
  for (const own of columns.values())
    if (own.length > MOST_COLUMNS) throw new WireError('the catalogs: a relation with more columns than there can be')
  const unique = group(rows.unique)
  const runs = group(rows.runs)
  const definitions = new Map(rows.definitions.map(([oid, text]) => [Number(oid), text ?? undefined]))
  const userTypes = new Set(rows.types.flatMap(([name, runs]) => (safe.has(String(runs)) ? [] : [String(name)])))
  const byOid = new Map<number, Relation>()
  const relations = new Map<string, Relation>()
  for (const [oidText, schema, name, kind] of rows.relations) {
    const oid = Number(oidText)
    const own = columns.get(oid) ?? []
    const ofUserType = own.flatMap(([, , , , type]) => (type != null && userTypes.has(type) ? [type] : []))
    const relation: Relation = {
      oid,
      schema: String(schema),
      name: `${schema}.${name}`,
      viewOf: edgesOf('view', oid),
      related: edgesOf('related', oid),
      columns: new Map(own.map(([, column, number]) => [String(column), Number(number)])),
      types: new Map(own.flatMap(([, column, , , , type]) => (type == null ? [] : [[String(column), type]]))),
      typeOids: new Map(own.map(([, column, , , , , oid]) => [String(column), Number(oid ?? 0)])),
      // The system's own views call the system's own functions.
      opaque: edgesOf('opaque', oid).length > 0 && oid >= FIRST_USER_OID,
      foreign: kind === 'f' && !safe.has(`${schema}.${name}`),
      definition: definitions.get(oid),
      generated: new Map(
        own.flatMap(([, column, , expression]) => (expression == null ? [] : [[String(column), expression]])),
      ),
      unique: new Set((unique.get(oid) ?? []).map(([, column]) => String(column))),
      runs: [
        ...(runs.get(oid) ?? [])
          .filter(([, , , called]) => !safe.has(String(called)))
          .map(([, when, what, called, body]) => ({
            when: when as 'read' | 'write',
            body: String(body),
            what: called === '' ? `${what} of ${name}` : `${what} of ${name} runs ${called}`,
          })),
        ...ofUserType.map((type) => ({
          when: 'write' as const,
          body: '',
          what: `the type ${type} runs user-defined code`,
        })),
      ],
      indexOf: edgesOf('index', oid),
      cascades: {
        delete: edgesOf('on delete', oid),
        update: edgesOf('on update', oid),
        truncate: edgesOf('references', oid),
      },
    }
    byOid.set(oid, relation)
    relations.set(keyOf(relation.schema, String(name)), relation)
  }
  const functionsOf = (kind: string): Set<string> =>
    new Set(
      rows.functions
        .filter(([name, of, schema]) => of === kind && !(of === 'user' && safe.has(`${schema}.${name}`)))
        .map(([name]) => String(name)),
    )
  return {
    searchPath: rows.searchPath.map(([schema]) => String(schema)),
    relations,
    byOid,
    userFunctions: functionsOf('user'),
    bodies: bodiesOf(rows),
    safeFunctions: new Set([...safe, ...[...safe].map((name) => name.slice(name.indexOf('.') + 1))]),
    userTypes,
    volatileFunctions: functionsOf('volatile'),
    systemFunctions: functionsOf('system'),
    userOperators: new Set(rows.operators.map(([name]) => String(name))),
    valueTypes: valueTypesOf(rows.valueTypes),
  }
}

function bodiesOf(rows: CatalogRows): ReadonlyMap<string, readonly string[]> {
  const bodies = new Map<string, string[]>()
  for (const [name, of, , body] of rows.functions) if (of === 'user') pushTo(bodies, String(name), String(body))
  return bodies
}

/** Rows by the object id that stands first. */
function group(rows: readonly (readonly (string | null)[])[]): ReadonlyMap<number, (readonly (string | null)[])[]> {
  const groups = new Map<number, (readonly (string | null)[])[]>()
  for (const row of rows) pushTo(groups, Number(row[0]), row)
  return groups
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

function pushTo<K, T>(map: Map<K, T[]>, key: K, value: T): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

/** MaxHeapAttributeNumber in the server's htup_details.h. */
const MOST_COLUMNS = 1600
const keyOf = (schema: string, name: string): string => JSON.stringify([schema, name])
/** FirstNormalObjectId in the server's transam.h: below are the system's own objects. */
export const FIRST_USER_OID = 16_384

/** Where there is no target to ask: every relation is a table, of `public` where no schema is named, every function is the system's. */
export function assumedCatalog(
  statements: readonly {
    readonly reads: readonly Named[]
    readonly writes: readonly Named[]
    readonly functions: readonly Named[]
  }[],
): Catalog {
  const named = statements.flatMap(({ reads, writes }) => [...reads, ...writes])
  return buildCatalog({
    searchPath: [['pg_catalog'], ['public']],
    relations: named.map(({ schema, name }, index) => [String(FIRST_USER_OID + index), schema ?? 'public', name]),
    sources: [],
    columns: [],
    definitions: [],
    unique: [],
    runs: [],
    types: [],
    functions: statements.flatMap(({ functions }) => functions.map(({ name }) => [name, 'system', null])),
    operators: [],
    valueTypes: [],
  })
}

interface Named {
  readonly schema: string | undefined
  readonly name: string
}
