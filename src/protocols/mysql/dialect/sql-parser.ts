import { longTextReader } from '../../../sql/long-text-reader.ts'
import { LatestText, TextCache } from '../../../sql/text-cache.ts'
import { readStatements, type ParsedText } from './parse-statement.ts'
import type { LongText } from './mysql-parser-worker.ts'
import type { ReadingContext } from './reading-context.ts'

/** Parses texts: short ones at once, long ones in a worker with a time limit, so that no statement delays another one. */
export interface SqlParser {
  /** Returns the same object for the same short text, read in the same way. */
  parse(sql: string, context: ReadingContext): ParsedText | Promise<ParsedText>
  close(): Promise<void>
}

export function createSqlParser(): SqlParser {
  const texts = new TextCache<ParsedText>(MAX_CACHED)
  const latest = new LatestText<ParsedText>()
  const reader = longTextReader<LongText, ParsedText>(new URL('./mysql-parser-worker.js', import.meta.url))
  return {
    parse(sql, context) {
      const how = howRead(context)
      if (sql.length > MAX_CACHED_LENGTH)
        return (
          latest.get(sql, how) ??
          reader
            .read({ sql, context: contextOf(context) })
            .then((parsed) => ('failure' in parsed ? parsed : latest.set(parsed, sql, how)))
        )
      const key = how + sql
      const known = texts.get(key)
      if (known !== undefined) return known
      if (sql.length <= MAX_AT_ONCE_LENGTH) return texts.set(key, readStatements(sql, context))
      return reader
        .read({ sql, context: contextOf(context) })
        .then((parsed) => ('failure' in parsed ? parsed : texts.set(key, parsed)))
    },
    close: () => reader.close(),
  }
}

/** Without other fields of the caller's object, which the other thread does not need. */
const contextOf = ({
  server,
  sqlMode,
  database,
  multiStatements,
  charset,
  foldsTableNames,
}: ReadingContext): ReadingContext => ({ server, sqlMode, database, multiStatements, charset, foldsTableNames })

/** Everything besides the text that determines its meaning. */
function howRead({ server, sqlMode, database, multiStatements, charset, foldsTableNames }: ReadingContext): string {
  const modes = [...sqlMode].toSorted().join()
  return JSON.stringify([
    server.flavor,
    server.number,
    modes,
    database ?? null,
    multiStatements,
    charset,
    foldsTableNames,
  ])
}

/** In characters. */
const MAX_AT_ONCE_LENGTH = 4000
const MAX_CACHED_LENGTH = 20_000
const MAX_CACHED = 1_000_000
