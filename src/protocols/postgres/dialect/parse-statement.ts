import type { ParseResult } from '@pgsql/types'
import type { LiteralPlace, ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { readFacts } from '../../../sql/facts/read-facts.ts'
import { postgresDialect } from './dialect.ts'
import { placesIn } from './literals.ts'
import { mayHaveNewerWords, newerWords } from './newer-words.ts'
import { toStatement } from './to-query.ts'

/** What each statement of a text says. */
export function readStatements(tree: ParseResult, sql: string): ParsedStatement[] {
  const literals = placesIn(sql)
  const hasNewer = mayHaveNewerWords(sql)
  let taken = 0
  return (tree.stmts ?? []).map(({ stmt, stmt_location = 0, stmt_len = 0 }) => {
    // The last one has no length where nothing ends it.
    const end = stmt_len === 0 ? Infinity : stmt_location + stmt_len
    const statement = toStatement(stmt as NonNullable<typeof stmt>)
    const first = taken
    while (taken < literals.length && (literals[taken] as LiteralPlace).at < end) taken++
    return readFacts(statement, postgresDialect).finish(
      statement,
      literals.slice(first, taken),
      hasNewer ? newerWords(stmt) : [],
    )
  })
}
