import { WireError } from '../../../wire/wire-error.ts'
import type { MaskingPlan } from '../../../masking/plan.ts'
import { catalogQueries, FIRST_USER_OID, withSystemRows, type CatalogRows } from './catalog.ts'
import type { DefinitionTrees } from '../lineage/masking-scope.ts'

/** Runs the gateway's own queries, all in one round trip; the rows of each. */
export type AskAll = (texts: readonly string[]) => Promise<readonly (readonly (readonly (string | null)[])[])[]>

/** What the catalogs of one database say, shared by its sessions. */
export interface Shelved {
  readonly rows: CatalogRows
  /** What was read before the rows: which transactions are over. */
  readonly snapshot: string
  /** Parsed definitions, by the columns that are masked. */
  readonly trees: Map<string, DefinitionTrees>
}

/**
 * Catalogs by database, so that a new session need not read what has not changed. Nothing is taken on trust: without a new
 * transaction no catalog can have changed, and whether there was one the server says. Where there was, what users own is
 * read again; the system's own objects do not change while a server runs.
 */
export class CatalogShelf {
  readonly #places = new Map<string, Shelved>()

  /** `target` is whatever makes two connections reach the same server as the same account. */
  async read(target: string, ask: AskAll): Promise<Shelved> {
    const [state] = await ask([STATE])
    const [started, database, path, snapshot] = state?.[0] ?? []
    if (started == null || database == null || path == null || snapshot == null)
      throw new WireError('the catalogs: no state of theirs')
    // Expressions are shown with the names bare that the search path makes visible.
    const place = JSON.stringify([target, started, database, path])
    const known = this.#places.get(place)
    if (known?.snapshot === snapshot && isQuiet(snapshot)) return known
    const queries = catalogQueries(known === undefined ? 0 : FIRST_USER_OID)
    const answers = await ask(Object.values(queries))
    const read = Object.fromEntries(Object.keys(queries).map((name, index) => [name, answers[index]])) as CatalogRows
    const rows = withSystemRows(known?.rows ?? read, known === undefined ? ofUsers(read) : read)
    const shelved =
      known !== undefined && sameRows(known.rows, rows)
        ? { ...known, snapshot }
        : { rows, snapshot, trees: new Map<string, DefinitionTrees>() }
    this.#places.delete(place)
    this.#places.set(place, shelved)
    if (this.#places.size > MOST_PLACES) this.#places.delete(this.#places.keys().next().value as string)
    return shelved
  }
}

/** What a reading from the first user's object on would give, so that both put their rows in one order. */
const ofUsers = (rows: CatalogRows): CatalogRows => ({
  ...rows,
  relations: rows.relations.filter(([oid]) => Number(oid) >= FIRST_USER_OID),
  functions: rows.functions.filter(([, of]) => of === 'user'),
  valueTypes: rows.valueTypes.filter(([oid]) => Number(oid) >= FIRST_USER_OID),
})

/** The parsed definitions that this plan needs, read once per plan. */
export async function treesFor(
  { trees }: Shelved,
  { columns }: MaskingPlan,
  read: () => Promise<DefinitionTrees>,
): Promise<DefinitionTrees> {
  const plan = JSON.stringify(columns)
  const known = trees.get(plan)
  if (known !== undefined) return known
  const made = await read()
  if (trees.size >= MOST_PLANS) trees.clear()
  trees.set(plan, made)
  return made
}

/**
 * `xmin:xmax:xip`: no transaction before `xmax` was still running. Every later one, and each that runs without having shown,
 * moves `xmax` when it ends. Source: PostgreSQL manual, 9.27 System Information Functions, and GetSnapshotData in procarray.c.
 */
function isQuiet(snapshot: string): boolean {
  const [xmin, xmax] = snapshot.split(':')
  return xmin !== undefined && xmin === xmax
}

function sameRows(one: CatalogRows, other: CatalogRows): boolean {
  return (Object.keys(one) as (keyof CatalogRows)[]).every(
    (name) =>
      one[name].length === other[name].length &&
      one[name].every((row, index) => {
        const also = other[name][index] as readonly (string | null)[]
        return row === also || (row.length === also.length && row.every((value, column) => value === also[column]))
      }),
  )
}

const STATE = `select pg_catalog.pg_postmaster_start_time()::pg_catalog.text, d.oid::pg_catalog.text, pg_catalog.current_schemas(true)::pg_catalog.text, pg_catalog.txid_current_snapshot()::pg_catalog.text from pg_catalog.pg_database d where d.datname operator(pg_catalog.=) pg_catalog.current_database()`
const MOST_PLACES = 30
const MOST_PLANS = 20
