import { words } from '../shared/words.ts'
import type { StatementMatch } from './policy.ts'

/** Rules that come ready-made; a rule of the file takes a set in with `use`. */
export const ruleSetNames = [
  'read-only',
  'no-blind-writes',
  'ddl-needs-approval',
  'no-server-files-or-programs',
  'no-privilege-change',
] as const
export type RuleSetName = (typeof ruleSetNames)[number]

export interface RuleSet {
  readonly summary: string
  /** Its rules hold for a person; otherwise they refuse. */
  readonly holds: boolean
  readonly rules: readonly {
    readonly name: string
    readonly match: StatementMatch
    readonly message: string
    readonly hint?: string
  }[]
}

export const ruleSets: Readonly<Record<RuleSetName, RuleSet>> = {
  'read-only': {
    summary: 'nothing is written; the sessions are read-only in the server, too (default_transaction_read_only)',
    holds: false,
    rules: [
      {
        name: 'writing statements',
        match: {
          kinds: words(`
            insert update delete merge truncate copy-from copy-from-file copy-from-program copy-to-file copy-to-program
            select-into select-for-update lock create-* alter-* drop-* rename define comment security-label grant
            grant-role reindex cluster vacuum refresh-materialized-view import-foreign-schema do call load checkpoint
            prepare-transaction commit-prepared rollback-prepared notify reassign-owned alter-default-privileges
          `),
        },
        message: 'this target is read-only for you',
      },
      {
        name: 'functions that write',
        match: { functions: words('nextval setval lo_* loread lowrite pg_notify pg_advisory_* pg_try_advisory_*') },
        message: 'this target is read-only for you',
      },
    ],
  },
  'no-blind-writes': {
    summary: 'UPDATE, DELETE and MERGE need a WHERE that depends on the row',
    holds: false,
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
    holds: true,
    rules: [
      {
        name: 'definitions',
        match: {
          kinds: words(`
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
    holds: false,
    rules: [
      {
        name: 'COPY, LOAD, extensions and foreign servers',
        match: {
          kinds: words(`
            copy-to-file copy-from-file copy-to-program copy-from-program load create-extension alter-extension
            create-foreign-server alter-foreign-server create-fdw alter-fdw create-user-mapping alter-user-mapping
            create-foreign-table import-foreign-schema create-subscription alter-subscription create-publication
            create-tablespace alter-system create-plang
          `),
        },
        message: 'files, programs and the network of the server are out of reach',
      },
      {
        name: 'functions',
        match: {
          functions: words(`
            pg_read_* pg_ls_* pg_stat_file pg_file_* lo_import lo_export dblink* pg_current_logfile pg_hba_file_rules
            pg_show_all_file_settings pg_logdir_ls pg_execute_server_program
          `),
        },
        message: 'files, programs and the network of the server are out of reach',
      },
    ],
  },
  'no-privilege-change': {
    summary: 'roles, privileges and owners stay as they are',
    holds: false,
    rules: [
      {
        name: 'roles and privileges',
        match: {
          kinds: words(`
            grant grant-role create-role alter-role drop-role alter-role-set alter-default-privileges alter-owner
            reassign-owned drop-owned set-role set-session-authorization set-replication-role create-policy alter-policy drop-policy
            security-label create-cast
          `),
        },
        message: 'roles and privileges are not changed here',
      },
    ],
  },
}
