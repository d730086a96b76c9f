import { LayeredMap } from '../../../shared/layered-map.ts'
import { atOnce, inSlices, type Work } from '../../../shared/slices.ts'
import { noteGrowth } from '../../../sql/growth.ts'
import { valueTypesOf, type ValueType } from './value-types.ts'
import { type Catalog, type Relation, type Reviewed, type UserCast, keyOf, FIRST_USER_OID } from './catalog.ts'
import { NO_ROWS, type Row, type CatalogRows, type RelationRows } from './rows.ts'
import { safeFunctionsIn } from './safe-functions.ts'
import { makeRelations, userTypesOf, pushTo } from './build-relations.ts'

/**
 * `declaredSafe`: functions that the administrator has reviewed and declares harmless, see `safe-functions.ts`. Sessions that share their
 * rows also share the catalog if their search path is the same.
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
  return withPath(catalog, searchPath)
}

function withPath(catalog: Catalog, searchPath: readonly string[]): Catalog {
  const known = byPath.get(catalog) ?? new Map<string, Catalog>()
  byPath.set(catalog, known)
  const path = JSON.stringify(searchPath)
  const before = known.get(path)
  if (before !== undefined) return before
  if (known.size >= MAX_PATHS) known.clear()
  const made = { ...catalog, searchPath }
  known.set(path, made)
  return made
}

/** Whether the catalog of these rows has been built already. */
export const isPrepared = (rows: CatalogRows, declaredSafe: readonly string[] = []): boolean =>
  catalogs.get(rows)?.has(JSON.stringify(declaredSafe)) === true

/** Builds the catalog in advance, in slices, since it may be large: other sessions are served meanwhile. */
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

/** The difference between two sets of rows, which are the same except for these relations and types. */
export interface Renewal {
  /** Object ids of the relations. */
  readonly relations: ReadonlySet<string>
  readonly types: ReadonlySet<string>
  /** The current rows of these types. */
  readonly valueTypes: readonly Row[]
  /** If all of these relations are new: their rows, which are the only ones that refer to them. */
  readonly made: RelationRows | undefined
}

/** Derives catalogs of new rows from those of earlier rows, as far as they differ. */
export function renewCatalogs(rows: CatalogRows, before: CatalogRows, renewal: Renewal): void {
  const own = new Map<string, Catalog>()
  for (const [safe, catalog] of catalogs.get(before) ?? []) {
    const declaredSafe = JSON.parse(safe) as string[]
    // Relations and types run what is not trusted: if that differs, all of them are looked at.
    if (trusts(rows, declaredSafe) !== trusts(before, declaredSafe)) continue
    const catalogNow = renewed(catalog, rows, declaredSafe, renewal)
    own.set(
      safe,
      rows.functions === before.functions ? catalogNow : { ...catalogNow, ...userFunctionsOf(rows, declaredSafe) },
    )
  }
  catalogs.set(rows, own)
  prepared.set(rows, new Map([...own.keys()].map((safe) => [safe, Promise.resolve()])))
}

/** Names of the functions that are trusted, in one text. */
const trusts = ({ functions }: CatalogRows, declaredSafe: readonly string[]): string =>
  JSON.stringify([...safeFunctionsIn(functions, declaredSafe).trusted].toSorted())

/** What catalogs say about user-defined functions. */
function userFunctionsOf(
  rows: CatalogRows,
  declaredSafe: readonly string[],
): Pick<Catalog, 'userFunctions' | 'bodies' | 'safeFunctions' | 'distrusted'> {
  const { trusted: safe, distrusted } = safeFunctionsIn(rows.functions, declaredSafe)
  const userFunctions = new Set<string>()
  for (const [name, of, schema] of rows.functions)
    if (of === 'user' && !safe.has(`${schema}.${name}`)) userFunctions.add(String(name))
  return {
    userFunctions,
    bodies: bodiesOf(rows),
    safeFunctions: new Set([...safe, ...[...safe].map((name) => name.slice(name.indexOf('.') + 1))]),
    distrusted,
  }
}

function renewed(catalog: Catalog, rows: CatalogRows, declaredSafe: readonly string[], renewal: Renewal): Catalog {
  const { relations: changed, types } = renewal
  const isOne = (oid: string | null | undefined): boolean => changed.has(String(oid))
  const own = (all: readonly Row[]): Row[] => all.filter(([oid]) => isOne(oid))
  const all = renewal.made ?? {
    relations: own(rows.relations),
    sources: rows.sources.filter(([from, to]) => isOne(from) || isOne(to)),
    columns: own(rows.columns),
    definitions: own(rows.definitions),
    unique: own(rows.unique),
    ties: own(rows.ties),
    runs: own(rows.runs),
  }
  const safe = safeFunctionsIn(rows.functions, declaredSafe).trusted
  const made = atOnce(makeRelations({ ...all, types: rows.types }, safe))
  const relations = new Map<string, Relation | undefined>()
  const byOid = new Map<number, Relation | undefined>()
  for (const oid of changed) {
    const old = catalog.byOid.get(Number(oid))
    if (old === undefined) continue
    byOid.set(old.oid, undefined)
    relations.set(keyOf(old.schema, old.name.slice(old.schema.length + 1)), undefined)
  }
  for (const [key, relation] of made) {
    byOid.set(relation.oid, relation)
    relations.set(key, relation)
  }
  const valueTypes = new Map<number, ValueType | undefined>()
  for (const oid of types) valueTypes.set(Number(oid), undefined)
  for (const [oid, type] of valueTypesOf(renewal.valueTypes)) valueTypes.set(oid, type)
  const numbered = LayeredMap.with(catalog.byOid, byOid)
  if (renewal.made !== undefined && numbered !== catalog.byOid)
    noteGrowth(
      numbered,
      catalog.byOid,
      made.map(([, relation]) => relation),
    )
  return {
    ...catalog,
    relations: LayeredMap.with(catalog.relations, relations),
    byOid: numbered,
    valueTypes: LayeredMap.with(catalog.valueTypes, valueTypes),
    userTypes: userTypesOf(rows, safe),
    typesByOid: typesByOidOf(rows, safe),
  }
}

const ASSUMED_PATH = ['pg_catalog', 'public']

const catalogs = new WeakMap<CatalogRows, Map<string, Catalog>>()
/** Each of these catalogs by search path; every session may have another one. */
const byPath = new WeakMap<Catalog, Map<string, Catalog>>()
const MAX_PATHS = 100
const prepared = new WeakMap<CatalogRows, Map<string, Promise<void>>>()

function* makeCatalog(rows: CatalogRows, declaredSafe: readonly string[]): Work<Catalog> {
  const safe = safeFunctionsIn(rows.functions, declaredSafe).trusted
  const made = yield* makeRelations(rows, safe)
  const functions = { volatile: new Set<string>(), system: new Set<string>() }
  for (const [name, of] of rows.functions) if (of === 'volatile' || of === 'system') functions[of].add(String(name))
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
    ...userFunctionsOf(rows, declaredSafe),
    userTypes: userTypesOf(rows, safe),
    volatileFunctions: functions.volatile,
    systemFunctions: functions.system,
    userOperators: new Set(rows.operators.filter(([, of]) => of !== 'reviewed').map(([name]) => String(name))),
    reviewed: {
      functions: reviewedOf(rows.functions, 4),
      operators: reviewedOf(rows.operators, 3),
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
const typesByOidOf = ({ types }: CatalogRows, safe: ReadonlySet<string>): ReadonlyMap<number, string> =>
  new Map(types.flatMap(([name, runs, oid]) => (safe.has(String(runs)) ? [] : [[Number(oid), String(name)]])))

/** From rows of name, `reviewed` or anything else, schema and, at `at`, object id. */
function reviewedOf(rows: readonly Row[], at: number): Reviewed {
  const names = new Set<string>()
  const oids = new Set<number>()
  const places = new Set<string>()
  for (const row of rows) {
    const [name, of, schema] = row
    if (of !== 'reviewed') continue
    names.add(String(name))
    oids.add(Number(row[at]))
    places.add(keyOf(String(schema), String(name)))
  }
  if (places.size > 0)
    for (const [name, of, schema] of rows)
      if (of !== 'reviewed' && schema != null) places.delete(keyOf(schema, String(name)))
  return { names, oids, has: (schema, name) => places.has(keyOf(schema, name)) }
}

/** `{"CREATE TABLE",DDL}`: tags contain no quotes. */
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

/** For use without a target: every relation is a table, in `public` if it is not qualified, and every function is built in. */
export function assumedCatalog(
  statements: readonly {
    readonly reads: readonly Named[]
    readonly writes: readonly Named[]
    readonly functions: readonly Named[]
  }[],
): Catalog {
  const named = statements.flatMap(({ reads, writes }) => [...reads, ...writes])
  return buildCatalog({
    ...NO_ROWS,
    relations: named.map(({ schema, name }, index) => [String(FIRST_USER_OID + index), schema ?? 'public', name]),
    functions: statements.flatMap(({ functions }) => functions.map(({ name }) => [name, 'system', null])),
  })
}

interface Named {
  readonly schema: string | undefined
  readonly name: string
}
