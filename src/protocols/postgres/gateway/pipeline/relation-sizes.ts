import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { sizesInWords } from '../../../../sql/relation-sizes.ts'
import { shieldedQueries } from './gateway-query.ts'
import type { PipelineState } from './pipeline-state.ts'

/**
 * The number of rows of the relations that a TRUNCATE, DROP or ALTER applies to, their size, and the number of objects that depend on them,
 * in words; undefined if the catalogs are not queried. They are queried with names as parameters: no part of the statement is planned or
 * run. Only outside a transaction, read-only, and for two seconds at most, since the size of a relation waits for its lock: an error would
 * end the client's transaction.
 */
export async function describeSizes(
  pipeline: PipelineState,
  { statements: [statement, ...more] }: StatementFacts,
): Promise<string | undefined> {
  if (statement === undefined || more.length > 0 || !statement.kinds.some((kind) => KINDS.test(kind))) return undefined
  const names = [...new Set(statement.writes)]
  // A number for some of them would be taken for all.
  if (names.length === 0 || names.length > MAX_RELATIONS || names.some((name) => name.includes('*'))) return undefined
  if (pipeline.status !== 'I' || pipeline.batchOpen || !pipeline.inFlight.isIdle) return undefined
  pipeline.session.recorder.outcome({
    type: 'notice',
    message: 'looked up rows, size and dependants for the approvers',
  })
  try {
    const [, rows] = await shieldedQueries(pipeline, [LIMITS, { sql: SIZES, parameters: [JSON.stringify(names)] }])
    // Only numbers are passed on, because people see them.
    return inWords((rows?.[0] ?? []).map(Number), names.length)
  } catch {
    return undefined
  }
}

/** The columns of SIZES in words. `asked`: how many names; of those that were not found nothing is known. */
export function inWords(numbers: readonly number[], asked: number): string | undefined {
  const [found = 0, rows = 0, unread = 0, bytes = 0, views = 0, keys = 0] = numbers
  if (found === 0) return undefined
  const missing = Math.max(asked - found, 0)
  return sizesInWords(
    { rows, unread: unread + missing, bytes, views, keys },
    missing === 0 ? 'never analyzed' : undefined,
  )
}

const KINDS = /^(?:truncate|drop-|alter-)/
const MAX_RELATIONS = 50

const LIMITS = `select set_config('statement_timeout', '2000', true), set_config('lock_timeout', '500', true), set_config('transaction_read_only', 'on', true)`

/**
 * The number of relations found; their rows by pg_class.reltuples, and the number that were never analyzed (-1 from PostgreSQL 14 on);
 * bytes with indexes and TOAST; views (pg_rewrite, by pg_depend) and foreign keys of other relations. Partitions count with their table.
 * Names are as in the facts: schema, dot, relation.
 */
const SIZES = `with named as (
  select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname::text || '.' || c.relname::text in (select json_array_elements_text($1::json)) and c.relkind in ('r', 'p', 'm', 'f', 'v')
), every as (
  select oid from named union select t.relid::oid from named, pg_partition_tree(named.oid) t where t.relid is not null
), sized as (
  select c.oid, c.reltuples, c.relkind from pg_class c where c.oid in (select oid from every) and c.relkind in ('r', 'm', 'f')
)
select (select count(*) from named),
  (select coalesce(sum(reltuples) filter (where reltuples > 0), 0)::bigint from sized),
  (select count(*) from sized where reltuples < 0),
  (select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint from sized),
  (select count(distinct r.ev_class) from pg_depend d join pg_rewrite r on r.oid = d.objid
    where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
      and d.refobjid in (select oid from every) and r.ev_class not in (select oid from every)),
  (select count(*) from pg_constraint where contype = 'f' and confrelid in (select oid from every)
    and conrelid not in (select oid from every))`
