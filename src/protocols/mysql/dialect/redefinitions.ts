import { wordList } from '../../../shared/word-list.ts'
import type { DefinitionKinds } from '../../../sql/facts/redefinitions.ts'

/** The statements that change what names refer to. COMMIT and ROLLBACK do not: definitions are not transactional. */
export const definitionKinds: DefinitionKinds = {
  keep: new Set(
    wordList(`
    select select-for-update select-into-file select-into-variable set-user-variable insert replace update delete truncate load-data
    load-data-local set set-transaction show show-processlist show-warnings show-grants show-create-user describe explain help
    begin commit rollback savepoint release rollback-to lock unlock do prepare deallocate signal get-diagnostics analyze-table check-table
    checksum-table optimize-table repair-table kill
  `),
  ),
  plain: new Set(
    wordList(
      'create-table create-index create-sequence alter-table drop-table drop-index drop-column drop-partition alter-sequence',
    ),
  ),
  drop: new Set(wordList('drop-table drop-index')),
  catalogs: 'mysql',
}
