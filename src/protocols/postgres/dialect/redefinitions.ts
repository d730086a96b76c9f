import { wordList } from '../../../shared/word-list.ts'
import type { DefinitionKinds } from '../../../sql/facts/redefinitions.ts'

/**
 * Kinds of statements that do not change what any name refers to. The end of a transaction is not among them: it may undo definitions or
 * drop temporary tables. Nor is what runs code of earlier statements, which may be of unknown effect: SET CONSTRAINTS runs deferred triggers,
 * FETCH and MOVE run what the cursor was declared for.
 */
const KEEPS_DEFINITIONS = new Set(
  wordList(`
  select select-for-update insert update delete merge copy-to copy-from copy-to-file copy-from-file copy-to-program
  copy-from-program begin start savepoint release set set-role set-session-authorization set-replication-role reset show explain
  declare-cursor close-cursor prepare execute deallocate lock lock-access-share listen unlisten notify checkpoint vacuum analyze
  truncate comment reindex cluster refresh-materialized-view
`),
)

/** Statements that migrations send in one text. DROP TYPE is not among them: the name may then refer to another type. */
const PLAIN_DEFINITIONS = new Set(
  wordList(`
  create-table create-index create-sequence create-type create-domain alter-table drop-column drop-partition drop-table drop-index comment
`),
)

/** The statements that change what names refer to. */
export const definitionKinds: DefinitionKinds = {
  keep: KEEPS_DEFINITIONS,
  plain: PLAIN_DEFINITIONS,
  drop: new Set(['drop-table', 'drop-index']),
  catalogs: 'pg_catalog',
}
