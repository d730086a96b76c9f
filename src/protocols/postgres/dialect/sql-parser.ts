import type { ParseResult } from '@pgsql/types'
import { loadModule, parseSync, SqlError } from 'libpg-query'
import { longTextReader, TOO_LATE } from '../../../sql/long-text-reader.ts'
import { LatestText, TextCache } from '../../../sql/text-cache.ts'
import { readStatements } from './parse-statement.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { ParserReply } from './postgres-parser-worker.ts'
import { isCostlyToScan } from './scan-cost.ts'
import { syntaxProblem, type SyntaxProblem } from './syntax-problem.ts'
import { hasInertConstants, skeletonOf } from './constant-template.ts'

/** The statements of a text, or why it could not be parsed. */
export type ParsedText = readonly ParsedStatement[] | Failure

export interface Failure {
  readonly failure: string
  /** Set if it is a syntax error, as the server reports it. */
  readonly syntax?: SyntaxProblem
}

/**
 * Parses SQL text with PostgreSQL's own grammar: short texts at once, long ones in a worker with a time limit, so that no statement delays
 * another one and a parser that fails is replaced.
 */
export interface SqlParser {
  /** Returns the same object for the same text, and for texts that differ only in constants whose values make no difference. */
  parse(sql: string): ParsedText | Promise<ParsedText>
  /** How often a text was known, was known except for its constants, or had to be parsed. */
  readonly counts: Readonly<Record<'known' | 'template' | 'read', number>>
  close(): Promise<void>
}

export async function createSqlParser(): Promise<SqlParser> {
  await loadModule()
  const texts = new TextCache<ParsedText>(MAX_CACHED)
  const templates = new TextCache<ParsedText>(MAX_CACHED)
  /** Texts that a template has answered, so that the same text need not be taken apart again. */
  const repeats = new TextCache<ParsedText>(MAX_CACHED)
  const latest = new LatestText<ParsedText>()
  const worker = parserWorker()
  // This thread keeps its instance; the worker's is replaced.
  let isBroken = false
  const counts = { known: 0, template: 0, read: 0 }
  return {
    counts,
    parse(sql) {
      const known = texts.get(sql) ?? repeats.get(sql)
      if (known !== undefined) {
        counts.known++
        return known
      }
      // The library rejects an empty text; the server answers it with EmptyQueryResponse.
      if (/^[ \t\n\r\f\v]*$/.test(sql)) return NOTHING
      if (isBroken || sql.length > MAX_AT_ONCE_LENGTH) {
        const latestParsed = latest.get(sql)
        if (latestParsed !== undefined) {
          counts.known++
          return latestParsed
        }
        counts.read++
        if (isCostlyToScan(sql)) return { failure: TOO_LATE }
        return worker.parse(sql).then((parsed) => {
          if ('failure' in parsed) return parsed
          return sql.length > MAX_CACHED_LENGTH ? latest.set(parsed, sql) : texts.set(sql, parsed)
        })
      }
      const skeleton = skeletonOf(sql)
      const template = skeleton && templates.get(skeleton.key)
      if (template !== undefined) {
        counts.template++
        return repeats.set(sql, template)
      }
      counts.read++
      const tree = parseAtOnce(sql)
      if (tree === 'broken') {
        isBroken = true
        return worker.parse(sql)
      }
      if ('failure' in tree) return texts.set(sql, tree)
      const parsed = readStatements(tree, sql)
      if (skeleton === undefined || !parsed.every(isRead) || !hasInertConstants(tree, skeleton))
        return texts.set(sql, parsed)
      skeletons.set(parsed, skeleton.key)
      return templates.set(skeleton.key, parsed)
    },
    close: () => worker.close(),
  }
}

/** The key of the skeleton that all texts with these statements share; undefined if there is only one such text. */
export const skeletonBehind = (parsed: readonly ParsedStatement[]): string | undefined => skeletons.get(parsed)

const skeletons = new WeakMap<readonly ParsedStatement[], string>()

/** Whether a statement was mapped: one that is nested too deeply is not, and must not be walked either. */
const isRead = ({ kinds }: ParsedStatement): boolean => !kinds.includes('unknown')

/** `broken`: the parser failed, not the text; its answers can no longer be relied on. */
function parseAtOnce(sql: string): ParseResult | Failure | 'broken' {
  try {
    return parseSync(sql)
  } catch (error) {
    return error instanceof SqlError ? failureOf(error.message, syntaxProblem(error)) : 'broken'
  }
}

const failureOf = (message: string, syntax: SyntaxProblem | undefined): Failure =>
  syntax === undefined ? { failure: failureText(message) } : { failure: failureText(message), syntax }

/** The parser's message without its quotations: the text may contain secrets. */
const failureText = (message: string): string => `it does not parse: ${message.replace(/"[^"]*"?/g, '…')}`

/** One worker that parses one text at a time. */
function parserWorker() {
  const reader = longTextReader<string, ParserReply>(new URL('./postgres-parser-worker.js', import.meta.url))
  return {
    async parse(sql: string): Promise<ParsedText> {
      const reply = await reader.read(sql)
      if ('failure' in reply) return reply
      return 'error' in reply ? failureOf(reply.error, reply.syntax) : reply.statements
    },
    close: () => reader.close(),
  }
}

/** In characters; a shorter text cannot nest deeply enough to break the parser. */
const MAX_AT_ONCE_LENGTH = 4000
const MAX_CACHED_LENGTH = 20_000
const NOTHING: ParsedText = []
/** In characters, of all texts in a cache; their trees take some fifty times as many bytes. */
const MAX_CACHED = 1_000_000
