import { wordList } from '../../../shared/word-list.ts'
import type { DefinitionKinds } from '../../../sql/facts/redefinitions.ts'

/**
 * Kinds of statements after which all names stand for what they stood for before. The end of a transaction is not among them: it
 * may undo definitions, or drop temporary tables.
 */
const KEEPS_DEFINITIONS = new Set(
  wordList(`
  select select-for-update insert update delete merge copy-to copy-from copy-to-file copy-from-file copy-to-program
  copy-from-program begin start savepoint release set set-role set-session-authorization set-replication-role reset show explain
  declare-cursor fetch move close-cursor prepare execute deallocate lock lock-access-share listen unlisten notify set-constraints checkpoint vacuum analyze
  truncate comment reindex cluster refresh-materialized-view
`),
)

/** What migrations send in one text. Types are not dropped here: another may be found in the place of one. */
const PLAIN_DEFINITIONS = new Set(
  wordList(`
  create-table create-index create-sequence create-type create-domain alter-table drop-column drop-partition drop-table drop-index comment
`),
)

/** Which statements change what names stand for. */
export const definitionKinds: DefinitionKinds = {
  keep: KEEPS_DEFINITIONS,
  plain: PLAIN_DEFINITIONS,
  drop: new Set(['drop-table', 'drop-index']),
  catalogs: 'pg_catalog',
}
