import { wordList } from '../../shared/word-list.ts'

/** Every kind of statement that the engine tells apart. */
export const postgresKinds: readonly string[] = wordList(`
    select select-into select-for-update insert update delete merge truncate
    copy-to copy-from copy-to-file copy-from-file copy-to-program copy-from-program
    explain declare-cursor fetch move close-cursor prepare execute deallocate do call
    begin start commit rollback savepoint release rollback-to set-constraints lock lock-access-share
    prepare-transaction commit-prepared rollback-prepared
    set reset show discard set-role set-session-authorization set-replication-role
    listen unlisten notify load checkpoint vacuum analyze cluster reindex refresh-materialized-view
    create-table create-table-as create-view create-materialized-view create-index create-sequence create-schema
    create-type create-domain create-function create-procedure create-trigger create-event-trigger create-rule
    create-policy create-extension create-role create-database create-tablespace create-language create-cast
    create-conversion create-operator-class create-operator-family create-access-method create-transform
    create-statistics create-fdw create-foreign-server create-foreign-table create-user-mapping create-publication
    create-subscription define import-foreign-schema
    alter-table alter-view alter-materialized-view alter-index alter-sequence alter-foreign-table alter-type
    alter-domain alter-function alter-owner alter-policy alter-object-schema alter-object-depends alter-table-move-all
    alter-event-trigger alter-extension alter-extension-contents alter-role alter-database alter-collation
    alter-system alter-tablespace alter-default-privileges alter-operator alter-operator-family alter-statistics
    alter-text-search-dictionary alter-text-search-configuration alter-fdw alter-foreign-server alter-user-mapping
    alter-publication alter-subscription alter-schema alter-procedure alter-routine alter-aggregate alter-trigger
    alter-rule alter-language alter-conversion alter-operator-class alter-text-search-parser alter-text-search-template
    replica-identity rename
    drop-table drop-column drop-partition drop-view drop-materialized-view drop-index drop-sequence drop-schema drop-type drop-domain
    drop-function drop-procedure drop-routine drop-aggregate drop-trigger drop-event-trigger drop-rule drop-policy
    drop-extension drop-role drop-owned drop-database drop-tablespace drop-language drop-cast drop-operator
    drop-operator-class drop-operator-family drop-conversion drop-collation drop-text-search-parser
    drop-text-search-dictionary drop-text-search-template drop-text-search-configuration drop-access-method
    drop-transform drop-statistics drop-fdw drop-foreign-server drop-foreign-table drop-user-mapping drop-publication
    drop-subscription reassign-owned grant grant-role comment security-label
  `)
