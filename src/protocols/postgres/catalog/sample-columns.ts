import { wordList } from '../../../shared/word-list.ts'

/** System relations that contain samples of data or texts of statements, with the columns that reveal nothing of these. */
export const SAMPLE_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  pg_statistic: ['starelid', 'staattnum', 'stainherit'],
  pg_statistic_ext_data: ['stxoid', 'stxdinherit'],
  pg_stats: ['schemaname', 'tablename', 'attname', 'inherited'],
  pg_stats_ext: [
    'schemaname',
    'tablename',
    'statistics_schemaname',
    'statistics_name',
    'statistics_owner',
    'attnames',
    'exprs',
    'kinds',
    'inherited',
  ],
  pg_stats_ext_exprs: [
    'schemaname',
    'tablename',
    'statistics_schemaname',
    'statistics_name',
    'statistics_owner',
    'expr',
    'inherited',
  ],
  pg_largeobject: ['loid', 'pageno'],
  pg_stat_activity: wordList(`
  datid datname pid leader_pid usesysid usename application_name client_addr client_port client_hostname
  backend_start xact_start query_start state_change wait_event_type wait_event state backend_xid backend_xmin query_id
  backend_type
`),
  pg_cursors: ['name', 'is_holdable', 'is_binary', 'is_scrollable', 'creation_time'],
  pg_prepared_statements: [
    'name',
    'prepare_time',
    'parameter_types',
    'result_types',
    'from_sql',
    'generic_plans',
    'custom_plans',
  ],
}
