import type { Work } from '../../../shared/slices.ts'
import { FIRST_USER_OID } from './catalog.ts'
import type { CatalogRows, RelationRows } from './rows.ts'
import type { TableRow } from './catalog-tables.ts'
import type { ReviewedCode } from './extension-code.ts'
import { tieRows } from './tie-rows.ts'
import { countsChanges, showsStoredForm } from './counting-functions.ts'
import { calledFunctions, type Code, type WhatRuns } from './what-runs.ts'

type Row = readonly (string | null)[]
export type Tables = ReadonlyMap<string, ReadonlyMap<string, TableRow>>

/** What was derived from the copied catalogs, from which a later meaning can be derived. */
export interface Meaning {
  readonly rows: CatalogRows
  readonly code: WhatRuns
  readonly reviewed: ReviewedCode
}

export const schemaIn =
  (tables: Tables) =>
  (oid: string | null | undefined): string =>
    tables.get('pg_namespace')?.get(String(oid))?.['nspname'] ?? '?'
/** A function's schema and name. */
export const nameIn = (tables: Tables): ((proc: TableRow) => string) => {
  const schemaOf = schemaIn(tables)
  return (proc) => `${schemaOf(proc['pronamespace'])}.${proc['proname']}`
}

export function* relationRows(tables: Tables, code: WhatRuns, reviewed: ReviewedCode): Work<RelationRows> {
  const found: Found = { tables, code, rules: new Map(), sources: [], runs: [] }
  for (const rule of all(tables, 'pg_rewrite')) found.rules.set(String(rule['oid']), rule)
  const relations = yield* namedRelations(tables)
  const opaque = yield* readViews(found, reviewed)
  yield* readRules(found, opaque)
  yield* readRelated(found)
  yield* readAttached(found)
  const attributes = attributesInOrder(tables)
  const columns = yield* readColumns(found, attributes)
  const unique = yield* uniqueColumns(tables, attributes)
  const ties = yield* tieRows(tables)
  return {
    relations,
    sources: found.sources,
    columns,
    definitions: definitionsOf(found.rules),
    unique,
    ties,
    runs: distinct(found.runs),
  }
}

/** What is collected about relations: rows of `sources` and `runs`, which several parts add to. */
interface Found {
  readonly tables: Tables
  readonly code: WhatRuns
  /** pg_rewrite, by oid. */
  readonly rules: Map<string, TableRow>
  readonly sources: Row[]
  readonly runs: Row[]
}

const all = (tables: Tables, name: string): Iterable<TableRow> => tables.get(name)?.values() ?? []

function addRuns(
  { runs }: Found,
  relation: string | null | undefined,
  when: 'read' | 'write',
  what: string,
  found: readonly Code[],
): void {
  for (const { name, body } of found) runs.push([String(relation), when, what, name, body])
}

function* namedRelations(tables: Tables): Work<Row[]> {
  const schemaOf = schemaIn(tables)
  const relations: Row[] = []
  for (const { oid, relname, relnamespace, relkind } of all(tables, 'pg_class')) {
    yield
    if (NAMED_KINDS.has(String(relkind)))
      relations.push([oid ?? '', schemaOf(relnamespace), relname ?? '', relkind ?? ''])
  }
  return relations
}

/** Reads the parts of views. Returns the views that call functions. */
function* readViews({ tables, rules, sources }: Found, reviewed: ReviewedCode): Work<ReadonlySet<string>> {
  const edges = new Set<string>()
  const opaque = new Set<string>()
  for (const { classid, objid, refclassid, refobjid } of all(tables, 'pg_depend')) {
    yield
    if (classid !== REWRITE) continue
    const view = rules.get(String(objid))?.['ev_class']
    if (view == null) continue
    if (refclassid === CLASS && refobjid !== view) edges.add(`${view} ${refobjid}`)
    // Built-in functions count as well if the server records them: then they are not pinned.
    if (refclassid === PROC && !reviewed.functions.has(String(refobjid))) {
      edges.add(`${view} opaque`)
      opaque.add(view)
    }
  }
  for (const { ev_class, pinned } of rules.values())
    for (const of of (pinned ?? '').split(' ').filter(Boolean)) edges.add(`${ev_class} ${of}`)
  for (const edge of edges) {
    yield
    const [view = '', of = ''] = edge.split(' ')
    sources.push(of === 'opaque' ? [view, '0', 'opaque'] : [view, of, 'view'])
  }
  return opaque
}

function* readRules(found: Found, opaque: ReadonlySet<string>): Work<void> {
  for (const { oid, ev_class, rulename, digest, calls } of found.rules.values()) {
    yield
    const code = found.code.codeBehind('pg_rewrite', oid)
    if (rulename === '_RETURN') {
      if (isCounting(calls)) found.sources.push([String(ev_class), '0', 'counts'])
      addRuns(found, ev_class, 'read', 'a view', code)
      if (code.length > 0 && !opaque.has(String(ev_class))) found.sources.push([String(ev_class), '0', 'opaque'])
    } else {
      found.runs.push([String(ev_class), 'write', 'a rule', '', `${rulename} ${digest}`])
      addRuns(found, ev_class, 'read', 'a rule', code)
    }
  }
}

/** Indexes, inheritance and partitions, constraints. */
function* readRelated(found: Found): Work<void> {
  const { tables, code, sources } = found
  for (const { indexrelid, indrelid } of all(tables, 'pg_index')) {
    yield
    sources.push([String(indexrelid), String(indrelid), 'index'])
    addRuns(found, indrelid, 'write', 'an index', code.codeBehind('pg_class', indexrelid))
  }
  for (const { inhrelid, inhparent } of all(tables, 'pg_inherits')) {
    yield
    sources.push([String(inhrelid), String(inhparent), 'related'], [String(inhparent), String(inhrelid), 'related'])
  }
  for (const { oid, conrelid, confrelid, contype, confdeltype, confupdtype } of all(tables, 'pg_constraint')) {
    yield
    if (conrelid === '0') continue
    addRuns(found, conrelid, 'write', 'a constraint', code.codeBehind('pg_constraint', oid))
    if (contype !== 'f') continue
    // Its operators compare rows of both tables.
    addRuns(found, confrelid, 'write', 'a constraint', code.codeBehind('pg_constraint', oid))
    const edge = (kind: string): unknown => sources.push([String(conrelid), String(confrelid), kind])
    edge('references')
    if (ACTIONS.has(String(confdeltype))) edge(confdeltype === 'c' ? 'on delete' : 'on delete set')
    if (ACTIONS.has(String(confupdtype))) edge('on update')
  }
}

/** Triggers, row security, statistics, and objects that the definition of a table names. */
function* readAttached(found: Found): Work<void> {
  const { tables, code } = found
  for (const { oid, tgrelid, tgfoid } of all(tables, 'pg_trigger')) {
    yield
    addRuns(found, tgrelid, 'write', 'a trigger', code.codeBehind('pg_proc', tgfoid))
    addRuns(found, tgrelid, 'write', 'a trigger', code.codeBehind('pg_trigger', oid))
  }
  for (const { oid, polrelid } of all(tables, 'pg_policy'))
    addRuns(found, polrelid, 'read', 'row security', code.codeBehind('pg_policy', oid))
  for (const { oid, stxrelid } of all(tables, 'pg_statistic_ext')) {
    yield
    addRuns(found, stxrelid, 'write', 'statistics', code.codeBehind('pg_statistic_ext', oid))
  }
  // Partition keys with their operator classes, servers of foreign tables, types that a table is based on.
  for (const { oid } of all(tables, 'pg_class')) {
    yield
    addRuns(found, oid, 'read', 'the definition', code.codeBehind('pg_class', oid))
  }
}

/** Whether an expression calls a function that may count changes. */
const isCounting = (calls: string | null | undefined): boolean =>
  calledFunctions(calls).some(({ name }) => countsChanges(name, Infinity) !== undefined || showsStoredForm(name))

/** The columns that were not dropped, by relation and number. */
function attributesInOrder(tables: Tables): TableRow[] {
  const attributes: { readonly row: TableRow; readonly place: number }[] = []
  for (const row of all(tables, 'pg_attribute'))
    if (row['dropped'] === null)
      attributes.push({ row, place: Number(row['attrelid']) * MOST_COLUMNS + Number(row['attnum']) })
  return attributes.toSorted((one, other) => one.place - other.place).map(({ row }) => row)
}

function* readColumns(found: Found, attributes: readonly TableRow[]): Work<Row[]> {
  const { tables, code } = found
  const columns: Row[] = []
  const defaults = new Map<string, string>()
  const counting = new Set<string>()
  for (const { oid, adrelid, adnum, calls } of all(tables, 'pg_attrdef')) {
    defaults.set(`${adrelid} ${adnum}`, String(oid))
    if (isCounting(calls)) counting.add(`${adrelid} ${adnum}`)
  }
  const virtual = new Set<string>()
  const usedTypes = new Map<string, { readonly made: readonly Code[]; readonly used: readonly Code[] }>()
  for (const { attrelid, attname, attnum, atttypid, attgenerated, collated } of attributes) {
    yield
    const type = tables.get('pg_type')?.get(String(atttypid))
    const isSystem = Number(atttypid) < FIRST_USER_OID
    if (attgenerated === 'v') virtual.add(`${attrelid} ${attnum}`)
    if (tables.get('pg_class')?.get(String(attrelid))?.['relkind'] === 'c') continue
    columns.push([
      attrelid ?? '',
      attname ?? '',
      attnum ?? '',
      attgenerated === '' ? null : `${attgenerated} ${defaults.get(`${attrelid} ${attnum}`)}`,
      null,
      isSystem ? (type?.['typname'] ?? null) : null,
      atttypid ?? '0',
      collated ?? null,
      counting.has(`${attrelid} ${attnum}`) ? 't' : null,
    ])
    let behind = usedTypes.get(String(atttypid))
    if (behind === undefined) {
      behind = { made: code.makes(atttypid), used: code.uses(atttypid) }
      usedTypes.set(String(atttypid), behind)
    }
    // Built-in code creates values of built-in types, except for casts: see `conversions`.
    if (!isSystem) addRuns(found, attrelid, 'write', `the type ${type?.['typname']}`, behind.made)
    addRuns(found, attrelid, 'read', `the type ${type?.['typname']}`, behind.used)
  }
  for (const { oid, adrelid, adnum } of all(tables, 'pg_attrdef')) {
    yield
    const when = virtual.has(`${adrelid} ${adnum}`) ? 'read' : 'write'
    addRuns(found, adrelid, when, 'a default', code.codeBehind('pg_attrdef', oid))
  }
  return columns
}

/** Digests of the queries of views, by relation. */
function definitionsOf(rules: ReadonlyMap<string, TableRow>): Row[] {
  const definitions: Row[] = []
  for (const { ev_class, rulename, digest } of rules.values())
    if (rulename === '_RETURN') definitions.push([ev_class ?? '', digest ?? ''])
  return definitions
}

function* uniqueColumns(tables: Tables, attributes: readonly TableRow[]): Work<Row[]> {
  const unique: Row[] = []
  for (const { indrelid, unique: isUnique, computed, columns: keys } of all(tables, 'pg_index')) {
    yield
    if (isUnique === null) continue
    const numbers = new Set(String(keys).split(' '))
    for (const { attrelid, attnum, attname } of attributesOf(attributes, indrelid))
      if (computed !== null || numbers.has(String(attnum))) unique.push([String(attrelid), String(attname)])
  }
  return unique
}

/** Those of these types that run code: name, function, object id. */
export function* typeRows(types: Iterable<TableRow>, code: WhatRuns): Work<Row[]> {
  const rows: Row[] = []
  for (const { oid, typname } of types) {
    yield
    // Casts between built-in types are not code of these types: see `conversions`.
    const found = isUsers(oid) ? [...code.makes(oid), ...code.uses(oid)] : code.uses(oid)
    for (const { name } of found) rows.push([String(typname), name, String(oid)])
  }
  return distinct(rows)
}

/** The formats of values of these types, as `valueTypesOf` expects them. */
export function* valueTypeRows(types: Iterable<TableRow>, tables: Tables): Work<Row[]> {
  const bounds = new Map<string, string | null | undefined>()
  for (const { rngtypid, rngsubtype } of tables.get('pg_range')?.values() ?? [])
    bounds.set(String(rngtypid), rngsubtype)
  const rows: Row[] = []
  for (const { oid, typtype, typsend, typelem, typbasetype, sends } of types) {
    yield
    const isDomain = typtype === 'd'
    if (!isDomain && typsend === '0') continue
    rows.push([
      String(oid),
      isDomain ? null : (tables.get('pg_proc')?.get(String(typsend))?.['proname'] ?? sends ?? ''),
      (isDomain ? typbasetype : (bounds.get(String(oid)) ?? typelem)) ?? '0',
      tables.get('pg_type')?.get(String(typelem))?.['typdelim'] ?? null,
    ])
  }
  return rows
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

export function distinct(rows: readonly Row[]): Row[] {
  return [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()]
}

/** More than a relation can have: numbers of columns are 16 bits. */
const MOST_COLUMNS = 65_536
const isUsers = (oid: string | null | undefined): boolean => Number(oid) >= FIRST_USER_OID
const NAMED_KINDS = new Set(['r', 'v', 'm', 'f', 'p', 'S', 'i', 'I'])
/** Referential actions that write: CASCADE, SET NULL, SET DEFAULT. */
const ACTIONS = new Set(['c', 'n', 'd'])
const REWRITE = '2618'
const CLASS = '1259'
const PROC = '1255'
