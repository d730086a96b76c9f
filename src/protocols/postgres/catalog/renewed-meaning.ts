import { atOnce } from '../../../shared/slices.ts'
import { FIRST_USER_OID } from './catalog.ts'
import { renewCatalogs } from './build-catalog.ts'
import type { CatalogRows, RelationRows } from './rows.ts'
import type { ChangedRows } from './catalog-mirror.ts'
import { functionChanges, functionsAfter } from './function-changes.ts'
import { nameIn, relationRows, typeRows, valueTypeRows, type Meaning } from './relation-rows.ts'
import { CLASSES, type TableRow } from './catalog-tables.ts'
import { CATALOG_OF, systemCalls } from './what-runs.ts'

type Row = readonly (string | null)[]
type Table = ReadonlyMap<string, TableRow>
type Tables = ReadonlyMap<string, Table>
type Field = string | null | undefined

/**
 * Derives the meaning of catalogs after a change that concerns only some relations, and functions that nothing is made of, from their
 * previous meaning. Only these relations, and those that depend on them by name, are processed. Undefined: something else has changed, or
 * too much; everything must be processed.
 */
export function renewedMeaning(
  { rows, code, reviewed }: Meaning,
  before: Tables,
  now: Tables,
  changed: ReadonlyMap<string, ChangedRows>,
): Meaning | undefined {
  if (changed.size === 0) return { rows, code, reviewed }
  // If built-in types run user-defined code, any type may be affected.
  if (rows.conversions.length > 0) return undefined
  const split = functionChanges(before, now, changed)
  // With the first function, all that may run code is looked for.
  if (split === undefined || (split.functions.size > 0 && !code.hasCode)) return undefined
  const { functions, others } = split
  const found = relationsIn(before, now, others)
  if (found === undefined) return undefined
  const { relations, types } = found
  const areNew = onlyNew(relations, types, before, others)
  const named = areNew ? relations : withDependents(relations, rows, now)
  if (named.size > MAX_RELATIONS) return undefined
  if (!areNew) {
    if (isInTree(named, before, now)) return undefined
    for (const { oid, typrelid, typelem } of now.get('pg_type')?.values() ?? [])
      if (named.has(String(typrelid)) || types.has(String(typelem))) types.add(String(oid))
    for (const { oid, typelem } of now.get('pg_type')?.values() ?? [])
      if (types.has(String(typelem))) types.add(String(oid))
    if (code.hasCode && isUsedElsewhere(types, named, now)) return undefined
  }

  const parts = areNew ? partsOfNew(now, others) : partsOf(named, now)
  const newTypes: TableRow[] = []
  for (const oid of types) {
    const row = now.get('pg_type')?.get(oid)
    if (row !== undefined) newTypes.push(row)
  }
  const depends = changed.get('pg_depend') ?? NOTHING
  const attributes = parts.get('pg_attribute')?.values() ?? []
  const newCode = code.renewed(now, nameIn(now), {
    depends,
    types: { before: types, now: newTypes },
    attributes: [...attributes],
  })
  const made = atOnce(relationRows(parts, newCode, reviewed))
  const ofNamed = (kind: keyof RelationRows): Row[] => made[kind].filter(([oid]) => named.has(String(oid)))
  const own = {
    relations: ofNamed('relations'),
    sources: ofNamed('sources'),
    columns: ofNamed('columns'),
    definitions: ofNamed('definitions'),
    unique: ofNamed('unique'),
    ties: ofNamed('ties'),
    runs: ofNamed('runs'),
  }
  const merge = (kind: keyof RelationRows): Row[] => [
    ...(areNew ? rows[kind] : rows[kind].filter(([oid]) => !named.has(String(oid)))),
    ...own[kind],
  ]
  const without = (all: readonly Row[], at: number): readonly Row[] =>
    areNew ? all : all.filter((row) => !types.has(String(row[at])))
  const valueTypes = atOnce(valueTypeRows(newTypes, now))
  const renewed: CatalogRows = {
    ...rows,
    relations: merge('relations'),
    sources: merge('sources'),
    columns: merge('columns'),
    definitions: merge('definitions'),
    unique: merge('unique'),
    ties: merge('ties'),
    runs: merge('runs'),
    types: code.hasCode ? [...without(rows.types, 2), ...atOnce(typeRows(newTypes, newCode))] : rows.types,
    valueTypes: [...without(rows.valueTypes, 0), ...valueTypes],
    functions: functionsAfter(rows.functions, functions, now),
  }
  renewCatalogs(renewed, rows, { relations: named, types, valueTypes, made: areNew ? own : undefined })
  return { rows: renewed, code: newCode, reviewed }
}

/** The relations and types whose rows have changed; undefined: something else has changed as well. */
function relationsIn(
  before: Tables,
  now: Tables,
  changed: ReadonlyMap<string, ChangedRows>,
): { readonly relations: Set<string>; readonly types: Set<string> } | undefined {
  const relations = new Set<string>()
  const types = new Set<string>()
  const find = (table: string, oid: Field): TableRow | undefined =>
    now.get(table)?.get(String(oid)) ?? before.get(table)?.get(String(oid))
  /** Neither a composite type nor a foreign table, which others may be made of. Relations that are not copied cannot be named. */
  const isPlain = (oid: Field): boolean => {
    if (Number(oid) < FIRST_USER_OID) return false
    const rows = [now, before].map((tables) => tables.get('pg_class')?.get(String(oid)))
    return rows.every((row) => row === undefined || PLAIN_KINDS.has(String(row['relkind'])))
  }
  const isRowType = ({ typtype, typrelid }: TableRow): boolean => typtype === 'c' && isPlain(typrelid)
  const relation = (oid: Field): boolean => {
    if (!isPlain(oid)) return false
    relations.add(String(oid))
    return true
  }
  const type = (row: TableRow): boolean => {
    const element = find('pg_type', row['typelem'])
    const isArray =
      row['typtype'] === 'b' && row['typinput'] === ARRAY_IN && element !== undefined && isRowType(element)
    if (!isArray && !isRowType(row)) return false
    types.add(String(row['oid']))
    return !isRowType(row) || relation(row['typrelid'])
  }
  const dependency = ({ classid, objid, refclassid, deptype }: TableRow): boolean => {
    if (deptype === 'e' || !CATALOG_OF.has(String(refclassid))) return false
    const catalog = String(CATALOG_OF.get(String(classid)))
    if (catalog === 'pg_class') return relation(objid)
    if (catalog === 'pg_type') {
      const row = find('pg_type', objid)
      return row !== undefined && type(row)
    }
    // The server's internal triggers for keys are not copied.
    const row = find(catalog, objid)
    if (row === undefined) return catalog === 'pg_trigger'
    return OF_RELATIONS[catalog]?.(row, relation) === true
  }
  for (const [table, rows] of changed) {
    const all = [...rows.before, ...rows.now]
    // Calls are collected for all objects together.
    if (all.some((row) => systemCalls(table, row['calls']).length > 0)) return undefined
    const isFine =
      table === 'pg_type'
        ? all.every(type)
        : table === 'pg_depend'
          ? all.every(dependency)
          : table === 'pg_namespace'
            ? rows.before.length === 0
            : all.every((row) => OF_RELATIONS[table]?.(row, relation) === true)
    if (!isFine) return undefined
  }
  return { relations, types }
}

/** The relations that a row of a catalog belongs to; false if it belongs to something else. */
const OF_RELATIONS: Readonly<Record<string, (row: TableRow, relation: (oid: Field) => boolean) => boolean>> = {
  pg_class: ({ oid }, relation) => relation(oid),
  pg_attribute: ({ attrelid }, relation) => relation(attrelid),
  pg_attrdef: ({ adrelid }, relation) => relation(adrelid),
  pg_constraint: ({ conrelid, confrelid }, relation) =>
    conrelid !== '0' && relation(conrelid) && (confrelid === '0' || relation(confrelid)),
  pg_index: ({ indexrelid, indrelid }, relation) => relation(indexrelid) && relation(indrelid),
  pg_inherits: ({ inhrelid, inhparent }, relation) => relation(inhrelid) && relation(inhparent),
  pg_rewrite: ({ ev_class }, relation) => relation(ev_class),
  pg_trigger: ({ tgrelid }, relation) => relation(tgrelid),
  pg_policy: ({ polrelid }, relation) => relation(polrelid),
  pg_statistic_ext: ({ stxrelid }, relation) => relation(stxrelid),
}

/**
 * Whether only new relations and their types are concerned, outside any tree: then their definitions are completely among the changed rows,
 * and nothing else can refer to them.
 */
function onlyNew(
  relations: ReadonlySet<string>,
  types: ReadonlySet<string>,
  before: Tables,
  changed: ReadonlyMap<string, ChangedRows>,
): boolean {
  if (changed.has('pg_inherits')) return false
  for (const rows of changed.values()) if (rows.before.length > 0) return false
  const wasThere = (table: string, oids: ReadonlySet<string>): boolean => {
    for (const oid of oids) if (before.get(table)?.has(oid) === true) return true
    return false
  }
  return !wasThere('pg_class', relations) && !wasThere('pg_type', types)
}

/** The same as `partsOf`, if the definitions of these relations are completely among the changed rows. */
function partsOfNew(now: Tables, changed: ReadonlyMap<string, ChangedRows>): Tables {
  const parts = new Map<string, Table>(now)
  const rowsOf = (table: string): readonly TableRow[] => changed.get(table)?.now ?? []
  for (const table of [...Object.keys(PART_OF), 'pg_depend'])
    parts.set(table, new Map(rowsOf(table).map((row, index) => [keyOf(table, row, index), row])))
  const near = new Set<string>()
  for (const { oid } of rowsOf('pg_class')) near.add(String(oid))
  for (const { refclassid, refobjid } of rowsOf('pg_depend'))
    if (refclassid === CLASSES['pg_class']) near.add(String(refobjid))
  const classes = new Map<string, TableRow>()
  const attributes = new Map<string, TableRow>()
  for (const oid of near) {
    const row = now.get('pg_class')?.get(oid)
    if (row !== undefined) classes.set(oid, row)
    // Columns are numbered without gaps, including dropped ones.
    for (let number = 1; ; number++) {
      const key = `${oid} ${number}`
      const attribute = now.get('pg_attribute')?.get(key)
      if (attribute === undefined) break
      attributes.set(key, attribute)
    }
  }
  return parts.set('pg_class', classes).set('pg_attribute', attributes)
}

/** Rows that are looked up by object id keep it; the others only need a unique key. */
const keyOf = (table: string, { oid, indexrelid }: TableRow, index: number): string =>
  String((table === 'pg_index' ? indexrelid : oid) ?? index)

/** These relations, and those whose rows refer to columns of them. */
function withDependents(relations: ReadonlySet<string>, rows: CatalogRows, now: Tables): ReadonlySet<string> {
  const all = new Set(relations)
  for (const [relation, , , of] of rows.ties) if (relations.has(String(of))) all.add(String(relation))
  for (const { inhrelid, inhparent } of now.get('pg_inherits')?.values() ?? [])
    if (relations.has(String(inhparent))) all.add(String(inhrelid))
  return all
}

/**
 * Whether one of these, or a relation that a foreign key ties to it, has parents or children: its definition depends on all its ancestors.
 */
function isInTree(relations: ReadonlySet<string>, before: Tables, now: Tables): boolean {
  const inTree = new Set<string>()
  for (const tables of [before, now])
    for (const { inhrelid, inhparent } of tables.get('pg_inherits')?.values() ?? [])
      inTree.add(String(inhrelid)).add(String(inhparent))
  if (inTree.size === 0) return false
  for (const relation of relations) if (inTree.has(relation)) return true
  for (const { conrelid, confrelid } of now.get('pg_constraint')?.values() ?? [])
    if (
      relations.has(String(conrelid))
        ? inTree.has(String(confrelid))
        : relations.has(String(confrelid)) && inTree.has(String(conrelid))
    )
      return true
  return false
}

/** Whether a relation or type that is not processed again is made of one of these types: code that runs with these runs with it. */
function isUsedElsewhere(types: ReadonlySet<string>, relations: ReadonlySet<string>, now: Tables): boolean {
  const all = (name: string): Iterable<TableRow> => now.get(name)?.values() ?? []
  for (const { attrelid, atttypid } of all('pg_attribute'))
    if (types.has(String(atttypid)) && !relations.has(String(attrelid))) return true
  for (const { oid, typelem, typbasetype } of all('pg_type'))
    if (!types.has(String(oid)) && (types.has(String(typelem)) || types.has(String(typbasetype)))) return true
  for (const { classid, objid, refclassid, refobjid } of all('pg_depend')) {
    if (refclassid !== CLASSES['pg_type'] || !types.has(String(refobjid))) continue
    const isOwn =
      (classid === CLASSES['pg_type'] && types.has(String(objid))) ||
      (classid === CLASSES['pg_class'] && relations.has(String(objid)))
    if (!isOwn) return true
  }
  const named = {
    pg_cast: ['castsource', 'casttarget'],
    pg_opclass: ['opcintype', 'opckeytype'],
    pg_amop: ['amoplefttype', 'amoprighttype'],
    pg_amproc: ['amproclefttype', 'amprocrighttype'],
    pg_range: ['rngsubtype'],
    pg_transform: ['trftype'],
  }
  for (const [table, columns] of Object.entries(named))
    for (const row of all(table)) if (columns.some((column) => types.has(String(row[column])))) return true
  return false
}

/**
 * The rows of the catalogs that define these relations, and the columns of those that they name; all rows of catalogs that are not about
 * relations.
 */
function partsOf(relations: ReadonlySet<string>, now: Tables): Tables {
  const parts = new Map(now)
  /** By class, the objects whose dependencies count; by object id, the relations whose columns are named. */
  const objects = new Map<string, Set<string>>()
  const near = new Set(relations)
  const keep = (table: string, isKept: (row: TableRow) => boolean): void => {
    const kept = new Map<string, TableRow>()
    for (const [key, row] of now.get(table) ?? []) if (isKept(row)) kept.set(key, row)
    parts.set(table, kept)
  }
  const isOne = (oid: Field): boolean => relations.has(String(oid))
  const object = (catalog: string, oid: Field): void => {
    const known = objects.get(String(CLASSES[catalog])) ?? new Set()
    objects.set(String(CLASSES[catalog]), known.add(String(oid)))
  }
  for (const oid of relations) object('pg_class', oid)
  for (const [table, columns] of Object.entries(PART_OF))
    keep(table, (row) => {
      if (!columns.some((column) => isOne(row[column]))) return false
      for (const column of columns) near.add(String(row[column]))
      if (table === 'pg_index') object('pg_class', row['indexrelid'])
      else if (table === 'pg_inherits') object('pg_class', row['inhparent'])
      else object(table, row['oid'])
      return true
    })
  keep('pg_depend', ({ classid, objid, refclassid, refobjid }) => {
    if (objects.get(String(classid))?.has(String(objid)) !== true) return false
    if (refclassid === CLASSES['pg_class']) near.add(String(refobjid))
    return true
  })
  keep('pg_class', ({ oid }) => near.has(String(oid)))
  keep('pg_attribute', ({ attrelid }) => near.has(String(attrelid)))
  return parts
}

/** Columns that identify the relation that a row is part of. */
const PART_OF: Readonly<Record<string, readonly string[]>> = {
  pg_attrdef: ['adrelid'],
  pg_constraint: ['conrelid', 'confrelid'],
  pg_index: ['indrelid', 'indexrelid'],
  pg_inherits: ['inhrelid', 'inhparent'],
  pg_rewrite: ['ev_class'],
  pg_trigger: ['tgrelid'],
  pg_policy: ['polrelid'],
  pg_statistic_ext: ['stxrelid'],
}
const NOTHING: ChangedRows = { before: [], now: [] }
/** Kinds of relations that are not composite types by themselves. */
const PLAIN_KINDS = new Set(['r', 'v', 'm', 'p', 'S', 'i', 'I'])
/** The object id of the function array_in() in pg_proc.dat. */
const ARRAY_IN = '750'
/** With more relations, everything is processed. */
const MAX_RELATIONS = 500
