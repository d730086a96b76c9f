import { findRelation, type Catalog, type UserCast } from '../catalog/catalog.ts'
import type { Name } from '../../../sql/query.ts'
import type { Conversion, ParsedStatement } from '../../../sql/facts/parsed-statement.ts'

/** Why the functions and operators of a statement make its effect unknown; empty where none does. */
export function unknownCalls(statement: ParsedStatement, catalog: Catalog): string[] {
  const reasons: string[] = []
  for (const named of statement.functions) {
    const reason = unknownFunction(named, catalog)
    if (reason !== undefined) reasons.push(reason)
  }
  for (const { schema, name } of statement.operators) {
    if (schema !== 'pg_catalog' && catalog.userOperators.has(name))
      reasons.push(`the operator ${name} is not the system's own`)
    else if (schema !== undefined && schema !== 'pg_catalog' && !catalog.reviewed.operators.has(schema, name))
      reasons.push(`the operator ${schema}.${name} is not the system's own`)
  }
  // `row.name` calls the function `name` where the row has no such column.
  for (const { name, of } of statement.fields) {
    const mayCall = catalog.userFunctions.has(name) || catalog.reviewed.functions.names.has(name)
    if (mayCall && !of.some((row) => findRelation(catalog, row)?.columns.has(name) === true))
      reasons.push(`${name} may call a user-defined function`)
  }
  const called = [...statement.functions, ...statement.operators]
  const types = new Set([
    ...statement.typeNames,
    ...statement.functions.map(({ name }) => name),
    // What is of a type without naming it.
    ...called.flatMap(({ name }) => catalog.results.get(name) ?? []),
  ])
  for (const type of types) {
    if (catalog.userTypes.has(type.replace(/^_/, ''))) reasons.push(`the type ${type} runs user-defined code`)
  }
  if (catalog.conversions.size > 0) reasons.push(...castsOf(statement, catalog))
  return reasons
}

/** Casts between types of the system that users have made, where the text may apply them; those that are implicit may run anywhere. */
function castsOf({ conversions, functions, writes }: ParsedStatement, catalog: Catalog): string[] {
  // `type(value)` may be a cast.
  const called = functions.map(({ name }): Conversion => ({ to: { type: name }, how: 'explicit', from: undefined }))
  const all = [...catalog.conversions.values()].flat()
  const castsTo = (to: Conversion['to']): readonly UserCast[] => {
    if (typeof to === 'object') return catalog.conversions.get(to.type) ?? []
    return to === 'any' ? all : storedBy(writes, all, catalog)
  }
  const reasons = [...conversions, ...called].flatMap(({ to, how, from }) =>
    castsTo(to)
      .filter((cast) => cast.how === how || (cast.how === 'assignment' && how === 'explicit'))
      .filter((cast) => mayBeOf(from, cast, catalog))
      .map(({ what }) => what),
  )
  return [...new Set(reasons)]
}

/** Casts to the types of columns of these relations; one of a type of users may be made of any. */
function storedBy(writes: readonly Name[], all: readonly UserCast[], catalog: Catalog): readonly UserCast[] {
  return writes.flatMap((named) => {
    const relation = findRelation(catalog, named)
    if (relation === undefined) return all
    const types = [...relation.columns.keys()].map((column) => relation.types.get(column))
    if (types.includes(undefined)) return all
    return [...new Set(types)].flatMap((type) => catalog.conversions.get(String(type).replace(/^_/, '')) ?? [])
  })
}

/** Whether a value may be of the type that a cast takes. */
function mayBeOf(from: Conversion['from'], cast: UserCast, catalog: Catalog): boolean {
  if (from === 'parameter') return false
  if (from === undefined || cast.from === undefined) return true
  const { name } = cast.from
  const isOther = (type: string | undefined): boolean =>
    type !== undefined && type !== name && catalog.plainTypes.has(type)
  if ('type' in from) return !isOther(from.type)
  if ('given' in from) {
    const types = from.given.flatMap((called) =>
      catalog.userFunctions.has(called) ? ['?'] : (catalog.results.get(called) ?? ['?']),
    )
    return types.length === 0 || !types.every(isOther)
  }
  const types = from.of.map((named) => {
    const relation = findRelation(catalog, named)
    if (relation === undefined || relation.columns.size === 0) return ['?']
    return relation.columns.has(from.name) ? [relation.types.get(from.name)?.replace(/^_/, '')] : []
  })
  const all = types.flat()
  return all.length === 0 || !all.every(isOther)
}

/** Whether a function of the system runs text as SQL, or gives what its arguments do not hold. */
export const reachesBeyond = (name: string): boolean => RUNS_SQL_OR_REACHES_OUT.test(name)

/** `pg_notify(channel, payload)`: what NOTIFY does. */
export const isNotify = ({ schema, name }: Name): boolean =>
  name === 'pg_notify' && (schema === undefined || schema === 'pg_catalog')

/** Whether calling a function of the system does more than give a value that depends on its arguments and the session. */
export const hasEffects = (name: string, isVolatile: boolean): boolean =>
  reachesBeyond(name) || (isVolatile && !HARMLESS.test(name))

function unknownFunction({ schema, name }: Name, catalog: Catalog): string | undefined {
  // The guard reads it as a SET, rules as a NOTIFY.
  if ((name === 'set_config' || isNotify({ schema, name })) && !catalog.userFunctions.has(name)) return undefined
  if (RUNS_SQL_OR_REACHES_OUT.test(name)) return `the function ${name} can access data outside this statement`
  if (schema !== undefined && catalog.safeFunctions.has(`${schema}.${name}`)) return undefined
  const system = schema === undefined || schema === 'pg_catalog' || schema === 'information_schema'
  const isReviewed =
    schema === undefined ? catalog.reviewed.functions.names.has(name) : catalog.reviewed.functions.has(schema, name)
  // A function of the same name that fits the arguments better would be called instead of the system's.
  const shadowed = schema === undefined && catalog.userFunctions.has(name)
  if ((!system && !isReviewed) || shadowed) return `the function ${name} is user-defined and is not analysed`
  if (schema !== undefined && isReviewed) return undefined
  if (catalog.volatileFunctions.has(name))
    return HARMLESS.test(name) ? undefined : `the function ${name} may have effects of its own`
  return isReviewed || catalog.systemFunctions.has(name) || catalog.safeFunctions.has(name)
    ? undefined
    : `the function ${name} is not in the catalog`
}

/**
 * Functions of the system that run text as SQL, show what the statement does not name, or read values of a type that only their
 * arguments name, volatile or not.
 */
const RUNS_SQL_OR_REACHES_OUT =
  /^(query_to_xml.*|table_to_xml.*|schema_to_xml.*|database_to_xml.*|cursor_to_xml.*|ts_stat|ts_rewrite|pg_read_.*|pg_ls_.*|pg_stat_file|lo_.*|loread|lowrite|dblink.*|pg_stat_get_activity|pg_stat_get_backend_activity|set_config|pg_notify|pg_logical_.*|pg_cursor|pg_prepared_statement|pg_show_.*file.*|pg_hba_file_rules|pg_current_logfile|pg_create_.*|pg_drop_.*|pg_replication_.*|pg_export_snapshot|pg_stat_statements.*|pg_get_wal_.*|pg_file_.*|binary_upgrade.*|pg_stat_reset.*|pg_import_.*|pg_extension_config_dump|pg_copy_.*|pg_(start|stop)_backup.*|pg_backup_.*|pg_switch_wal|pg_wal_replay_.*|pg_log_.*|pg_terminate.*|pg_cancel.*|pg_reload.*|pg_rotate.*|pg_promote|pg_read.*|brin_summarize.*|brin_desummarize.*|gin_clean.*|pg_nextoid|pg_set_.*|pg_restore_.*|pg_clear_.*|pg_input_.*|(domain|array|record|range|multirange)_(in|recv))$/

/** Volatile functions of the system whose effect, if any, stays in sequences, advisory locks, sizes or time. */
const HARMLESS =
  /^(random|random_normal|setseed|clock_timestamp|timeofday|timezone|nextval|setval|currval|lastval|gen_random_uuid|uuidv4|uuidv7|pg_sleep|pg_sleep_for|pg_sleep_until|pg_(try_)?advisory_.*|pg_blocking_pids|pg_safe_snapshot_blocking_pids|txid_current|pg_current_xact_id|pg_(relation|table|total_relation|indexes|database|tablespace)_size|pg_relation_filepath|pg_is_in_recovery|pg_lock_status|pg_listening_channels|pg_stat_get_(?!activity|backend).*|pg_is_wal_replay_paused|pg_get_publication_tables|pg_sequence_last_value|pg_sequence_parameters|pg_partition_ancestors|pg_partition_tree|pg_jit_available|pg_stat_clear_snapshot|pg_(database_)?collation_actual_version|pg_prepared_xact|pg_xact_status|txid_status|pg_xact_commit_timestamp|pg_stat_have_stats|current_query|pg_current_wal_.*lsn|pg_notification_queue_usage|pg_get_multixact_members)$/
