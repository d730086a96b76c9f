import type { RuleSet } from '../../policy/vocabulary.ts'
import { wordList } from '../../shared/word-list.ts'

/**
 * What clients, drivers, pools and frameworks send all day. Deliberately not here: definitions, LISTEN and NOTIFY, DO and
 * CALL, COPY with files or programs of the server, SET ROLE, two-phase commit. What is of unknown effect is not allowed
 * either, because no rule of the set says `unknown`: with it go functions that read files, run text as SQL or are
 * user-defined.
 */
const EVERYDAY = wordList(`
  select select-for-update insert update delete merge copy-to copy-from explain
  begin start commit rollback savepoint release rollback-to set-constraints lock lock-access-share
  set reset show discard unlisten prepare execute deallocate declare-cursor fetch move close-cursor
`)

/**
 * What schema migrations do to an application's own tables. Not here: what runs code (functions, triggers, rules,
 * extensions) or changes who may do what (roles, grants, policies, owners), schemas, and all that ends in CASCADE.
 */
const MIGRATIONS = wordList(`
  create-table create-table-as select-into create-index create-view create-materialized-view create-sequence
  create-type create-domain create-statistics
  alter-table alter-index alter-view alter-materialized-view alter-sequence alter-type alter-domain alter-statistics
  drop-table drop-column drop-partition drop-index drop-view drop-materialized-view drop-sequence drop-type drop-domain drop-statistics
  rename comment truncate refresh-materialized-view analyze vacuum reindex cluster replica-identity
`)

/** Whoever writes to them is above privileges and definitions. PostgreSQL lets superusers do so. */
const CATALOGS = {
  name: 'system catalogs',
  effect: 'deny',
  match: { writes: ['pg_catalog.*', 'information_schema.*', 'pg_toast.*'] },
  message: 'system catalogs cannot be written to',
} as const

/** What `use:` takes for PostgreSQL. */
export const postgresRuleSets: Readonly<Record<string, RuleSet>> = {
  everyday: {
    summary:
      'reading and changing rows, transactions, cursors, prepared statements and settings, as applications do; no definitions',
    effect: 'allow',
    rules: [CATALOGS, { name: 'reading and changing rows', match: { kinds: EVERYDAY }, message: '' }],
  },
  'app-developer': {
    summary: 'everyday, and definitions of tables, indexes, views, sequences and types, as migrations change them',
    effect: 'allow',
    rules: [CATALOGS, { name: 'rows and tables', match: { kinds: [...EVERYDAY, ...MIGRATIONS] }, message: '' }],
  },
  'read-only': {
    summary: 'nothing is written; the sessions are read-only in the server, too (default_transaction_read_only)',
    effect: 'deny',
    rules: [
      {
        name: 'writing statements',
        match: {
          kinds: wordList(`
            insert update delete merge truncate copy-from copy-from-file copy-from-program copy-to-file copy-to-program
            select-into select-for-update lock create-* alter-* drop-* rename define comment security-label grant
            grant-role reindex cluster vacuum refresh-materialized-view import-foreign-schema do call load checkpoint
            prepare-transaction commit-prepared rollback-prepared notify reassign-owned alter-default-privileges
          `),
        },
        message: 'this target is read-only',
      },
      {
        name: 'functions that write',
        match: { functions: wordList('nextval setval lo_* loread lowrite pg_notify pg_advisory_* pg_try_advisory_*') },
        message: 'this target is read-only',
      },
    ],
  },
  'no-blind-writes': {
    summary: 'UPDATE, DELETE and MERGE need a WHERE that depends on the row',
    effect: 'deny',
    rules: [
      {
        name: 'a missing WHERE',
        match: { kinds: ['update', 'delete', 'merge'], missingWhere: true },
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
          kinds: wordList(`
            create-* alter-* drop-* truncate rename define comment security-label select-into refresh-materialized-view
            import-foreign-schema reindex cluster
          `),
          unknown: true,
        },
        message: '',
      },
    ],
  },
  'no-server-files-or-programs': {
    summary: 'nothing reaches files, programs or the network of the database server',
    effect: 'deny',
    rules: [
      {
        name: 'COPY, LOAD, extensions and foreign servers',
        match: {
          kinds: wordList(`
            copy-to-file copy-from-file copy-to-program copy-from-program load create-extension alter-extension
            create-foreign-server alter-foreign-server create-fdw alter-fdw create-user-mapping alter-user-mapping
            create-foreign-table import-foreign-schema create-subscription alter-subscription create-publication
            create-tablespace alter-system create-language
          `),
        },
        message: 'files, programs and the network of the server are out of reach',
      },
      {
        name: 'functions',
        match: {
          functions: wordList(`
            pg_read_* pg_ls_* pg_stat_file pg_file_* lo_import lo_export dblink* pg_current_logfile pg_hba_file_rules
            pg_show_all_file_settings pg_ident_file_mappings pg_logdir_ls pg_config pg_execute_server_program
          `),
        },
        message: 'files, programs and the network of the server are out of reach',
      },
      {
        name: 'views of files',
        match: {
          relations: wordList(
            'pg_catalog.pg_hba_file_rules pg_catalog.pg_ident_file_mappings pg_catalog.pg_file_settings pg_catalog.pg_config',
          ),
        },
        message: 'files, programs and the network of the server are out of reach',
      },
    ],
  },
  'no-privilege-change': {
    summary: 'roles, privileges and owners stay as they are',
    effect: 'deny',
    rules: [
      {
        name: 'roles and privileges',
        match: {
          kinds: wordList(`
            grant grant-role create-role alter-role drop-role alter-default-privileges alter-owner
            reassign-owned drop-owned set-role set-session-authorization set-replication-role create-policy alter-policy drop-policy
            security-label create-cast
          `),
        },
        message: 'roles and privileges are not changed here',
      },
    ],
  },
}
