import type { Work } from '../../../shared/slices.ts'
import { FIRST_USER_OID } from './catalog.ts'
import { CLASSES, type TableRow } from './catalog-tables.ts'
import type { TieKind } from '../../../sql/catalog.ts'

/** Rows of: relation, name of the tie, kind, relation of the column, column. */
export function* tieRows(tables: ReadonlyMap<string, ReadonlyMap<string, TableRow>>): Work<Row[]> {
  const all = (name: string): Iterable<TableRow> => tables.get(name)?.values() ?? []
  const columns = yield* namesByNumber(all('pg_attribute'))
  const rows: Row[] = []
  /** `number`: of a column; 0 stands for all of them, as in `pg_depend`. */
  const tie = (relation: Field, name: string, kind: TieKind | 'referenced', of: Field, number: Field): void => {
    const known = columns.get(String(of))
    const names = number === '0' ? [...(known?.values() ?? [])] : [known?.get(String(number))]
    for (const column of names) if (column !== undefined) rows.push([String(relation), name, kind, String(of), column])
  }
  const dependencies = yield* onColumns(all('pg_depend'))

  for (const { oid, conrelid, confrelid, contype, columns: own, referenced } of all('pg_constraint')) {
    yield
    if (conrelid === '0') continue
    if (contype === 'c') for (const number of numbers(own)) tie(conrelid, `c${oid}`, 'check', conrelid, number)
    if (contype !== 'f') continue
    for (const number of numbers(own)) tie(conrelid, `f${oid}`, 'references', conrelid, number)
    for (const number of numbers(referenced)) tie(conrelid, `f${oid}`, 'referenced', confrelid, number)
  }
  for (const { indexrelid, indrelid, unique, computed, columns: keys } of all('pg_index')) {
    yield
    if (unique === null && computed === null) continue
    const kind = unique === null ? 'check' : 'unique'
    for (const number of numbers(keys)) if (number !== '0') tie(indrelid, `i${indexrelid}`, kind, indrelid, number)
    if (computed === null) continue
    for (const { of, number } of dependencies.get(`${CLASSES['pg_class']} ${indexrelid}`) ?? [])
      if (number !== '0') tie(indrelid, `i${indexrelid}`, kind, of, number)
  }
  for (const { oid, polrelid } of all('pg_policy')) {
    yield
    if (tables.get('pg_class')?.get(String(polrelid))?.['secured'] == null) continue
    for (const { of, number, type } of dependencies.get(`${CLASSES['pg_policy']} ${oid}`) ?? [])
      if (number !== '0' || (of === polrelid && type === 'n')) tie(polrelid, `p${oid}`, 'policy', of, number)
  }
  for (const { inhrelid, inhparent } of all('pg_inherits'))
    // The columns of a partition key depend on their own table (PartitionKey, in the server's heap.c).
    for (const { of, number, objsubid, type } of dependencies.get(`${CLASSES['pg_class']} ${inhparent}`) ?? [])
      if (of === inhparent && number === '0' && objsubid !== '0' && type === 'i')
        tie(inhrelid, `k${inhparent}`, 'partition', inhparent, objsubid)
  for (const { oid, tgrelid, tgfoid, internal } of all('pg_trigger')) {
    yield
    if (internal === null && Number(tgfoid) < FIRST_USER_OID) tie(tgrelid, `t${oid}`, 'trigger', tgrelid, '0')
  }
  return rows
}

type Field = string | null | undefined
type Row = readonly (string | null)[]

/** On a column. */
interface Dependency {
  readonly of: Field
  readonly number: Field
  readonly objsubid: Field
  readonly type: Field
}

/** Numbers in a list that is separated by blanks. */
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
