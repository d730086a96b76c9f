import type { ServerVersion } from '../wire/server-version.ts'
import { markQuery, queryOf, STATE_QUERY, TABLES, TRIGGER_GRANTS, type TableName } from './catalog-queries.ts'
import type { Ask } from './catalog.ts'
import { keysOf } from '../../../shared/records.ts'

export type Row = readonly (string | null)[]

/** The definitions that a target reports. */
export interface CatalogRows extends Readonly<Record<TableName, readonly Row[]>> {
  readonly server: ServerVersion
  readonly foldsTableNames: boolean
  /** The databases and tables whose triggers are shown, if there are any; without a name: all. */
  readonly triggersShown: readonly Row[]
}

/** Reads all definitions. They are not read in one snapshot: the caller must find out whether something changed meanwhile. */
export async function readRows(ask: Ask, server: ServerVersion): Promise<CatalogRows> {
  const [state] = await ask(STATE_QUERY)
  const read = async (name: TableName): Promise<readonly Row[]> => {
    const query = queryOf(name, server)
    return query === undefined ? [] : await ask(query)
  }
  const rows = new Map<TableName, readonly Row[]>()
  for (const name of keysOf(TABLES)) rows.set(name, await read(name))
  return {
    ...(Object.fromEntries(rows) as Record<TableName, readonly Row[]>),
    triggersShown: await ask(TRIGGER_GRANTS),
    server,
    // Anything but a certain 0 may fold.
    foldsTableNames: state?.[0] !== '0',
  }
}

/** A text that differs whenever definitions do. */
export const readMark = async (ask: Ask, server: ServerVersion): Promise<string> =>
  JSON.stringify(await ask(markQuery(server)))
