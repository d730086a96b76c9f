import { LayeredMap } from '../../../shared/layered-map.ts'
import { FIRST_USER_OID } from './catalog.ts'
import {
  nameOfRow,
  unexpectedRows,
  rowOf,
  sameRow,
  valuesOf,
  type AskAll,
  type CatalogMirror,
  type ChangedRows,
  type MirrorReading,
  type RepeatedQuery,
} from './catalog-mirror.ts'
import { CLASSES, catalogTables, type CatalogTable, type TableRow } from './catalog-tables.ts'
import { CATALOG_OF } from './what-runs.ts'

/**
 * Reads only the relations with these names, with their indexes, sequences and all their parts: the cost depends on what was created, not
 * on the size of the catalogs. The rest stays as it was read before. Undefined if that is not enough, and all changes must be read: a
 * relation is part of a tree, is made of something unknown, or replaces another object of its name.
 */
export async function readRelations(
  before: CatalogMirror,
  names: ReadonlySet<string>,
  ask: AskAll,
): Promise<MirrorReading | undefined> {
  const queries = askForRelations(before.version, names)
  return queries && withRelations(before, names, await ask(queries))
}

/** The queries for relations with these names, in one transaction; undefined if these cannot be queried. */
export function askForRelations(version: number, names: ReadonlySet<string>): readonly RepeatedQuery[] | undefined {
  if (names.size > MAX_NAMES || ![...names].every((name) => PLAIN_NAME.test(name))) return undefined
  const sql = queries.get(version) ?? relationsQuery(catalogTables(version))
  queries.set(version, sql)
  return [BY_INDEX, { sql, values: [`{${[...names].join(',')}}`] }]
}

/**
 * A prepared statement keeps its plan, made for the size that the catalogs had then: if they were small, it would read whole catalogs
 * forever. The setting lasts until the transaction ends or its previous value is restored (`SHIELDED`).
 */
const BY_INDEX: RepeatedQuery = {
  sql: `select pg_catalog.set_config('enable_seqscan', $1, true)`,
  values: ['off'],
}

/** By server version. */
const queries = new Map<number, string>()

/** The same as `readRelations`, for the answers to those queries. */
export function withRelations(
  before: CatalogMirror,
  names: ReadonlySet<string>,
  answers: Awaited<ReturnType<AskAll>>,
): MirrorReading | undefined {
  const tables = catalogTables(before.version)
  const [, answer = []] = answers
  if (answer.length > MAX_ROWS) return undefined
  const read = collect(tables, answer)
  if (read.storage !== before.storage || isPartOfTree(read.rows)) return undefined

  const known = new Set<string>()
  const classes = rowsIn(before, 'pg_class')
  for (const oid of read.rows.get('pg_class')?.keys() ?? []) if (classes.has(oid)) known.add(oid)
  for (const [oid] of LayeredMap.withAny(classes, relationName, names)) if (!known.has(oid)) return undefined
  if (hasReplaced(before, known, names, read.rows)) return undefined

  const next = new Map(before.tables)
  const changed = new Map<string, ChangedRows>()
  const gone = partsOfKnown(before, known, read.rows)
  for (const [name, rows] of read.rows) {
    const old = rowsIn(before, name)
    const merged = new Map<string, TableRow | undefined>()
    const others: ChangedRows = { before: [], now: [] }
    for (const [key, row] of rows) {
      const was = old.get(key)
      if (sameRow(was, row)) continue
      merged.set(key, row)
      others.now.push(row)
      if (was !== undefined) others.before.push(was)
    }
    for (const [key, row] of gone.get(name) ?? []) {
      if (rows.has(key)) continue
      merged.set(key, undefined)
      others.before.push(row)
    }
    if (merged.size === 0) continue
    next.set(name, LayeredMap.with(old, merged))
    changed.set(name, others)
  }
  const mirror = { ...before, tables: next }
  return isMadeOfKnown(mirror, changed) ? { mirror, changed } : undefined
}

type Rows = ReadonlyMap<string, TableRow>

function rowsIn({ tables }: CatalogMirror, name: string): Rows {
  const rows = tables.get(name)
  if (rows === undefined) throw new Error(`the mirror has no catalog ${name}`)
  return rows
}

function tableIn(tables: Readonly<Record<string, CatalogTable>>, name: string): CatalogTable {
  const table = tables[name]
  if (table === undefined) throw new Error(`there is no catalog ${name} to read`)
  return table
}

const relationName = ({ relname }: TableRow): string | undefined => relname ?? undefined
const typeName = ({ typname }: TableRow): string | undefined => typname ?? undefined
const indexedRelation = ({ indrelid }: TableRow): string | undefined => indrelid ?? undefined

/**
 * The column that identifies the relation that a row is part of. Partitions and children require reading everything: see `isPartOfTree`.
 */
const PART_OF: Readonly<Record<string, string>> = {
  pg_attribute: 'attrelid',
  pg_attrdef: 'adrelid',
  pg_constraint: 'conrelid',
  pg_index: 'indexrelid',
  pg_rewrite: 'ev_class',
  pg_trigger: 'tgrelid',
  pg_policy: 'polrelid',
  pg_statistic_ext: 'stxrelid',
}
/** Parts that are objects with their own dependencies. */
const OBJECTS = Object.keys(PART_OF).filter((name) => name !== 'pg_attribute' && name !== 'pg_index')

/**
 * One statement: the state, then the rows, by catalog, of the relations with the names in `$1`. Each catalog is looked up only by a column
 * that has an index: OFFSET 0 keeps the planner from choosing another index for other conditions on a row, based on old statistics, and
 * then reading all user-defined objects.
 */
function relationsQuery(tables: Readonly<Record<string, CatalogTable>>): string {
  const matches = (catalog: string, where: string): string =>
    `lateral (select t.ctid, t.* from pg_catalog.${catalog} t where ${where} offset 0) t`
  const isOf = (column: string, value: string): string => `t.${column} operator(pg_catalog.=) ${value}`
  const rowsOf = (name: string, from: string, where: string): string => {
    const table = tableIn(tables, name)
    return `select '${name}', ${nameOfRow(table)}, ${valuesOf(table)} from ${from} cross join ${matches(name, where)} where (${table.where})`
  }
  const classOf = (name: string): string => `${CLASSES[name]}::pg_catalog.oid`
  const columns = 't.oid, t.reltype, t.relnamespace, t.reltoastrelid'
  const named = `select ${columns} from ${matches('pg_class', 't.relname operator(pg_catalog.=) any ($1::pg_catalog.name[])')} where t.oid operator(pg_catalog.>=) ${FIRST_USER_OID}::pg_catalog.oid`
  const indexes = `select t.indexrelid from (select n.oid from n union all select n.reltoastrelid from n) i(oid) cross join ${matches('pg_index', isOf('indrelid', 'i.oid'))}`
  const sequences = `select t.objid from n cross join ${matches('pg_depend', `${isOf('refclassid', classOf('pg_class'))} and ${isOf('refobjid', 'n.oid')}`)} where ${isOf('classid', classOf('pg_class'))} and t.deptype operator(pg_catalog.=) any ('{a,i}'::pg_catalog."char"[])`
  const parts = `select ${columns} from (${indexes} union all ${sequences}) o(oid) cross join ${matches('pg_class', isOf('oid', 'o.oid'))}`
  const types = `select t.oid, t.typarray from a cross join ${matches('pg_type', isOf('oid', 'a.reltype'))}`
  const objects = [
    `select ${classOf('pg_class')}, a.oid from a`,
    `select ${classOf('pg_type')}, y.oid from y`,
    ...OBJECTS.map(
      (name) =>
        `select ${classOf(name)}, t.oid from a cross join ${matches(name, isOf(String(PART_OF[name]), 'a.oid'))}`,
    ),
  ]
  return `with n as materialized (${named}), a as materialized (select n.oid, n.reltype, n.relnamespace, n.reltoastrelid from n union ${parts}), w as materialized (${types}), y as materialized (select w.oid from w union select w.typarray from w) ${[
    `select '', pg_catalog.pg_relation_filenode('pg_catalog.pg_depend'::pg_catalog.regclass)::pg_catalog.text, null`,
    rowsOf('pg_class', 'a', isOf('oid', 'a.oid')),
    rowsOf('pg_namespace', '(select distinct a.relnamespace from a) a', isOf('oid', 'a.relnamespace')),
    rowsOf('pg_type', 'y', isOf('oid', 'y.oid')),
    rowsOf('pg_inherits', 'a', `${isOf('inhrelid', 'a.oid')} or ${isOf('inhparent', 'a.oid')}`),
    ...Object.entries(PART_OF).map(([name, column]) => rowsOf(name, 'a', isOf(column, 'a.oid'))),
    rowsOf(
      'pg_depend',
      `(${objects.join(' union all ')}) o(classid, objid)`,
      `${isOf('classid', 'o.classid')} and ${isOf('objid', 'o.objid')}`,
    ),
  ].join(' union all ')}`
}

/** The rows of that statement; a hostile target may send them in any form. */
function collect(
  tables: Readonly<Record<string, CatalogTable>>,
  answer: readonly (readonly (string | null)[])[],
): { readonly storage: string; readonly rows: ReadonlyMap<string, Map<string, TableRow>> } {
  const rows = new Map(
    ['pg_class', 'pg_namespace', 'pg_type', 'pg_inherits', ...Object.keys(PART_OF), 'pg_depend'].map(
      (name) => [name, new Map<string, TableRow>()] as const,
    ),
  )
  let storage: string | undefined
  for (const [name, first, second] of answer) {
    if (name === '') {
      if (storage !== undefined || first == null) throw unexpectedRows()
      storage = first
      continue
    }
    const of = rows.get(String(name))
    if (of === undefined || first == null || second == null) throw unexpectedRows()
    of.set(first, rowOf(Object.keys(tableIn(tables, String(name)).columns), second))
  }
  if (storage === undefined) throw unexpectedRows()
  return { storage, rows }
}

/** The definition of a partition or a child depends on all its ancestors, and others may have got parts along with it. */
function isPartOfTree(read: ReadonlyMap<string, Rows>): boolean {
  if ((read.get('pg_inherits')?.size ?? 0) > 0) return true
  for (const { relkind } of read.get('pg_class')?.values() ?? []) if (relkind === 'p' || relkind === 'I') return true
  return false
}

/**
 * Whether something with another name has changed: a type that was renamed for a new one (see moveArrayTypeName in the server's pg_type.c),
 * or an index that was removed, since a savepoint's rollback may remove objects with names that the server chose.
 */
function hasReplaced(
  before: CatalogMirror,
  known: ReadonlySet<string>,
  names: ReadonlySet<string>,
  read: ReadonlyMap<string, Rows>,
): boolean {
  const types = read.get('pg_type')
  const typeNames = new Set(names)
  for (const { typname } of types?.values() ?? []) typeNames.add(String(typname))
  for (const [oid] of LayeredMap.withAny(rowsIn(before, 'pg_type'), typeName, typeNames))
    if (types?.has(oid) !== true) return true
  for (const [oid] of LayeredMap.withAny(rowsIn(before, 'pg_index'), indexedRelation, known))
    if (!known.has(oid)) return true
  return false
}

/** The rows of relations that are read again, by catalog: those that were not found have been removed. */
function partsOfKnown(
  before: CatalogMirror,
  known: ReadonlySet<string>,
  read: ReadonlyMap<string, Rows>,
): ReadonlyMap<string, Map<string, TableRow>> {
  const parts = new Map<string, Map<string, TableRow>>()
  if (known.size === 0) return parts
  const objects = new Set([...known].map((oid) => `${CLASSES['pg_class']} ${oid}`))
  const keep = (name: string, isKept: (row: TableRow) => boolean): void => {
    const kept = new Map<string, TableRow>()
    for (const [key, row] of rowsIn(before, name)) if (isKept(row)) kept.set(key, row)
    parts.set(name, kept)
  }
  for (const [name, column] of Object.entries(PART_OF))
    keep(name, (row) => {
      const isPart = known.has(String(row[column]))
      if (isPart && OBJECTS.includes(name)) objects.add(`${CLASSES[name]} ${row['oid']}`)
      return isPart
    })
  for (const oid of read.get('pg_type')?.keys() ?? []) objects.add(`${CLASSES['pg_type']} ${oid}`)
  keep('pg_depend', ({ classid, objid }) => objects.has(`${classid} ${objid}`))
  return parts
}

/** Whether everything that the new rows refer to is known: code behind an object is found through its dependencies. */
function isMadeOfKnown(mirror: CatalogMirror, changed: ReadonlyMap<string, ChangedRows>): boolean {
  const has = (name: string, oid: string | null | undefined): boolean =>
    Number(oid) < FIRST_USER_OID || mirror.tables.get(name)?.has(String(oid)) === true
  const rowsOf = (name: string): readonly TableRow[] => changed.get(name)?.now ?? []
  // The TOAST table of a relation is not copied, and its index depends on it.
  const own = new Set<string>()
  for (const { classid, objid } of rowsOf('pg_depend')) if (classid === CLASSES['pg_class']) own.add(String(objid))
  const isKnown = ({ refclassid, refobjid }: TableRow): boolean =>
    has(String(CATALOG_OF.get(String(refclassid))), refobjid) ||
    (refclassid === CLASSES['pg_class'] && own.has(String(refobjid)))
  return (
    rowsOf('pg_depend').every(isKnown) &&
    rowsOf('pg_attribute').every(({ atttypid }) => has('pg_type', atttypid)) &&
    rowsOf('pg_type').every(({ typelem, typrelid }) => has('pg_type', typelem) && has('pg_class', typrelid)) &&
    rowsOf('pg_class').every(
      ({ relnamespace }) => mirror.tables.get('pg_namespace')?.has(String(relnamespace)) === true,
    )
  )
}

/** Names that need no quotes in an array, which excludes NULL: other names require reading all changes. */
const PLAIN_NAME = /^(?!null$)[A-Za-z_][A-Za-z_0-9]{0,62}$/i
const MAX_NAMES = 100
/** With more rows, all changes are read instead. */
const MAX_ROWS = 5000
