import { LayeredMap } from '../../../shared/layered-map.ts'
import { wordList } from '../../../shared/word-list.ts'
import type { ChangedRows } from './catalog-mirror.ts'
import { CLASSES, type TableRow } from './catalog-tables.ts'
import { schemaIn, type Tables } from './relation-rows.ts'
import type { CatalogRows, Row } from './rows.ts'
import { CATALOG_OF } from './what-runs.ts'

/** What has changed, and what of it is more than functions that nothing is made of. */
export interface FunctionChanges {
  /** Object ids of functions. */
  readonly functions: ReadonlySet<string>
  /** All other changed rows, by catalog. */
  readonly others: ReadonlyMap<string, ChangedRows>
}

/**
 * Separates the functions that have changed from everything else. Undefined if more than the list of functions may differ: something is
 * made of one of them, before or after, or one is a member of an extension.
 */
export function functionChanges(
  before: Tables,
  now: Tables,
  changed: ReadonlyMap<string, ChangedRows>,
): FunctionChanges | undefined {
  const functions = new Set<string>()
  const rows = changed.get('pg_proc')
  for (const { oid } of [...(rows?.before ?? []), ...(rows?.now ?? [])]) functions.add(String(oid))
  if (functions.size === 0) return { functions, others: changed }
  if ([before, now].some((tables) => isUsed(functions, tables))) return undefined
  const isOf = ({ classid, objid }: TableRow): boolean => classid === CLASSES['pg_proc'] && functions.has(String(objid))
  const others = new Map(changed)
  others.delete('pg_proc')
  const depends = changed.get('pg_depend')
  if (depends === undefined) return { functions, others }
  const own = [...depends.before, ...depends.now].filter(isOf)
  if (own.some(({ deptype, refclassid }) => deptype === 'e' || !CATALOG_OF.has(String(refclassid)))) return undefined
  const left = { before: depends.before.filter((row) => !isOf(row)), now: depends.now.filter((row) => !isOf(row)) }
  if (left.before.length + left.now.length > 0) others.set('pg_depend', left)
  else others.delete('pg_depend')
  return { functions, others }
}

/** Whether anything refers to one of these functions, by a dependency or by itself, or one is a member of an extension. */
function isUsed(functions: ReadonlySet<string>, tables: Tables): boolean {
  const hasAny = (table: string, of: (row: TableRow) => string | undefined): boolean =>
    LayeredMap.withAny(tables.get(table) ?? new Map<string, TableRow>(), of, functions).next().done === false
  if (hasAny('pg_depend', calledFunction) || hasAny('pg_depend', memberFunction)) return true
  return Object.entries(NAMING).some(([table, columns]) => columns.some((column) => hasAny(table, column)))
}

const calledFunction = ({ refclassid, refobjid }: TableRow): string | undefined =>
  refclassid === CLASSES['pg_proc'] ? (refobjid ?? undefined) : undefined
const memberFunction = ({ classid, objid, deptype }: TableRow): string | undefined =>
  classid === CLASSES['pg_proc'] && deptype === 'e' ? (objid ?? undefined) : undefined

/** A column, always as the same function. */
const column = (name: string) => (row: TableRow) => row[name] ?? undefined
const columns = (names: string) => wordList(names).map(column)

/** Columns that name functions. The server records all of these as dependencies, too. */
const NAMING: Readonly<Record<string, readonly ((row: TableRow) => string | undefined)[]>> = {
  pg_type: columns('typinput typoutput typreceive typsend typmodin typmodout typanalyze typsubscript'),
  pg_operator: columns('oprcode oprrest oprjoin'),
  pg_cast: columns('castfunc'),
  pg_amproc: columns('amproc'),
  pg_range: columns('rngcanonical rngsubdiff'),
  pg_transform: columns('trffromsql trftosql'),
  pg_trigger: columns('tgfoid'),
  pg_event_trigger: columns('evtfoid'),
  pg_language: columns('lanplcallfoid laninline lanvalidator'),
  pg_foreign_data_wrapper: columns('fdwhandler fdwvalidator'),
}

/** The rows of all functions, after these have changed. */
export function functionsAfter(
  rows: CatalogRows['functions'],
  functions: ReadonlySet<string>,
  now: Tables,
): CatalogRows['functions'] {
  if (functions.size === 0) return rows
  const own: TableRow[] = []
  for (const oid of functions) {
    const proc = now.get('pg_proc')?.get(oid)
    if (proc !== undefined) own.push(proc)
  }
  return [...rows.filter((row) => !functions.has(String(row[4]))), ...functionRows(own, now, NONE)]
}

/** Name; `user` or `reviewed`; schema, digest of the definition, object id, and whether it is settled what it calls. */
export const functionRows = (procs: Iterable<TableRow>, tables: Tables, reviewed: ReadonlySet<string>): Row[] => {
  const schemaOf = schemaIn(tables)
  return [...procs].map((proc) => [
    String(proc['proname']),
    reviewed.has(String(proc['oid'])) ? 'reviewed' : 'user',
    schemaOf(proc['pronamespace']),
    String(proc['body']),
    String(proc['oid']),
    proc['settled'] ?? null,
  ])
}

const NONE: ReadonlySet<string> = new Set()
