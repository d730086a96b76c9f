import { wordList } from '../../../shared/word-list.ts'

/**
 * Whether a built-in function of a server may show what statements have read, changed or written to the log, or how much is stored. The log
 * has a new row without the bytes at its beginning and end that are those of the old one, so its position reveals how many these are, also
 * in a transaction that is rolled back (`log_heap_update` in heapam.c). Functions that show the state of the server begin with `pg_` or
 * `txid_`, except for `currtid2`, which finds the place of a row. The list of those that show nothing of this is closed: what a later
 * version adds counts. `value`: by what it gives; `rows`: perhaps by how many rows it gives as well. `version` is `server_version_num`. Sources: pg_proc.dat of versions 14 to 18; manual, System Administration Functions.
 */
export function countsChanges(name: string, version: number): 'value' | 'rows' | undefined {
  if (!SHOWS_STATE.test(name) || HARMLESS.has(name)) return undefined
  // From version 19 on it shows the position of the log at which the sequence was written.
  if (name === 'pg_get_sequence_data' && version < 190_000) return undefined
  return COUNTS_BY_VALUE.test(name) ? 'value' : 'rows'
}

/**
 * Whether a function shows in which form a value is stored: compressed, or apart from its row. Either is done to rows that are too long, so
 * it reveals the lengths of all their values. Source: manual, TOAST.
 */
export const showsStoredForm = (name: string): boolean => STORED_FORM.has(name)
const STORED_FORM: ReadonlySet<string> = new Set(
  wordList('pg_column_size pg_column_compression pg_column_toast_chunk_id'),
)

const SHOWS_STATE = /^(pg_|txid_|currtid)/
const COUNTS_BY_VALUE = /^pg_(stat_get_\w+|\w+_size|\w+_lsn)$/

/** What defines objects, settings and sessions, or depends on its arguments alone. Sizes and positions of the log are not among it. */
const HARMLESS: ReadonlySet<string> = new Set(
  wordList(`
  pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared pg_advisory_xact_lock
  pg_advisory_xact_lock_shared pg_available_extension_versions pg_available_extensions pg_backend_pid pg_basetype pg_blocking_pids
  pg_char_to_encoding pg_client_encoding pg_collation_actual_version pg_collation_for pg_collation_is_visible pg_column_compression
  pg_column_is_updatable pg_column_size pg_column_toast_chunk_id pg_conf_load_time pg_config pg_control_init pg_conversion_is_visible
  pg_current_snapshot pg_current_xact_id pg_current_xact_id_if_assigned pg_database_collation_actual_version pg_describe_object
  pg_encoding_max_length pg_encoding_to_char pg_event_trigger_ddl_commands pg_event_trigger_dropped_objects
  pg_event_trigger_table_rewrite_oid pg_event_trigger_table_rewrite_reason pg_extension_update_paths pg_filenode_relation
  pg_function_is_visible pg_get_acl pg_get_catalog_foreign_keys pg_get_constraintdef pg_get_expr pg_get_function_arg_default
  pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result pg_get_function_sqlbody pg_get_functiondef
  pg_get_indexdef pg_get_keywords pg_get_loaded_modules pg_get_multixact_members pg_get_object_address pg_get_partition_constraintdef
  pg_get_partkeydef pg_get_publication_tables pg_get_replica_identity_index pg_get_ruledef pg_get_serial_sequence pg_get_statisticsobjdef
  pg_get_statisticsobjdef_columns pg_get_statisticsobjdef_expressions pg_get_triggerdef pg_get_userbyid pg_get_viewdef pg_get_wait_events
  pg_has_role pg_ident_file_mappings pg_identify_object pg_identify_object_as_address pg_index_column_has_property pg_index_has_property
  pg_indexam_has_property pg_indexam_progress_phasename pg_is_in_backup pg_is_in_recovery pg_is_other_temp_schema pg_is_wal_replay_paused
  pg_jit_available pg_last_committed_xact pg_last_xact_replay_timestamp pg_listening_channels pg_lsn pg_mcv_list_items pg_my_temp_schema
  pg_notification_queue_usage pg_notify pg_numa_available pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible pg_options_to_table
  pg_partition_ancestors pg_partition_root pg_partition_tree pg_postmaster_start_time pg_prepared_xact pg_relation_filenode
  pg_relation_filepath pg_relation_is_publishable pg_relation_is_updatable pg_safe_snapshot_blocking_pids pg_sequence_last_value
  pg_sequence_parameters pg_settings_get_flags pg_show_all_settings pg_size_bytes pg_size_pretty pg_sleep pg_sleep_for pg_sleep_until
  pg_snapshot_xip pg_snapshot_xmax pg_snapshot_xmin pg_split_walfile_name pg_stat_clear_snapshot pg_stat_get_backend_activity_start
  pg_stat_get_backend_client_addr pg_stat_get_backend_client_port pg_stat_get_backend_dbid pg_stat_get_backend_idset
  pg_stat_get_backend_pid pg_stat_get_backend_start pg_stat_get_backend_userid pg_stat_get_backend_wait_event
  pg_stat_get_backend_wait_event_type pg_stat_get_backend_xact_start pg_stat_get_snapshot_timestamp pg_statistics_obj_is_visible
  pg_table_is_visible pg_tablespace_databases pg_tablespace_location pg_timezone_abbrevs pg_timezone_abbrevs_abbrevs
  pg_timezone_abbrevs_zone pg_timezone_names pg_trigger_depth pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock
  pg_try_advisory_xact_lock_shared pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible
  pg_type_is_visible pg_typeof pg_visible_in_snapshot pg_wal_lsn_diff pg_walfile_name pg_walfile_name_offset pg_xact_commit_timestamp
  pg_xact_commit_timestamp_origin pg_xact_status txid_current txid_current_if_assigned txid_current_snapshot txid_snapshot_xip
  txid_snapshot_xmax txid_snapshot_xmin txid_status txid_visible_in_snapshot
`),
)
