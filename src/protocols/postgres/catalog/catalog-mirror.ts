import { inSlices, type Work } from '../../../shared/slices.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { LayeredMap } from '../../../shared/layered-map.ts'
import { catalogTables, type CatalogTable, type TableRow } from './catalog-tables.ts'

/** Runs one of the gateway's own queries in one snapshot; returns its rows. */
export type Ask = (query: CatalogQuery) => Promise<readonly (readonly (string | null)[])[]>

/** Runs the gateway's own queries, all in one round trip and one transaction; returns the rows of each. */
export type AskAll = (queries: readonly CatalogQuery[]) => Promise<readonly (readonly (readonly (string | null)[])[])[]>

/** One of the gateway's own queries: a text, or one that is repeated with other values for `$1`, `$2` and so on, none of which needs quoting. */
export type CatalogQuery = string | RepeatedQuery
export interface RepeatedQuery {
  readonly sql: string
  readonly values: readonly string[]
}

/** The text of a query, for connections without prepared statements. */
export const textOf = (query: CatalogQuery): string =>
  typeof query === 'string'
    ? query
    : query.sql.replaceAll(/\$([1-9])/g, (_, number: string) => `'${query.values[Number(number) - 1]}'`)

type Rows = ReadonlyMap<string, TableRow>

/**
 * A copy of the user-defined objects in the catalogs of one database, as of a snapshot; some relations may have been read later. It is
 * immutable: later mirrors share parts of it.
 */
export interface CatalogMirror {
  readonly version: number
  /** `xmin:xmax:xip`, of the last reading that was not limited to some relations. */
  readonly snapshot: string
  /** The storage of `pg_depend`, whose rows are identified by their location. */
  readonly storage: string
  readonly tables: ReadonlyMap<string, Rows>
}

/** Rows of one catalog that were added, removed or changed: as they were, and as they are. */
export interface ChangedRows {
  readonly before: TableRow[]
  readonly now: TableRow[]
}

export interface MirrorReading {
  readonly mirror: CatalogMirror
  /** The differences from the previous mirror, by catalog; undefined: everything was read. */
  readonly changed: ReadonlyMap<string, ChangedRows> | undefined
}

/**
 * Reads the changes since: rows whose transaction had not ended then, and, if there are fewer rows than that makes, which were removed. All
 * of it is one statement, so that it shows one moment. Without a mirror, and if the rows do not add up, everything is read.
 */
export async function readMirror(version: number, before: CatalogMirror | undefined, ask: Ask): Promise<MirrorReading> {
  const whole = async (): Promise<MirrorReading> => ({ mirror: await readWhole(version, ask), changed: undefined })
  if (before === undefined) return whole()
  const read = await readChanges(before, [], ask)
  if (read === 'nothing to go by') return whole()
  if (read.missing.size === 0) return read
  // Rows were removed: their tables are read with the keys of all remaining rows.
  const again = await readChanges(before, read.missing, ask)
  return again === 'nothing to go by' || again.missing.size > 0 ? whole() : again
}

async function readChanges(
  before: CatalogMirror,
  withKeys: Iterable<string>,
  ask: Ask,
): Promise<ReturnType<typeof withChanges>> {
  const query = askForChanges(before, withKeys)
  return query === undefined ? 'nothing to go by' : withChanges(before, await ask(query))
}

/** The query for what has changed since; `withKeys`: the catalogs of which it also gives the keys of all rows. Undefined: all must be read. */
export function askForChanges(before: CatalogMirror, withKeys: Iterable<string>): RepeatedQuery | undefined {
  const since = sinceOf(before.snapshot)
  return since === undefined
    ? undefined
    : { sql: queryOf(before.version), values: [since, `{${[...withKeys].join(',')}}`] }
}

/** The mirror after what that query found; `missing`: the catalogs from which rows were removed whose keys were not given. */
export function withChanges(
  before: CatalogMirror,
  answer: readonly (readonly (string | null)[])[],
):
  | 'nothing to go by'
  | { mirror: CatalogMirror; changed: ReadonlyMap<string, ChangedRows>; missing: ReadonlySet<string> } {
  const { version } = before
  const tables = catalogTables(version)
  const read = changesIn(tables, answer)
  if (read === 'too much') return 'nothing to go by'
  if (read.storage !== before.storage || isFar(before.snapshot, read.snapshot)) return 'nothing to go by'
  const missing = new Set<string>()
  const next = new Map<string, Rows>()
  const changed = new Map<string, ChangedRows>()
  for (const name of Object.keys(tables)) {
    const known = before.tables.get(name)
    if (known === undefined) throw unexpectedRows()
    const { rows, count, keys } = read.of(name)
    const merged = new Map<string, TableRow | undefined>()
    const others: ChangedRows = { before: [], now: [] }
    for (const [key, row] of rows) {
      const old = known.get(key)
      if (sameRow(old, row)) continue
      merged.set(key, row)
      others.now.push(row)
      if (old !== undefined) others.before.push(old)
    }
    let after = LayeredMap.with(known, merged)
    if (keys !== undefined && after.size !== count) {
      const left = new Set(keys)
      for (const [key, row] of known) {
        if (left.has(key)) continue
        merged.set(key, undefined)
        others.before.push(row)
      }
      after = LayeredMap.with(known, merged)
    }
    if (after.size !== count) missing.add(name)
    next.set(name, after)
    if (merged.size > 0) changed.set(name, others)
  }
  const { snapshot, storage } = read
  return { mirror: { version, snapshot, storage, tables: next }, changed, missing }
}

async function readWhole(version: number, ask: Ask): Promise<CatalogMirror> {
  const tables = catalogTables(version)
  const read = await inSlices(collect(tables, await ask(mirrorQuery(tables))))
  const rows = new Map<string, Rows>()
  for (const name of Object.keys(tables)) {
    const { rows: all, count } = read.of(name)
    if (all.size !== count) throw new WireError('the catalogs: rows that do not add up')
    rows.set(name, all)
  }
  return { version, snapshot: read.snapshot, storage: read.storage, tables: rows }
}

/** By server version: what is asked again and again is the same text. */
const queries = new Map<number, string>()

function queryOf(version: number): string {
  const sql = queries.get(version) ?? changesQuery(catalogTables(version))
  queries.set(version, sql)
  return sql
}

/** One statement: the state, then for each table the number of its rows, and the rows. */
export function mirrorQuery(tables: Readonly<Record<string, CatalogTable>>): string {
  const parts = Object.entries(tables).flatMap(([name, table]) => {
    const from = `from pg_catalog.${name} t where (${table.where})`
    return [
      `select '${name}', pg_catalog.count(*)::pg_catalog.text, null ${from}`,
      `select '${name}', ${nameOfRow(table)}, ${valuesOf(table)} ${from}`,
    ]
  })
  return [STATE, ...parts].join(' union all ')
}

/**
 * One statement: the state, then for each table one row with the number of its rows and, as JSON, the keys and values of those that
 * transactions since `$1` have written, and the keys of all rows if the table is among `$2`. Parsing and planning it costs a third of the
 * other, and several times as much as running it: so it is one text, which stays prepared, whatever is asked for.
 */
export function changesQuery(tables: Readonly<Record<string, CatalogTable>>): string {
  const parts = Object.entries(tables).map(([name, table]) => {
    const isMatch = `filter (where ${CHANGED_SINCE})`
    const rows = `case when pg_catalog.count(*) ${isMatch} operator(pg_catalog.<=) ${MAX_CHANGED} then pg_catalog.json_agg(pg_catalog.json_build_array(${nameOfRow(table)}, ${valuesOf(table)})) ${isMatch} else '0'::pg_catalog.json end`
    const keys = `pg_catalog.string_agg(${nameOfRow(table)}, '${BETWEEN_NAMES}') filter (where '${name}' operator(pg_catalog.=) any ($2::pg_catalog.text[]))`
    return `select '${name}', pg_catalog.json_build_array(pg_catalog.count(*), ${keys})::pg_catalog.text, (${rows})::pg_catalog.text from pg_catalog.${name} t where (${table.where})`
  })
  return [STATE, ...parts].join(' union all ')
}

const CHANGED_SINCE = 'pg_catalog.age(t.xmin) operator(pg_catalog.<=) pg_catalog.age($1::pg_catalog.xid)'
const STATE = `select '', pg_catalog.txid_current_snapshot()::pg_catalog.text, pg_catalog.pg_relation_filenode('pg_catalog.pg_depend'::pg_catalog.regclass)::pg_catalog.text`
export const nameOfRow = (table: CatalogTable): string => `pg_catalog.concat_ws(' ', ${keyOf(table).join(', ')})`
export const valuesOf = ({ columns }: CatalogTable): string =>
  `pg_catalog.json_build_array(${Object.values(columns)
    .map((expression) => `(${expression})::pg_catalog.text`)
    .join(', ')})::pg_catalog.text`

const keyOf = ({ key }: CatalogTable): string[] => (key.length === 0 ? ['t.ctid'] : key.map((column) => `t.${column}`))

interface Collected {
  readonly snapshot: string
  readonly storage: string
  of(name: string): {
    readonly rows: Map<string, TableRow>
    readonly count: number
    /** The keys of all rows, if they were requested. */
    readonly keys?: readonly string[] | undefined
  }
}

/** The rows of `changesQuery`; `too much` if there are more than should be read without slices. */
function changesIn(
  tables: Readonly<Record<string, CatalogTable>>,
  answer: readonly (readonly (string | null)[])[],
): Collected | 'too much' {
  const [state, ...parts] = answer
  const [mark, snapshot, storage] = state ?? []
  if (mark !== '' || snapshot == null || storage == null || sinceOf(snapshot) === undefined) throw unexpectedRows()
  const found = new Map<string, ReturnType<Collected['of']>>()
  for (const [name, counted, listed] of parts) {
    const table = tables[String(name)]
    const [count, names] = listIn(counted)
    if (table === undefined || typeof count !== 'number' || found.has(String(name))) throw unexpectedRows()
    if (listed === '0') return 'too much'
    const rows = new Map<string, TableRow>()
    const columns = Object.keys(table.columns)
    for (const one of listed == null ? [] : listIn(listed)) {
      const [key, values] = Array.isArray(one) ? one : []
      if (typeof key !== 'string' || typeof values !== 'string') throw unexpectedRows()
      rows.set(key, rowOf(columns, values))
    }
    const keys = typeof names === 'string' ? names.split(BETWEEN_NAMES) : undefined
    found.set(String(name), { rows, count, keys: count === 0 ? [] : keys })
  }
  return {
    snapshot,
    storage,
    of(name) {
      const part = found.get(name)
      if (part === undefined) throw unexpectedRows()
      return part
    },
  }
}

function listIn(text: string | null | undefined): readonly unknown[] {
  let values: unknown
  try {
    values = JSON.parse(text ?? '')
  } catch {
    throw unexpectedRows()
  }
  if (!Array.isArray(values)) throw unexpectedRows()
  return values
}

/** The rows of that statement; a hostile target may send them in any form. */
function* collect(
  tables: Readonly<Record<string, CatalogTable>>,
  answer: readonly (readonly (string | null)[])[],
): Work<Collected> {
  let state: { snapshot: string; storage: string } | undefined
  const found = new Map<string, { rows: Map<string, TableRow>; count: number | undefined }>()
  for (const name of Object.keys(tables)) found.set(name, { rows: new Map(), count: undefined })
  for (const [name, first, second] of answer) {
    yield
    if (name === '') {
      if (state !== undefined || first == null || second == null || sinceOf(first) === undefined) throw unexpectedRows()
      state = { snapshot: first, storage: second }
      continue
    }
    const table = tables[String(name)]
    const of = found.get(String(name))
    if (table === undefined || of === undefined || first == null) throw unexpectedRows()
    // The count precedes the rows.
    if (of.count === undefined) {
      if (!/^\d{1,10}$/.test(first)) throw unexpectedRows()
      of.count = Number(first)
      continue
    }
    if (second == null) throw unexpectedRows()
    of.rows.set(first, rowOf(Object.keys(table.columns), second))
  }
  if (state === undefined) throw unexpectedRows()
  return {
    ...state,
    of(name) {
      const { rows, count } = found.get(name) ?? {}
      if (rows === undefined || count === undefined) throw unexpectedRows()
      return { rows, count }
    },
  }
}

export function rowOf(columns: readonly string[], text: string): TableRow {
  let values: unknown
  try {
    values = JSON.parse(text)
  } catch {
    throw unexpectedRows()
  }
  if (!Array.isArray(values) || values.length !== columns.length) throw unexpectedRows()
  const row: Record<string, string | null> = {}
  for (const [index, column] of columns.entries()) {
    const value: unknown = values[index]
    if (value !== null && typeof value !== 'string') throw unexpectedRows()
    row[column] = value
  }
  return row
}

export const sameRow = (one: TableRow | undefined, other: TableRow): boolean =>
  one !== undefined && Object.keys(other).every((column) => one[column] === other[column])

export const unexpectedRows = (): WireError => new WireError('the catalogs: rows that were not asked for')

/** The oldest transaction that may not have ended, as the 32 bits that rows store. */
function sinceOf(snapshot: string): string | undefined {
  const [xmin] = snapshot.split(':')
  if (xmin === undefined || !/^\d{1,19}$/.test(xmin)) return undefined
  const low = BigInt(xmin) & 0xffff_ffffn
  return String(low < FIRST_TRANSACTION ? FIRST_TRANSACTION : low)
}

/** Whether so many transactions have begun since then that 32 bits do not show which of two is older. */
function isFar(before: string, now: string): boolean {
  const [from, to] = [before, now].map((snapshot) => BigInt(snapshot.split(':')[1] ?? 0))
  return to === undefined || from === undefined || to < from || to - from > FAR
}

/** Not a comma: the location of a row has one, as in `(5,1)`. */
const BETWEEN_NAMES = ';'
/** FirstNormalTransactionId in the server's transam.h. */
const FIRST_TRANSACTION = 3n
const FAR = 1_000_000_000n
/** Changed rows of one catalog that are read synchronously. */
const MAX_CHANGED = 1000
