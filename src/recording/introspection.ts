import type { CommandEvent, RecordedEvent } from './event.ts'

/** Consecutive queries by which a client looks up definitions, such as the dozen that psql sends for `\d`, with their results. */
export interface Lookup {
  readonly type: 'lookup'
  readonly seq: number
  readonly at: string
  /** Milliseconds since the session was opened. */
  readonly ms: number
  readonly events: readonly RecordedEvent[]
  readonly queries: number
  /** What was looked up, if the first query names it. */
  readonly about: string | undefined
  /** `psql` if the queries are written as only psql writes them. */
  readonly by: 'psql' | undefined
}

/**
 * Whether a command only reads definitions in system catalogs. Queries of catalogs that are not listed are not folded: some contain
 * secrets, or show the activity of others.
 */
export const isIntrospection = ({ verdict, reads, writes, unknown }: CommandEvent): boolean =>
  verdict === 'allow' &&
  writes.length === 0 &&
  (unknown ?? []).length === 0 &&
  reads.length > 0 &&
  reads.every((name) => CATALOGS.has(name.toLowerCase()))

/** Folds consecutive queries of this kind; everything else stays as it is, in its order. A single query is folded if only psql writes it so, as for `\d`. */
export class IntrospectionFold {
  #open: RecordedEvent[] = []
  #commands = new Set<string>()
  #about: string | undefined
  #by: 'psql' | undefined

  /** Adds an event, and returns what to show before the following ones. */
  push(event: RecordedEvent): (RecordedEvent | Lookup)[] {
    if (event.type === 'command' && isIntrospection(event)) {
      const about = lookedUp(event.text)
      const isNext = about !== undefined && this.#about !== undefined && about !== this.#about
      const before = isNext ? this.end() : []
      this.#about ??= about
      this.#by ??= PSQL.test(event.text) ? 'psql' : undefined
      this.#open.push(event)
      this.#commands.add(event.id)
      return before
    }
    const belongs =
      (event.type === 'result' || event.type === 'rows' || event.type === 'forwarded') &&
      this.#commands.has(event.command)
    if (belongs) {
      this.#open.push(event)
      return []
    }
    return [...this.end(), event]
  }

  /** Returns the remaining events at the end. */
  end(): (RecordedEvent | Lookup)[] {
    const events = this.#open
    const queries = this.#commands.size
    const [first] = events
    const lookup = { about: this.#about, by: this.#by }
    this.#open = []
    this.#commands = new Set()
    this.#about = undefined
    this.#by = undefined
    if (first === undefined || (queries < 2 && lookup.by === undefined)) return events
    return [{ type: 'lookup', seq: first.seq, at: first.at, ms: first.ms, events, queries, ...lookup }]
  }
}

export function foldIntrospection(events: Iterable<RecordedEvent>): (RecordedEvent | Lookup)[] {
  const fold = new IntrospectionFold()
  const shown: (RecordedEvent | Lookup)[] = []
  for (const event of events) shown.push(...fold.push(event))
  return [...shown, ...fold.end()]
}

/** `psql looked up customers, 12 queries`. */
export const describeLookup = ({ by, about, queries }: Lookup): string =>
  `${by ?? 'the client'} looked up ${about ?? 'definitions'}, ${queries} ${queries === 1 ? 'query' : 'queries'}`

/** A pattern, as in `\d customers`, or what its lists begin with (`\d`, `\df`, `\dn`, `\l`): describe.c of psql. */
const PSQL =
  /OPERATOR\(pg_catalog\.~\)|^SELECT\s+(?:n\.nspname as "[^"]{1,60}",\s+[cpt]\.|n\.nspname AS "[^"]{1,60}",|d\.datname as ")/

/** The name in a pattern of psql: `c.relname OPERATOR(pg_catalog.~) '^(customers)$'`. */
const lookedUp = (text: string): string | undefined =>
  /OPERATOR\(pg_catalog\.~\) '\^\(([^'‹›]{1,200})\)\$'/.exec(text)?.[1]

/** Relations that describe definitions (PostgreSQL, System Catalogs; MySQL and MariaDB, INFORMATION_SCHEMA), in full. */
const CATALOGS: ReadonlySet<string> = new Set([
  ...`pg_aggregate pg_am pg_amop pg_amproc pg_attrdef pg_attribute pg_cast pg_class pg_collation pg_constraint pg_conversion pg_database
  pg_default_acl pg_depend pg_description pg_enum pg_event_trigger pg_extension pg_foreign_data_wrapper pg_foreign_table pg_index pg_indexes
  pg_inherits pg_language pg_matviews pg_namespace pg_opclass pg_operator pg_opfamily pg_partitioned_table pg_policy pg_proc pg_publication
  pg_publication_namespace pg_publication_rel pg_publication_tables pg_range pg_rewrite pg_roles pg_rules pg_sequence pg_sequences pg_settings
  pg_shdescription pg_statistic_ext pg_tables pg_tablespace pg_timezone_names pg_trigger pg_ts_config pg_ts_dict pg_ts_parser pg_ts_template pg_type
  pg_views`
    .split(/\s+/)
    .map((name) => `pg_catalog.${name}`),
  ...`character_sets check_constraints collation_character_set_applicability collations column_domain_usage columns constraint_column_usage
  constraint_table_usage domain_constraints domains element_types engines events key_column_usage parameters partitions referential_constraints
  routines schemata sequences statistics table_constraints tables triggers views`
    .split(/\s+/)
    .map((name) => `information_schema.${name}`),
])
