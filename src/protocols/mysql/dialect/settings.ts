import { wordList } from '../../../shared/word-list.ts'
import { expandSqlMode, unreadableMode } from './sql-mode.ts'
import type { ServerVersion } from '../wire/server-version.ts'

/** A setting that a statement changes: its name begins with its scope unless that is the session. */
export interface MovedSetting {
  readonly name: string
  /** Undefined if the text does not give it as a constant. */
  readonly value: string | undefined
}

/** The effect of a setting on what the gateway relies on. */
export type SettingEffect =
  /** No effect, whatever its value. */
  | 'none'
  /** Texts are read differently, or the server reports less about itself: the state is read before the next statement. */
  | 'followed'
  /** Refused, whatever the rules say. */
  | { readonly refused: string }
  /** The setting is not in any of the lists. */
  | 'unknown'

export function effectOf(setting: MovedSetting, server: ServerVersion): SettingEffect {
  const { name, value } = setting
  // A setting of all future sessions, or of the server: it has a kind of its own, which no rule that allows SET allows.
  if (name.includes('.'))
    return NEVER.has(name) ? { refused: `SET ${name} is not allowed through the gateway` } : 'none'
  if (NEVER.has(name)) return { refused: `SET ${name} is not allowed through the gateway` }
  const charsets = CHARSETS.get(name)
  if (charsets !== undefined) {
    // The default, or a computed value: the gateway reads the new value, and if that is not supported, no more texts are read.
    if (value === undefined || charsets.test(value)) return 'followed'
    return {
      refused: `SET ${name} supports only utf8mb4, utf8mb3, latin1, ascii and binary: the gateway relies on it to parse statements and results as the server does`,
    }
  }
  if (name === 'sql_mode') {
    const unreadable = value === undefined ? undefined : unreadableMode(expandSqlMode(value, server))
    return unreadable === undefined ? 'followed' : { refused: unreadable }
  }
  const checked = CHECKED.get(name)
  if (checked !== undefined)
    return value !== undefined && checked.test(value)
      ? 'none'
      : { refused: `SET ${name} is not allowed here with this value: the gateway relies on the setting` }
  if (FOLLOWED.has(name)) return 'followed'
  return HARMLESS.has(name) ? 'none' : 'unknown'
}

/** Whether a setting may make a read-only session writable; `undefined` and every value that does not certainly keep it read-only may. */
export const movesReadOnly = ({ name, value }: MovedSetting): boolean =>
  READ_ONLY.has(name) && !(value !== undefined && /^(1|on|true)$/i.test(value))

const READ_ONLY = new Set(wordList('tx_read_only transaction_read_only'))

/** Character sets whose texts the gateway reads. NULL: results have the character set of each column, which the column definition names. */
const SERVED = '(utf8mb4|utf8mb3|utf8|latin1|ascii|binary)'
const CHARSETS: ReadonlyMap<string, RegExp> = new Map([
  ['character_set_client', new RegExp(`^${SERVED}$`, 'i')],
  ['character_set_results', new RegExp(`^(${SERVED}|null)$`, 'i')],
])

/** Settings with the values that do not change what the gateway relies on. */
const CHECKED: ReadonlyMap<string, RegExp> = new Map(
  Object.entries({
    character_set_filesystem: /^(binary|utf8mb4|utf8mb3|utf8)$/i,
    // Otherwise MySQL omits the definitions of columns, and masked columns could not be recognised.
    resultset_metadata: /^full$/i,
    // A table of another engine may be one on another server, or a file.
    ...Object.fromEntries(
      wordList('default_storage_engine default_tmp_storage_engine storage_engine enforce_storage_engine').map(
        (name) => [name, /^(innodb|myisam|aria|memory|archive|csv|blackhole|rocksdb)$/i],
      ),
    ),
  }),
)

/** The identity of a session on the server, what other servers are told about it, and what runs at every login. */
const NEVER: ReadonlySet<string> = new Set(
  wordList(`
  pseudo_thread_id pseudo_slave_mode pseudo_replica_mode proxy_user external_user debug debug_sync debug_dbug
  global.init_connect persist.init_connect global.init_file global.init_slave global.init_replica
  global.debug persist.debug global.debug_dbug
`),
)

/**
 * Settings that control whether the server reports changes of others of these; the default database, which USE changes; the conversion of
 * literals.
 */
const FOLLOWED: ReadonlySet<string> = new Set(
  wordList(`
  session_track_schema session_track_state_change session_track_system_variables session_track_transaction_info session_track_gtids
  old_mode database character_set_connection collation_connection
`),
)

/**
 * Session settings that change neither how statements are read nor what they may do, whatever their value: time limits, the optimizer's
 * methods, checks on written rows.
 */
const HARMLESS: ReadonlySet<string> = new Set(
  wordList(`
  alter_algorithm analyze_sample_percentage auto_increment_increment auto_increment_offset autocommit big_tables bulk_insert_buffer_size
  character_set_database character_set_server check_constraint_checks collation_database collation_server column_compression_threshold
  completion_type cte_max_recursion_depth default_collation_for_utf8mb4 default_regex_flags default_week_format div_precision_increment
  end_markers_in_json eq_range_index_dive_limit error_count explain_format explain_json_format_version explicit_defaults_for_timestamp
  expensive_subquery_limit foreign_key_checks generated_random_password_length group_concat_max_len histogram_generation_max_mem_size
  histogram_size histogram_type identity idle_readonly_transaction_timeout idle_transaction_timeout idle_write_transaction_timeout
  in_predicate_conversion_threshold information_schema_stats_expiry innodb_compression_default innodb_lock_wait_timeout
  innodb_snapshot_isolation innodb_strict_mode innodb_table_locks insert_id interactive_timeout internal_tmp_mem_storage_engine
  join_buffer_size join_buffer_space_limit join_cache_level last_insert_id lc_messages lc_time_names lock_wait_timeout
  low_priority_updates max_delayed_threads max_error_count max_execution_time max_heap_table_size max_insert_delayed_threads
  max_join_size max_length_for_sort_data max_points_in_geometry max_recursive_iterations max_rowid_filter_size max_seeks_for_key
  max_session_mem_used max_sort_length max_sp_recursion_depth max_statement_time max_tmp_tables min_examined_row_limit mrr_buffer_size
  myisam_repair_threads myisam_sort_buffer_size myisam_stats_method net_buffer_length net_read_timeout net_retry_count net_write_timeout
  note_verbosity old_alter_table optimizer_adjust_secondary_key_costs optimizer_disk_read_cost optimizer_extra_pruning_depth
  optimizer_join_limit_pref_ratio optimizer_max_sel_arg_weight optimizer_max_sel_args optimizer_max_subgraph_pairs
  optimizer_prune_level optimizer_row_copy_cost optimizer_search_depth optimizer_selectivity_sampling_limit optimizer_switch
  optimizer_trace optimizer_trace_features optimizer_trace_limit optimizer_trace_max_mem_size optimizer_trace_offset
  optimizer_use_condition_selectivity optimizer_where_cost parser_max_mem_size preload_buffer_size profiling
  profiling_history_size progress_report_time query_alloc_block_size query_cache_strip_comments query_cache_type
  query_cache_wlock_invalidate query_prealloc_size rand_seed1 rand_seed2 range_alloc_block_size range_optimizer_max_mem_size
  read_buffer_size read_rnd_buffer_size rowid_merge_buff_size select_into_buffer_size select_into_disk_sync
  select_into_disk_sync_delay set_operations_buffer_size show_create_table_skip_secondary_engine show_create_table_verbosity
  show_gipk_in_create_table_and_information_schema show_old_temporals sort_buffer_size sql_auto_is_null sql_big_selects
  sql_buffer_result sql_generate_invisible_primary_key sql_notes sql_quote_show_create sql_require_primary_key sql_safe_updates
  sql_select_limit sql_warnings standard_compliant_cte thread_pool_high_priority_connection thread_pool_priority time_zone timestamp
  tmp_disk_table_size tmp_memory_table_size tmp_table_size transaction_alloc_block_size transaction_allow_batching
  transaction_isolation transaction_prealloc_size transaction_read_only tx_isolation tx_read_only unique_checks
  updatable_views_with_limit use_stat_tables wait_timeout warning_count windowing_use_high_precision
`),
)
