import type { ServerVersion } from '../wire/server-version.ts'
import { markQuery, queryOf, STATE_QUERY, TABLES, TRIGGER_GRANTS, type TableName } from './catalog-queries.ts'
import type { Ask } from './catalog.ts'

export type Row = readonly (string | null)[]

/** What a target says of its definitions. */
export interface CatalogRows extends Readonly<Record<TableName, readonly Row[]>> {
  readonly server: ServerVersion
  readonly foldsTableNames: boolean
  /** Database and table of which triggers are shown, where there are any; none of a name: of all. */
  readonly triggersShown: readonly Row[]
}

/** Reads them all. They are in no snapshot: whoever asks has to know whether something changed meanwhile. */
export async function readRows(ask: Ask, server: ServerVersion): Promise<CatalogRows> {
  const [state] = await ask(STATE_QUERY)
  const read = async (name: TableName): Promise<readonly Row[]> => {
    const query = queryOf(name, server)
    return query === undefined ? [] : await ask(query)
  }
  const rows = new Map<TableName, readonly Row[]>()
  for (const name of Object.keys(TABLES) as TableName[]) rows.set(name, await read(name))
  return {
    ...(Object.fromEntries(rows) as Record<TableName, readonly Row[]>),
    triggersShown: await ask(TRIGGER_GRANTS),
    server,
    // Anything but a certain 0 may fold.
    foldsTableNames: state?.[0] !== '0',
  }
}

/** What is another text whenever definitions are others. */
export const readMark = async (ask: Ask, server: ServerVersion): Promise<string> =>
  JSON.stringify(await ask(markQuery(server)))
