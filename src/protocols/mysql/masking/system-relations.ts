import { wordList } from '../../../shared/word-list.ts'
import type { Relation } from '../../../sql/catalog.ts'
import { SYSTEM_DATABASES } from '../catalog/catalog.ts'
import { STORAGE } from '../catalog/storage-columns.ts'

/**
 * The columns of the server's own tables that reveal nothing about rows of other tables. System tables contain texts of statements, values
 * from indexes, locks and histograms, and variables of sessions, so the list is closed: a table that is not listed may have anything in any
 * of its columns. Sources: MySQL manual, INFORMATION_SCHEMA, Performance Schema; MariaDB, System Tables; the content of each was checked on
 * servers.
 */
export function harmlessColumns({ schema, name, columns }: Relation): readonly string[] | undefined {
  if (!SYSTEM_DATABASES.has(schema)) return undefined
  const known = (HARMLESS[schema] ?? NONE).get(name.slice(schema.length + 1))
  if (known === undefined) return []
  return known === 'all' ? undefined : [...columns.keys()].filter(known)
}

/** Locks, pages, stages of statements: a system table that is not listed may have a row for each. */
export const countsByRows = (relation: Relation): boolean => harmlessColumns(relation)?.length === 0

/** The columns that show how much is stored in each table, and how many values an index has. */
export function storageColumns({ schema, name }: Relation): ReadonlySet<string> | undefined {
  return schema === 'information_schema' ? STORAGE.get(name.slice(schema.length + 1)) : undefined
}

export const isOfStorage = (relation: Relation): boolean => storageColumns(relation) !== undefined

type Known = 'all' | ((column: string) => boolean)
const NONE: ReadonlyMap<string, Known> = new Map()

/** Tables of which all columns are harmless, all but those after `-`, or only those after `+`: the last where they change with rows. */
const known = (text: string): ReadonlyMap<string, Known> =>
  new Map(
    wordList(text).map((word): [string, Known] => {
      const [table = '', ...names] = word.split(/[-+]/)
      const isListed = (column: string): boolean => names.includes(column)
      if (names.length === 0) return [table, 'all']
      return [table, word.includes('+') ? isListed : (column) => !isListed(column)]
    }),
  )

const HARMLESS: Readonly<Record<string, ReadonlyMap<string, Known>>> = {
  information_schema: known(`
    administrable_role_authorizations all_plugins applicable_roles character_sets check_constraints
    collation_character_set_applicability collations columns columns_extensions column_privileges enabled_roles engines events
    files+file_id+file_name+file_type+tablespace_name+table_catalog+table_schema+table_name+logfile_group_name+logfile_group_number+engine+extent_size+initial_size+maximum_size+autoextend_size+creation_time+row_format+status+extra
    geometry_columns global_status+variable_name global_variables+variable_name keywords
    key_caches+key_cache_name+segments+segment_number+full_size+block_size key_column_usage parameters
    partitions-update_time-checksum plugins
    periods referential_constraints resource_groups role_column_grants role_routine_grants role_table_grants routines schemata
    schemata_extensions schema_privileges session_status+variable_name session_variables+variable_name spatial_ref_sys sql_functions
    st_geometry_columns st_spatial_reference_systems st_units_of_measure statistics-cardinality
    system_variables-session_value-global_value tables-update_time-checksum tables_extensions tablespaces
    tablespaces_extensions table_constraints table_constraints_extensions table_privileges triggers user_attributes user_privileges
    views view_routine_usage view_table_usage innodb_sys_tables innodb_sys_columns innodb_sys_indexes innodb_sys_fields
    innodb_sys_foreign innodb_sys_foreign_cols innodb_sys_tablespaces-file_size-allocated_size innodb_sys_virtual innodb_tables
    innodb_columns innodb_indexes innodb_fields innodb_foreign innodb_foreign_cols innodb_tablespaces-file_size-allocated_size
    innodb_virtual innodb_datafiles innodb_ft_default_stopword
    innodb_ft_config+key innodb_ft_being_deleted-doc_id innodb_ft_deleted-doc_id optimizer_costs
    processlist+id+user+host+db+command+time+time_ms+query_id+tid+execution_engine
  `),
  performance_schema: known(`
    accounts+user+host+current_connections+total_connections global_status+variable_name global_variables+variable_name host_cache
    hosts+host+current_connections+total_connections performance_timers persisted_variables session_account_connect_attrs
    session_connect_attrs session_status+variable_name session_variables+variable_name setup_actors setup_consumers
    setup_instruments setup_objects setup_threads setup_timers keyring_keys users+user+current_connections+total_connections
    variables_by_thread+thread_id+variable_name variables_info
  `),
  mysql: known(`
    columns_priv component db default_roles engine_cost func global_grants global_priv-priv help_category help_keyword
    help_relation help_topic plugin procs_priv proxies_priv role_edges roles_mapping server_cost servers-password tables_priv
    time_zone time_zone_leap_second time_zone_name time_zone_transition time_zone_transition_type
    user-password-authentication_string proc event
  `),
  sys: known('sys_config version'),
}
