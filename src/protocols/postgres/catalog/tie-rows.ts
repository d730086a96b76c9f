import type { Work } from '../../../shared/slices.ts'
import { FIRST_USER_OID } from './catalog.ts'
import { CLASSES, type TableRow } from './catalog-tables.ts'
import type { TieKind } from '../../../sql/catalog.ts'

/** Rows of: relation, name of the tie, kind, relation of the column, column. */
export function* tieRows(tables: ReadonlyMap<string, ReadonlyMap<string, TableRow>>): Work<Row[]> {
  const all = (name: string): Iterable<TableRow> => tables.get(name)?.values() ?? []
  const columns = yield* namesByNumber(all('pg_attribute'))
  const rows: Row[] = []
  /** `number` is that of a column; 0 means all columns, as in `pg_depend`. */
  const tie = (relation: Field, name: string, kind: TieKind | 'referenced', of: Field, number: Field): void => {
    const known = columns.get(String(of))
    const names = number === '0' ? [...(known?.values() ?? [])] : [known?.get(String(number))]
    for (const column of names) if (column !== undefined) rows.push([String(relation), name, kind, String(of), column])
  }
  const dependencies = yield* onColumns(all('pg_depend'))
  const places = yield* placesOf(tables, dependencies)
  /** A result for the rows of this part only, without its siblings, reveals which part a row is in. */
  const placed = (relation: Field, name: string, kind: TieKind | 'referenced', part: Field): void => {
    for (const { of, number } of places.get(String(part)) ?? []) tie(relation, name, kind, of, number)
  }
  const attached = new Set<Field>()
  for (const { inhrelid } of all('pg_inherits')) attached.add(inhrelid)

  for (const { oid, conrelid, confrelid, contype, columns: own, referenced, local } of all('pg_constraint')) {
    yield
    if (conrelid === '0') continue
    if (contype === 'c') for (const number of numbers(own)) tie(conrelid, `c${oid}`, 'check', conrelid, number)
    if (contype === 'c' && local !== null) placed(conrelid, `c${oid}`, 'check', conrelid)
    if (contype !== 'f') continue
    if (local !== null) placed(conrelid, `f${oid}`, 'references', conrelid)
    placed(conrelid, `f${oid}`, 'referenced', confrelid)
    for (const number of numbers(own)) tie(conrelid, `f${oid}`, 'references', conrelid, number)
    for (const number of numbers(referenced)) tie(conrelid, `f${oid}`, 'referenced', confrelid, number)
  }
  for (const { indexrelid, indrelid, unique, computed, columns: keys, clustered, predicate } of all('pg_index')) {
    yield
    if (clustered !== null) {
      for (const number of numbers(keys))
        if (number !== '0') tie(indrelid, `o${indexrelid}`, 'clustered', indrelid, number)
      for (const { of, number } of dependencies.get(`${CLASSES['pg_class']} ${indexrelid}`) ?? [])
        if (number !== '0') tie(indrelid, `o${indexrelid}`, 'clustered', of, number)
    }
    for (const number of numbers(predicate)) tie(indrelid, `w${indexrelid}`, 'partial', indrelid, number)
    if (unique === null && computed === null) continue
    const kind = unique === null ? 'check' : 'unique'
    for (const number of numbers(keys)) if (number !== '0') tie(indrelid, `i${indexrelid}`, kind, indrelid, number)
    if (!attached.has(indexrelid)) placed(indrelid, `i${indexrelid}`, kind, indrelid)
    if (computed === null) continue
    for (const { of, number } of dependencies.get(`${CLASSES['pg_class']} ${indexrelid}`) ?? [])
      if (number !== '0') tie(indrelid, `i${indexrelid}`, kind, of, number)
  }
  for (const { oid, polrelid, rows: whole } of all('pg_policy')) {
    yield
    if (tables.get('pg_class')?.get(String(polrelid))?.['secured'] == null) continue
    for (const { of, number, type } of dependencies.get(`${CLASSES['pg_policy']} ${oid}`) ?? []) {
      // The policy also depends on which rows the other relation has, whichever of its columns are named.
      if (of !== polrelid) rows.push([String(polrelid), `p${oid}`, 'policy', String(of), NO_COLUMN])
      // The relation of a whole-row reference is unknown: dependencies only record columns if there are any.
      if (whole !== null) tie(polrelid, `p${oid}`, 'policy', of, '0')
      else if (number !== '0' || (of === polrelid && type === 'n')) tie(polrelid, `p${oid}`, 'policy', of, number)
    }
  }
  for (const [relation, keys] of places) {
    yield
    for (const { of, number } of keys) tie(relation, 'k', 'partition', of, number)
  }
  for (const { attrelid, attnum } of yield* requiredHere(tables)) {
    tie(attrelid, `n${attnum}`, 'check', attrelid, attnum)
    placed(attrelid, `n${attnum}`, 'check', attrelid)
  }
  for (const { oid, tgrelid, tgfoid, internal } of all('pg_trigger')) {
    yield
    if (internal === null && Number(tgfoid) < FIRST_USER_OID) tie(tgrelid, `t${oid}`, 'trigger', tgrelid, '0')
  }
  return rows
}

/**
 * By partition or child, the columns that determine which rows are in it: partition keys of its ancestors, and CHECKs that they do not
 * have.
 */
function* placesOf(
  tables: ReadonlyMap<string, ReadonlyMap<string, TableRow>>,
  dependencies: ReadonlyMap<string, Dependency[]>,
): Work<Map<string, Place[]>> {
  const parents = yield* parentsOf(tables)
  const own = new Map<string, Place[]>()
  const add = (relation: string, place: Place): void => {
    const known = own.get(relation)
    if (known === undefined) own.set(relation, [place])
    else known.push(place)
  }
  const isParent = new Set([...parents.values()].flat())
  for (const [child, above] of parents)
    for (const parent of above) {
      yield
      // The columns of a partition key depend on their own table (PartitionKey, in the server's heap.c).
      for (const { of, number, objsubid, type } of dependencies.get(`${CLASSES['pg_class']} ${parent}`) ?? [])
        if (of === parent && number === '0' && objsubid !== '0' && type === 'i') add(child, { of, number: objsubid })
    }
  for (const { conrelid, contype, columns, local, kept } of tables.get('pg_constraint')?.values() ?? []) {
    yield
    const relation = String(conrelid)
    if (contype !== 'c' || local === null) continue
    if (parents.has(relation) || (kept !== null && isParent.has(relation)))
      for (const number of numbers(columns)) add(relation, { of: relation, number })
  }
  const all = new Map<string, Place[]>()
  for (const relation of new Set([...parents.keys(), ...own.keys()])) {
    const chain = new Set([relation])
    for (const member of chain) {
      yield
      for (const parent of parents.get(member) ?? []) chain.add(parent)
    }
    const places = [...chain].flatMap((member) =>
      member === relation || parents.has(member) ? (own.get(member) ?? []) : [],
    )
    if (places.length > 0) all.set(relation, places)
  }
  return all
}

interface Place {
  readonly of: Field
  readonly number: Field
}

/** Columns that are NOT NULL here, but not in the table through which the rows are read and written. */
function* requiredHere(tables: ReadonlyMap<string, ReadonlyMap<string, TableRow>>): Work<TableRow[]> {
  const parents = yield* parentsOf(tables)
  if (parents.size === 0) return []
  const isParent = new Set([...parents.values()].flat())
  const required = new Set<string>()
  const wanted: TableRow[] = []
  for (const attribute of tables.get('pg_attribute')?.values() ?? []) {
    yield
    const { attrelid, attname, required: isRequired, dropped } = attribute
    if (isRequired === null || dropped !== null) continue
    if (isParent.has(String(attrelid))) required.add(JSON.stringify([attrelid, attname]))
    if (parents.has(String(attrelid))) wanted.push(attribute)
  }
  return wanted.filter(({ attrelid, attname }) =>
    (parents.get(String(attrelid)) ?? []).some((parent) => !required.has(JSON.stringify([parent, attname]))),
  )
}

function* parentsOf(tables: ReadonlyMap<string, ReadonlyMap<string, TableRow>>): Work<Map<string, string[]>> {
  const parents = new Map<string, string[]>()
  for (const { inhrelid, inhparent } of tables.get('pg_inherits')?.values() ?? []) {
    yield
    // Indexes of partitions are parts of indexes as well.
    if (tables.get('pg_index')?.has(String(inhrelid)) === true) continue
    const known = parents.get(String(inhrelid))
    if (known === undefined) parents.set(String(inhrelid), [String(inhparent)])
    else known.push(String(inhparent))
  }
  return parents
}

/** In place of a column: the tie is to the relation as such. */
const NO_COLUMN = ''

type Field = string | null | undefined
type Row = readonly (string | null)[]

/** A dependency on a column. */
interface Dependency {
  readonly of: Field
  readonly number: Field
  readonly objsubid: Field
  readonly type: Field
}

/** The numbers in a list separated by blanks. */
const numbers = (list: Field): string[] => (list ?? '').split(' ').filter((number) => number !== '')

/** By relation, the names of its columns by their numbers. */
function* namesByNumber(attributes: Iterable<TableRow>): Work<Map<string, Map<string, string>>> {
  const relations = new Map<string, Map<string, string>>()
  for (const { attrelid, attnum, attname, dropped } of attributes) {
    yield
    if (dropped !== null) continue
    const known = relations.get(String(attrelid)) ?? new Map<string, string>()
    relations.set(String(attrelid), known)
    known.set(String(attnum), String(attname))
  }
  return relations
}

/** By the class and number of an object, the relations and columns that it depends on. */
function* onColumns(depends: Iterable<TableRow>): Work<Map<string, Dependency[]>> {
  const found = new Map<string, Dependency[]>()
  for (const { classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype } of depends) {
    yield
    if (refclassid !== CLASSES['pg_class']) continue
    const key = `${classid} ${objid}`
    const known = found.get(key) ?? []
    found.set(key, known)
    known.push({ of: refobjid, number: refobjsubid, objsubid, type: deptype })
  }
  return found
}
