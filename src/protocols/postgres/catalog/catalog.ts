import { WireError } from '../../../wire/wire-error.ts'
import { atOnce, inSlices, type Work } from '../../../shared/slices.ts'
import { words } from '../../../shared/words.ts'
import type { Relation as SqlRelation } from '../../../sql/catalog.ts'
import { tiesOf } from './ties.ts'
import { valueTypesOf, type ValueTypes } from './value-types.ts'

/** Relations of the system that hold samples of the data or the text of statements, with the columns that tell none of it. */
export const SAMPLE_COLUMNS: Readonly<Record<string, readonly string[]>> = {
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
  /** Functions that somebody wrote and the configuration declares safe: `schema.name`, and `name`. */
  readonly safeFunctions: ReadonlySet<string>
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

/**
 * What these views and generated columns compute: relation, column (none of a view), text, and what tells it from another one. Asked only of those that masking needs: unlike all
 * else it takes locks on them and on what they read, so what somebody is changing is left out. Names are qualified where the search
 * path is `pg_catalog`.
 */
export function definitionTexts(relations: readonly Relation[]): string {
  const values = relations.map(
    ({ oid, viewOf }) => `(${oid}::pg_catalog.oid, '{${[oid, ...viewOf].join(',')}}'::pg_catalog.oid[])`,
  )
  const free = `from (values ${values.join(', ')}) v(id, locks) where not exists (select from pg_catalog.pg_locks l where l.locktype operator(pg_catalog.=) 'relation' and l.mode operator(pg_catalog.=) 'AccessExclusiveLock' and l.granted and l.pid operator(pg_catalog.<>) pg_catalog.pg_backend_pid() and l.relation operator(pg_catalog.=) any (v.locks))`
  return `with free as materialized (select v.id ${free}) select c.oid::pg_catalog.text, null, pg_catalog.pg_get_viewdef(c.oid), (select pg_catalog.md5(r.ev_action::pg_catalog.text) from pg_catalog.pg_rewrite r where r.ev_class operator(pg_catalog.=) c.oid and r.rulename operator(pg_catalog.=) '_RETURN'::pg_catalog.name) from free join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) free.id where c.relkind operator(pg_catalog.=) any ('{v,m}'::pg_catalog."char"[]) union all select a.attrelid::pg_catalog.text, a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid), pg_catalog.concat_ws(' ', a.attgenerated, d.oid) from free join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) free.id join pg_catalog.pg_attrdef d on d.adrelid operator(pg_catalog.=) a.attrelid and d.adnum operator(pg_catalog.=) a.attnum where a.attgenerated operator(pg_catalog.<>) ''::pg_catalog."char"`
}

type Row = readonly (string | null)[]

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
  /** Name; `user`, `reviewed` (see `extension-code.ts`), `volatile` or `system`; of the first two, schema, digest and number. */
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

/**
 * `declaredSafe`: functions (`schema.name`) that whoever runs the gateway has read and calls harmless. Sessions that share
 * their rows share the catalog, too.
 */
export function buildCatalog(
  rows: CatalogRows,
  declaredSafe: readonly string[] = [],
  searchPath: readonly string[] = ASSUMED_PATH,
): Catalog {
  const built = catalogs.get(rows) ?? new Map<string, Catalog>()
  catalogs.set(rows, built)
  const safe = JSON.stringify(declaredSafe)
  const catalog = built.get(safe) ?? atOnce(makeCatalog(rows, declaredSafe))
  built.set(safe, catalog)
  return { ...catalog, searchPath }
}

/** Whether the catalog of these rows is there already. */
export const isPrepared = (rows: CatalogRows, declaredSafe: readonly string[] = []): boolean =>
  catalogs.get(rows)?.has(JSON.stringify(declaredSafe)) === true

/** The same ahead of it, of what may be large: others are served meanwhile. */
export function prepareCatalog(rows: CatalogRows, declaredSafe: readonly string[] = []): Promise<void> {
  const safe = JSON.stringify(declaredSafe)
  const ready = prepared.get(rows) ?? new Map<string, Promise<void>>()
  prepared.set(rows, ready)
  const before = ready.get(safe)
  if (before !== undefined) return before
  const preparing = inSlices(makeCatalog(rows, declaredSafe)).then((catalog) => {
    const built = catalogs.get(rows) ?? new Map<string, Catalog>()
    catalogs.set(rows, built.set(safe, built.get(safe) ?? catalog))
  })
  ready.set(safe, preparing)
  return preparing
}

/** What has changed from some rows to others, which are the same but for these relations and types. */
export interface Renewal {
  /** Numbers of the relations. */
  readonly relations: ReadonlySet<string>
  readonly types: ReadonlySet<string>
  /** Rows of these types that there are now. */
  readonly valueTypes: readonly Row[]
}

/** Makes the catalogs that were made of some rows again of others, as far as they differ. */
export function renewCatalogs(rows: CatalogRows, before: CatalogRows, renewal: Renewal): void {
  const own = new Map<string, Catalog>()
  for (const [safe, catalog] of catalogs.get(before) ?? [])
    own.set(safe, renewed(catalog, rows, JSON.parse(safe) as string[], renewal))
  catalogs.set(rows, own)
  prepared.set(rows, new Map([...own.keys()].map((safe) => [safe, Promise.resolve()])))
}

function renewed(catalog: Catalog, rows: CatalogRows, declaredSafe: readonly string[], renewal: Renewal): Catalog {
  const { relations: changed, types } = renewal
  const isOne = (oid: string | null | undefined): boolean => changed.has(String(oid))
  const own = (all: readonly Row[]): Row[] => all.filter(([oid]) => isOne(oid))
  const made = atOnce(
    makeRelations(
      {
        relations: own(rows.relations),
        sources: rows.sources.filter(([from, to]) => isOne(from) || isOne(to)),
        columns: own(rows.columns),
        definitions: own(rows.definitions),
        unique: own(rows.unique),
        ties: own(rows.ties),
        runs: own(rows.runs),
        types: rows.types,
      },
      declaredSafe,
    ),
  )
  const relations = new Map(catalog.relations)
  const byOid = new Map(catalog.byOid)
  for (const oid of changed) {
    const old = byOid.get(Number(oid))
    if (old === undefined) continue
    byOid.delete(old.oid)
    relations.delete(keyOf(old.schema, old.name.slice(old.schema.length + 1)))
  }
  for (const [key, relation] of made) {
    byOid.set(relation.oid, relation)
    relations.set(key, relation)
  }
  const valueTypes = new Map(catalog.valueTypes)
  for (const oid of types) valueTypes.delete(Number(oid))
  for (const [oid, type] of valueTypesOf(renewal.valueTypes)) valueTypes.set(oid, type)
  const safe = new Set(declaredSafe)
  return {
    ...catalog,
    relations,
    byOid,
    valueTypes,
    userTypes: userTypesOf(rows, safe),
    typesByOid: typesByOidOf(rows, safe),
  }
}

const ASSUMED_PATH = ['pg_catalog', 'public']

const catalogs = new WeakMap<CatalogRows, Map<string, Catalog>>()
const prepared = new WeakMap<CatalogRows, Map<string, Promise<void>>>()

type RelationRows = Pick<
  CatalogRows,
  'relations' | 'sources' | 'columns' | 'definitions' | 'unique' | 'ties' | 'runs' | 'types'
>

/** Each with its own name. */
function* makeRelations(
  rows: RelationRows,
  declaredSafe: readonly string[],
): Work<readonly (readonly [string, Relation])[]> {
  const edges = new Map<string, Map<number, number[]>>()
  for (const [from, to, mark] of rows.sources) {
    yield
    const kind = String(mark)
    const map = edges.get(kind) ?? new Map<number, number[]>()
    edges.set(kind, map)
    // A reference works from the referenced table to the one that refers to it.
    if (kind === 'references' || kind.startsWith('on ')) pushTo(map, Number(to), Number(from))
    else pushTo(map, Number(from), Number(to))
  }
  const edgesOf = (kind: string, oid: number): readonly number[] => edges.get(kind)?.get(oid) ?? []
  const safe = new Set(declaredSafe)
  const columns = yield* group(rows.columns)
  for (const own of columns.values())
    if (own.length > MAX_COLUMNS) throw new WireError('the catalogs: a relation with more columns than there can be')
  const unique = yield* group(rows.unique)
  const ties = tiesOf(rows.ties)
  const runs = yield* group(rows.runs)
  const definitions = new Map(rows.definitions.map(([oid, text]) => [Number(oid), text ?? undefined]))
  const userTypes = userTypesOf(rows, safe)
  const made: (readonly [string, Relation])[] = []
  for (const [oidText, schema, name, kind] of rows.relations) {
    yield
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
      exact: new Set(
        own.flatMap(([, column, , , , type, , collated]) =>
          collated == null && EXACT_TYPES.has(String(type)) ? [String(column)] : [],
        ),
      ),
      typeOids: new Map(own.map(([, column, , , , , oid]) => [String(column), Number(oid ?? 0)])),
      // The system's own views call the system's own functions.
      opaque: edgesOf('opaque', oid).length > 0 && oid >= FIRST_USER_OID,
      foreign: kind === 'f' && !safe.has(`${schema}.${name}`),
      definition: definitions.get(oid),
      generated: new Map(
        own.flatMap(([, column, , generated]) => (generated == null ? [] : [[String(column), generated]])),
      ),
      unique: new Set((unique.get(oid) ?? []).map(([, column]) => String(column))),
      ties: ties.get(oid) ?? [],
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
        deleteSets: edgesOf('on delete set', oid),
        update: edgesOf('on update', oid),
        truncate: edgesOf('references', oid),
      },
    }
    made.push([keyOf(relation.schema, String(name)), relation])
  }
  return made
}

function* makeCatalog(rows: CatalogRows, declaredSafe: readonly string[]): Work<Catalog> {
  const made = yield* makeRelations(rows, declaredSafe)
  const safe = new Set(declaredSafe)
  const functionsOf = (kind: string): Set<string> =>
    new Set(
      rows.functions
        .filter(([name, of, schema]) => of === kind && !(of === 'user' && safe.has(`${schema}.${name}`)))
        .map(([name]) => String(name)),
    )
  const conversions = rows.conversions
    .filter(([, , , called]) => !safe.has(String(called)))
    .map(([to, from, how, called, oid]): [string, UserCast] => [
      String(to),
      {
        from: from == null ? undefined : { name: from, oid: Number(oid) },
        how: how === 'i' ? 'implicit' : how === 'a' ? 'assignment' : 'explicit',
        what: `the ${how === 'i' ? 'implicit ' : ''}cast from ${from ?? 'a part of it'} to ${to} runs ${called}`,
      },
    ])
  return {
    version: rows.version ?? Infinity,
    searchPath: ASSUMED_PATH,
    relations: new Map(made),
    byOid: new Map(made.map(([, relation]) => [relation.oid, relation])),
    userFunctions: functionsOf('user'),
    bodies: bodiesOf(rows),
    safeFunctions: new Set([...safe, ...[...safe].map((name) => name.slice(name.indexOf('.') + 1))]),
    userTypes: userTypesOf(rows, safe),
    volatileFunctions: functionsOf('volatile'),
    systemFunctions: functionsOf('system'),
    userOperators: new Set(rows.operators.filter(([, of]) => of !== 'reviewed').map(([name]) => String(name))),
    reviewed: {
      functions: reviewedOf(rows.functions.map(([name, of, schema, , oid]) => [name, of, schema, oid])),
      operators: reviewedOf(rows.operators),
      families: new Set((rows.families ?? []).map(([oid]) => Number(oid))),
    },
    valueTypes: valueTypesOf(rows.valueTypes),
    typesByOid: typesByOidOf(rows, safe),
    everywhere: conversions.flatMap(([, { how, what }]) => (how === 'implicit' ? [what] : [])),
    conversions: groupBy(conversions),
    plainTypes: new Set(rows.plainTypes.map(([name]) => String(name))),
    results: groupBy(rows.results.map(([name, type]) => [String(name), String(type).replace(/^_/, '')])),
    eventTriggers: rows.events
      .filter(([, , , called]) => !safe.has(String(called)))
      .map(([name, , tags, called]) => ({
        tags: tags == null ? undefined : new Set(tagsOf(tags)),
        what: `the event trigger ${name} runs ${called}`,
      })),
  }
}

const userTypesOf = ({ types }: Pick<CatalogRows, 'types'>, safe: ReadonlySet<string>): ReadonlySet<string> =>
  new Set(types.flatMap(([name, runs]) => (safe.has(String(runs)) ? [] : [String(name)])))
const typesByOidOf = ({ types }: CatalogRows, safe: ReadonlySet<string>): ReadonlyMap<number, string> =>
  new Map(types.flatMap(([name, runs, oid]) => (safe.has(String(runs)) ? [] : [[Number(oid), String(name)]])))

/** From rows of name, `reviewed` or whatever else, schema and number. */
function reviewedOf(rows: readonly (readonly (string | null | undefined)[])[]): Reviewed {
  const own = rows.filter(([, of]) => of === 'reviewed')
  const places = new Set(own.map(([name, , schema]) => keyOf(String(schema), String(name))))
  for (const [name, of, schema] of rows)
    if (of !== 'reviewed' && schema != null) places.delete(keyOf(schema, String(name)))
  return {
    names: new Set(own.map(([name]) => String(name))),
    oids: new Set(own.map(([, , , oid]) => Number(oid))),
    has: (schema, name) => places.has(keyOf(schema, name)),
  }
}

/** `{"CREATE TABLE",DDL}`: tags have no quotes in them. */
const tagsOf = (text: string): string[] => text.replace(/^\{|\}$|"/g, '').split(',')

function bodiesOf(rows: CatalogRows): ReadonlyMap<string, readonly string[]> {
  const bodies = new Map<string, string[]>()
  for (const [name, of, , body] of rows.functions) if (of === 'user') pushTo(bodies, String(name), String(body))
  return bodies
}

function groupBy<T>(pairs: readonly (readonly [string, T])[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const [key, value] of pairs) pushTo(groups, key, value)
  return groups
}

/** Rows by the object id that stands first. */
function* group(rows: readonly Row[]): Work<ReadonlyMap<number, Row[]>> {
  const groups = new Map<number, Row[]>()
  for (const row of rows) {
    yield
    pushTo(groups, Number(row[0]), row)
  }
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

/** Of numeric, float and char equal values may be written differently. */
const EXACT_TYPES = new Set(words('int2 int4 int8 oid bool text varchar name date timestamp timestamptz uuid bytea'))
/** MaxHeapAttributeNumber in the server's htup_details.h. */
const MAX_COLUMNS = 1600
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
    relations: named.map(({ schema, name }, index) => [String(FIRST_USER_OID + index), schema ?? 'public', name]),
    sources: [],
    columns: [],
    definitions: [],
    unique: [],
    ties: [],
    runs: [],
    types: [],
    functions: statements.flatMap(({ functions }) => functions.map(({ name }) => [name, 'system', null])),
    operators: [],
    valueTypes: [],
    conversions: [],
    plainTypes: [],
    results: [],
    events: [],
  })
}

interface Named {
  readonly schema: string | undefined
  readonly name: string
}
