import type { CatalogMirror, ChangedRows } from './catalog-mirror.ts'
import { inSlices, type Work } from '../../../shared/slices.ts'
import { FIRST_USER_OID } from './catalog.ts'
import type { CatalogRows, RelationRows } from './rows.ts'
import type { TableRow } from './catalog-tables.ts'
import { functionRows } from './function-changes.ts'
import {
  distinct,
  nameIn,
  relationRows,
  schemaIn,
  typeRows,
  valueTypeRows,
  type Meaning,
  type Tables,
} from './relation-rows.ts'
import { renewedMeaning } from './renewed-meaning.ts'
import { reviewedCode, type ReviewedCode } from './extension-code.ts'
import { whatRuns, type WhatRuns } from './what-runs.ts'

type Row = readonly (string | null)[]

/** The system's own objects, which do not change while a server runs. */
export interface SystemRows {
  /** Object id, schema, name and kind of its relations. */
  readonly relations: CatalogRows['relations']
  /** Name of each function, and `volatile` or `system`. */
  readonly functions: CatalogRows['functions']
  /** Name of each function and operator, and the type of its result. */
  readonly results: readonly Row[]
  /** As `server_version_num`. */
  readonly version: number
}

/** Queries that run once for each server. */
export const SYSTEM_QUERIES = {
  version: `select pg_catalog.current_setting('server_version_num')`,
  relations: `select c.oid, n.nspname, c.relname, c.relkind from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace where c.relkind operator(pg_catalog.=) any ('{r,v,m,f,p,S,i,I}'::pg_catalog."char"[]) and c.oid operator(pg_catalog.<) 16384::pg_catalog.oid`,
  functions: `select distinct p.proname, case when p.provolatile operator(pg_catalog.=) 'v' then 'volatile' else 'system' end, null from pg_catalog.pg_proc p where p.oid operator(pg_catalog.<) 16384::pg_catalog.oid`,
  results: `select distinct p.proname, p.prorettype::pg_catalog.text from pg_catalog.pg_proc p where p.oid operator(pg_catalog.<) 16384::pg_catalog.oid union select o.oprname, o.oprresult::pg_catalog.text from pg_catalog.pg_operator o where o.oid operator(pg_catalog.<) 16384::pg_catalog.oid`,
} as const

/** The mirror that preceded another one, and the differences. */
export interface Since {
  readonly before: CatalogMirror
  readonly changed: ReadonlyMap<string, ChangedRows>
}

/**
 * Derives the rows that the gateway works with from the copied catalogs. The same mirror gives the same rows. `since`: if the changes are
 * known and concern only relations, only the rows of those are derived again.
 */
export function rowsOf(mirror: CatalogMirror, system: SystemRows, since?: Since): Promise<CatalogRows> {
  const known = made.get(mirror) ?? meaningOf(mirror, system, since)
  made.set(mirror, known)
  return known.then(({ rows }) => rows)
}

async function meaningOf(mirror: CatalogMirror, system: SystemRows, since: Since | undefined): Promise<Meaning> {
  const before = since && (await made.get(since.before)?.catch(() => undefined))
  const renewed = since && before && renewedMeaning(before, since.before.tables, mirror.tables, since.changed)
  return renewed ?? inSlices(join(mirror, system))
}

const made = new WeakMap<CatalogMirror, Promise<Meaning>>()

function* join({ tables }: CatalogMirror, system: SystemRows): Work<Meaning> {
  const reviewed = reviewedCode(tables)
  const code = yield* whatRuns(tables, nameIn(tables), reviewed.functions)
  const ofRelations = yield* relationRows(tables, code, reviewed)
  const ofOthers = yield* otherRows(tables, system, code, reviewed)
  const relations = [...system.relations, ...ofRelations.relations]
  return { rows: { ...ofRelations, ...ofOthers, relations }, code, reviewed }
}

function* otherRows(
  tables: Tables,
  system: SystemRows,
  code: WhatRuns,
  reviewed: ReviewedCode,
): Work<Omit<CatalogRows, keyof RelationRows>> {
  const all = (name: string): Iterable<TableRow> => tables.get(name)?.values() ?? []
  const find = (name: string, key: string | null | undefined): TableRow | undefined =>
    tables.get(name)?.get(String(key))
  const schemaOf = schemaIn(tables)

  const types = yield* typeRows(all('pg_type'), code)
  const valueTypes = yield* valueTypeRows(all('pg_type'), tables)
  const conversions: Row[] = []
  for (const { oid, castsource, casttarget, castcontext } of all('pg_cast')) {
    yield
    if (isUsers(castsource) || isUsers(casttarget)) continue
    const [from, to] = [castsource, casttarget].map((type) => find('pg_type', type)?.['typname'] ?? '?')
    for (const { name } of code.codeBehind('pg_cast', oid))
      conversions.push([to ?? null, from ?? null, castcontext ?? null, name, castsource ?? null])
  }
  const plainTypes: Row[] = []
  if (conversions.length > 0) {
    const functions = new Set(conversions.map(([, , , name]) => name ?? null))
    const ofUsers = new Set<string>()
    for (const { oid, typname } of all('pg_type')) if (isUsers(oid)) ofUsers.add(String(typname))
    for (const { oid, typname, typtype } of all('pg_type')) {
      // For a row, a domain or an array of these, the elements are converted.
      const found = isUsers(oid) ? code.converts(oid).map(({ name }) => name) : typtype === 'c' ? functions : []
      for (const name of found) conversions.push([String(typname), null, 'e', name, null])
      if (!isUsers(oid) && PLAIN_TYPES.has(String(typtype)) && !ofUsers.has(String(typname)))
        plainTypes.push([String(typname)])
    }
  }
  // The results of functions only matter if a built-in type runs user-defined code.
  const runsItself = new Set(types.flatMap(([, , oid]) => (isUsers(oid) ? [] : [oid])))
  const results: Row[] =
    conversions.length === 0 && runsItself.size === 0
      ? []
      : system.results.map(([name, oid]): Row => [name ?? null, find('pg_type', oid)?.['typname'] ?? null])
  // Functions with a type of an extension do not name it anywhere.
  for (const { oid, proname, prorettype } of all('pg_proc'))
    if (reviewed.functions.has(String(oid)))
      results.push([proname ?? null, find('pg_type', prorettype)?.['typname'] ?? null])
  for (const { oid, oprname, oprresult } of all('pg_operator'))
    if (reviewed.operators.has(String(oid)))
      results.push([oprname ?? null, find('pg_type', oprresult)?.['typname'] ?? null])
  const events: Row[] = []
  for (const { evtname, evtevent, evtfoid, evtenabled, tags } of all('pg_event_trigger')) {
    yield
    if (evtenabled === 'D') continue
    for (const { name, body } of code.codeBehind('pg_proc', evtfoid))
      events.push([String(evtname), String(evtevent), tags ?? null, name, body])
  }
  return {
    version: system.version,
    families: [...reviewed.families].map((oid): Row => [oid]),
    types,
    functions: [...system.functions, ...functionRows(all('pg_proc'), tables, reviewed.functions)],
    valueTypes,
    operators: [...all('pg_operator')].map(({ oid, oprname, oprnamespace }): Row => [
      String(oprname),
      reviewed.operators.has(String(oid)) ? 'reviewed' : 'user',
      schemaOf(oprnamespace),
      String(oid),
    ]),
    conversions: distinct(conversions),
    plainTypes,
    results,
    events,
  }
}

const isUsers = (oid: string | null | undefined): boolean => Number(oid) >= FIRST_USER_OID
/** Base types, ranges and multiranges: their values have no other type as well. */
const PLAIN_TYPES = new Set(['b', 'r', 'm'])
