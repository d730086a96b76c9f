import type { ParseResult } from '@pgsql/types'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { readFacts } from '../../../sql/facts/read-facts.ts'
import { isShallow, isTooDeep, TOO_DEEP } from './depth.ts'
import { postgresDialect } from './dialect.ts'
import { placesIn } from './literals.ts'
import { mayHaveNewerWords, newerWords } from './newer-words.ts'
import { NotRead } from './syntax.ts'
import { toStatement, unreadStatement } from './to-query.ts'

/** The statements of a text, parsed. */
export function readStatements(tree: ParseResult, sql: string): ParsedStatement[] {
  const literals = placesIn(sql)
  const mayBeDeep = !isShallow(sql)
  const hasNewer = mayHaveNewerWords(sql)
  let taken = 0
  return (tree.stmts ?? []).map(({ stmt, stmt_location = 0, stmt_len = 0 }) => {
    // The last statement has no length unless a semicolon ends it.
    const end = stmt_len === 0 ? Infinity : stmt_location + stmt_len
    if (stmt === undefined) throw new NotRead('a statement without a tree')
    const isDeep = mayBeDeep && isTooDeep(stmt)
    const statement = isDeep ? unreadStatement(TOO_DEEP, stmt) : toStatement(stmt)
    const first = taken
    while ((literals[taken]?.at ?? Infinity) < end) taken++
    return readFacts(statement, postgresDialect).finish(
      statement,
      literals.slice(first, taken),
      // The effect of what is not read is unknown anyway.
      hasNewer && !isDeep ? newerWords(stmt) : [],
    )
  })
}
