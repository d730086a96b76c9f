import type { RuleSet } from '../../policy/vocabulary.ts'
import { wordList } from '../../shared/word-list.ts'

/**
 * Statements that clients, drivers, pools and frameworks send all the time. Deliberately not included: definitions, CALL, HANDLER, files of
 * the server, roles, statements prepared from a text at run time, and settings of the server. Statements of unknown effect are not allowed
 * either, because no rule of the set includes `unknown`: this excludes functions that read files, stored functions and triggers. KILL
 * reaches only sessions of the same user at the gateway.
 */
const EVERYDAY = wordList(`
  select select-for-update select-into-variable set-user-variable insert replace update delete load-data-local do explain describe
  show show-warnings show-processlist show-grants show-profile help use
  begin commit rollback savepoint release rollback-to lock unlock
  set set-transaction prepare execute deallocate get-diagnostics signal kill
`)

/**
 * Statements of schema migrations on an application's own tables. Not included: those that create code (functions, procedures, triggers,
 * events, plugins) or change privileges, and databases.
 */
const MIGRATIONS = wordList(`
  create-table create-table-as create-view create-index create-sequence alter-table alter-view alter-sequence rename-table truncate
  drop-table drop-column drop-partition drop-view drop-index drop-sequence
  analyze-table check-table optimize-table repair-table checksum-table
`)

/** Writing to these databases bypasses privileges and definitions. */
const CATALOGS = {
  name: 'system databases',
  effect: 'deny',
  match: { writes: ['mysql.*', 'information_schema.*', 'performance_schema.*', 'sys.*'] },
  message: "the server's own databases cannot be written to",
} as const

/** Functions of common collections of loadable functions that run other programs. */
const LOADABLE = wordList('sys_exec sys_eval sys_get sys_set lib_mysqludf_*')

/** The rule sets for `use:` with MySQL and MariaDB. */
export const mysqlRuleSets: Readonly<Record<string, RuleSet>> = {
  everyday: {
    summary:
      'reading and changing rows, transactions, prepared statements and settings, as applications do; no definitions',
    effect: 'allow',
    rules: [CATALOGS, { name: 'reading and changing rows', match: { kinds: EVERYDAY }, message: '' }],
  },
  'app-developer': {
    summary: 'everyday, and definitions of tables, indexes, views and sequences, as migrations change them',
    effect: 'allow',
    rules: [CATALOGS, { name: 'rows and tables', match: { kinds: [...EVERYDAY, ...MIGRATIONS] }, message: '' }],
  },
  'read-only': {
    summary: 'nothing is written; the sessions are read-only in the server, too (SET SESSION TRANSACTION READ ONLY)',
    effect: 'deny',
    rules: [
      {
        name: 'writing statements',
        match: {
          kinds: wordList(`
            insert replace update delete truncate load-data load-data-local select-into-file select-for-update lock
            create-* alter-* drop-* rename-* grant grant-role revoke revoke-role set-password set-global set-persist reset-persist
            set-default-role set-resource-group call execute-immediate compound handler
            analyze-table optimize-table repair-table import-table cache-index load-index
            flush reset reset-master reset-replica purge-binary-logs change-* start-replica stop-replica binlog
            install-* uninstall-* clone shutdown restart lock-instance backup xa
          `),
        },
        message: 'this target is read-only',
      },
      {
        name: 'functions that write',
        match: { functions: wordList('nextval setval get_lock release_lock release_all_locks') },
        message: 'this target is read-only',
      },
    ],
  },
  'no-blind-writes': {
    summary: 'UPDATE and DELETE need a WHERE that depends on the row',
    effect: 'deny',
    rules: [
      {
        name: 'a missing WHERE',
        match: { kinds: ['update', 'delete'], missingWhere: true },
        message: 'UPDATE and DELETE without a WHERE that depends on the row are not allowed',
        hint: 'add a WHERE clause',
      },
    ],
  },
  'ddl-needs-approval': {
    summary: 'definitions change only with a person’s approval',
    effect: 'hold',
    rules: [
      {
        name: 'definitions',
        match: {
          kinds: wordList('create-* alter-* drop-* rename-* truncate import-table optimize-table repair-table'),
          unknown: true,
        },
        message: '',
      },
    ],
  },
  'no-server-files': {
    summary: 'nothing reaches files, libraries or other servers from the database server',
    effect: 'deny',
    rules: [
      {
        name: 'files, libraries and other servers',
        match: {
          kinds: wordList(`
            select-into-file load-data create-loadable-function install-plugin uninstall-plugin install-component uninstall-component
            create-server alter-server create-tablespace alter-tablespace import-table clone backup binlog change-master
            change-replication-filter start-replica set-global set-persist
          `),
        },
        message: 'files, libraries and other servers are out of reach',
        hint: 'LOAD DATA LOCAL and the results of queries go through the client',
      },
      {
        name: 'functions',
        match: { functions: ['load_file', ...LOADABLE] },
        message: 'files, libraries and other servers are out of reach',
      },
    ],
  },
  'no-privilege-change': {
    summary: 'accounts, roles and privileges stay as they are',
    effect: 'deny',
    rules: [
      {
        name: 'accounts, roles and privileges',
        match: {
          kinds: wordList(`
            grant grant-role revoke revoke-role create-user alter-user drop-user rename-user create-role drop-role
            set-password set-role set-default-role
          `),
        },
        message: 'accounts, roles and privileges are not changed here',
      },
      {
        name: 'tables of privileges',
        match: { writes: ['mysql.*'] },
        message: 'accounts, roles and privileges are not changed here',
      },
    ],
  },
  'no-stored-passwords': {
    summary: 'hashes of passwords, and passwords for other servers, are not read',
    effect: 'deny',
    rules: [
      {
        name: 'tables of passwords',
        match: {
          relations: wordList(`
            mysql.user mysql.global_priv mysql.password_history mysql.servers mysql.slave_master_info mysql.federated_servers
          `),
        },
        message: 'passwords and their hashes are not read here',
        hint: 'SHOW GRANTS and SHOW CREATE USER show accounts without their hashes',
      },
    ],
  },
}
