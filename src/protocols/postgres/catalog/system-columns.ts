import { wordList } from '../../../shared/word-list.ts'
import type { CountingRows } from '../../../sql/catalog.ts'

/**
 * What is harmless to show of the server's own relations where columns are masked. Some contain samples of data or texts of statements; others
 * count what statements have read, changed or written to the log, or how much is stored, and so reveal whether an UPDATE found the value that
 * it set. The lists are closed: a relation of `pg_catalog` that is in neither may show anything, in any of its columns and by its number of
 * rows. Sources: manual, System Catalogs, System Views, and The Cumulative Statistics System; system_views.sql of versions 14 to 18.
 */

/** Relations that describe objects, settings and sessions, and nothing that a change of rows changes. */
export const HARMLESS_RELATIONS: ReadonlySet<string> = new Set(
  wordList(`
  pg_aggregate pg_am pg_amop pg_amproc pg_attrdef pg_auth_members pg_authid pg_available_extension_versions
  pg_available_extensions pg_cast pg_collation pg_config pg_constraint pg_conversion pg_database pg_db_role_setting pg_default_acl pg_depend
  pg_description pg_enum pg_event_trigger pg_extension pg_file_settings pg_foreign_data_wrapper pg_foreign_server pg_foreign_table pg_group
  pg_hba_file_rules pg_ident_file_mappings pg_indexes pg_inherits pg_init_privs pg_language pg_largeobject_metadata pg_matviews pg_namespace
  pg_opclass pg_operator pg_opfamily pg_parameter_acl pg_partitioned_table pg_policies pg_policy pg_prepared_xacts pg_proc pg_publication
  pg_publication_namespace pg_publication_rel pg_publication_tables pg_range pg_replication_origin pg_rewrite pg_roles pg_rules pg_seclabel
  pg_seclabels pg_sequence pg_sequences pg_settings pg_shadow pg_shdepend pg_shdescription pg_shseclabel pg_stat_gssapi pg_stat_ssl
  pg_statistic_ext pg_subscription pg_tables pg_tablespace pg_timezone_abbrevs pg_timezone_names pg_transform pg_trigger pg_ts_config
  pg_ts_config_map pg_ts_dict pg_ts_parser pg_ts_template pg_type pg_user pg_user_mapping pg_user_mappings pg_views pg_wait_events
`),
)

/**
 * Rows of `pg_locks` that depend on masked values: an UPDATE locks the table that keeps long values of rows (TOAST) where there are some, a
 * partition where a row goes there, and what a foreign key refers to. Whoever waits for such a lock waits for a statement. Source: manual, pg_locks.
 */
export const LOCKS_OF_RELATIONS: CountingRows = {
  empty: new Set(wordList('virtualxid transactionid classid objid objsubid')),
  true: new Set(['granted']),
  never: new Map([
    ['locktype', new Set(wordList('transactionid virtualxid spectoken object userlock advisory applytransaction'))],
  ]),
}

/** What statistics per table, index or sequence say besides counts. VACUUM and ANALYZE run by themselves after so many changes. */
const TABLE_STATISTICS = wordList(
  'relid schemaname relname indexrelid indexrelname last_vacuum last_analyze vacuum_count analyze_count',
)
const each = (names: string, columns: string): [string, readonly string[]][] =>
  wordList(names).map((name) => [name, wordList(columns)])

/** Relations of which only these columns are harmless, in any version. */
export const HARMLESS_COLUMNS: ReadonlyMap<string, readonly string[]> = new Map([
  ...each('pg_statistic', 'starelid staattnum stainherit'),
  ...each('pg_statistic_ext_data', 'stxoid stxdinherit'),
  ...each('pg_stats', 'schemaname tablename attname inherited'),
  ...each(
    'pg_stats_ext',
    'schemaname tablename statistics_schemaname statistics_name statistics_owner attnames exprs kinds inherited',
  ),
  ...each(
    'pg_stats_ext_exprs',
    'schemaname tablename statistics_schemaname statistics_name statistics_owner expr inherited',
  ),
  ...each('pg_largeobject', 'loid pageno'),
  ...each(
    'pg_stat_activity',
    `datid datname pid leader_pid usesysid usename application_name client_addr client_port client_hostname backend_start xact_start
    query_start state_change wait_event_type wait_event state backend_xid backend_xmin query_id backend_type`,
  ),
  ...each('pg_cursors', 'name is_holdable is_binary is_scrollable creation_time'),
  ...each(
    'pg_prepared_statements',
    'name prepare_time parameter_types result_types from_sql generic_plans custom_plans',
  ),
  // All but what VACUUM, ANALYZE and CREATE INDEX set: pages, as many as the lengths of rows make, and rows, which CREATE INDEX counts with
  // those that an UPDATE has left behind unless it was HOT.
  ...each(
    'pg_class',
    `oid relname relnamespace reltype reloftype relowner relam relfilenode reltablespace reltoastrelid relhasindex relisshared
    relpersistence relkind relnatts relchecks relhasrules relhastriggers relhassubclass relrowsecurity relforcerowsecurity relispopulated relreplident
    relispartition relrewrite relfrozenxid relminmxid relacl reloptions relpartbound`,
  ),
  // All but attmissingval, the value of all rows that are older than the column (manual, pg_attribute).
  ...each(
    'pg_attribute',
    `attrelid attname atttypid attlen attnum attcacheoff atttypmod attndims attbyval attalign attstorage attcompression attnotnull
    atthasdef atthasmissing attidentity attgenerated attisdropped attislocal attinhcount attcollation attstattarget attacl attoptions
    attfdwoptions`,
  ),
  // All but indcheckxmin, which says whether CREATE INDEX found an update that changed no column of the other indexes (README.HOT).
  ...each(
    'pg_index',
    `indexrelid indrelid indnatts indnkeyatts indisunique indnullsnotdistinct indisprimary indisexclusion indimmediate indisclustered
    indisvalid indisready indislive indisreplident indkey indcollation indclass indoption indexprs indpred`,
  ),
  // All but the page and the tuple of a row that somebody waits for.
  ...each(
    'pg_locks',
    `locktype database relation virtualxid transactionid classid objid objsubid virtualtransaction pid mode granted fastpath waitstart`,
  ),
  ...wordList(
    `pg_stat_all_tables pg_stat_sys_tables pg_stat_user_tables pg_stat_xact_all_tables pg_stat_xact_sys_tables pg_stat_xact_user_tables
    pg_stat_all_indexes pg_stat_sys_indexes pg_stat_user_indexes pg_statio_all_tables pg_statio_sys_tables pg_statio_user_tables
    pg_statio_all_indexes pg_statio_sys_indexes pg_statio_user_indexes pg_statio_all_sequences pg_statio_sys_sequences
    pg_statio_user_sequences`,
  ).map((name): [string, readonly string[]] => [name, TABLE_STATISTICS]),
  ...each('pg_stat_database pg_stat_database_conflicts', 'datid datname numbackends stats_reset'),
  ...each(
    'pg_stat_wal pg_stat_bgwriter pg_stat_checkpointer pg_stat_archiver pg_stat_recovery_prefetch',
    'stats_reset',
  ),
  ...each('pg_stat_io', 'backend_type object context stats_reset'),
  ...each('pg_stat_slru', 'name stats_reset'),
  ...each(
    'pg_stat_replication',
    `pid usesysid usename application_name client_addr client_hostname client_port backend_start backend_xmin state sync_priority
    sync_state`,
  ),
  ...each('pg_stat_wal_receiver', 'pid status receive_start_tli received_tli slot_name sender_host sender_port'),
  ...each(
    'pg_replication_slots',
    'slot_name plugin slot_type datoid database temporary active active_pid xmin catalog_xmin two_phase inactive_since failover synced',
  ),
  ...each('pg_stat_replication_slots', 'slot_name stats_reset'),
  ...each('pg_replication_origin_status', 'local_id external_id'),
  ...each('pg_subscription_rel', 'srsubid srrelid srsubstate'),
  ...each('pg_stat_subscription', 'subid subname worker_type pid leader_pid relid'),
  ...each('pg_stat_subscription_stats', 'subid subname stats_reset'),
  ...each(
    `pg_stat_progress_analyze pg_stat_progress_basebackup pg_stat_progress_cluster pg_stat_progress_copy pg_stat_progress_create_index
    pg_stat_progress_vacuum`,
    'pid datid datname relid command type cluster_index_relid index_relid',
  ),
])
