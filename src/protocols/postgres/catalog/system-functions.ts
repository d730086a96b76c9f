/** Whether a built-in function runs text as SQL, or returns data that its arguments do not contain. */
export const reachesBeyond = (name: string): boolean => RUNS_SQL_OR_REACHES_OUT.test(name)

/** Whether a call of a built-in function does more than compute a value from its arguments and the session. */
export const hasEffects = (name: string, isVolatile: boolean): boolean =>
  reachesBeyond(name) || (isVolatile && !HARMLESS.test(name))

/**
 * Built-in functions that run text as SQL, show data that the statement does not name, or read values of a type that only their arguments
 * name, volatile or not.
 */
const RUNS_SQL_OR_REACHES_OUT =
  /^(query_to_xml.*|table_to_xml.*|schema_to_xml.*|database_to_xml.*|cursor_to_xml.*|ts_stat|ts_rewrite|pg_read_.*|pg_ls_.*|pg_stat_file|lo_.*|loread|lowrite|dblink.*|pg_stat_get_activity|pg_stat_get_backend_activity|set_config|pg_notify|pg_logical_.*|pg_cursor|pg_prepared_statement|pg_show_.*file.*|pg_hba_file_rules|pg_current_logfile|pg_create_.*|pg_drop_.*|pg_replication_.*|pg_export_snapshot|pg_stat_statements.*|pg_get_wal_.*|pg_file_.*|binary_upgrade.*|pg_stat_reset.*|pg_import_.*|pg_extension_config_dump|pg_copy_.*|pg_(start|stop)_backup.*|pg_backup_.*|pg_switch_wal|pg_wal_replay_.*|pg_log_.*|pg_terminate.*|pg_cancel.*|pg_reload.*|pg_rotate.*|pg_promote|pg_read.*|brin_summarize.*|brin_desummarize.*|gin_clean.*|pg_nextoid|pg_set_.*|pg_restore_.*|pg_clear_.*|pg_input_.*|(domain|array|record|range|multirange)_(in|recv))$/

/** Volatile built-in functions whose effects, if any, are limited to sequences, advisory locks, sizes or time. */
const HARMLESS =
  /^(random|random_normal|setseed|clock_timestamp|timeofday|timezone|nextval|setval|currval|lastval|gen_random_uuid|uuidv4|uuidv7|pg_sleep|pg_sleep_for|pg_sleep_until|pg_(try_)?advisory_.*|pg_blocking_pids|pg_safe_snapshot_blocking_pids|txid_current|pg_current_xact_id|pg_(relation|table|total_relation|indexes|database|tablespace)_size|pg_relation_filepath|pg_is_in_recovery|pg_lock_status|pg_listening_channels|pg_stat_get_(?!activity|backend).*|pg_is_wal_replay_paused|pg_get_publication_tables|pg_sequence_last_value|pg_sequence_parameters|pg_partition_ancestors|pg_partition_tree|pg_jit_available|pg_stat_clear_snapshot|pg_(database_)?collation_actual_version|pg_prepared_xact|pg_xact_status|txid_status|pg_xact_commit_timestamp|pg_stat_have_stats|current_query|pg_current_wal_.*lsn|pg_notification_queue_usage|pg_get_multixact_members)$/
