import { wordList } from '../../shared/word-list.ts'

/** Every kind of statement that the engine distinguishes. */
export const mysqlKinds: readonly string[] = wordList(`
    select select-for-update select-into-file select-into-variable set-user-variable
    insert replace update delete truncate load-data load-data-local
    set set-global set-persist set-transaction set-password set-role set-default-role set-resource-group
    reset-persist show show-processlist show-warnings show-grants show-create-user show-binlog show-replication
    show-engine show-profile describe explain help use
    begin commit rollback savepoint release rollback-to xa
    lock unlock lock-instance unlock-instance backup
    call do prepare execute execute-immediate deallocate handler compound signal get-diagnostics
    kill flush reset reset-master reset-replica purge-binary-logs change-master change-replication-filter
    start-replica stop-replica binlog clone shutdown restart
    install-plugin uninstall-plugin install-component uninstall-component import-table alter-instance
    create-table create-table-as create-view create-index create-database create-sequence create-trigger
    create-procedure create-function create-loadable-function create-package create-event create-user create-role
    create-server create-tablespace create-resource-group create-spatial-reference-system
    alter-table alter-view alter-database alter-sequence alter-procedure alter-function alter-event alter-user
    alter-server alter-tablespace alter-resource-group rename-table rename-user
    drop-table drop-column drop-partition drop-view drop-index drop-database drop-sequence drop-trigger drop-procedure
    drop-function drop-package drop-event drop-user drop-role drop-server drop-tablespace drop-resource-group
    drop-spatial-reference-system
    grant grant-role revoke revoke-role
    analyze-table check-table optimize-table repair-table checksum-table cache-index load-index
  `)
