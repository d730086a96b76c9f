import type { Work } from '../../../shared/slices.ts'
import { FIRST_USER_OID } from './catalog.ts'
import { CLASSES, type TableRow } from './catalog-tables.ts'
import type { TieKind } from '../../../sql/catalog.ts'

/**
 * Rows of: relation, name of the tie, kind, relation of the column, column. Each source has a function of its own: as one, it was compiled
 * anew whenever the rows of any of them had something that was not seen before.
 */
export function* tieRows(tables: Tables): Work<Row[]> {
  const columns = yield* namesByNumber(all(tables, 'pg_attribute'))
  const dependencies = yield* onColumns(all(tables, 'pg_depend'))
  const places = yield* placesOf(tables, dependencies)
  const ties = new Ties(columns, dependencies, places)
  yield* addConstraints(ties, tables)
  yield* addIndexes(ties, tables)
  yield* addPolicies(ties, tables)
  yield* addPartitionKeys(ties, places)
  for (const { attrelid, attnum } of yield* requiredHere(tables)) {
    ties.tie(attrelid, `n${attnum}`, 'check', attrelid, attnum)
    ties.placed(attrelid, `n${attnum}`, 'check', attrelid)
  }
  yield* addTriggers(ties, tables)
  return ties.rows
}

/** What is collected: the rows, and what they are found with. */
class Ties {
  readonly rows: Row[] = []
  readonly #columns: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly #dependencies: ReadonlyMap<string, readonly Dependency[]>
  readonly #places: ReadonlyMap<string, readonly Place[]>

  constructor(
    columns: ReadonlyMap<string, ReadonlyMap<string, string>>,
    dependencies: ReadonlyMap<string, readonly Dependency[]>,
    places: ReadonlyMap<string, readonly Place[]>,
  ) {
    this.#columns = columns
    this.#dependencies = dependencies
    this.#places = places
  }

  /** The columns that an object depends on. */
  of(catalog: 'pg_class' | 'pg_policy', oid: Field): readonly Dependency[] {
    return this.#dependencies.get(`${CLASSES[catalog]} ${oid}`) ?? []
  }

  /** `number` is that of a column; 0 means all columns, as in `pg_depend`. */
  tie(relation: Field, name: string, kind: TieKind | 'referenced', of: Field, number: Field): void {
    const known = this.#columns.get(String(of))
    if (number === '0') {
      for (const column of known?.values() ?? []) this.rows.push([String(relation), name, kind, String(of), column])
      return
    }
    const column = known?.get(String(number))
    if (column !== undefined) this.rows.push([String(relation), name, kind, String(of), column])
  }

  /** A result for the rows of this part only, without its siblings, reveals which part a row is in. */
  placed(relation: Field, name: string, kind: TieKind | 'referenced', part: Field): void {
    for (const { of, number } of this.#places.get(String(part)) ?? []) this.tie(relation, name, kind, of, number)
  }
}

function* addConstraints(ties: Ties, tables: Tables): Work<void> {
  for (const { oid, conrelid, confrelid, contype, columns, referenced, local } of all(tables, 'pg_constraint')) {
    yield
    if (conrelid === '0') continue
    if (contype === 'c') for (const number of numbers(columns)) ties.tie(conrelid, `c${oid}`, 'check', conrelid, number)
    if (contype === 'c' && local !== null) ties.placed(conrelid, `c${oid}`, 'check', conrelid)
    if (contype !== 'f') continue
    if (local !== null) ties.placed(conrelid, `f${oid}`, 'references', conrelid)
    ties.placed(conrelid, `f${oid}`, 'referenced', confrelid)
    for (const number of numbers(columns)) ties.tie(conrelid, `f${oid}`, 'references', conrelid, number)
    for (const number of numbers(referenced)) ties.tie(conrelid, `f${oid}`, 'referenced', confrelid, number)
  }
}

function* addIndexes(ties: Ties, tables: Tables): Work<void> {
  const attached = new Set<Field>()
  for (const { inhrelid } of all(tables, 'pg_inherits')) attached.add(inhrelid)
  for (const { indexrelid, indrelid, unique, computed, columns: keys, clustered, predicate } of all(
    tables,
    'pg_index',
  )) {
    yield
    if (clustered !== null) {
      for (const number of numbers(keys))
        if (number !== '0') ties.tie(indrelid, `o${indexrelid}`, 'clustered', indrelid, number)
      for (const { of, number } of ties.of('pg_class', indexrelid))
        if (number !== '0') ties.tie(indrelid, `o${indexrelid}`, 'clustered', of, number)
    }
    for (const number of numbers(predicate)) ties.tie(indrelid, `w${indexrelid}`, 'partial', indrelid, number)
    if (unique === null && computed === null) continue
    const kind = unique === null ? 'check' : 'unique'
    for (const number of numbers(keys)) if (number !== '0') ties.tie(indrelid, `i${indexrelid}`, kind, indrelid, number)
    if (!attached.has(indexrelid)) ties.placed(indrelid, `i${indexrelid}`, kind, indrelid)
    if (computed === null) continue
    for (const { of, number } of ties.of('pg_class', indexrelid))
      if (number !== '0') ties.tie(indrelid, `i${indexrelid}`, kind, of, number)
  }
}

function* addPolicies(ties: Ties, tables: Tables): Work<void> {
  for (const { oid, polrelid, rows: whole, pinned, columns } of all(tables, 'pg_policy')) {
    yield
    if (tables.get('pg_class')?.get(String(polrelid))?.['secured'] == null) continue
    for (const { of, number, type } of ties.of('pg_policy', oid)) {
      // The policy also depends on which rows the other relation has, whichever of its columns are named.
      if (of !== polrelid) ties.rows.push([String(polrelid), `p${oid}`, 'policy', String(of), NO_COLUMN])
      // The relation of a whole-row reference is unknown: dependencies only record columns if there are any.
      if (whole !== null) ties.tie(polrelid, `p${oid}`, 'policy', of, '0')
      else if (number !== '0' || (of === polrelid && type === 'n')) ties.tie(polrelid, `p${oid}`, 'policy', of, number)
    }
    // Which relation a number belongs to is not followed: it may be that of a pinned one.
    for (const of of numbers(pinned))
      for (const number of numbers(columns)) ties.tie(polrelid, `p${oid}`, 'policy', of, number)
  }
}

function* addPartitionKeys(ties: Ties, places: ReadonlyMap<string, readonly Place[]>): Work<void> {
  for (const [relation, keys] of places) {
    yield
    for (const { of, number } of keys) ties.tie(relation, 'k', 'partition', of, number)
  }
}

function* addTriggers(ties: Ties, tables: Tables): Work<void> {
  for (const { oid, tgrelid, tgfoid, internal } of all(tables, 'pg_trigger')) {
    yield
    if (internal === null && Number(tgfoid) < FIRST_USER_OID) ties.tie(tgrelid, `t${oid}`, 'trigger', tgrelid, '0')
  }
}

/**
 * By partition or child, the columns that determine which rows are in it: partition keys of its ancestors, and CHECKs that they do not
 * have.
 */
function* placesOf(tables: Tables, dependencies: ReadonlyMap<string, Dependency[]>): Work<Map<string, Place[]>> {
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
function* requiredHere(tables: Tables): Work<TableRow[]> {
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

function* parentsOf(tables: Tables): Work<Map<string, string[]>> {
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

const all = (tables: Tables, name: string): Iterable<TableRow> => tables.get(name)?.values() ?? []

/** In place of a column: the tie is to the relation as such. */
const NO_COLUMN = ''

type Tables = ReadonlyMap<string, ReadonlyMap<string, TableRow>>
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
