import type pg from 'pg'

/** What the server's own relations show at one moment: by `relation.column`, and `relation #` for the number of rows. */
export type ServerState = ReadonlyMap<string, string>

/** They are large, and only definitions change them; or they show other sessions, or read files. */
const LEFT_OUT = new Set(
  `pg_proc pg_operator pg_description pg_depend pg_collation pg_amop pg_amproc pg_conversion pg_rewrite pg_views pg_seclabels
  pg_stat_activity pg_stat_ssl pg_stat_gssapi pg_stat_database pg_locks
  pg_timezone_names pg_timezone_abbrevs pg_config pg_shmem_allocations_numa pg_available_extensions pg_available_extension_versions`.split(
    /\s+/,
  ),
)

/** A query for a `ServerState`: numbers by their sum, everything else by a sum of hashes. */
export async function stateQuery(db: pg.Client): Promise<() => Promise<ServerState>> {
  const { rows } = await db.query<{ relation: string; name: string; type: string }>(
    `select c.relname as relation, a.attname as name, t.typname as type
       from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_type t on t.oid = a.atttypid
      where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind in ('r', 'v') and a.attnum > 0 order by 1, a.attnum`,
  )
  const shown = rows.filter(({ relation }) => !LEFT_OUT.has(relation))
  const relations = [...new Set(shown.map(({ relation }) => relation))]
  const columns = relations.map((relation) => shown.filter((row) => row.relation === relation))
  const sums = columns.map(
    (own) =>
      `(select array[count(*)::text, ${own.map(({ name, type }) => sumOf(`"${name}"`, type)).join(', ')}] from pg_catalog.${own[0]?.relation})`,
  )
  const names = columns.flatMap((own) => [
    `${own[0]?.relation} #`,
    ...own.map(({ relation, name }) => `${relation}.${name}`),
  ])
  return async () => {
    const result = await db.query<string[][]>({ text: `select ${sums.join(',\n')}`, rowMode: 'array' })
    const values = (result.rows[0] ?? []).flat()
    return new Map(names.map((name, index) => [name, String(values[index])]))
  }
}

const NUMBERS = new Set(['int2', 'int4', 'int8', 'float4', 'float8', 'numeric'])
const sumOf = (column: string, type: string): string =>
  NUMBERS.has(type)
    ? `coalesce(sum(${column}::numeric), 0)::text`
    : `'#' || coalesce(sum(hashtextextended(${column}::text, 0)::numeric), 0)::text`

/** By how much numbers have changed, and which other columns have. */
export const movedBetween = (before: ServerState, after: ServerState): ReadonlyMap<string, string> =>
  new Map(
    [...after].flatMap(([name, value]): [string, string][] => {
      const was = before.get(name) ?? ''
      if (was === value) return []
      return [[name, value.startsWith('#') ? 'changed' : (Number(value) - Number(was)).toPrecision(6)]]
    }),
  )
