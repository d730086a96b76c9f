import { wordList } from '../../../shared/word-list.ts'

// The servers count what statements read and change. An UPDATE that sets a masked column to the value that it has already changes no row, so
// a counter that moves reveals that a guess was wrong. What is visible of them is a closed list.

/**
 * Whether a system variable may say what has been written: those of GTIDs name the last transaction in the binary log, and `gtid_seq_no` is
 * used up by it. `name` may have a scope in front: `global.gtid_binlog_pos`. Source: MariaDB, Global Transaction ID, System Variables;
 * MySQL manual, Global Transaction ID System Variables.
 */
export function isCounterSetting(name: string): boolean {
  const own = name.slice(name.lastIndexOf('.') + 1).toLowerCase()
  // The server compares names without regard to accents.
  return !/^[\w$]+$/.test(own) || (own.includes('gtid') && !GTID_OPTIONS.has(own))
}

/** Whether the value of a status variable says nothing of rows, pages, logs, memory or time: what connections and certificates are like. */
export const isHarmlessStatus = (name: string): boolean => HARMLESS_STATUS.has(name.toLowerCase())

const GTID_OPTIONS: ReadonlySet<string> = new Set(
  wordList(`
  binlog_gtid_index binlog_gtid_index_page_size binlog_gtid_index_span_min binlog_gtid_simple_recovery enforce_gtid_consistency
  gtid_cleanup_batch_size gtid_domain_id gtid_executed_compression_period gtid_ignore_duplicates gtid_mode gtid_pos_auto_engines
  gtid_strict_mode session_track_gtids wsrep_gtid_domain_id wsrep_gtid_mode
`),
)

/** Source: MySQL manual, Server Status Variables; MariaDB, Server Status Variables, Galera Cluster Status Variables. */
const HARMLESS_STATUS: ReadonlySet<string> = new Set(
  wordList(`
  aborted_clients aborted_connects aborted_connects_preauth access_denied_errors caching_sha2_password_rsa_public_key compression
  compression_algorithm compression_level connection_errors_accept connection_errors_internal connection_errors_max_connections
  connection_errors_peer_address connection_errors_select connection_errors_tcpwrap connections current_tls_ca current_tls_capath
  current_tls_cert current_tls_cipher current_tls_ciphersuites current_tls_crl current_tls_crlpath current_tls_key current_tls_version
  locked_connects max_used_connections max_used_connections_time questions rsa_public_key slow_launch_threads ssl_accept_renegotiates
  ssl_accepts ssl_callback_cache_hits ssl_cipher ssl_cipher_list ssl_client_connects ssl_connect_renegotiates ssl_ctx_verify_depth
  ssl_ctx_verify_mode ssl_default_timeout ssl_finished_accepts ssl_finished_connects ssl_server_not_after ssl_server_not_before
  ssl_session_cache_mode ssl_session_cache_size ssl_sessions_reused ssl_verify_depth ssl_verify_mode ssl_version threads_cached
  threads_connected threads_created threads_running tls_library_version tls_sni_server_name uptime uptime_since_flush_status
  wsrep_cluster_conf_id wsrep_cluster_size wsrep_cluster_status wsrep_connected wsrep_incoming_addresses wsrep_local_index
  wsrep_local_state wsrep_local_state_comment wsrep_provider_name wsrep_provider_vendor wsrep_provider_version wsrep_ready
`),
)
