import { Worker } from 'node:worker_threads'
import { loadModule, parseSync } from 'libpg-query'
import { readStatements } from './parse-statement.ts'
import type { ParsedStatement } from './parsed-statement.ts'

/** What a text says, or why it could not be read. */
export type ParsedText = readonly ParsedStatement[] | { readonly failure: string }

/**
 * Turns SQL text into parsed statements with PostgreSQL's own grammar. Short texts at once; long ones in a worker
 * with a time limit, so that nobody's statement delays another's and a parser that breaks is replaced.
 */
export interface SqlParser {
  parse(sql: string): ParsedText | Promise<ParsedText>
  close(): Promise<void>
}

export async function createSqlParser(): Promise<SqlParser> {
  await loadModule()
  const cache = new Map<string, ParsedText>()
  let cachedCharacters = 0
  const worker = parserWorker()
  return {
    parse(sql) {
      // The library takes an empty text for a mistake; the server answers it with EmptyQueryResponse.
      if (/^[ \t\n\r\f\v]*$/.test(sql)) return []
      const known = cache.get(sql)
      if (known !== undefined) return known
      if (sql.length > LONGEST_AT_ONCE) return worker.parse(sql)
      const parsed = parseAtOnce(sql)
      while (cachedCharacters > MOST_CACHED) {
        const oldest = cache.keys().next().value as string
        cachedCharacters -= oldest.length
        cache.delete(oldest)
      }
      cachedCharacters += sql.length
      cache.set(sql, parsed)
      return parsed
    },
    close: () => worker.close(),
  }
}

function parseAtOnce(sql: string): ParsedText {
  try {
    return readStatements(parseSync(sql))
  } catch (error) {
    return { failure: failureText((error as Error).message) }
  }
}

/** The parser's message without what it quotes: the text may hold secrets. */
const failureText = (message: string): string => `it does not parse: ${message.replace(/"[^"]*"?/g, '…')}`

interface Waiting {
  readonly resolve: (parsed: ParsedText) => void
  readonly sql: string
  readonly id: number
}

/** One worker, one text at a time. */
function parserWorker() {
  let worker: Worker | undefined
  let timer: NodeJS.Timeout | undefined
  let nextId = 0
  const queue: Waiting[] = []

  const finish = (parsed: ParsedText): void => {
    clearTimeout(timer)
    queue.shift()?.resolve(parsed)
    next()
  }
  const discard = (): void => {
    const old = worker
    worker = undefined
    old?.removeAllListeners()
    old?.on('error', () => {})
    void old?.terminate()
  }
  const start = (): Worker => {
    const started = new Worker(new URL('./parser-worker.js', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    })
    started.unref()
    started.on(
      'message',
      ({ id, statements, error }: { id: number; statements?: ParsedStatement[]; error?: string }) => {
        if (queue[0]?.id === id) finish(statements ?? { failure: failureText(error ?? '') })
      },
    )
    started.on('error', () => {
      discard()
      finish({ failure: 'it is nested too deeply to be read' })
    })
    return started
  }
  const next = (): void => {
    const [waiting] = queue
    if (waiting === undefined) return
    worker ??= start()
    timer = setTimeout(() => {
      discard()
      finish({ failure: 'it takes too long to be read' })
    }, LONGEST_PARSE)
    worker.postMessage({ id: waiting.id, sql: waiting.sql })
  }
  return {
    parse: (sql: string) =>
      new Promise<ParsedText>((resolve) => {
        queue.push({ resolve, sql, id: nextId++ })
        if (queue.length === 1) next()
      }),
    close: async () => {
      clearTimeout(timer)
      await worker?.terminate()
    },
  }
}

/** Characters; what fits cannot nest deep enough to break the parser. */
const LONGEST_AT_ONCE = 4000
const LONGEST_PARSE = 5000
/** Characters of all texts in the cache: their trees take some fifty times as many bytes. */
const MOST_CACHED = 1_000_000
