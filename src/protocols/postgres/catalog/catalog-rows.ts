import type { CatalogMirror } from './catalog-mirror.ts'
import { inSlices, type Work } from '../../../shared/slices.ts'
import { FIRST_USER_OID, type CatalogRows } from './catalog.ts'
import type { TableRow } from './catalog-tables.ts'
import { reviewedCode } from './extension-code.ts'
import { tieRows } from './tie-rows.ts'
import { whatRuns, type Code } from './what-runs.ts'

type Row = readonly (string | null)[]

/** The system's own objects, which do not change while a server runs. */
export interface SystemRows {
  /** Number, schema, name and kind of its relations. */
  readonly relations: CatalogRows['relations']
  /** Name of each function, and `volatile` or `system`. */
  readonly functions: CatalogRows['functions']
  /** Name of each function and operator, and the type of its result. */
  readonly results: readonly Row[]
  /** As `server_version_num`. */
  readonly version: number
}

/** Asked once for each server. */
export const SYSTEM_QUERIES = {
  version: `select pg_catalog.current_setting('server_version_num')`,
  relations: `select c.oid, n.nspname, c.relname, c.relkind from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace where c.relkind operator(pg_catalog.=) any ('{r,v,m,f,p,S,i,I}'::pg_catalog."char"[]) and c.oid operator(pg_catalog.<) 16384::pg_catalog.oid`,
  functions: `select distinct p.proname, case when p.provolatile operator(pg_catalog.=) 'v' then 'volatile' else 'system' end, null from pg_catalog.pg_proc p where p.oid operator(pg_catalog.<) 16384::pg_catalog.oid`,
  results: `select distinct p.proname, p.prorettype::pg_catalog.text from pg_catalog.pg_proc p where p.oid operator(pg_catalog.<) 16384::pg_catalog.oid union select o.oprname, o.oprresult::pg_catalog.text from pg_catalog.pg_operator o where o.oid operator(pg_catalog.<) 16384::pg_catalog.oid`,
} as const

/** What the copied catalogs mean, in rows of what is asked of them. The same mirror gives the same rows. */
export function rowsOf(mirror: CatalogMirror, system: SystemRows): Promise<CatalogRows> {
  const known = made.get(mirror)
  if (known !== undefined) return known
  const rows = inSlices(join(mirror, system))
  made.set(mirror, rows)
  return rows
}

const made = new WeakMap<CatalogMirror, Promise<CatalogRows>>()

function* join({ tables }: CatalogMirror, system: SystemRows): Work<CatalogRows> {
  const all = (name: string): Iterable<TableRow> => tables.get(name)?.values() ?? []
  const find = (name: string, key: string | null | undefined): TableRow | undefined =>
    tables.get(name)?.get(String(key))
  const schemaOf = (oid: string | null | undefined): string => find('pg_namespace', oid)?.['nspname'] ?? '?'
  const nameOf = (proc: TableRow): string => `${schemaOf(proc['pronamespace'])}.${proc['proname']}`
  const reviewed = reviewedCode(tables)
  const code = yield* whatRuns(tables, nameOf, reviewed.functions)

  const relations: Row[] = [...system.relations]
  for (const { oid, relname, relnamespace, relkind } of all('pg_class')) {
    yield
    if (NAMED_KINDS.has(String(relkind)))
      relations.push([oid ?? '', schemaOf(relnamespace), relname ?? '', relkind ?? ''])
  }

  const rules = new Map<string, TableRow>()
  for (const rule of all('pg_rewrite')) rules.set(String(rule['oid']), rule)
  const sources: Row[] = []
  const viewEdges = new Set<string>()
  for (const { classid, objid, refclassid, refobjid } of all('pg_depend')) {
    yield
    if (classid !== REWRITE) continue
    const view = rules.get(String(objid))?.['ev_class']
    if (view == null) continue
    if (refclassid === CLASS && refobjid !== view) viewEdges.add(`${view} ${refobjid}`)
    // The system's own, too, where the server notes them: they are not those that it is built on.
    if (refclassid === PROC && !reviewed.functions.has(String(refobjid))) viewEdges.add(`${view} opaque`)
  }
  for (const edge of viewEdges) {
    yield
    const [view = '', of = ''] = edge.split(' ')
    sources.push(of === 'opaque' ? [view, '0', 'opaque'] : [view, of, 'view'])
  }
  const runs: Row[] = []
  const run = (
    relation: string | null | undefined,
    when: 'read' | 'write',
    what: string,
    found: readonly Code[],
  ): void => {
    for (const { name, body } of found) runs.push([String(relation), when, what, name, body])
  }
  for (const { oid, ev_class, rulename, digest } of rules.values()) {
    yield
    const found = code.behind('pg_rewrite', oid)
    if (rulename === '_RETURN') {
      run(ev_class, 'read', 'a view', found)
      if (found.length > 0 && !viewEdges.has(`${ev_class} opaque`)) sources.push([String(ev_class), '0', 'opaque'])
    } else {
      runs.push([String(ev_class), 'write', 'a rule', '', `${rulename} ${digest}`])
      run(ev_class, 'read', 'a rule', found)
    }
  }
  for (const { indexrelid, indrelid } of all('pg_index')) {
    yield
    sources.push([String(indexrelid), String(indrelid), 'index'])
    run(indrelid, 'write', 'an index', code.behind('pg_class', indexrelid))
  }
  for (const { inhrelid, inhparent } of all('pg_inherits')) {
    yield
    sources.push([String(inhrelid), String(inhparent), 'related'], [String(inhparent), String(inhrelid), 'related'])
  }
  for (const { oid, conrelid, confrelid, contype, confdeltype, confupdtype } of all('pg_constraint')) {
    yield
    if (conrelid === '0') continue
    run(conrelid, 'write', 'a constraint', code.behind('pg_constraint', oid))
    if (contype !== 'f') continue
    // Its operators compare rows of both.
    run(confrelid, 'write', 'a constraint', code.behind('pg_constraint', oid))
    const edge = (kind: string): unknown => sources.push([String(conrelid), String(confrelid), kind])
    edge('references')
    if (ACTIONS.has(String(confdeltype))) edge('on delete')
    if (ACTIONS.has(String(confupdtype))) edge('on update')
  }
  for (const { oid, tgrelid, tgfoid } of all('pg_trigger')) {
    yield
    run(tgrelid, 'write', 'a trigger', code.behind('pg_proc', tgfoid))
    run(tgrelid, 'write', 'a trigger', code.behind('pg_trigger', oid))
  }
  for (const { oid, polrelid } of all('pg_policy')) run(polrelid, 'read', 'row security', code.behind('pg_policy', oid))
  for (const { oid, stxrelid } of all('pg_statistic_ext')) {
    yield
    run(stxrelid, 'write', 'statistics', code.behind('pg_statistic_ext', oid))
  }
  // Partition keys with their operator classes, servers of foreign tables, types that a table is made of.
  for (const { oid } of all('pg_class')) {
    yield
    run(oid, 'read', 'the definition', code.behind('pg_class', oid))
  }

  const columns: Row[] = []
  const defaults = new Map<string, string>()
  for (const { oid, adrelid, adnum } of all('pg_attrdef')) defaults.set(`${adrelid} ${adnum}`, String(oid))
  const virtual = new Set<string>()
  const usedTypes = new Map<string, { readonly made: readonly Code[]; readonly used: readonly Code[] }>()
  const attributes = [...all('pg_attribute')].filter(({ dropped }) => dropped === null)
  attributes.sort(
    (one, other) =>
      Number(one['attrelid']) - Number(other['attrelid']) || Number(one['attnum']) - Number(other['attnum']),
  )
  for (const { attrelid, attname, attnum, atttypid, attgenerated, collated } of attributes) {
    yield
    const type = find('pg_type', atttypid)
    const isSystem = Number(atttypid) < FIRST_USER_OID
    if (attgenerated === 'v') virtual.add(`${attrelid} ${attnum}`)
    if (find('pg_class', attrelid)?.['relkind'] === 'c') continue
    columns.push([
      attrelid ?? '',
      attname ?? '',
      attnum ?? '',
      attgenerated === '' ? null : `${attgenerated} ${defaults.get(`${attrelid} ${attnum}`)}`,
      null,
      isSystem ? (type?.['typname'] ?? null) : null,
      atttypid ?? '0',
      collated ?? null,
    ])
    let of = usedTypes.get(String(atttypid))
    if (of === undefined) {
      of = { made: code.makes(atttypid), used: code.uses(atttypid) }
      usedTypes.set(String(atttypid), of)
    }
    // Values of the system's own types are made by its own code, but for casts: see `conversions`.
    if (!isSystem) run(attrelid, 'write', `the type ${type?.['typname']}`, of.made)
    run(attrelid, 'read', `the type ${type?.['typname']}`, of.used)
  }
  for (const { oid, adrelid, adnum } of all('pg_attrdef')) {
    yield
    run(adrelid, virtual.has(`${adrelid} ${adnum}`) ? 'read' : 'write', 'a default', code.behind('pg_attrdef', oid))
  }

  const definitions: Row[] = []
  for (const { ev_class, rulename, digest } of rules.values())
    if (rulename === '_RETURN') definitions.push([ev_class ?? '', digest ?? ''])

  const unique: Row[] = []
  for (const { indrelid, unique: isUnique, computed, columns: keys } of all('pg_index')) {
    yield
    if (isUnique === null) continue
    const numbers = new Set(String(keys).split(' '))
    for (const { attrelid, attnum, attname } of attributesOf(attributes, indrelid))
      if (computed !== null || numbers.has(String(attnum))) unique.push([String(attrelid), String(attname)])
  }

  const types: Row[] = []
  for (const { oid, typname } of all('pg_type')) {
    yield
    // Casts between types of the system are no code of these: see `conversions`.
    const found = isUsers(oid) ? [...code.makes(oid), ...code.uses(oid)] : code.uses(oid)
    for (const { name } of found) types.push([String(typname), name, String(oid)])
  }
  const bounds = new Map<string, string | null | undefined>()
  for (const { rngtypid, rngsubtype } of all('pg_range')) bounds.set(String(rngtypid), rngsubtype)
  const valueTypes: Row[] = []
  for (const { oid, typtype, typsend, typelem, typbasetype, sends } of all('pg_type')) {
    yield
    const isDomain = typtype === 'd'
    if (!isDomain && typsend === '0') continue
    valueTypes.push([
      String(oid),
      isDomain ? null : (find('pg_proc', typsend)?.['proname'] ?? sends ?? ''),
      (isDomain ? typbasetype : (bounds.get(String(oid)) ?? typelem)) ?? '0',
      find('pg_type', typelem)?.['typdelim'] ?? null,
    ])
  }
  const conversions: Row[] = []
  for (const { oid, castsource, casttarget, castcontext } of all('pg_cast')) {
    yield
    if (isUsers(castsource) || isUsers(casttarget)) continue
    const [from, to] = [castsource, casttarget].map((type) => find('pg_type', type)?.['typname'] ?? '?')
    for (const { name } of code.behind('pg_cast', oid))
      conversions.push([to ?? null, from ?? null, castcontext ?? null, name, castsource ?? null])
  }
  const plainTypes: Row[] = []
  if (conversions.length > 0) {
    const functions = new Set(conversions.map(([, , , name]) => name ?? null))
    const ofUsers = new Set<string>()
    for (const { oid, typname } of all('pg_type')) if (isUsers(oid)) ofUsers.add(String(typname))
    for (const { oid, typname, typtype } of all('pg_type')) {
      // A row, a domain, an array of them: what is converted is what they are made of.
      const found = isUsers(oid) ? code.converts(oid).map(({ name }) => name) : typtype === 'c' ? functions : []
      for (const name of found) conversions.push([String(typname), null, 'e', name, null])
      if (!isUsers(oid) && PLAIN_TYPES.has(String(typtype)) && !ofUsers.has(String(typname)))
        plainTypes.push([String(typname)])
    }
  }
  // What functions give matters only where a type of the system runs code of users.
  const runsItself = new Set(types.flatMap(([, , oid]) => (isUsers(oid) ? [] : [oid])))
  const results: Row[] =
    conversions.length === 0 && runsItself.size === 0
      ? []
      : system.results.map(([name, oid]): Row => [name ?? null, find('pg_type', oid)?.['typname'] ?? null])
  // What is of a type of an extension names that nowhere.
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
    for (const { name, body } of code.behind('pg_proc', evtfoid))
      events.push([String(evtname), String(evtevent), tags ?? null, name, body])
  }
  return {
    version: system.version,
    relations,
    sources,
    columns,
    definitions,
    unique,
    ties: yield* tieRows(tables),
    runs: distinct(runs),
    types: distinct(types),
    functions: [
      ...system.functions,
      ...[...all('pg_proc')].map((proc): Row => [
        String(proc['proname']),
        reviewed.functions.has(String(proc['oid'])) ? 'reviewed' : 'user',
        schemaOf(proc['pronamespace']),
        String(proc['body']),
        String(proc['oid']),
      ]),
    ],
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

const byRelation = new WeakMap<readonly TableRow[], Map<string, TableRow[]>>()

function attributesOf(attributes: readonly TableRow[], relation: string | null | undefined): readonly TableRow[] {
  let groups = byRelation.get(attributes)
  if (groups === undefined) {
    groups = new Map()
    for (const row of attributes) {
      const list = groups.get(String(row['attrelid']))
      if (list === undefined) groups.set(String(row['attrelid']), [row])
      else list.push(row)
    }
    byRelation.set(attributes, groups)
  }
  return groups.get(String(relation)) ?? []
}

function distinct(rows: readonly Row[]): Row[] {
  return [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()]
}

const isUsers = (oid: string | null | undefined): boolean => Number(oid) >= FIRST_USER_OID
/** Base types, ranges and multiranges: what is of one is of no other type besides. */
const PLAIN_TYPES = new Set(['b', 'r', 'm'])
const NAMED_KINDS = new Set(['r', 'v', 'm', 'f', 'p', 'S', 'i', 'I'])
/** Referential actions that write: CASCADE, SET NULL, SET DEFAULT. */
const ACTIONS = new Set(['c', 'n', 'd'])
const REWRITE = '2618'
const CLASS = '1259'
const PROC = '1255'
